//! Sizes: a function fits one screen, a file can be read at one sitting.
//!
//! Lines are counted as they stand, which is as rustfmt writes them, since the format is checked
//! too. A function runs from its signature to its closing brace: documentation and attributes do
//! not count, so nobody saves on them.

use std::path::Path;

use syn::visit::{self, Visit};

use super::Problems;
use super::tree::Tree;

/// Most lines of a function.
const MAX_FUNCTION: usize = 70;
/// Most lines of a file.
const MAX_FILE: usize = 600;

/// Checks every Rust file, tests and tables too.
pub(super) fn check(tree: &Tree) -> Problems {
    tree.rust().flat_map(|(path, text)| check_file(path, &text)).collect()
}

pub(super) fn check_file(path: &Path, text: &str) -> Problems {
    let mut problems = Problems::new();
    let lines = text.lines().count();
    if lines > MAX_FILE {
        problems.push(format!(
            "{}: {lines} lines; at most {MAX_FILE}: split the module",
            path.display()
        ));
    }
    match syn::parse_file(text) {
        Ok(file) => {
            let mut long = LongFunctions { path, problems: &mut problems };
            long.visit_file(&file);
        }
        Err(error) => {
            let line = error.span().start().line;
            problems.push(format!("{}:{line}: does not parse: {error}", path.display()));
        }
    }
    problems
}

struct LongFunctions<'a> {
    path: &'a Path,
    problems: &'a mut Problems,
}

impl LongFunctions<'_> {
    fn measure(&mut self, signature: &syn::Signature, body: &syn::Block) {
        let first = signature.fn_token.span.start().line;
        let lines = body.brace_token.span.close().end().line + 1 - first;
        if lines > MAX_FUNCTION {
            self.problems.push(format!(
                "{}:{first}: fn {} has {lines} lines; at most {MAX_FUNCTION}: split it",
                self.path.display(),
                signature.ident,
            ));
        }
    }
}

impl<'ast> Visit<'ast> for LongFunctions<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.measure(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.measure(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.measure(&item.sig, block);
        }
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let is_test = item.attrs.iter().any(|attribute| {
            attribute.path().is_ident("cfg")
                && attribute.parse_args::<syn::Ident>().is_ok_and(|ident| ident == "test")
        });
        if !is_test {
            visit::visit_item_mod(self, item);
        }
    }
}
