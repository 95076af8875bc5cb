//! The client with a server that answers what the test says.

use std::cell::Cell;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use client::{Client, Errno, Error, Kind, Mode, Who};
use secure9p_codec::{
    ATTR_LENGTH, Attr, Dialect, Dirent, Name, Qid, Qids, Reply, Request, Tag, decode_request,
    encode_reply, put_dirent,
};

/// When a test that waits has failed.
const LIMIT: Duration = Duration::from_secs(20);
const DIRECTORY: Qid = Qid { kind: Qid::DIRECTORY, version: 0, path: 1 };
const FILE: Qid = Qid { kind: Qid::FILE, version: 0, path: 2 };

fn frame(tag: Tag, reply: &Reply<'_>) -> Vec<u8> {
    let mut out = vec![0; 16 << 10];
    let length = encode_reply(Dialect::Linux, tag, reply, &mut out).expect("it fits");
    out.truncate(length);
    out
}

/// An `Rwalk` of so many directories, then `last`.
fn walked(tag: Tag, directories: usize, last: &[Qid]) -> Vec<u8> {
    let qids = [&vec![DIRECTORY; directories], last].concat();
    let mut packed = [0; 16 * Qid::LENGTH];
    let qids = Qids::pack(&qids, &mut packed).expect("it fits");
    frame(tag, &Reply::Walk { qids })
}

/// What every server of these tests answers where its own answer is nothing.
fn usual(tag: Tag, request: &Request<'_>) -> Vec<u8> {
    match request {
        Request::Version { msize, version } => {
            frame(tag, &Reply::Version { msize: *msize, version })
        }
        Request::Attach { .. } => frame(tag, &Reply::Attach { qid: DIRECTORY }),
        Request::Walk { names, .. } if names.is_empty() => walked(tag, 0, &[]),
        Request::Walk { names, .. } => walked(tag, names.len() - 1, &[FILE]),
        Request::Lopen { .. } => frame(tag, &Reply::Lopen { qid: FILE, iounit: 0 }),
        Request::Clunk { .. } => frame(tag, &Reply::Clunk),
        other => panic!("no answer to {other:?}"),
    }
}

/// A server on a thread of its own. It says what it was asked.
struct Served {
    socket: UnixStream,
    asked: Receiver<String>,
}

impl Served {
    /// `answer` gives the bytes that answer a request; [`None`] leaves that to [`usual`].
    fn by(mut answer: impl FnMut(Tag, &Request<'_>) -> Option<Vec<u8>> + Send + 'static) -> Self {
        let (socket, mut server) = UnixStream::pair().expect("a pair");
        socket.set_read_timeout(Some(LIMIT)).expect("a socket");
        let (say, asked) = channel();
        thread::spawn(move || {
            let mut input = vec![0; 16 << 10];
            while server.read_exact(&mut input[..4]).is_ok() {
                let size = u32::from_le_bytes([input[0], input[1], input[2], input[3]]) as usize;
                server.read_exact(&mut input[4..size]).expect("the rest of a frame");
                let (tag, request) =
                    decode_request(Dialect::Linux, &input[..size]).expect("a request");
                let _ = say.send(format!("{request:?}"));
                let bytes = answer(tag, &request).unwrap_or_else(|| usual(tag, &request));
                // In pieces, which is all that a stream promises.
                for piece in bytes.chunks(5) {
                    if server.write_all(piece).is_err() {
                        return;
                    }
                }
            }
        });
        Self { socket, asked }
    }

    fn client(self) -> (Client<UnixStream>, Receiver<String>) {
        let client = Client::attach(self.socket, &Who::default()).expect("attached");
        (client, self.asked)
    }
}

#[test]
fn it_attaches_as_who_it_is_told() {
    let Served { socket, asked } = Served::by(|_, _| None);
    let who = Who { uname: "queen".into(), aname: "/".into() };
    let _client = Client::attach(socket, &who).expect("attached");
    let asked: Vec<_> = asked.try_iter().collect();
    assert!(asked[0].contains("9P2000.L") && asked[0].contains("8192"), "{}", asked[0]);
    assert!(asked[1].contains(r#"uname: "queen", aname: "/""#), "{}", asked[1]);
}

#[test]
fn files_are_read_written_and_given_up() {
    let (mut client, asked) = Served::by(|tag, request| match request {
        Request::Read { offset: 2, count: 100, .. } => {
            Some(frame(tag, &Reply::Read { data: b"llo" }))
        }
        Request::Write { data, .. } => Some(frame(tag, &Reply::Write { count: data.len() as u32 })),
        Request::Getattr { .. } => {
            let attr =
                Attr { mode: 0o100_644, size: 5, mtime_sec: 9, qid: FILE, ..Attr::default() };
            let mut record = [0; ATTR_LENGTH];
            let attr = attr.record(&mut record).expect("it fits");
            Some(frame(tag, &Reply::Getattr { attr }))
        }
        _ => None,
    })
    .client();
    client
        .with_open("/a/b", Mode::Read, |client, file| {
            assert_eq!(client.read(file, 2, 100)?, b"llo");
            let attributes = client.getattr(file)?;
            assert_eq!((attributes.kind, attributes.permissions), (Kind::File, 0o644));
            assert_eq!((attributes.size, attributes.modified), (5, 9));
            Ok::<_, Error>(())
        })
        .expect("read");
    let written = client.with_open("a", Mode::Append, |client, file| client.write(file, 0, b"hi"));
    assert_eq!(written.expect("written"), 2);
    let asked: Vec<_> = asked.try_iter().skip(2).collect();
    // The same fid twice: it was given up in between.
    assert!(asked[0].contains("newfid: Fid(1)") && asked[5].contains("newfid: Fid(1)"));
    assert!(asked[4].starts_with("Clunk") && asked[8].starts_with("Clunk"), "{asked:?}");
    assert!(asked[6].contains(&format!("flags: {}", 0o2001)), "{}", asked[6]);
}

#[test]
fn a_long_path_is_walked_in_parts_and_a_short_walk_says_why() {
    let (mut client, asked) = Served::by(|tag, request| match request {
        Request::Walk { names, .. } => match (*names).last().map(|name| name.as_str()) {
            Some("missing") => Some(walked(tag, names.len() - 1, &[])),
            Some("below") => Some(walked(tag, 0, &[FILE])),
            Some("hidden") if names.len() == 1 => {
                Some(frame(tag, &Reply::Lerror { ecode: Errno::EACCES.0 }))
            }
            Some("hidden") => Some(walked(tag, names.len() - 1, &[])),
            _ => None,
        },
        _ => None,
    })
    .client();
    let long = "d/".repeat(39) + "f";
    let file = client.walk(&long).expect("walked");
    assert_eq!(file.qid(), FILE);
    client.clunk(file).expect("given up");
    let errno = |error| match error {
        Err(Error::Refused(errno)) => errno,
        other => panic!("{other:?}"),
    };
    assert_eq!(errno(client.walk("/d/missing")), Errno::ENOENT);
    assert_eq!(errno(client.walk("/d/d/hidden")), Errno::EACCES);
    assert_eq!(errno(client.walk("/file/below")), Errno::ENOTDIR);
    assert_eq!(errno(client.walk(&("d/".repeat(16) + "missing"))), Errno::ENOENT);
    assert!(matches!(client.walk("/nul\0"), Err(Error::Path(_))));
    let asked: Vec<_> = asked.try_iter().skip(2).collect();
    let walks = asked.iter().filter(|asked| asked.starts_with("Walk")).count();
    // Where it fails in a directory behind the first name it is walked again to hear why.
    assert_eq!(walks, 3 + 3 + 3 + 1 + 2);
    // Half a walk has to be given up, a walk that failed at once has not.
    assert_eq!(asked.len() - walks, 4, "{asked:?}");
    assert!(asked.iter().all(|asked| !asked.contains("Fid(2)")), "{asked:?}");
}

#[test]
fn a_directory_is_read_to_its_end() {
    let (mut client, _asked) = Served::by(|tag, request| match request {
        Request::Walk { names, .. } if names.len() == 1 => Some(walked(tag, 1, &[])),
        Request::Readdir { offset, .. } => {
            let names: &[(&str, u64)] = match offset {
                0 => &[(".", 1), ("..", 2), ("boot", 3)],
                3 => &[("mem", 4)],
                _ => &[],
            };
            let (mut data, mut length) = ([0; 500], 0);
            for (name, next) in names {
                let name = Name::new(name).expect("a name");
                let entry = Dirent { qid: FILE, offset: *next, kind: Dirent::FILE, name };
                length += put_dirent(&entry, &mut data[length..]).expect("it fits");
            }
            Some(frame(tag, &Reply::Readdir { data: &data[..length] }))
        }
        _ => None,
    })
    .client();
    let names = client.list("/proc").expect("listed");
    assert_eq!(names.iter().map(|entry| &*entry.name).collect::<Vec<_>>(), ["boot", "mem"]);
    let file = client.list("/a/file");
    assert!(matches!(file, Err(Error::Refused(Errno::ENOTDIR))), "{file:?}");
}

/// A socket whose reads are interrupted so many times.
struct Interrupted {
    socket: UnixStream,
    times: Rc<Cell<u32>>,
}

impl Read for Interrupted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = self.times.get();
        if left > 0 {
            self.times.set(left - 1);
            return Err(ErrorKind::Interrupted.into());
        }
        self.socket.read(into)
    }
}

impl Write for Interrupted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A server whose reads wait until they are flushed, the first one but for its answer that was on
/// its way already.
fn waiting() -> Served {
    let mut late = true;
    Served::by(move |tag, request| match request {
        Request::Read { offset: 0, .. } => Some(Vec::new()),
        Request::Read { .. } => Some(frame(tag, &Reply::Read { data: b"new" })),
        Request::Flush { oldtag } => {
            let mut bytes = Vec::new();
            if std::mem::take(&mut late) {
                bytes = frame(*oldtag, &Reply::Read { data: b"late" });
            }
            bytes.extend(frame(tag, &Reply::Flush));
            Some(bytes)
        }
        _ => None,
    })
}

#[test]
fn an_interrupted_read_is_flushed_and_the_connection_goes_on() {
    let Served { socket, asked } = waiting();
    let times = Rc::new(Cell::new(0));
    let stream = Interrupted { socket, times: Rc::clone(&times) };
    let mut client = Client::attach(stream, &Who::default()).expect("attached");
    let file = client.walk("f").expect("walked");
    client.open(&file, Mode::Read).expect("opened");
    for _ in 0..2 {
        times.set(1);
        let read = client.read(&file, 0, 10).map(<[u8]>::to_vec);
        assert!(matches!(read, Err(Error::Interrupted)), "{read:?}");
        assert_eq!(client.read(&file, 1, 10).expect("the next answer"), b"new");
    }
    assert!(asked.try_iter().any(|asked| asked.starts_with("Flush { oldtag: Tag(0)")));
    // Interrupted while it waits for the flush: nobody knows what will still come.
    times.set(2);
    let read = client.read(&file, 0, 10).map(<[u8]>::to_vec);
    assert!(read.is_err_and(|error| error.ends_connection()));
    assert!(matches!(client.clunk(file), Err(Error::HungUp)));
}

#[test]
fn an_interrupted_walk_leaves_no_fid_behind() {
    let (seen, sees) = channel();
    let Served { socket, asked: _asked } = Served::by(move |tag, request| match request {
        Request::Flush { .. } => Some(frame(tag, &Reply::Flush)),
        Request::Clunk { fid } => {
            let _ = seen.send(*fid);
            None
        }
        _ => None,
    });
    let times = Rc::new(Cell::new(0));
    let stream = Interrupted { socket, times: Rc::clone(&times) };
    let mut client = Client::attach(stream, &Who::default()).expect("attached");
    times.set(1);
    assert!(matches!(client.walk("f"), Err(Error::Interrupted)));
    assert_eq!(sees.recv_timeout(LIMIT).expect("a clunk").0, 1);
}

/// What a read ends in where it is answered with `bytes`.
fn answered(bytes: impl Fn(Tag) -> Vec<u8> + Send + 'static) -> Error {
    let (mut client, _asked) = Served::by(move |tag, request| match request {
        Request::Read { .. } => Some(bytes(tag)),
        _ => None,
    })
    .client();
    let file = client.walk("f").expect("walked");
    match client.read(&file, 0, 4) {
        Err(error) => error,
        Ok(data) => panic!("{data:?}"),
    }
}

#[test]
fn answers_that_make_no_sense_are_told_from_refusals() {
    let refused = answered(|tag| frame(tag, &Reply::Lerror { ecode: 75 }));
    assert!(matches!(refused, Error::Refused(Errno::EOVERFLOW)));
    let odd: [fn(Tag) -> Vec<u8>; 6] = [
        |tag| frame(tag, &Reply::Write { count: 1 }),
        |tag| frame(tag, &Reply::Read { data: b"more!" }),
        |_| frame(Tag(77), &Reply::Read { data: b"" }),
        |_| vec![3, 0, 0, 0],
        |_| vec![0xff, 0xff, 0, 0],
        |tag| {
            let mut bytes = frame(tag, &Reply::Read { data: b"abc" });
            bytes[7] = 9;
            bytes
        },
    ];
    for bytes in odd {
        let error = answered(bytes);
        assert!(matches!(error, Error::Protocol(_)), "{error:?}");
    }
}

#[test]
fn other_versions_and_sizes_are_not_spoken() {
    let attach = |reply: fn(Tag) -> Vec<u8>| {
        let served = Served::by(move |tag, request| match request {
            Request::Version { .. } => Some(reply(tag)),
            _ => None,
        });
        Client::attach(served.socket, &Who::default()).map(|_| ()).expect_err("refused")
    };
    let error = attach(|tag| frame(tag, &Reply::Version { msize: 8192, version: "unknown" }));
    assert!(matches!(error, Error::Version(version) if version == "unknown"));
    for error in [
        attach(|tag| frame(tag, &Reply::Version { msize: 8193, version: "9P2000.L" })),
        attach(|tag| frame(tag, &Reply::Version { msize: 24, version: "9P2000.L" })),
        attach(|tag| frame(tag, &Reply::Attach { qid: FILE })),
    ] {
        assert!(matches!(error, Error::Protocol(_)), "{error:?}");
    }
}

#[test]
fn a_server_that_goes_in_mid_frame_has_hung_up() {
    let (socket, mut server) = UnixStream::pair().expect("a pair");
    server.write_all(&[21, 0, 0, 0, 101]).expect("taken");
    server.shutdown(std::net::Shutdown::Write).expect("a socket");
    let error = Client::attach(socket, &Who::default()).map(|_| ()).expect_err("no answer");
    assert!(matches!(error, Error::HungUp), "{error:?}");
}

#[test]
fn what_is_too_long_for_a_message_is_not_sent() {
    let (mut client, asked) = Served::by(|_, _| None).client();
    let file = client.walk("f").expect("walked");
    let long = vec![0; client.io_size() as usize + 1];
    assert!(matches!(client.write(&file, 0, &long), Err(Error::Refused(Errno::EMSGSIZE))));
    assert!(matches!(client.walk(&"x".repeat(9000)), Err(Error::Path(_))));
    client.clunk(file).expect("the connection goes on");
    assert_eq!(asked.try_iter().count(), 4);
}
