//! The repository's own rules, checked: format, lints, dependency edges, sizes, unsafe code, links.
//!
//! Every check returns its problems as lines `place: what is wrong; what to do`, so that one run
//! shows all of them. The rules themselves stand at the head of each module. What is *not* here:
//! advisories and licences of dependencies, which `cargo deny check` reads from `deny.toml`.

mod links;
mod lints;
mod members;
mod source;
#[cfg(test)]
mod tests;
mod text;
mod tree;
mod unsafe_budget;

use std::path::Path;

use anyhow::{Result, bail};

use crate::workspace;
use tree::Tree;

/// What a check found, one line each.
type Problems = Vec<String>;

/// Runs every check and prints each problem; fails where there is one.
///
/// `kernel_prefix` is the install prefix of a kernel, whose interface the crates of the VM are
/// generated from; without it these crates are linted for the host only, and that is said.
pub fn run(kernel_prefix: Option<&Path>) -> Result<()> {
    let root = workspace::root();
    let tree = Tree::of_git(&root)?;
    let members = members::load(&root)?;

    let mut problems = members::check(&members, &tree);
    problems.extend(source::check(&tree));
    problems.extend(unsafe_budget::check(&members, &tree)?);
    problems.extend(text::check(&tree));
    problems.extend(links::check(&tree));
    problems.extend(lints::shellcheck(&tree)?);
    problems.extend(lints::format(&root)?);
    problems.extend(lints::clippy_host(&root)?);
    match kernel_prefix {
        Some(prefix) => problems.extend(lints::clippy_vm(&root, prefix, &members)?),
        None => println!("tidy: no kernel built: the VM's crates were linted for the host only"),
    }

    for problem in &problems {
        println!("{problem}");
    }
    match problems.len() {
        0 => Ok(()),
        1 => bail!("tidy found 1 problem"),
        count => bail!("tidy found {count} problems"),
    }
}
