//! Broken and hostile frames, one test for each class of them.

use secure9p_codec::{
    DecodeError, Dialect, Fid, FrameError, MAX_MSIZE, Name, Names, REPLIES, REQUESTS, Request, Tag,
    decode_reply, decode_request, encode_request, frame_length, header,
};

const BOTH: [Dialect; 2] = [Dialect::Plan9, Dialect::Linux];

/// A frame of type `kind` with a true size.
fn frame(kind: u8, body: &[&[u8]]) -> Vec<u8> {
    let body = body.concat();
    let size = (7 + body.len()) as u32;
    [&size.to_le_bytes()[..], &[kind, 1, 0], &body].concat()
}

fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u16).to_le_bytes()[..], text.as_bytes()].concat()
}

fn refused(kind: u8, body: &[&[u8]]) -> DecodeError {
    let frame = frame(kind, body);
    let errors = BOTH.map(|dialect| decode_request(dialect, &frame).unwrap_err());
    let [error, _] = errors;
    assert!(errors.iter().all(|each| *each == error), "{errors:?}");
    // Its tag can be answered all the same.
    assert_eq!(header(&frame).unwrap().0.tag, Tag(1));
    error
}

fn walk(names: &[&[u8]]) -> DecodeError {
    let count = (names.len() as u16).to_le_bytes();
    refused(110, &[&[0; 8], &count, &names.concat()])
}

#[test]
fn frame_size_below_the_header() {
    for size in 0u32..7 {
        let stream = [&size.to_le_bytes()[..], &[0; 16]].concat();
        assert_eq!(frame_length(&stream, MAX_MSIZE), Err(FrameError::Short));
        let frame = &stream[..size as usize];
        assert_eq!(header(frame), Err(FrameError::Short));
        for dialect in BOTH {
            let error = decode_request(dialect, frame).unwrap_err();
            assert_eq!(error, DecodeError::Frame(FrameError::Short));
        }
    }
}

#[test]
fn frame_size_above_the_limit() {
    for size in [MAX_MSIZE + 1, 1 << 24, u32::MAX] {
        assert_eq!(frame_length(&size.to_le_bytes(), MAX_MSIZE), Err(FrameError::Long));
    }
    assert_eq!(frame_length(&MAX_MSIZE.to_le_bytes(), MAX_MSIZE), Ok(Some(8192)));
}

#[test]
fn frame_that_comes_slowly() {
    let whole = frame(120, &[&[0; 4]]);
    for length in 0..4 {
        assert_eq!(frame_length(&whole[..length], MAX_MSIZE), Ok(None));
    }
    for length in 4..=whole.len() {
        assert_eq!(frame_length(&whole[..length], MAX_MSIZE), Ok(Some(whole.len())));
    }
}

#[test]
fn frame_of_another_size_than_it_says() {
    let mut frame = frame(120, &[&[0; 4]]);
    for size in [7u32, 10, 12, 8192, u32::MAX] {
        frame[..4].copy_from_slice(&size.to_le_bytes());
        for dialect in BOTH {
            let error = decode_request(dialect, &frame).unwrap_err();
            assert_eq!(error, DecodeError::Frame(FrameError::Size));
        }
    }
}

#[test]
fn body_too_short_and_too_long() {
    assert_eq!(refused(120, &[&[0; 3]]), DecodeError::Truncated);
    assert_eq!(refused(120, &[&[0; 5]]), DecodeError::Trailing);
    assert_eq!(refused(108, &[]), DecodeError::Truncated);
    assert_eq!(refused(108, &[&[0; 3]]), DecodeError::Trailing);
}

#[test]
fn type_that_is_unknown_a_reply_or_the_other_dialects() {
    for dialect in BOTH {
        for kind in 0..=u8::MAX {
            let frame = frame(kind, &[&[0; 64]]);
            let speaks = |table: &[secure9p_codec::Message]| {
                table.iter().any(|m| m.kind == kind && m.dialects.contains(&dialect))
            };
            let refused = Err(DecodeError::Type(kind));
            assert_eq!(decode_request(dialect, &frame) == refused, !speaks(REQUESTS), "{kind}");
            let is_refused = decode_reply(dialect, &frame) == Err(DecodeError::Type(kind));
            assert_eq!(is_refused, !speaks(REPLIES), "{kind}");
        }
    }
}

#[test]
fn version_strings() {
    for (version, dialect) in [
        ("9P2000", Some(Dialect::Plan9)),
        ("9P2000.u", Some(Dialect::Plan9)),
        ("9P2000.L", Some(Dialect::Linux)),
        ("9P2000.L.Google.7", Some(Dialect::Linux)),
        ("9P2000.", Some(Dialect::Plan9)),
        ("9P2000.Lx", Some(Dialect::Plan9)),
        ("9P2000L", None),
        ("9P2001", None),
        ("9p2000", None),
        ("unknown", None),
        ("", None),
    ] {
        assert_eq!(Dialect::of_version(version), dialect, "{version}");
    }
    assert_eq!(refused(100, &[&[0; 4], &text("9P2000\0")]), DecodeError::Text);
}

#[test]
fn walk_with_more_names_than_sixteen() {
    let name = text("a");
    let names: Vec<&[u8]> = vec![&name; 17];
    assert_eq!(walk(&names), DecodeError::Count);
    assert_eq!(refused(110, &[&[0; 8], &u16::MAX.to_le_bytes()]), DecodeError::Count);
    let packed = &mut [0; 64];
    assert!(Names::pack(&["a"; 17], packed).is_err());
}

#[test]
fn walk_with_fewer_names_than_it_says() {
    assert_eq!(refused(110, &[&[0; 8], &[2, 0], &text("a")]), DecodeError::Truncated);
    assert_eq!(refused(110, &[&[0; 8], &[0, 0], &text("a")]), DecodeError::Trailing);
}

#[test]
fn walk_with_a_length_past_the_frame() {
    assert_eq!(walk(&[&[0xff, 0xff, b'a']]), DecodeError::Truncated);
    assert_eq!(walk(&[&[2, 0, b'a']]), DecodeError::Truncated);
    assert_eq!(walk(&[&[2]]), DecodeError::Truncated);
}

#[test]
fn walk_with_names_that_are_none() {
    assert_eq!(walk(&[&text("")]), DecodeError::Name);
    for name in ["/", "a/b", "/etc", "../.."] {
        assert_eq!(walk(&[&text("ok"), &text(name)]), DecodeError::Name);
    }
    assert_eq!(walk(&[&text("a\0b")]), DecodeError::Text);
    assert_eq!(walk(&[&[2, 0, 0xc3, 0x28]]), DecodeError::Text);
    // An overlong slash and a surrogate are no UTF-8 either.
    assert_eq!(walk(&[&[2, 0, 0xc0, 0xaf]]), DecodeError::Text);
    assert_eq!(walk(&[&[3, 0, 0xed, 0xa0, 0x80]]), DecodeError::Text);
}

#[test]
fn walk_of_dots_decodes_for_the_session_to_judge() {
    let frame = frame(110, &[&[0; 8], &[2, 0], &text("."), &text("..")]);
    let (_, request) = decode_request(Dialect::Linux, &frame).unwrap();
    let Request::Walk { names, .. } = request else { panic!("{request:?}") };
    assert_eq!(names.map(|name| name.as_str()).collect::<Vec<_>>(), [".", ".."]);
}

#[test]
fn names_elsewhere_are_judged_too() {
    for (kind, front, back) in
        [(14u8, 4, 12), (16, 4, 6), (18, 4, 16), (20, 8, 0), (70, 8, 0), (72, 4, 8), (76, 4, 4)]
    {
        for (name, error) in [("", DecodeError::Name), ("a/b", DecodeError::Name)] {
            let frame = frame(kind, &[&vec![0; front], &text(name), &vec![0; back]]);
            assert_eq!(decode_request(Dialect::Linux, &frame), Err(error), "{kind}");
        }
    }
    let create = frame(114, &[&[0; 4], &text("a/b"), &[0; 5]]);
    assert_eq!(decode_request(Dialect::Plan9, &create), Err(DecodeError::Name));
}

#[test]
fn write_with_a_count_unlike_its_bytes() {
    let data = [7; 20];
    for count in [0u32, 19, 21, 8192, u32::MAX] {
        let error = refused(118, &[&[0; 12], &count.to_le_bytes(), &data]);
        assert_eq!(error, DecodeError::Count, "{count}");
    }
    assert_eq!(refused(118, &[&[0; 12], &[0; 3]]), DecodeError::Truncated);
}

#[test]
fn strings_past_the_frame_in_attach() {
    assert_eq!(refused(104, &[&[0; 8], &[9, 0], b"queen"]), DecodeError::Truncated);
    assert_eq!(refused(104, &[&[0; 8], &text("queen")]), DecodeError::Truncated);
    let plan9 = frame(104, &[&[0; 8], &text("queen"), &text("")]);
    assert!(decode_request(Dialect::Plan9, &plan9).is_ok());
    assert_eq!(decode_request(Dialect::Linux, &plan9), Err(DecodeError::Truncated));
    let linux = frame(104, &[&[0; 8], &text("queen"), &text(""), &[0; 4]]);
    assert!(decode_request(Dialect::Linux, &linux).is_ok());
    assert_eq!(decode_request(Dialect::Plan9, &linux), Err(DecodeError::Trailing));
}

#[test]
fn stat_whose_lengths_disagree() {
    let mut fields = vec![0xff; 39];
    for name in ["name", "", "", ""] {
        fields.extend(text(name));
    }
    let length = fields.len() as u16;
    let wstat = |outer: u16, inner: u16, fields: &[u8]| {
        let (outer, inner) = (outer.to_le_bytes(), inner.to_le_bytes());
        let frame = frame(126, &[&[0; 4], &outer, &inner, fields]);
        decode_request(Dialect::Plan9, &frame).map(|_| ())
    };
    assert_eq!(wstat(length + 2, length, &fields), Ok(()));
    // The outer one, then the inner one, against the bytes and each other.
    assert_eq!(wstat(length + 3, length, &fields), Err(DecodeError::Truncated));
    assert_eq!(wstat(u16::MAX, length, &fields), Err(DecodeError::Truncated));
    assert_eq!(wstat(length + 1, length, &fields), Err(DecodeError::Stat));
    assert_eq!(wstat(0, length, &fields), Err(DecodeError::Stat));
    assert_eq!(wstat(length + 2, length + 1, &fields), Err(DecodeError::Stat));
    assert_eq!(wstat(length + 2, length - 1, &fields), Err(DecodeError::Stat));
    assert_eq!(wstat(length + 2, u16::MAX, &fields), Err(DecodeError::Stat));
    assert_eq!(wstat(length + 2, 0, &fields), Err(DecodeError::Stat));
    // A string inside, against the stat.
    let mut long = fields.clone();
    long[39] = 200;
    assert_eq!(wstat(length + 2, length, &long), Err(DecodeError::Stat));
    // A byte behind the strings, inside both lengths.
    fields.push(0);
    assert_eq!(wstat(length + 3, length + 1, &fields), Err(DecodeError::Stat));
}

#[test]
fn setattr_that_is_short() {
    for length in 0..60 {
        let frame = frame(26, &[&vec![0xff; length]]);
        assert_eq!(decode_request(Dialect::Linux, &frame), Err(DecodeError::Truncated));
    }
    assert!(decode_request(Dialect::Linux, &frame(26, &[&[0xff; 60]])).is_ok());
}

#[test]
fn fsync_with_and_without_its_last_field() {
    let expect = |value| {
        let datasync = secure9p_codec::Datasync(value);
        Ok((Tag(1), Request::Fsync { fid: Fid(0), datasync }))
    };
    assert_eq!(decode_request(Dialect::Linux, &frame(50, &[&[0; 4]])), expect(0));
    let long = frame(50, &[&[0; 4], &[1, 0, 0, 0]]);
    assert_eq!(decode_request(Dialect::Linux, &long), expect(1));
    let between = frame(50, &[&[0; 4], &[1, 0]]);
    assert_eq!(decode_request(Dialect::Linux, &between), Err(DecodeError::Truncated));
}

#[test]
fn bytes_behind_the_frame_are_not_part_of_it() {
    let mut stream = vec![0; 64];
    let clunk = Request::Clunk { fid: Fid(1) };
    let length = encode_request(Dialect::Linux, Tag(1), &clunk, &mut stream).unwrap();
    assert_eq!(decode_request(Dialect::Linux, &stream), Err(DecodeError::Frame(FrameError::Size)));
    assert!(decode_request(Dialect::Linux, &stream[..length]).is_ok());
}

/// Names are checked several bytes at a time: so every byte at every place of names of all
/// lengths that this makes a difference to, against what the document says of one byte.
#[test]
fn every_byte_at_every_place_of_a_name() {
    for length in 1..=26 {
        for place in 0..length {
            for byte in 0..=u8::MAX {
                let mut name = vec![b'a' + (place as u8 % 26); length];
                name[place] = byte;
                let body = [&(length as u16).to_le_bytes()[..], &name].concat();
                let body = [&[0; 8][..], &[1, 0], &body].concat();
                let expected = match byte {
                    b'/' => Err(DecodeError::Name),
                    0 | 0x80.. => Err(DecodeError::Text),
                    _ => Ok(()),
                };
                let frame = frame(110, &[&body]);
                let decoded = decode_request(Dialect::Linux, &frame).map(|_| ());
                assert_eq!(decoded, expected, "{byte} at {place} of {length}");
                let text = std::str::from_utf8(&name);
                let is_name = text.is_ok_and(|text| Name::new(text).is_some());
                assert_eq!(is_name, expected.is_ok(), "{byte} at {place} of {length}");
            }
        }
    }
}

#[test]
fn names_beyond_ascii_are_names() {
    for name in ["é", "ä/", "naïve-file-name", "日本語", "aaaaaaa😀", "😀aaaaaaaaaaaa", "a\u{7f}"]
    {
        let frame = frame(110, &[&[0; 8], &[1, 0], &text(name)]);
        let decoded = decode_request(Dialect::Linux, &frame);
        if name.contains('/') {
            assert_eq!(decoded, Err(DecodeError::Name));
            continue;
        }
        let Ok((_, Request::Walk { names, .. })) = decoded else { panic!("{decoded:?}") };
        assert_eq!(names.map(|name| name.as_str()).collect::<Vec<_>>(), [name]);
        // Cut in the middle of a character it is none.
        let mut short = name.as_bytes().to_vec();
        if short.pop() != Some(0x7f) && std::str::from_utf8(&short).is_err() {
            let length = (short.len() as u16).to_le_bytes();
            assert_eq!(walk(&[&[&length[..], &short].concat()]), DecodeError::Text);
        }
    }
}
