//! A server that does nothing: it parses frames and answers constants.
//!
//! What a 9P server costs at least on this host, for benchmarks: the difference to it is the
//! simulator's own work.

use std::io::{self, Read, Write};

use secure9p_codec::{
    ATTR_LENGTH, Attr, Dialect, MAX_MSIZE, Qid, Qids, Reply, Request, decode_request, encode_reply, frame_length,
};

const FRAME: usize = MAX_MSIZE as usize;

/// Answers a client until it goes.
///
/// # Errors
/// Those of the socket.
pub fn serve(mut input: impl Read, mut socket: impl Write) -> io::Result<()> {
    let mut buffer = vec![0; 4 * FRAME];
    let mut output = Vec::with_capacity(4 * FRAME);
    let mut filled = 0;
    loop {
        let length = input.read(&mut buffer[filled..])?;
        if length == 0 {
            return Ok(());
        }
        filled += length;
        let mut used = 0;
        while let Ok(Some(length)) = frame_length(&buffer[used..filled], MAX_MSIZE) {
            answer(&buffer[used..used + length], &mut output);
            used += length;
            if output.len() + FRAME > 4 * FRAME {
                socket.write_all(&output)?;
                output.clear();
            }
        }
        socket.write_all(&output)?;
        output.clear();
        buffer.copy_within(used..filled, 0);
        filled -= used;
    }
}

fn answer(frame: &[u8], output: &mut Vec<u8>) {
    let Ok((tag, request)) = decode_request(Dialect::Linux, frame) else { return };
    let qid = Qid { kind: Qid::FILE, version: 0, path: 1 };
    let mut record = [0; ATTR_LENGTH];
    let mut packed = [0; 16 * Qid::LENGTH];
    let reply = match request {
        Request::Version { msize, .. } => {
            Reply::Version { msize: msize.min(MAX_MSIZE), version: "9P2000.L" }
        }
        Request::Attach { .. } => Reply::Attach { qid },
        Request::Walk { names, .. } => {
            let qids = [qid; 16];
            let count = names.len().min(qids.len());
            match Qids::pack(&qids[..count], &mut packed) {
                Ok(qids) => Reply::Walk { qids },
                Err(_) => return,
            }
        }
        Request::Lopen { .. } => Reply::Lopen { qid, iounit: MAX_MSIZE - 24 },
        Request::Read { .. } => Reply::Read { data: b"x" },
        Request::Write { data, .. } => Reply::Write { count: data.len() as u32 },
        Request::Getattr { .. } => match Attr::default().record(&mut record) {
            Ok(attr) => Reply::Getattr { attr },
            Err(_) => return,
        },
        Request::Clunk { .. } => Reply::Clunk {},
        _ => Reply::Lerror { ecode: 95 },
    };
    let start = output.len();
    output.resize(start + FRAME, 0);
    let length = encode_reply(Dialect::Linux, tag, &reply, &mut output[start..]).unwrap_or(0);
    output.truncate(start + length);
}
