//! Known answers: computed with the `blake3` package of PyPI, from claims packed by Python's
//! `struct`.

use ticket::{Key, TicketId};

use crate::claims::{KEY_SECRET, bridge, fullest, heartbeat, observer, queen};

/// Claims, the ticket's name, and its text without the prefix.
#[test]
fn tickets_are_those_that_others_compute() {
    let key = Key::from_secret(KEY_SECRET).expect("a secret");
    let known = [
        (
            queen(),
            "4613578c9b7029ab",
            "\
             01000480510100000000000068e5cf8b01000000000000\
             .bcbcfabebf1d42bb5186b9c8e49a5569df817db8b68c6248fc6e5b92607fa179",
        ),
        (
            heartbeat(),
            "4aaa6ad46144430b",
            "\
             01014f6400000000000000f40100000000000078000000000000000800776f726b65722d\
             377b68e5cf8b01000000000000efcdab8967452301\
             .a5709036ba6b60a21e2334653deb3cfbb3cd292d0ca515f57b4192da2ad31a70",
        ),
        (
            fullest(),
            "b4943216210d91d3",
            "\
             01024fffffffffffffffffffffffffffffffffffffffffffffffff170077777777777777\
             77777777777777777777777777777777feffffffffffffff00000000ffffffffffffffff\
             .d91c5af15f5c7b82466bd5ebb4826e1330da20554e32d53fb30b88bf62e46655",
        ),
        (
            bridge(),
            "134166655e20d41b",
            "\
             010404100e0000000000000068e5cf8b0100000a006770752d62726964676504002f6770\
             75\
             .625330811778e03b019db1cedcbc2685e87fb562a06277ec0c0cf7dc9ed4382f",
        ),
        (
            observer(),
            "29ba52f5ba636575",
            "\
             0103343c000000000000000068e5cf8b010000000000000204002f6c6f67000500000007\
             002f776f726b6572020000000000001000000000000700000000000000\
             .05679ad3a4b9dc1f0c495951618c2e544de59e2630ad8facf9c4935096092249",
        ),
    ];
    for (claims, id, rest) in known {
        let text = format!("cohesix-ticket-{rest}");
        let minted = key.mint(&claims).expect("they fit");
        assert_eq!(minted.as_str(), text);
        assert_eq!(minted.id().to_string(), id);
        assert_eq!(TicketId::parse(id), Some(minted.id()));
        assert_eq!(key.check(&text, claims.issued_at_ms), Ok(claims));
    }
}
