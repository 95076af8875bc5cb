//! Strings that no file may hold: paths of somebody's machine, unfinished work, skipped tests.
//! And one that every file under kernel/ must hold: its licence, which differs from the rest's.

use std::path::Path;

use super::Problems;
use super::tree::Tree;

/// A string, and why it may not stand there. In pieces, so that this file passes its own check.
struct Forbidden {
    text: &'static str,
    why: &'static str,
}

/// In every text file: a person's folder on a machine. A letter or digit follows.
const PATHS: &[Forbidden] = &[
    Forbidden { text: concat!("/ho", "me/"), why: MACHINE },
    Forbidden { text: concat!("/Use", "rs/"), why: MACHINE },
    Forbidden { text: concat!("/ro", "ot/"), why: MACHINE },
];

/// In Rust files.
const RUST: &[Forbidden] = &[
    Forbidden { text: concat!("TO", "DO"), why: UNFINISHED },
    Forbidden { text: concat!("FIX", "ME"), why: UNFINISHED },
    Forbidden { text: concat!("to", "do!("), why: UNFINISHED },
    Forbidden { text: concat!("unimple", "mented!("), why: UNFINISHED },
    Forbidden { text: concat!("#[ig", "nore"), why: "a test that does not run; mend or remove it" },
];

/// Stands in every file under kernel/ but the licence's text, its README and lock files.
const KERNEL_LICENSE: &str = "SPDX-License-Identifier: GPL-2.0-only";

const MACHINE: &str = "a path of somebody's machine; make it relative";
const UNFINISHED: &str = "unfinished work; finish it, or file it as an issue";

/// Checks every text file.
pub(super) fn check(tree: &Tree) -> Problems {
    tree.texts().flat_map(|(path, text)| check_file(path, &text)).collect()
}

/// Checks one file.
pub(super) fn check_file(path: &Path, text: &str) -> Problems {
    let is_rust = path.extension().is_some_and(|ext| ext == "rs");
    let mut problems = Problems::new();
    if needs_kernel_license(path) && !text.contains(KERNEL_LICENSE) {
        problems.push(format!("{}: lacks `{KERNEL_LICENSE}`; write it at the top", path.display()));
    }
    for (number, line) in (1..).zip(text.lines()) {
        let in_path = PATHS.iter().filter(|forbidden| names_a_folder(line, forbidden.text));
        let in_rust = RUST.iter().filter(|forbidden| is_rust && line.contains(forbidden.text));
        for Forbidden { text, why } in in_path.chain(in_rust) {
            problems.push(format!("{}:{number}: `{text}` is {why}", path.display()));
        }
    }
    problems
}

fn needs_kernel_license(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    let exempt = name == "LICENSE" || name == "README.md" || name == "Cargo.lock";
    path.starts_with("kernel") && !exempt
}

/// Whether `prefix` stands in `line` at the start of a path and a name follows it.
fn names_a_folder(line: &str, prefix: &str) -> bool {
    line.match_indices(prefix).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + prefix.len()..].chars().next();
        !before.is_some_and(|c| c.is_alphanumeric() || "._-}".contains(c))
            && after.is_some_and(|c| c.is_alphanumeric() || c == '.' || c == '_')
    })
}
