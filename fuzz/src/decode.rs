//! The target that decodes one frame.
//!
//! Held to: what decodes is written again as exactly the same bytes, so nothing came from beside
//! the frame and nothing in it was passed over; a message of one dialect alone is none of the
//! other's; what a message carries (names, qids, records) can be taken apart.

use secure9p_codec::{
    Dialect, Dirents, MAX_MSIZE, REPLIES, REQUESTS, Reply, Request, Stats, decode_reply,
    decode_request, encode_reply, encode_request, frame_length,
};

/// `Tfsync`, whose last field may be missing, so that it is not written again as it came.
const FSYNC: u8 = 50;

/// Takes `data` as a frame of either dialect and either direction, and as a directory's bytes.
///
/// # Panics
/// Where something is wrong.
pub fn fuzz_decode(data: &[u8]) {
    check_frame(data);
    // With a true size it comes further.
    if data.len() >= 7 {
        let mut frame = data.to_vec();
        let size = u32::try_from(frame.len()).expect("fuzz input is short");
        frame[..4].copy_from_slice(&size.to_le_bytes());
        check_frame(&frame);
    }
    assert!(Stats::new(data).count() <= data.len());
    assert!(Dirents::new(data).count() <= data.len());
}

fn check_frame(frame: &[u8]) {
    if let Ok(Some(length)) = frame_length(frame, MAX_MSIZE) {
        assert!((7..=MAX_MSIZE as usize).contains(&length));
    }
    let mut out = vec![0; frame.len()];
    for dialect in [Dialect::Plan9, Dialect::Linux] {
        if let Ok((tag, request)) = decode_request(dialect, frame) {
            check_spoken(REQUESTS, request.kind(), dialect);
            check_request(&request);
            if request.kind() != FSYNC {
                let length = encode_request(dialect, tag, &request, &mut out).expect("fits");
                assert_eq!(&out[..length], frame, "{request:?}");
            }
        }
        if let Ok((tag, reply)) = decode_reply(dialect, frame) {
            check_spoken(REPLIES, reply.kind(), dialect);
            check_reply(&reply);
            let length = encode_reply(dialect, tag, &reply, &mut out).expect("fits");
            assert_eq!(&out[..length], frame, "{reply:?}");
        }
    }
}

fn check_spoken(table: &[secure9p_codec::Message], kind: u8, dialect: Dialect) {
    let spoken = table.iter().any(|m| m.kind == kind && m.dialects.contains(&dialect));
    assert!(spoken, "type {kind} is none of {dialect:?}'s");
}

fn check_request(request: &Request<'_>) {
    match request {
        Request::Walk { names, .. } => {
            let parts: Vec<&str> = names.map(|name| name.as_str()).collect();
            assert!(parts.len() == names.len() && parts.len() <= 16);
            assert!(parts.iter().all(|part| !part.is_empty() && !part.contains(['/', '\0'])));
        }
        Request::Wstat { stat, .. } => assert!(stat.stat().is_ok()),
        _ => {}
    }
}

fn check_reply(reply: &Reply<'_>) {
    match reply {
        Reply::Walk { qids } => assert_eq!(qids.count(), qids.len()),
        Reply::Stat { stat } => assert!(stat.stat().is_ok()),
        Reply::Getattr { attr } => assert!(attr.attr().is_ok()),
        _ => {}
    }
}
