//! Against another JSON parser: what is taken here it takes, too, with the same values.

use control::{
    Command, Field, GpuId, Lease, Limits, Path, Service, TABLE, Takes, TicketId, Value, WorkerId,
    limits, parse,
};
use proptest::prelude::*;
use serde_json::Value as Json;

fn within((min, max): (u64, u64)) -> impl Strategy<Value = u64> {
    // The ends are tried as often as the rest.
    prop_oneof![Just(min), Just(max), min..=max]
}

fn fits<T: TryFrom<u64>>(number: u64) -> T {
    T::try_from(number).ok().expect("the table's ranges fit the types")
}

/// The texts of a command, which borrows them.
#[derive(Debug, Clone)]
struct Texts {
    gpu: String,
    service: String,
    paths: [String; 2],
}

fn texts() -> impl Strategy<Value = Texts> {
    let path = || "(/[a-zé0-9 .,{}:\\[\\]]{0,3}[a-z日]){1,6}|/";
    ("[a-zA-Z0-9][a-zA-Z0-9._-]{0,47}", "[a-z][a-z0-9-]{0,23}", [path(), path()])
        .prop_map(|(gpu, service, paths)| Texts { gpu, service, paths })
}

type Numbers = (Option<u64>, Option<u64>, Option<u64>, Option<u64>, [u64; 3], Option<u64>, u32);

fn numbers() -> impl Strategy<Value = Numbers> {
    let optional = |range| proptest::option::of(within(range));
    (
        optional(limits::TICKS),
        optional(limits::PERIOD_MS),
        optional(limits::TTL_S),
        optional(limits::OPS),
        (within(limits::MEM_MB), within(limits::STREAMS), within(limits::TTL_S))
            .prop_map(|(mem_mb, streams, ttl_s)| [mem_mb, streams, ttl_s]),
        optional(limits::PRIORITY),
        any::<u32>(),
    )
}

/// Every command that can be made of these.
fn commands<'a>(texts: &'a Texts, numbers: &Numbers, ticket: [u8; 8]) -> Vec<Command<'a>> {
    let (ticks, period_ms, ttl_s, ops, [mem_mb, streams, lease_ttl_s], priority, worker) = *numbers;
    let limits = Limits { ttl_s: ttl_s.map(fits), ops };
    let [one, other] = &texts.paths;
    let [from, to] = [one, other].map(|path| Path::of(path).expect("a path"));
    let gpu_id = GpuId::of(&texts.gpu).expect("a GPU");
    let lease = Lease {
        gpu_id,
        mem_mb: fits(mem_mb),
        streams: fits(streams),
        ttl_s: fits(lease_ttl_s),
        priority: priority.map(fits),
    };
    let mut commands = vec![
        Command::SpawnHeartbeat { ticks, period_ms: period_ms.map(fits), limits },
        Command::SpawnGpu { lease, limits },
        Command::Kill(WorkerId(worker)),
        Command::Bind { from, to },
        Command::Mount { service: Service::of(&texts.service).expect("a service"), at: to },
        Command::Revoke(TicketId(ticket)),
    ];
    // A budget says something.
    if limits != Limits::default() || ticks.is_some() {
        commands.push(Command::Budget { limits, ticks });
    }
    commands
}

/// Checks that `json` holds exactly what `command` does.
fn assert_same(command: &Command<'_>, json: &Json, fields: &[Field]) {
    let object = json.as_object().expect("an object");
    let mut held = 0;
    for field in fields {
        let there = object.get(field.name);
        held += usize::from(there.is_some());
        match (field.takes, command.get(field.key), there) {
            (Takes::Word(word), None, Some(there)) => assert_eq!(there, word),
            (Takes::Object(inner), None, Some(there)) => assert_same(command, there, inner),
            (Takes::Object(inner), None, None) => {
                assert!(inner.iter().all(|field| command.get(field.key).is_none()));
            }
            (_, Some(Value::Number(number)), Some(there)) => {
                assert_eq!(there.as_u64(), Some(number), "{}", field.name);
            }
            (_, Some(value), Some(there)) => assert_eq!(there.to_string(), value.to_string()),
            (_, None, None) => {}
            (_, value, there) => panic!("{}: {value:?}, and {there:?}", field.name),
        }
    }
    assert_eq!(object.len(), held, "a field that the command does not have: {json}");
}

/// Whatever is taken is taken by the other parser with the same values, and its own text gives
/// the same command again.
fn check(line: &[u8]) -> bool {
    let Ok(command) = parse(line) else { return false };
    let shown = String::from_utf8_lossy(line);
    let json: Json = serde_json::from_slice(line).unwrap_or_else(|error| {
        panic!("{shown} is {command}, and no JSON: {error}");
    });
    assert_same(&command, &json, command.kind().form().fields);
    assert_eq!(parse(command.to_string().as_bytes()), Ok(command), "{shown}");
    true
}

/// What lines are made of.
fn pieces() -> Vec<String> {
    let signs =
        ["{", "}", "[", "]", ":", ",", "\"", "\\", " ", "\t", "\r", "\n", "0", "1", "-", ".", "e9"];
    let values = [
        "null",
        "\"worker-7\"",
        "\"/a\"",
        "\"GPU-0\"",
        "\"heartbeat\"",
        "\"gpu\"",
        "\\u0061",
        "4096",
        "\u{e9}",
    ];
    let mut pieces: Vec<String> = signs.into_iter().chain(values).map(String::from).collect();
    fn add(pieces: &mut Vec<String>, fields: &[Field]) {
        for field in fields {
            pieces.push(format!("\"{}\"", field.name));
            pieces.push(format!("\"{}\":", field.name));
            if let Takes::Object(inner) = field.takes {
                add(pieces, inner);
            }
        }
    }
    TABLE.iter().for_each(|form| add(&mut pieces, form.fields));
    pieces
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_commands_text_is_that_command(texts in texts(), numbers in numbers(), ticket: [u8; 8]) {
        for command in commands(&texts, &numbers, ticket) {
            let line = command.to_string();
            prop_assert_eq!(parse(line.as_bytes()), Ok(command), "{}", line);
            prop_assert!(check(line.as_bytes()));
        }
    }

    /// Lines with a little wrong somewhere.
    #[test]
    fn damaged_lines_are_refused_or_mean_the_same(
        texts in texts(),
        numbers in numbers(),
        changes in proptest::collection::vec((0..6_u8, any::<u16>(), any::<u16>()), 1..4),
    ) {
        let pieces = pieces();
        for command in commands(&texts, &numbers, [0xa5; 8]) {
            let mut line = command.to_string().into_bytes();
            for (what, at, with) in &changes {
                let at = usize::from(*at) % (line.len() + 1);
                let piece = &pieces[usize::from(*with) % pieces.len()];
                match what {
                    0 if at < line.len() => line[at] = with.to_le_bytes()[0],
                    1 if at < line.len() => { line.remove(at); }
                    2 => line.truncate(at),
                    3 => {
                        let from = usize::from(*with) % (line.len() + 1);
                        let copy = line[from.min(at)..from.max(at)].to_vec();
                        line.splice(at..at, copy);
                    }
                    _ => { line.splice(at..at, piece.bytes()); }
                }
            }
            check(&line);
        }
    }

    /// Lines of pieces in any order.
    #[test]
    fn soup_is_refused_or_means_the_same(
        order in proptest::collection::vec(any::<proptest::sample::Index>(), 0..24),
    ) {
        let pieces = pieces();
        let line: String = order.iter().map(|index| &*pieces[index.index(pieces.len())]).collect();
        check(line.as_bytes());
    }

    #[test]
    fn any_bytes_are_refused_or_mean_the_same(bytes: Vec<u8>) {
        check(&bytes);
    }
}

/// What the two parsers say of cases where JSON parsers differ: this one takes none of them.
#[test]
fn where_json_parsers_differ_nothing_is_taken() {
    for line in [
        "{\"kill\":\"worker-1\",\"kill\":\"worker-2\"}",
        "{\"kill\":\"worker-1\"}\n",
        "\n{\"kill\":\"worker-1\"}",
        "{\"kill\":\"worker\\u002d1\"}",
        "{\"spawn\":\"heartbeat\",\"ticks\":1.0}",
        "{\"spawn\":\"heartbeat\",\"ticks\":1e1}",
        "{\"spawn\":\"heartbeat\",\"ticks\":null}",
    ] {
        assert!(serde_json::from_str::<Json>(line).is_ok(), "{line}");
        assert!(parse(line.as_bytes()).is_err(), "{line}");
    }
}
