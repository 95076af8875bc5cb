//! The parser takes exactly what the table says: lines are made from the table and damaged.

use control::{Field, Form, TABLE, Takes, limits, parse};

/// An object as it is written, so that it can be damaged.
#[derive(Clone)]
struct Members(Vec<(String, Node)>);

#[derive(Clone)]
enum Node {
    Raw(String),
    Object(Members),
}

impl Members {
    fn text(&self) -> String {
        let member = |(name, node): &(String, Node)| {
            let value = match node {
                Node::Raw(raw) => raw.clone(),
                Node::Object(members) => members.text(),
            };
            format!("\"{name}\":{value}")
        };
        format!("{{{}}}", self.0.iter().map(member).collect::<Vec<_>>().join(","))
    }
}

/// What a field takes at its two ends.
fn ends(takes: Takes) -> [String; 2] {
    let quoted = |texts: [String; 2]| texts.map(|text| format!("\"{text}\""));
    match takes {
        Takes::Word(word) => quoted([word.into(), word.into()]),
        Takes::Number { min, max } => [min.to_string(), max.to_string()],
        Takes::Worker => {
            let (min, max) = limits::WORKER;
            quoted([format!("worker-{min}"), format!("worker-{max}")])
        }
        Takes::Gpu => quoted(["0".into(), "G".repeat(limits::GPU_ID_BYTES)]),
        Takes::Path => quoted(["/".into(), "/ab".repeat(limits::PATH_DEPTH)]),
        Takes::Service => quoted(["s".into(), "s".repeat(limits::SERVICE_BYTES)]),
        Takes::Ticket => quoted(["0", "f"].map(|digit| digit.repeat(limits::TICKET_BYTES * 2))),
        Takes::Object(_) => panic!("an object is made of its fields"),
    }
}

/// What a field does not take: other types, and what is just beyond its ends.
fn beyond(takes: Takes) -> Vec<String> {
    let mut wrong: Vec<String> =
        ["null", "true", "[]", "[1]", "-1", "1.5", "1e3", "\"\"", "\"?\"", "\"-1\"", "x", ""]
            .map(String::from)
            .into();
    let quoted = |text: String| format!("\"{text}\"");
    match takes {
        Takes::Word(_) => {}
        Takes::Number { min, max } => {
            wrong.extend([format!("0{max}"), (max + 1).to_string(), format!("\"{min}\"")]);
            wrong.extend(min.checked_sub(1).map(|below| below.to_string()));
        }
        Takes::Worker => wrong.push(format!("\"worker-{}\"", limits::WORKER.1 + 1)),
        Takes::Gpu => wrong.push(quoted("G".repeat(limits::GPU_ID_BYTES + 1))),
        Takes::Path => wrong.extend([
            quoted("/a".repeat(limits::PATH_DEPTH + 1)),
            quoted(format!("/{}", "a".repeat(limits::PATH_BYTES))),
        ]),
        Takes::Service => wrong.push(quoted("s".repeat(limits::SERVICE_BYTES + 1))),
        Takes::Ticket => wrong.push(quoted("0".repeat(limits::TICKET_BYTES * 2 + 1))),
        Takes::Object(_) => wrong.push("{}".into()),
    }
    if !matches!(takes, Takes::Number { .. }) {
        wrong.push("1".into());
    }
    if !matches!(takes, Takes::Object(_)) {
        wrong.push("{\"a\":1}".into());
    }
    wrong
}

/// An object of these fields: all of them, or as few as can be, with values of one end.
fn object(fields: &[Field], all: bool, end: usize) -> Members {
    let only = fields.iter().all(|field| !field.required);
    let taken = |(index, field): &(usize, &Field)| all || field.required || (only && *index == 0);
    let node = |field: &Field| match field.takes {
        Takes::Object(inner) => Node::Object(object(inner, all, end)),
        takes => Node::Raw(ends(takes)[end].clone()),
    };
    let members = fields.iter().enumerate().filter(taken);
    Members(members.map(|(_, field)| (field.name.into(), node(field))).collect())
}

/// Every object of a form: its name, its place in the line, and its fields.
fn objects(form: &Form) -> Vec<(String, Option<usize>, &'static [Field])> {
    let mut objects = vec![(String::new(), None, form.fields)];
    for (place, field) in form.fields.iter().enumerate() {
        if let Takes::Object(inner) = field.takes {
            objects.push((format!("{}.", field.name), Some(place), inner));
        }
    }
    objects
}

/// The form's fullest line with its object at `place` damaged.
fn damaged(form: &Form, place: Option<usize>, damage: impl FnOnce(&mut Members)) -> String {
    let mut line = object(form.fields, true, 0);
    match place {
        None => damage(&mut line),
        Some(place) => match &mut line.0[place].1 {
            Node::Object(members) => damage(members),
            Node::Raw(_) => panic!("an object is there"),
        },
    }
    line.text()
}

fn assert_refused(line: &str, says: &str) {
    match parse(line.as_bytes()) {
        Ok(command) => panic!("{line} is {command}; not: {says}"),
        Err(refused) => assert!(refused.to_string().starts_with(says), "{line}: {refused}; {says}"),
    }
}

/// Runs `check` with every field: the form, its object's name and place, and its own place in it.
fn each_field(check: impl Fn(&Form, &str, Option<usize>, usize, &Field)) {
    let mut checked = 0;
    for form in &TABLE {
        for (object, place, fields) in objects(form) {
            for (index, field) in fields.iter().enumerate() {
                check(form, &object, place, index, field);
                checked += 1;
            }
        }
    }
    assert!(checked > 25, "{checked}");
}

#[test]
fn the_fullest_and_the_shortest_lines_are_commands() {
    for form in &TABLE {
        for (all, end) in [(true, 0), (true, 1), (false, 0), (false, 1)] {
            let line = object(form.fields, all, end).text();
            let command = parse(line.as_bytes()).unwrap_or_else(|error| panic!("{line}: {error}"));
            assert_eq!((command.kind(), command.to_string()), (form.kind, line));
        }
    }
}

#[test]
fn a_field_can_be_left_out_only_where_the_table_says_so() {
    each_field(|form, object, place, index, field| {
        let mut empty = false;
        let line = damaged(form, place, |members| {
            members.0.remove(index);
            empty = members.0.is_empty();
        });
        let name = field.name;
        match () {
            () if empty && place.is_none() => assert_refused(&line, "line: names no command"),
            () if empty => {
                assert_refused(&line, &format!("{}: is empty", object.trim_end_matches('.')))
            }
            // Then it is another command's, or none's.
            () if index == 0 && place.is_none() => {
                let refused = parse(line.as_bytes()).expect_err(&line).to_string();
                let says = ["line: names no command", "is no field here; there are budget"];
                assert!(says.iter().any(|says| refused.contains(says)), "{line}: {refused}");
            }
            () if field.required => {
                assert_refused(&line, &format!("{object}{name}: is missing: must be"))
            }
            () => assert!(parse(line.as_bytes()).is_ok(), "{line}"),
        }
    });
}

#[test]
fn a_field_stands_once() {
    each_field(|form, object, place, index, field| {
        let line = damaged(form, place, |members| {
            let again = members.0[index].clone();
            members.0.push(again);
        });
        assert_refused(&line, &format!("{object}{}: stands twice", field.name));
    });
}

#[test]
fn what_a_field_does_not_take_is_refused_with_what_it_takes() {
    each_field(|form, object, place, index, field| {
        for wrong in beyond(field.takes) {
            let line = damaged(form, place, |members| {
                members.0[index].1 = Node::Raw(wrong.clone());
            });
            let name = field.name;
            match field.takes {
                Takes::Word(_) => assert_refused(&line, "spawn: must be one of heartbeat, gpu"),
                Takes::Object(_) if wrong == "{}" => {
                    assert_refused(&line, &format!("{object}{name}: is empty"));
                }
                takes => assert_refused(&line, &format!("{object}{name}: {takes}")),
            }
        }
    });
}

#[test]
fn what_the_table_does_not_have_is_refused() {
    for form in &TABLE {
        for (object, place, fields) in objects(form) {
            let strange = ["x", "Ttl_s", "ttl", "ops ", "spawn ", "nonces"].map(String::from);
            // Every other field of the table, too.
            let all = TABLE.iter().flat_map(objects).flat_map(|(_, _, fields)| fields);
            let others = all.map(|field| field.name.to_owned());
            for name in strange.into_iter().chain(others) {
                if fields.iter().any(|field| field.name == name) {
                    continue;
                }
                let line = damaged(form, place, |members| {
                    members.0.push((name.clone(), Node::Raw("1".into())));
                });
                match parse(line.as_bytes()) {
                    Ok(command) => panic!("{line} is {command}"),
                    Err(refused) => {
                        let text = refused.to_string();
                        // A second verb in front of the first is the first.
                        let named = text.starts_with(&format!("{object}{name}: "))
                            || place.is_none() && text.contains("is a second command");
                        assert!(named, "{line}: {text}");
                    }
                }
            }
        }
    }
}
