//! docs/control.md says what the table says.
//!
//! To write the tables again after a change: `CONTROL_WRITE_DOC=1 cargo test -p cohesix-control`.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use control::{Field, Form, TABLE, Takes, parse};

fn document() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/control.md")
}

/// What stands between the document's marks of this name.
fn between<'a>(text: &'a str, name: &str) -> (usize, &'a str) {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->\n"));
    let start = text.find(&begin).expect(&begin) + begin.len();
    let length = text[start..].find(&end).expect(&end);
    (start, &text[start..start + length])
}

fn row(object: &str, field: &Field, rows: &mut String) {
    let takes = match field.takes {
        Takes::Object(_) => "an object, below".to_owned(),
        takes => takes.to_string().trim_start_matches("must be ").to_owned(),
    };
    let needed = if field.required { "yes" } else { "no" };
    let word = match (field.word, field.takes) {
        ("", _) => String::new(),
        (word, Takes::Number { .. }) => format!("`{word} N`"),
        (word, _) => format!("`{word}`"),
    };
    let (name, help) = (field.name, field.help);
    writeln!(rows, "| `{object}{name}` | {takes} | {needed} | {word} | {help} |")
        .expect("a string");
    if let Takes::Object(inner) = field.takes {
        inner.iter().for_each(|inner| row(&format!("{name}."), inner, rows));
    }
}

/// A command as the document has it.
fn section(form: &Form) -> String {
    let mut text = format!(
        "### {}\n\nTo {}.\n\n| field | takes | needed | in cohsh | what |\n|---|---|---|---|---|\n",
        form.name, form.help
    );
    form.fields.iter().for_each(|field| row("", field, &mut text));
    text.push('\n');
    text
}

#[test]
fn the_documents_tables_are_the_table() {
    let mut text = fs::read_to_string(document()).expect("docs/control.md");
    let sections: String = TABLE.iter().map(section).collect();
    let (start, there) = between(&text, "commands");
    if std::env::var_os("CONTROL_WRITE_DOC").is_some() {
        let end = start + there.len();
        text.replace_range(start..end, &format!("\n{sections}"));
        fs::write(document(), &text).expect("written");
    }
    let (_, there) = between(&text, "commands");
    assert!(there.trim() == sections.trim(), "docs/control.md is not the table: write it again");
}

#[test]
fn the_documents_examples_are_commands() {
    let text = fs::read_to_string(document()).expect("docs/control.md");
    let (_, examples) = between(&text, "examples");
    let lines: Vec<_> = examples.lines().filter(|line| line.starts_with('{')).collect();
    for line in &lines {
        let command = parse(line.as_bytes()).unwrap_or_else(|refused| panic!("{line}: {refused}"));
        assert_eq!(command.to_string(), *line, "an example is canonical");
    }
    for form in &TABLE {
        let shown = |line: &&str| parse(line.as_bytes()).expect("above").kind() == form.kind;
        assert!(lines.iter().any(shown), "{} has no example", form.name);
    }
}

#[test]
fn the_documents_refusals_are_what_is_said() {
    let text = fs::read_to_string(document()).expect("docs/control.md");
    let (_, refusals) = between(&text, "refusals");
    let mut checked = 0;
    for line in refusals.lines().filter(|line| line.starts_with("| `{")) {
        let cells: Vec<_> = line.split("` | `").collect();
        let [written, said] = cells[..] else { panic!("two cells: {line}") };
        let written = written.trim_start_matches("| `");
        let said = said.trim_end_matches("` |");
        let refused = parse(written.as_bytes()).expect_err(written);
        assert_eq!(refused.to_string(), said, "{written}");
        checked += 1;
    }
    assert!(checked >= 8, "{checked}");
}
