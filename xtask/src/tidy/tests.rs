//! Each check passes what is right and names what is wrong.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::members::{self, Member};
use super::tree::Tree;
use super::unsafe_budget::{self, Budget};
use super::{links, lints, source, text};

/// A folder of files that goes away with it.
struct Folder(PathBuf);

impl Folder {
    fn with(files: &[(&str, &str)]) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("tidy-{}-{number}", std::process::id()));
        for (path, text) in files {
            let path = dir.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Self(dir)
    }

    fn tree(&self, files: &[&str]) -> Tree {
        Tree::new(&self.0, files.iter().map(PathBuf::from).collect())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

fn member(dir: &str, depends_on: &[&str]) -> Member {
    Member {
        name: dir.replace('/', "-"),
        dir: dir.to_owned(),
        license: Some("Apache-2.0 OR MIT".to_owned()),
        roots: Vec::new(),
        depends_on: depends_on.iter().map(|&dep| dep.to_owned()).collect(),
    }
}

#[test]
fn edges_that_the_layers_allow_pass() {
    for (dir, dependency) in [
        ("core/namespace", "core/newc"),
        ("sys/sel4", "sys/sel4-abigen"),
        ("sys/abi", "core/manifest"),
        ("tasks/ping", "sys/runtime"),
        ("tasks/root-task", "core/manifest"),
        ("loader", "core/newc"),
        ("host/cohsh", "core/newc"),
        ("xtask", "core/manifest"),
        ("xtask", "sys/sel4-abigen"),
        ("tests/boot", "xtask"),
        ("tests/conformance", "tests/boot"),
        ("tests/boot", "core/manifest"),
    ] {
        let problems = members::check_edges(&member(dir, &[dependency]));
        assert!(problems.is_empty(), "{problems:?}");
    }
}

#[test]
fn every_other_edge_is_named() {
    for (dir, dependency) in [
        ("core/newc", "sys/abi"),
        ("core/newc", "xtask"),
        ("sys/objects", "tasks/ping"),
        ("tasks/ping", "tasks/drill"),
        ("tasks/ping", "loader"),
        ("loader", "sys/runtime"),
        ("host/cohsh", "sys/abi"),
        ("xtask", "sys/sel4"),
        ("xtask", "sys/sel4-abigen-more"),
        ("tests/boot", "sys/abi"),
    ] {
        let problems = members::check_edges(&member(dir, &["core/newc", dependency]));
        let edge = format!("{dir}/Cargo.toml: the edge {dir} -> {dependency} is not allowed");
        assert!(problems.iter().any(|problem| problem.starts_with(&edge)), "{problems:?}");
    }
}

#[test]
fn a_crate_outside_the_layers_is_named() {
    let problems = members::check_edges(&member("utils", &[]));
    assert_eq!(
        problems,
        ["utils: no layer lies there; put the crate into one of ARCHITECTURE.md's"]
    );
}

#[test]
fn crate_roots_need_a_subtitle_and_forbid_unsafe() {
    let good = "//! Reads newc archives.\n#![forbid(unsafe_code)]\n";
    let core = member("core/newc", &[]);
    let root = Path::new("core/newc/src/lib.rs");
    assert!(members::check_root(&core, root, good).is_empty());
    assert_eq!(
        members::check_root(&core, root, "//! .\n#![allow(unsafe_code)]\n"),
        [
            "core/newc/src/lib.rs:1: the first line is no `//!` subtitle; write one",
            "core/newc/src/lib.rs: unsafe code belongs in sys, loader, tasks, host/gpu-cuda; \
             write `#![forbid(unsafe_code)]`",
        ]
    );
    let driver = member("sys/drivers", &[]);
    assert!(members::check_root(&driver, root, "//! Device drivers.\n").is_empty());
    assert_eq!(members::check_root(&driver, root, "#![no_std]\n//! Device drivers.\n").len(), 1);
}

#[test]
fn licences_are_the_workspaces() {
    let folder = Folder::with(&[]);
    fs::create_dir_all(&folder.0).unwrap();
    let tree = folder.tree(&[]);
    let mut crate_of_ours = member("core/newc", &[]);
    assert!(members::check(std::slice::from_ref(&crate_of_ours), &tree).is_empty());
    for (license, shown) in [(None, "missing"), (Some("MIT".to_owned()), "MIT")] {
        crate_of_ours.license = license;
        let problems = members::check(std::slice::from_ref(&crate_of_ours), &tree);
        let start = format!("core/newc/Cargo.toml: the licence is {shown};");
        assert!(problems.len() == 1 && problems[0].starts_with(&start), "{problems:?}");
    }
}

#[test]
fn metadata_gives_roots_and_edges() {
    let json = br#"{"packages":[{"name":"ping","license":"Apache-2.0 OR MIT",
        "manifest_path":"/r/tasks/ping/Cargo.toml",
        "targets":[{"kind":["bin"],"src_path":"/r/tasks/ping/src/main.rs"},
                   {"kind":["custom-build"],"src_path":"/r/tasks/ping/build.rs"},
                   {"kind":["test"],"src_path":"/r/tasks/ping/tests/all.rs"}],
        "dependencies":[{"name":"abi","kind":null,"path":"/r/sys/abi"},
                        {"name":"newc","kind":"dev","path":"/r/core/newc"},
                        {"name":"syn","kind":null}]}]}"#;
    let members = members::parse(json, Path::new("/r")).unwrap();
    let [ping] = members.as_slice() else { panic!("{members:?}") };
    assert_eq!(ping.dir, "tasks/ping");
    assert_eq!(ping.roots, [Path::new("tasks/ping/src/main.rs")]);
    assert_eq!(ping.depends_on, ["sys/abi", "core/newc"]);
    assert!(ping.runs_in_vm());
    assert!(!member("sys/sel4-abigen", &[]).runs_in_vm());
    assert!(!member("core/newc", &[]).runs_in_vm());
    assert!(!member("host/gpu-cuda", &[]).runs_in_vm());
    assert!(members::parse(b"{}", Path::new("/r")).is_err());
}

/// `fn f` of this many lines.
fn function(lines: usize) -> String {
    format!("/// What it does.\n#[inline]\nfn f() {{\n{}}}\n", "    g();\n".repeat(lines - 2))
}

#[test]
fn functions_fit_a_screen() {
    let path = Path::new("core/a/src/lib.rs");
    assert!(source::check_file(path, &function(70)).is_empty());
    assert_eq!(
        source::check_file(path, &function(71)),
        ["core/a/src/lib.rs:3: fn f has 71 lines; at most 70: split it"]
    );
    for nested in ["impl A {", "trait A {", "mod a {", "fn outer() { impl A {"] {
        let close = "}".repeat(nested.matches('{').count());
        let text = format!("{nested}\n{}{close}\n", function(71));
        let problems = source::check_file(path, &text);
        assert!(problems.iter().any(|p| p.contains("fn f has 71 lines")), "{nested}: {problems:?}");
    }
    let in_tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", function(71));
    assert!(source::check_file(path, &in_tests).is_empty());
}

#[test]
fn files_can_be_read_at_one_sitting() {
    let path = Path::new("core/a/src/lib.rs");
    assert!(source::check_file(path, &"//\n".repeat(600)).is_empty());
    assert_eq!(
        source::check_file(path, &"//\n".repeat(601)),
        ["core/a/src/lib.rs: 601 lines; at most 600: split the module"]
    );
    let problems = source::check_file(path, "fn f( {\n");
    assert!(problems.len() == 1 && problems[0].contains(": does not parse: "), "{problems:?}");
}

#[test]
fn tests_may_not_be_longer_than_other_files() {
    let long = "//\n".repeat(601);
    let files = ["core/a/src/lib.rs", "core/a/tests/x.rs"];
    let folder = Folder::with(&files.map(|file| (file, long.as_str())));
    assert_eq!(source::check(&folder.tree(&files)).len(), 2);
}

#[test]
fn unsafe_is_counted_where_a_reviewer_reads_it() {
    let text = r#"
        #[unsafe(no_mangle)]
        pub extern "C" fn f() { unsafe { g() } /* unsafe */ }
        // unsafe
        unsafe impl Send for A {}
        unsafe fn h() { let _ = "unsafe"; }
        unsafe extern "C" { fn g(); }
        macro_rules! m { () => { unsafe { g() } } }
    "#;
    assert_eq!(unsafe_budget::count(text), 5);
    assert_eq!(unsafe_budget::count("#![forbid(unsafe_code)]\nfn f() {}\n"), 0);
}

#[test]
fn unsafe_stays_within_the_budget() {
    let budget = Budget::parse("[budget]\n\"sys/a\" = 2\n\"sys/b\" = 2\n").unwrap();
    let counts = |of_a, of_b, of_c| {
        BTreeMap::from(
            [("sys/a", of_a), ("sys/b", of_b), ("core/c", of_c)].map(|(k, v)| (k.to_owned(), v)),
        )
    };
    assert!(unsafe_budget::compare(&budget, &counts(2, 1, 0)).is_empty());
    let problems = unsafe_budget::compare(&budget, &counts(3, 2, 1));
    assert_eq!(problems.len(), 2);
    assert!(problems[0].starts_with("core/c: 1 uses of unsafe, the budget is 0;"), "{problems:?}");
    assert!(problems[1].starts_with("sys/a: 3 uses of unsafe, the budget is 2;"), "{problems:?}");

    let only_a = BTreeMap::from([("sys/a".to_owned(), 2)]);
    let problems = unsafe_budget::compare(&budget, &only_a);
    assert_eq!(problems.len(), 1);
    assert!(problems[0].contains("no crate with Rust files lies in sys/b"), "{problems:?}");
    assert!(Budget::parse("[budget]\n\"sys/a\" = \"few\"\n").is_err());
    assert!(Budget::parse("[bugdet]\n").is_err());
}

#[test]
fn the_budget_counts_each_crates_own_files() {
    let files = [
        ("sys/a/src/lib.rs", "fn f() { unsafe { g() } }"),
        ("sys/a/build.rs", "fn f() { unsafe { g() } }"),
        ("sys/ab/src/lib.rs", "fn f() { unsafe { g() } }"),
        ("xtask/unsafe-budget.toml", "[budget]\n\"sys/a\" = 1\n\"sys/ab\" = 1\n"),
    ];
    let folder = Folder::with(&files);
    let tree = folder.tree(&files.map(|(path, _)| path));
    let members = [member("sys/a", &[]), member("sys/ab", &[])];
    let problems = unsafe_budget::check(&members, &tree).unwrap();
    assert_eq!(problems.len(), 1);
    assert!(problems[0].starts_with("sys/a: 2 uses of unsafe, the budget is 1;"), "{problems:?}");
}

#[test]
fn paths_of_a_machine_are_named_in_every_file() {
    for folder in [concat!("/ho", "me/"), concat!("/Use", "rs/"), concat!("/ro", "ot/")] {
        let problems =
            text::check_file(Path::new("docs/a.md"), &format!("one\nsee {folder}ann/x\n"));
        assert_eq!(
            problems,
            [format!("docs/a.md:2: `{folder}` is a path of somebody's machine; make it relative")]
        );
        for fine in [format!("$x{folder}a"), format!("a{folder}b"), format!("{folder} is a folder")]
        {
            assert!(text::check_file(Path::new("docs/a.md"), &fine).is_empty(), "{fine}");
        }
    }
}

#[test]
fn unfinished_work_and_skipped_tests_are_named_in_rust() {
    for word in [
        concat!("// TO", "DO: later"),
        concat!("// FIX", "ME"),
        concat!("fn f() { to", "do!() }"),
        concat!("fn f() { unimple", "mented!(\"x\") }"),
        concat!("#[ig", "nore]"),
        concat!("#[ig", "nore = \"slow\"]"),
    ] {
        assert_eq!(text::check_file(Path::new("core/a/src/lib.rs"), word).len(), 1, "{word}");
        assert!(text::check_file(Path::new("docs/a.md"), word).is_empty(), "{word}");
    }
}

#[test]
fn the_kernels_files_carry_their_licence() {
    let spdx = "/* SPDX-License-Identifier: GPL-2.0-only */\n";
    let source = Path::new("kernel/port/io.c");
    assert!(text::check_file(source, spdx).is_empty());
    assert_eq!(text::check_file(source, "int x;\n").len(), 1);
    assert!(text::check_file(Path::new("kernel/README.md"), "words\n").is_empty());
    assert!(text::check_file(Path::new("xtask/src/kernel.rs"), "fn f() {}\n").is_empty());
}

#[test]
fn shell_scripts_are_found_by_name_and_by_first_line() {
    assert!(lints::is_shell(Path::new("ci/a.sh"), ""));
    assert!(lints::is_shell(Path::new("cohesix"), "#!/bin/sh\n"));
    assert!(lints::is_shell(Path::new(".ci/run"), "#!/usr/bin/env bash\n"));
    assert!(!lints::is_shell(Path::new("a"), "#!/usr/bin/env python3\n"));
    assert!(!lints::is_shell(Path::new("README.md"), "# sh\n"));
}

#[test]
fn only_files_that_are_text_are_read() {
    let folder = Folder::with(&[("a.rs", "fn f() {}\n"), ("b.md", "words\n")]);
    fs::write(folder.0.join("c.bin"), [0xff, 0xfe, 0x00]).unwrap();
    let tree = folder.tree(&["c.bin", "b.md", "a.rs", "a.rs", "absent.md"]);
    let names: Vec<_> = tree.texts().map(|(path, _)| path.to_path_buf()).collect();
    assert_eq!(names, [Path::new("a.rs"), Path::new("b.md")]);
    assert_eq!(tree.rust().count(), 1);
    assert_eq!(tree.text(Path::new("b.md")).as_deref(), Some("words\n"));
    assert_eq!(tree.text(Path::new("d.md")), None);
}

#[test]
fn links_that_lead_nowhere_are_named() {
    let files = [
        ("docs/a.md", "# One two: `three`\n[b](b.md) [c](../c.md#one-two) [x](https://x.y/z)\n"),
        ("docs/b.md", "```\n[code](nowhere)\n# code\n```\n[](a.md#one-two-three) [](#code)\n"),
        ("c.md", "## One, two\n[a](docs/a.md) [docs](docs/) [d](docs/d.md)\n"),
    ];
    let folder = Folder::with(&files);
    let tree = folder.tree(&files.map(|(path, _)| path));
    assert_eq!(
        links::check(&tree),
        [
            "c.md:2: `docs/d.md` is no file here; correct the link",
            "docs/b.md:5: `#code` names a heading that is not there; correct the link",
        ]
    );
}
