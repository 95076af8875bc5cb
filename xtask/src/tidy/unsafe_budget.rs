//! The unsafe code of each crate, against a budget that only a commit can raise.
//!
//! Counted are the keyword's uses that a reviewer has to read: blocks, functions, impls, traits
//! and extern blocks, inside macros as well. Attributes such as `#[unsafe(no_mangle)]` are not.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use serde::Deserialize;

use super::Problems;
use super::members::Member;
use super::tree::Tree;

/// The budget's file, relative to the root.
const FILE: &str = "xtask/unsafe-budget.toml";

/// Uses of `unsafe` by crate folder; a crate that is not named has none.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Budget {
    budget: BTreeMap<String, usize>,
}

impl Budget {
    pub fn parse(text: &str) -> Result<Self> {
        toml::from_str(text)
            .with_context(|| format!("{FILE}: `[budget]` maps a folder to a number"))
    }
}

/// Counts every crate; a crate under its budget is named, and passes.
pub(super) fn check(members: &[Member], tree: &Tree) -> Result<Problems> {
    let budget = Budget::parse(&tree.text(Path::new(FILE)).unwrap_or_default())?;
    let mut counts = BTreeMap::new();
    for (path, text) in tree.rust() {
        let owner = members.iter().find(|member| path.starts_with(&member.dir));
        if let Some(owner) = owner {
            *counts.entry(owner.dir.clone()).or_insert(0) += count(&text);
        }
    }
    Ok(compare(&budget, &counts))
}

/// Compares each crate's count with its budget.
pub(super) fn compare(budget: &Budget, counts: &BTreeMap<String, usize>) -> Problems {
    let mut problems = Problems::new();
    for (dir, &count) in counts {
        let allowed = budget.budget.get(dir).copied().unwrap_or(0);
        if count > allowed {
            problems.push(format!(
                "{dir}: {count} uses of unsafe, the budget is {allowed}; do without, or raise it in {FILE} and say why in the commit"
            ));
        } else if count < allowed {
            println!(
                "tidy: {dir}: {count} uses of unsafe, the budget is {allowed}: lower it in {FILE}"
            );
        }
    }
    for dir in budget.budget.keys().filter(|dir| !counts.contains_key(*dir)) {
        problems.push(format!("{FILE}: no crate with Rust files lies in {dir}; remove the line"));
    }
    problems
}

/// Uses of `unsafe` in one file; a file that does not parse is [`super::source`]'s to report.
pub(super) fn count(text: &str) -> usize {
    text.parse::<TokenStream>().map(count_tokens).unwrap_or(0)
}

fn count_tokens(tokens: TokenStream) -> usize {
    let mut count = 0;
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Group(group) => count += count_tokens(group.stream()),
            TokenTree::Ident(ident) if ident == "unsafe" => {
                // `unsafe(…)` is an attribute's.
                let attribute = matches!(
                    tokens.peek(),
                    Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis
                );
                count += usize::from(!attribute);
            }
            _ => {}
        }
    }
    count
}
