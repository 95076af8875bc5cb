//! Messages of the right length whose fields lie.

use conformance_tests::{
    Client, DIALECTS, Hive, LOG, Mode, cases, frame, raw, refusals as r, unharmed,
};
use secure9p_codec::{Dialect, Fid, Request, SetAttr, Stat};

cases![
    names_that_are_none_are_refused,
    counts_of_names_that_lie_are_refused,
    strings_that_are_none_are_refused,
    a_count_unlike_its_bytes_writes_nothing,
    stats_whose_lengths_disagree_are_refused,
    a_short_setattr_is_refused,
];

const WALK: u8 = 110;

/// The body of a walk from the root to fid 1.
fn walk(count: u16, names: &[&[u8]]) -> Vec<u8> {
    let mut body = [0u32.to_le_bytes(), 1u32.to_le_bytes()].concat();
    body.extend(count.to_le_bytes());
    for name in names {
        body.extend((name.len() as u16).to_le_bytes());
        body.extend(*name);
    }
    body
}

fn names_that_are_none_are_refused(hive: &Hive) {
    unharmed(hive, |hive| {
        for dialect in DIALECTS {
            let mut client = Client::attach(hive, dialect);
            let bad: [&[u8]; 8] =
                [b"", b"/", b"proc/boot", b"/proc", b"a\0", b"\0", b"\xff", b"\xed\xa0\x80"];
            for name in bad {
                for names in
                    [&[name][..], &[b"proc", name], &[name, b"proc"], &[&[b'x'; 200], name]]
                {
                    let body = walk(names.len() as u16, names);
                    client.ask_bytes(&raw(WALK, 5, &body)).is_refused(r::BOTCH);
                }
            }
            client.refuses(&Request::Clunk { fid: Fid(1) }, r::UNKNOWN_FID);
            // A long name is a name, of no file.
            client.ask_bytes(&raw(WALK, 5, &walk(1, &[&[b'x'; 8000]]))).is_refused(r::NOT_FOUND);
        }
    });
}

fn counts_of_names_that_lie_are_refused(hive: &Hive) {
    unharmed(hive, |hive| {
        for dialect in DIALECTS {
            let mut client = Client::attach(hive, dialect);
            let dots: Vec<&[u8]> = vec![b".."; 17];
            for body in [
                walk(17, &dots),
                walk(u16::MAX, &dots),
                walk(3, &dots[..2]),
                walk(2, &dots[..3]),
                walk(1, &[]),
                // A name's length past the frame.
                [walk(1, &[]), u16::MAX.to_le_bytes().to_vec()].concat(),
                [walk(1, &[]), vec![5, 0, b'p', b'r', b'o', b'c']].concat(),
            ] {
                client.ask_bytes(&raw(WALK, 5, &body)).is_refused(r::BOTCH);
            }
            assert_eq!(client.walk(0, 1, "proc/..").len(), 2);
        }
    });
}

fn strings_that_are_none_are_refused(hive: &Hive) {
    unharmed(hive, |hive| {
        for dialect in DIALECTS {
            let mut client = Client::attach(hive, dialect);
            // An attach: fid, afid, uname, aname, and in 9P2000.L n_uname.
            let attach = |uname: &[u8], length: u16| {
                let mut body = [7u32.to_le_bytes(), [0xff; 4]].concat();
                body.extend(length.to_le_bytes());
                body.extend(uname);
                body.extend([0, 0]);
                if dialect == Dialect::Linux {
                    body.extend([0xff; 4]);
                }
                raw(104, 5, &body)
            };
            for uname in [&b"a\0b"[..], b"\xff\xfe", b"\xc0\x80"] {
                client.ask_bytes(&attach(uname, uname.len() as u16)).is_refused(r::BOTCH);
            }
            for length in [6, 4, 100, u16::MAX] {
                client.ask_bytes(&attach(b"tests", length)).is_refused(r::BOTCH);
            }
            client.refuses(&Request::Clunk { fid: Fid(7) }, r::UNKNOWN_FID);
            // A version is read in the same way; the connection goes on as before.
            let version = raw(100, 0xffff, b"\x00\x20\0\0\x07\0 9P\x002000");
            client.ask_bytes(&version).is_refused(r::BOTCH);
            client.find(1, LOG);
        }
    });
}

fn a_count_unlike_its_bytes_writes_nothing(hive: &Hive) {
    unharmed(hive, |hive| {
        for dialect in DIALECTS {
            let mut client = Client::attach(hive, dialect);
            client.open_at(1, LOG, Mode::WRITE);
            let request = Request::Write { fid: Fid(1), offset: 0, data: b"mismatch" };
            let whole = frame(dialect, 5, &request);
            for count in [0, 7, 9, 8169, u32::MAX] {
                let mut lying = whole.clone();
                lying[19..23].copy_from_slice(&u32::to_le_bytes(count));
                client.ask_bytes(&lying).is_refused(r::BOTCH);
            }
            assert!(!client.cat(LOG).contains("mism"));
        }
    });
}

fn stats_whose_lengths_disagree_are_refused(hive: &Hive) {
    unharmed(hive, |hive| {
        let mut client = Client::attach(hive, Dialect::Plan9);
        client.find(1, LOG);
        let mut record = [0; 128];
        let stat = Stat { length: 0, ..Stat::KEEP }.record(&mut record).expect("it fits");
        let whole = frame(Dialect::Plan9, 5, &Request::Wstat { fid: Fid(1), stat });
        // The outer size, the inner size, and the length of the name (behind 39 bytes of fields).
        for at in [11, 13, 15 + 39] {
            let right = u16::from_le_bytes([whole[at], whole[at + 1]]);
            for wrong in [right.wrapping_add(1), right.wrapping_sub(1), 0x7fff, u16::MAX] {
                let mut lying = whole.clone();
                lying[at..at + 2].copy_from_slice(&wrong.to_le_bytes());
                client.ask_bytes(&lying).is_refused(r::BOTCH);
            }
        }
        client.ask_bytes(&raw(126, 5, &[1, 0, 0, 0, 0, 0])).is_refused(r::BOTCH);
        client.size(1);
    });
}

fn a_short_setattr_is_refused(hive: &Hive) {
    unharmed(hive, |hive| {
        let mut client = Client::attach(hive, Dialect::Linux);
        client.find(1, LOG);
        let attr = SetAttr { valid: 8, ..SetAttr::default() };
        let whole = frame(Dialect::Linux, 5, &Request::Setattr { fid: Fid(1), attr });
        for length in 0..whole.len() - 7 {
            client.ask_bytes(&raw(26, 5, &whole[7..7 + length])).is_refused(r::BOTCH);
        }
        client.size(1);
    });
}
