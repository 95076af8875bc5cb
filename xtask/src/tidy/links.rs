//! Links between the repository's own documents lead somewhere.
//!
//! Every relative link of a Markdown file names a file that is there, and a heading of it where it
//! has a `#`. Links to other hosts are not followed, and code blocks are not looked at.

use std::path::{Component, Path, PathBuf};

use super::Problems;
use super::tree::Tree;

/// Checks every Markdown file.
pub(super) fn check(tree: &Tree) -> Problems {
    let documents = tree.texts().filter(|(path, _)| path.extension().is_some_and(|e| e == "md"));
    documents.flat_map(|(path, text)| check_file(tree, path, &text)).collect()
}

fn check_file(tree: &Tree, path: &Path, text: &str) -> Problems {
    let mut problems = Problems::new();
    for (number, line) in lines(text) {
        for target in targets(line) {
            if let Some(why) = is_broken(tree, path, target) {
                problems.push(format!("{}:{number}: `{target}` {why}", path.display()));
            }
        }
    }
    problems
}

/// The lines outside code blocks, with their numbers.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut is_code = false;
    (1..).zip(text.lines()).filter(move |(_, line)| {
        let fence = line.trim_start().starts_with("```");
        is_code ^= fence;
        !is_code && !fence
    })
}

/// What the links of a line lead to.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    let ends = line.split("](").skip(1);
    ends.filter_map(|rest| rest.split_once(')').map(|(target, _)| target))
}

/// Why a link leads nowhere.
fn is_broken(tree: &Tree, from: &Path, target: &str) -> Option<&'static str> {
    if target.contains("://") {
        return None;
    }
    let (file, heading) = target.split_once('#').unwrap_or((target, ""));
    let path = match file {
        "" => from.to_path_buf(),
        file => plain(&from.parent().unwrap_or(Path::new("")).join(file)),
    };
    if !tree.root().join(&path).exists() {
        return Some("is no file here; correct the link");
    }
    let text = tree.text(&path).unwrap_or_default();
    let has = |line: &str| line.starts_with('#') && anchor(line.trim_start_matches('#')) == heading;
    let found = heading.is_empty() || lines(&text).any(|(_, line)| has(line));
    if found { None } else { Some("names a heading that is not there; correct the link") }
}

/// Without `..`, where that is possible.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir if plain.pop() => {}
            other => plain.push(other),
        }
    }
    plain
}

/// A heading's name in links: small letters, digits, `-` and `_`, a blank as `-`.
fn anchor(heading: &str) -> String {
    let letters = heading.trim().chars().filter_map(|letter| match letter {
        ' ' => Some('-'),
        letter if letter.is_alphanumeric() || "-_".contains(letter) => Some(letter),
        _ => None,
    });
    letters.collect::<String>().to_lowercase()
}
