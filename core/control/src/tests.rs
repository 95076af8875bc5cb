//! What is taken, and what is said of what is not.

extern crate std;
use std::format;
use std::string::{String, ToString as _};
use std::vec::Vec;

use crate::*;

fn refusal(line: &[u8]) -> String {
    let line_text = String::from_utf8_lossy(line);
    parse(line).map(|command| panic!("{line_text} is {command}")).unwrap_err().to_string()
}

fn path(text: &str) -> Path<'_> {
    Path::of(text).expect("a path")
}

#[test]
fn the_lines_of_the_interface_are_commands() {
    let limits = Limits { ttl_s: Some(120), ops: Some(500) };
    let gpu_id = GpuId::of("GPU-0").expect("a GPU");
    let (mem_mb, streams, ttl_s) = (4096, 2, 120);
    for (line, command) in [
        (
            r#"{"spawn":"heartbeat","ticks":100,"budget":{"ttl_s":120,"ops":500}}"#,
            Command::SpawnHeartbeat { ticks: Some(100), period_ms: None, limits },
        ),
        (
            r#"{"spawn":"heartbeat"}"#,
            Command::SpawnHeartbeat { ticks: None, period_ms: None, limits: Limits::default() },
        ),
        (
            r#"{"spawn":"heartbeat","period_ms":20}"#,
            Command::SpawnHeartbeat { ticks: None, period_ms: Some(20), limits: Limits::default() },
        ),
        (r#"{"kill":"worker-7"}"#, Command::Kill(WorkerId(7))),
        (
            r#"{"budget":{"ttl_s":120,"ops":500,"ticks":9}}"#,
            Command::Budget { limits, ticks: Some(9) },
        ),
        (
            r#"{"bind":{"from":"/worker","to":"/shadow"}}"#,
            Command::Bind { from: path("/worker"), to: path("/shadow") },
        ),
        (
            r#"{"mount":{"service":"gpu-bridge","at":"/gpu"}}"#,
            Command::Mount {
                service: Service::of("gpu-bridge").expect("a service"),
                at: path("/gpu"),
            },
        ),
        (
            r#"{"spawn":"gpu","lease":{"gpu_id":"GPU-0","mem_mb":4096,"streams":2,"ttl_s":120,"priority":1},"budget":{"ttl_s":120,"ops":500}}"#,
            Command::SpawnGpu {
                lease: Lease { gpu_id, mem_mb, streams, ttl_s, priority: Some(1) },
                limits,
            },
        ),
        (
            r#"{"revoke":{"ticket":"00010203040506ff"}}"#,
            Command::Revoke(TicketId([0, 1, 2, 3, 4, 5, 6, 0xff])),
        ),
    ] {
        assert_eq!(parse(line.as_bytes()), Ok(command), "{line}");
        assert_eq!(command.to_string(), line);
    }
}

#[test]
fn the_order_of_fields_and_blanks_do_not_matter() {
    for line in [
        r#"{"budget":{"ops":500,"ttl_s":120},"ticks":100,"spawn":"heartbeat"}"#,
        " { \"ticks\" : 100 ,\t\"spawn\":\"heartbeat\", \"budget\" :{ \"ttl_s\":120,\"ops\":500 } } \r",
    ] {
        let command = parse(line.as_bytes()).expect("a command");
        let canonical = r#"{"spawn":"heartbeat","ticks":100,"budget":{"ttl_s":120,"ops":500}}"#;
        assert_eq!(command.to_string(), canonical);
    }
}

#[test]
fn a_line_that_is_no_object_is_told_so() {
    for (line, says) in [
        (&b""[..], "line: must be one JSON object like"),
        (b"  ", "line: must be one JSON object like"),
        (b"kill worker-7", "line: must be one JSON object like"),
        (b"\"kill\"", "line: must be one JSON object like"),
        (b"[{\"kill\":\"worker-7\"}]", "line: must be one JSON object like"),
        (b"\xef\xbb\xbf{\"kill\":\"worker-7\"}", "line: must be one JSON object like"),
        (b"{\"kill\":\"worker-7\xff\"}", "line: must be UTF-8"),
        (b"{}", "line: names no command; there are spawn, kill, budget, bind, mount, revoke"),
        (b"{", "line: names no command"),
        (b"{\"ticks\":5}", "line: names no command"),
        (b"{\"ticks\":5,\"spwan\":\"heartbeat\"}", "spwan: names no command"),
        (b"{\"Kill\":\"worker-7\"}", "Kill: names no command"),
        (b"{\"\":1}", "\"\": names no command"),
        (b"{\"kill\\u0000\":1}", "kill\\u0000: names no command"),
        (b"{\"a\x1b[2Jb\":1}", "a\u{fffd}[2Jb: names no command"),
        (b"{\"abcdefghijklmnopqrstuvwxyz\":1}", "abcdefghijklmnopqrstuvwx...: names no command"),
    ] {
        let refusal = refusal(line);
        assert!(refusal.starts_with(says), "{}: {refusal}", String::from_utf8_lossy(line));
    }
}

#[test]
fn what_is_no_json_is_refused_where_it_is_wrong() {
    for (line, says) in [
        (r#"{"kill":"worker-7"} x"#, "line: must end with the object"),
        (r#"{"kill":"worker-7"}}"#, "line: must end with the object"),
        (r#"{"kill":"worker-7"}{"kill":"worker-8"}"#, "line: must end with the object"),
        ("{\"kill\":\"worker-7\"}\n", "line: must end with the object"),
        ("{\n\"kill\":\"worker-7\"}", "line: needs a field's name"),
        (r#"{"kill":"worker-7"#, "kill: must be a text that ends"),
        ("{\"kill\":\"worker-7\u{1}\"}", "kill: must be a text that ends"),
        (r#"{"kill":"worker-7""#, "kill: needs a comma or a brace"),
        (r#"{"kill":"worker-7",}"#, "kill: needs a field's name in quotes next"),
        (r#"{"kill":"worker-7";}"#, "kill: needs a comma or a brace"),
        (r#"{,"kill":"worker-7"}"#, "line: needs a field's name"),
        (r#"{kill:"worker-7"}"#, "line: names no command"),
        (r#"{"kill" "worker-7"}"#, "line: names no command"),
        (r#"{"spawn":"heartbeat","ticks" 5}"#, "ticks: needs a colon"),
        (r#"{"kill":}"#, "kill: must be a worker like \"worker-7\""),
        (r#"{"kill":'worker-7'}"#, "kill: must be a worker"),
        (r#"{"kill":"worker-7"/**/}"#, "kill: needs a comma or a brace"),
        (r#"{"bind":{"from":"/a","to":"/b"}"#, "bind: needs a comma or a brace"),
        (r#"{"bind":{"from":"/a","to":"/b""#, "bind.to: needs a comma or a brace"),
        (r#"{"bind":{"from":"/a" "to":"/b"}}"#, "bind.from: needs a comma or a brace"),
    ] {
        let refusal = refusal(line.as_bytes());
        assert!(refusal.starts_with(says), "{line}: {refusal}");
    }
}

#[test]
fn one_command_in_a_line_and_no_field_but_its_own() {
    for (line, says) in [
        (r#"{"kill":"worker-1","bind":{"from":"/a","to":"/b"}}"#, "bind: is a second command"),
        (r#"{"budget":{"ttl_s":1},"kill":"worker-1"}"#, "budget: is a second command"),
        (r#"{"budget":{"ttl_s":1},"ticks":3}"#, "ticks: is no field here; there are budget"),
        (r#"{"kill":"worker-1","kill":"worker-2"}"#, "kill: stands twice"),
        (r#"{"spawn":"gpu","spawn":"heartbeat"}"#, "spawn: stands twice"),
        (r#"{"spawn":"heartbeat","ticks":1,"ticks":1}"#, "ticks: stands twice"),
        (r#"{"spawn":"heartbeat","budget":{"ops":1,"ops":2}}"#, "budget.ops: stands twice"),
        (r#"{"kill":"worker-1","why":"x"}"#, "why: is no field here; there are kill"),
        (
            r#"{"spawn":"heartbeat","budget":{"ticks":2}}"#,
            "budget.ticks: is no field here; there are ttl_s, ops",
        ),
        (r#"{"spawn":"heartbeat","lease":{}}"#, "lease: is no field here"),
        (r#"{"spawn":"worm"}"#, "spawn: must be one of heartbeat, gpu"),
        (r#"{"spawn":7}"#, "spawn: must be one of heartbeat, gpu"),
        (r#"{"spawn":"gpu"}"#, "lease: is missing: must be an object of gpu_id, mem_mb"),
        (r#"{"bind":{"to":"/a"}}"#, "bind.from: is missing: must be a path like"),
        (r#"{"budget":{}}"#, "budget: is empty: write one at least of ttl_s, ops, ticks"),
        (r#"{"spawn":"heartbeat","budget":{}}"#, "budget: is empty"),
        (r#"{"bind":{"from":"/a","to":{"from":"/b"}}}"#, "bind.to: must be a path"),
        (r#"{"bind":{"bind":{"from":"/a","to":"/b"}}}"#, "bind.bind: is no field here"),
    ] {
        let refusal = refusal(line.as_bytes());
        assert!(refusal.starts_with(says), "{line}: {refusal}");
    }
}

/// An escape would give a text a second spelling, and a name a second chance.
#[test]
fn escapes_are_refused_in_texts_and_in_names() {
    for (line, says) in [
        (r#"{"kill":"worker\u002d7"}"#, "kill: must have no backslash"),
        (r#"{"kill":"worker-7\n"}"#, "kill: must have no backslash"),
        (r#"{"bind":{"from":"\/a","to":"/b"}}"#, "bind.from: must have no backslash"),
        (r#"{"kill":"worker-7","\u006bill":"worker-8"}"#, "\"\": must have no backslash"),
        (r#"{"\u006bill":"worker-8"}"#, "\\u006bill: names no command"),
        (r#"{"spawn":"heartbeat","ticks":1,"tick\u0073":2}"#, "tick: must have no backslash"),
        (r#"{"spawn":"heart\u0062eat"}"#, "spawn: must be one of"),
        (r#"{"a\"kill":"worker-7"}"#, "a\\\"kill: names no command"),
        (r#"{"a\\":1,"kill":"worker-7"}"#, "a: must have no backslash"),
    ] {
        let refusal = refusal(line.as_bytes());
        assert!(refusal.starts_with(says), "{line}: {refusal}");
    }
}

#[test]
fn numbers_are_whole_and_in_range() {
    let line = |number: &str| format!(r#"{{"spawn":"heartbeat","budget":{{"ttl_s":{number}}}}}"#);
    for number in [
        "0",
        "31536001",
        "-1",
        "+1",
        "1.0",
        "1.5",
        "1e2",
        "1E2",
        "007",
        "01",
        "0x10",
        "1_0",
        "1x",
        "18446744073709551616",
        "99999999999999999999999999",
        "\"5\"",
        "null",
        "true",
        "[1]",
        "{\"a\":1}",
        "NaN",
        "",
        ".5",
        "5.",
        "-0",
        "٣",
    ] {
        let refusal = refusal(line(number).as_bytes());
        let says = "budget.ttl_s: must be a whole number from 1 to 31536000";
        assert_eq!(refusal, says, "{number}");
    }
    for number in ["1", "31536000"] {
        assert!(parse(line(number).as_bytes()).is_ok(), "{number}");
    }
    assert_eq!(
        refusal(line("1 2").as_bytes()),
        "budget.ttl_s: needs a comma or a brace behind its value"
    );
}

#[test]
fn names_are_what_they_must_be() {
    for name in ["worker-0", "worker-7", "worker-4294967295"] {
        let id = WorkerId::of(name).expect("a worker");
        assert_eq!(id.to_string(), name);
    }
    for name in [
        "",
        "worker",
        "worker-",
        "worker-07",
        "worker-00",
        "worker-4294967296",
        "worker--1",
        "Worker-1",
        "worker-1 ",
        " worker-1",
        "worker-+1",
        "worker-1.0",
        "workers-1",
        "worker-a",
    ] {
        assert_eq!(WorkerId::of(name), None, "{name}");
    }
    for name in ["0", "GPU-0", "GPU-01234567-89ab-cdef-0123-456789abcdef", "a._-"] {
        assert!(GpuId::of(name).is_some(), "{name}");
    }
    for name in ["", ".", "..", "-", "a/b", "a b", "é", &"g".repeat(49)] {
        assert_eq!(GpuId::of(name), None, "{name}");
    }
    for name in ["", "G", "1a", "-a", "a_b", "a/b", &"s".repeat(25)] {
        assert_eq!(Service::of(name), None, "{name}");
    }
    assert!(Service::of(&"s".repeat(24)).is_some() && GpuId::of(&"g".repeat(48)).is_some());
    for hex in ["", "00", &"0".repeat(15), &"0".repeat(17), &"A".repeat(16), &"g".repeat(16)] {
        assert_eq!(TicketId::of(hex), None, "{hex}");
    }
    assert_eq!(TicketId::of(&"9f".repeat(8)), Some(TicketId([0x9f; 8])));
}

#[test]
fn paths_are_absolute_and_in_normal_form() {
    let (deepest, longest) = ("/a".repeat(16), format!("/{}", "p".repeat(254)));
    for text in ["/", "/a", "/a/b", "/...", "/.a", "/a b", "/é", &deepest, &longest] {
        let path = Path::of(text).expect(text);
        let again: Vec<_> = path.components().collect();
        assert_eq!(format!("/{}", again.join("/")), text);
    }
    let (deeper, longer) = ("/a".repeat(17), format!("/{}", "p".repeat(255)));
    for text in [
        "", "a", "a/b", "//", "/a/", "/a//b", "//a", "/.", "/..", "/a/./b", "/a/../b", "/a/..",
        "/a\n", "/a\0", "/\u{7f}", "/\"", "/\\", &deeper, &longer,
    ] {
        assert_eq!(Path::of(text), None, "{text:?}");
    }
}

#[test]
fn the_table_agrees_with_the_enum_and_with_itself() {
    for (index, form) in TABLE.iter().enumerate() {
        assert_eq!(form.kind as usize, index);
        assert!(form.allows(Issuer::Queen) && form.name.starts_with(form.verb()));
        assert!(form.fields[0].required && !form.help.is_empty());
        let inner = |field: &Field| match field.takes {
            Takes::Object(fields) => fields,
            _ => &[],
        };
        let all: Vec<_> = form.fields.iter().chain(form.fields.iter().flat_map(inner)).collect();
        for field in &all {
            assert_eq!(all.iter().filter(|other| other.key == field.key).count(), 1);
            let has_word = !matches!(field.takes, Takes::Object(_) | Takes::Word(_));
            assert_eq!(!field.word.is_empty(), has_word, "{}", field.name);
            assert!(!has_word || all.iter().filter(|other| other.word == field.word).count() == 1);
            // What stands in its place is always there; its name is its own in the object.
            assert!(field.required || field.word.is_empty() || field.word.starts_with("--"));
            assert!(all.len() == 1 || !field.help.is_empty() || field.key == Key::Spawn);
            // A third level would be read by recursion that nothing bounds but the table.
            assert!(inner(field).iter().all(|field| inner(field).is_empty()));
        }
    }
}

#[test]
fn a_long_line_is_refused_in_one_pass() {
    let deep = format!("{}\"kill\":1", "{\"a\":".repeat(2000));
    assert!(refusal(deep.as_bytes()).starts_with("a: names no command"));
    let wide = format!("{{\"kill\":\"worker-1\"{}", ",\"a\":[[[".repeat(1000));
    assert!(refusal(wide.as_bytes()).starts_with("a: is no field here"));
    let long = format!("{{\"kill\":\"{}\"}}", "w".repeat(8000));
    assert!(refusal(long.as_bytes()).starts_with("kill: must be a worker"));
    assert!(refusal(&[b'{'; 8192]).starts_with("line: names no command"));
}
