//! Every message of both dialects there and back, whole, cut and changed.

mod messages;

use messages::{BOTH, Room, values};
use proptest::prelude::*;
use secure9p_codec::{
    Dialect, Dirent, Dirents, Name, Names, Qids, Stats, Tag, decode_reply, decode_request,
    dirent_length, encode_reply, encode_request, frame_length, header, put_dirent,
};

/// Type of `Tfsync`, whose last field may be missing: it decodes to what another frame decodes to.
const FSYNC: u8 = 50;

/// What decodes is written again as the same bytes, so nothing of it came from elsewhere and
/// nothing was ignored.
fn check_canonical(dialect: Dialect, frame: &[u8]) {
    let mut out = vec![0; 8192];
    if let Ok((tag, request)) = decode_request(dialect, frame)
        && request.kind() != FSYNC
    {
        let length = encode_request(dialect, tag, &request, &mut out).expect("decoded, so encodes");
        assert_eq!(&out[..length], frame, "{request:?}");
    }
    if let Ok((tag, reply)) = decode_reply(dialect, frame) {
        let length = encode_reply(dialect, tag, &reply, &mut out).expect("decoded, so encodes");
        assert_eq!(&out[..length], frame, "{reply:?}");
    }
}

fn with_size(mut frame: Vec<u8>) -> Vec<u8> {
    let size = (frame.len() as u32).to_le_bytes();
    frame[..4].copy_from_slice(&size);
    frame
}

/// Cuts and changes a frame everywhere.
fn check_damaged(dialect: Dialect, frame: &[u8], change: u8) {
    for length in 0..frame.len() {
        let cut = frame[..length].to_vec();
        assert!(decode_request(dialect, &cut).is_err() && decode_reply(dialect, &cut).is_err());
        if length >= 7 {
            check_canonical(dialect, &with_size(cut));
        }
    }
    let mut longer = frame.to_vec();
    longer.push(change);
    assert!(decode_request(dialect, &longer).is_err() && decode_reply(dialect, &longer).is_err());
    check_canonical(dialect, &with_size(longer));
    for at in 4..frame.len().min(120) {
        let mut changed = frame.to_vec();
        changed[at] ^= change;
        check_canonical(Dialect::Plan9, &changed);
        check_canonical(Dialect::Linux, &changed);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn requests(values in values(), change in 1u8..) {
        for dialect in BOTH {
            let mut room = Room::new();
            for request in values.requests(dialect, &mut room) {
                let mut out = vec![0xa5; 8192];
                let length = encode_request(dialect, Tag(values.tag), &request, &mut out).unwrap();
                let frame = &out[..length];
                prop_assert_eq!(frame_length(frame, 8192).unwrap(), Some(length));
                prop_assert_eq!(header(frame).unwrap().0.kind, request.kind());
                let decoded = decode_request(dialect, frame).unwrap();
                prop_assert_eq!(decoded, (Tag(values.tag), request));
                for short in 0..length {
                    let mut out = vec![0; short];
                    prop_assert!(encode_request(dialect, Tag(0), &request, &mut out).is_err());
                }
                check_damaged(dialect, frame, change);
            }
        }
    }

    #[test]
    fn replies(values in values(), change in 1u8..) {
        for dialect in BOTH {
            let mut room = Room::new();
            for reply in values.replies(dialect, &mut room) {
                let mut out = vec![0xa5; 8192];
                let length = encode_reply(dialect, Tag(values.tag), &reply, &mut out).unwrap();
                let frame = &out[..length];
                let decoded = decode_reply(dialect, frame).unwrap();
                prop_assert_eq!(decoded, (Tag(values.tag), reply));
                for short in 0..length {
                    let mut out = vec![0; short];
                    prop_assert!(encode_reply(dialect, Tag(0), &reply, &mut out).is_err());
                }
                check_damaged(dialect, frame, change);
            }
        }
    }

    /// A dialect's own messages are none of the other's.
    #[test]
    fn dialects_apart(values in values()) {
        for (own, other) in [(BOTH[0], BOTH[1]), (BOTH[1], BOTH[0])] {
            let mut room = Room::new();
            let mut out = vec![0; 8192];
            for request in values.requests(own, &mut room) {
                let listed = secure9p_codec::REQUESTS.iter().find(|m| m.kind == request.kind());
                if listed.is_some_and(|message| message.dialects == [own]) {
                    prop_assert!(encode_request(other, Tag(0), &request, &mut out).is_err());
                    let length = encode_request(own, Tag(0), &request, &mut out).unwrap();
                    prop_assert!(decode_request(other, &out[..length]).is_err());
                }
            }
        }
    }

    #[test]
    fn names_and_qids(values in values()) {
        let names: Vec<&str> = values.names.iter().map(String::as_str).collect();
        let mut room = vec![0; 8192];
        let packed = Names::pack(&names, &mut room).unwrap();
        prop_assert_eq!(packed.len(), names.len());
        prop_assert_eq!(packed.map(Name::as_str).collect::<Vec<_>>(), names);
        let packed = Qids::pack(&values.qids, &mut room).unwrap();
        prop_assert_eq!(packed.len(), values.qids.len());
        prop_assert_eq!(packed.collect::<Vec<_>>(), values.qids);
    }

    #[test]
    fn records(values in values()) {
        let (stat, attr) = (values.stat(), values.attr());
        let mut room = vec![0; 4096];
        prop_assert_eq!(stat.record(&mut room).unwrap().stat().unwrap(), stat);
        let mut room = [0; 153];
        prop_assert_eq!(attr.record(&mut room).unwrap().attr().unwrap(), attr);
    }

    /// The bytes of a directory, whole and cut.
    #[test]
    fn directories(values in values(), cut in 1usize..40) {
        let mut bytes = Vec::new();
        for (offset, name) in (1..).zip(&values.names) {
            let name = Name::new(name).unwrap();
            let entry = Dirent { qid: values.qids[0], offset, kind: Dirent::FILE, name };
            let mut out = [0; 256];
            let length = put_dirent(&entry, &mut out).unwrap();
            prop_assert_eq!(length, dirent_length(name.as_str()));
            bytes.extend_from_slice(&out[..length]);
        }
        let read: Vec<_> = Dirents::new(&bytes).map(|entry| entry.unwrap().name.as_str()).collect();
        prop_assert_eq!(read, values.names.iter().map(String::as_str).collect::<Vec<_>>());
        let cut_off = Dirents::new(&bytes[..bytes.len() - cut]).last().unwrap();
        prop_assert!(cut_off.is_err() || Dirents::new(&bytes[..bytes.len() - cut]).count() < values.names.len());

        let mut room = vec![0; 4096];
        let record = values.stat().record(&mut room).unwrap().as_bytes();
        let twice = [record, record].concat();
        prop_assert_eq!(Stats::new(&twice).filter_map(Result::ok).count(), 2);
        prop_assert!(Stats::new(&twice[..twice.len() - cut]).last().unwrap().is_err());
    }

    #[test]
    fn arbitrary_bytes(body in proptest::collection::vec(any::<u8>(), 0..200), kind: u8) {
        let mut frame = vec![0, 0, 0, 0, kind, 1, 0];
        frame.extend_from_slice(&body);
        let frame = with_size(frame);
        check_canonical(Dialect::Plan9, &frame);
        check_canonical(Dialect::Linux, &frame);
    }
}
