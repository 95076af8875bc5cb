//! One of every message, made of arbitrary values.
#![allow(dead_code, reason = "each test crate uses its part")]

use proptest::collection::vec;
use proptest::prelude::*;
use secure9p_codec::{
    ATTR_LENGTH, Attr, Datasync, Dialect, Fid, Name, Names, Qid, Qids, REPLIES, REQUESTS, Reply,
    Request, SetAttr, Stat, Statfs, Tag, UserId,
};

pub const BOTH: [Dialect; 2] = [Dialect::Plan9, Dialect::Linux];

/// What the messages are made of.
#[derive(Debug, Clone)]
pub struct Values {
    pub tag: u16,
    pub bytes: [u8; 4],
    pub words: [u32; 8],
    pub longs: [u64; 16],
    pub texts: [String; 6],
    pub names: Vec<String>,
    pub qids: Vec<Qid>,
    pub data: Vec<u8>,
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), Just("/".into()), "[^\0]{0,40}"]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![Just("..".into()), Just(".".into()), "[^\0/]{1,30}"]
}

fn qid() -> impl Strategy<Value = Qid> {
    (any::<u8>(), any::<u32>(), any::<u64>()).prop_map(|(kind, version, path)| Qid {
        kind,
        version,
        path,
    })
}

pub fn values() -> impl Strategy<Value = Values> {
    (
        any::<u16>(),
        any::<[u8; 4]>(),
        any::<[u32; 8]>(),
        any::<[u64; 16]>(),
        [text(), text(), text(), text(), text(), text()],
        vec(name(), 2..=16),
        vec(qid(), 1..=16),
        vec(any::<u8>(), 0..300),
    )
        .prop_map(|(tag, bytes, words, longs, texts, names, qids, data)| Values {
            tag,
            bytes,
            words,
            longs,
            texts,
            names,
            qids,
            data,
        })
}

/// Room for what the messages borrow.
pub struct Room {
    names: Vec<u8>,
    qids: Vec<u8>,
    stat: Vec<u8>,
    attr: [u8; ATTR_LENGTH],
}

impl Room {
    pub fn new() -> Self {
        Self { names: vec![0; 8192], qids: vec![0; 256], stat: vec![0; 2048], attr: [0; 153] }
    }
}

impl Values {
    fn fid(&self, index: usize) -> Fid {
        Fid(self.words[index])
    }

    fn text(&self, index: usize) -> &str {
        &self.texts[index]
    }

    fn name(&self, index: usize) -> Name<'_> {
        Name::new(&self.names[index]).expect("a name")
    }

    pub fn stat(&self) -> Stat<'_> {
        let [length, ..] = self.longs;
        let [dev, mode, atime, mtime, ..] = self.words;
        Stat {
            kind: self.tag,
            dev,
            qid: self.qids[0],
            mode,
            atime,
            mtime,
            length,
            name: self.text(0),
            uid: self.text(1),
            gid: self.text(2),
            muid: self.text(3),
        }
    }

    pub fn attr(&self) -> Attr {
        let l = self.longs;
        let [mode, uid, gid, ..] = self.words;
        Attr {
            valid: l[0],
            qid: self.qids[0],
            mode,
            uid,
            gid,
            nlink: l[1],
            rdev: l[2],
            size: l[3],
            blksize: l[4],
            blocks: l[5],
            atime_sec: l[6],
            atime_nsec: l[7],
            mtime_sec: l[8],
            mtime_nsec: l[9],
            ctime_sec: l[10],
            ctime_nsec: l[11],
            btime_sec: l[12],
            btime_nsec: l[13],
            generation: l[14],
            data_version: l[15],
        }
    }

    fn set_attr(&self) -> SetAttr {
        let [valid, mode, uid, gid, ..] = self.words;
        let [size, atime_sec, atime_nsec, mtime_sec, mtime_nsec, ..] = self.longs;
        SetAttr { valid, mode, uid, gid, size, atime_sec, atime_nsec, mtime_sec, mtime_nsec }
    }

    fn statfs(&self) -> Statfs {
        let [kind, bsize, namelen, ..] = self.words;
        let [blocks, bfree, bavail, files, ffree, fsid, ..] = self.longs;
        Statfs { kind, bsize, blocks, bfree, bavail, files, ffree, fsid, namelen }
    }

    /// The requests of `dialect`.
    pub fn requests<'a>(&'a self, dialect: Dialect, room: &'a mut Room) -> Vec<Request<'a>> {
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        let names = Names::pack(&names, &mut room.names).expect("fits");
        let stat = self.stat().record(&mut room.stat).expect("fits");
        let mut requests = self.shared_requests(dialect, names);
        match dialect {
            Dialect::Plan9 => requests.extend([
                Request::Open { fid: self.fid(0), mode: self.bytes[0] },
                Request::Create {
                    fid: self.fid(0),
                    name: self.name(0),
                    perm: self.words[1],
                    mode: self.bytes[0],
                },
                Request::Stat { fid: self.fid(0) },
                Request::Wstat { fid: self.fid(0), stat },
            ]),
            Dialect::Linux => {
                requests.extend(self.linux_files());
                requests.extend(self.linux_directories());
            }
        }
        let kinds: Vec<u8> = requests.iter().map(Request::kind).collect();
        for message in REQUESTS {
            let here = message.dialects.contains(&dialect);
            assert_eq!(kinds.contains(&message.kind), here, "T{}", message.name);
        }
        requests
    }

    fn shared_requests<'a>(&'a self, dialect: Dialect, names: Names<'a>) -> Vec<Request<'a>> {
        let n_uname = match dialect {
            Dialect::Plan9 => UserId::NONE,
            Dialect::Linux => UserId(self.words[7]),
        };
        let (fid, newfid, uname, aname) = (self.fid(0), self.fid(1), self.text(0), self.text(1));
        let offset = self.longs[0];
        vec![
            Request::Version { msize: self.words[0], version: uname },
            Request::Auth { afid: newfid, uname, aname, n_uname },
            Request::Attach { fid, afid: newfid, uname, aname, n_uname },
            Request::Flush { oldtag: Tag(self.tag) },
            Request::Walk { fid, newfid, names },
            Request::Walk { fid, newfid, names: Names::EMPTY },
            Request::Read { fid, offset, count: self.words[2] },
            Request::Write { fid, offset, data: &self.data },
            Request::Clunk { fid },
            Request::Remove { fid },
        ]
    }

    fn linux_files(&self) -> Vec<Request<'_>> {
        let (fid, newfid) = (self.fid(0), self.fid(1));
        let (kind, flags, proc_id) = (self.bytes[0], self.words[2], self.words[3]);
        let ([start, length, ..], client_id) = (self.longs, self.text(0));
        vec![
            Request::Statfs { fid },
            Request::Lopen { fid, flags },
            Request::Readlink { fid },
            Request::Getattr { fid, request_mask: start },
            Request::Setattr { fid, attr: self.set_attr() },
            Request::Xattrwalk { fid, newfid, name: client_id },
            Request::Xattrcreate { fid, name: client_id, attr_size: start, flags },
            Request::Readdir { fid, offset: start, count: flags },
            Request::Fsync { fid, datasync: Datasync(flags) },
            Request::Lock { fid, kind, flags, start, length, proc_id, client_id },
            Request::Getlock { fid, kind, start, length, proc_id, client_id },
        ]
    }

    fn linux_directories(&self) -> Vec<Request<'_>> {
        let (fid, dfid, name) = (self.fid(0), self.fid(1), self.name(0));
        let [_, _, flags, mode, gid, major, minor, _] = self.words;
        vec![
            Request::Lcreate { fid, name, flags, mode, gid },
            Request::Symlink { fid, name, target: self.text(0), gid },
            Request::Mknod { dfid, name, mode, major, minor, gid },
            Request::Rename { fid, dfid, name },
            Request::Link { dfid, fid, name },
            Request::Mkdir { dfid, name, mode, gid },
            Request::Renameat {
                olddirfid: fid,
                oldname: name,
                newdirfid: dfid,
                newname: self.name(1),
            },
            Request::Unlinkat { dirfid: dfid, name, flags },
        ]
    }

    /// The replies of `dialect`.
    pub fn replies<'a>(&'a self, dialect: Dialect, room: &'a mut Room) -> Vec<Reply<'a>> {
        let qids = Qids::pack(&self.qids, &mut room.qids).expect("fits");
        let (qid, iounit, text) = (self.qids[0], self.words[0], self.text(0));
        let mut replies = vec![
            Reply::Version { msize: iounit, version: text },
            Reply::Auth { aqid: qid },
            Reply::Attach { qid },
            Reply::Flush,
            Reply::Walk { qids },
            Reply::Read { data: &self.data },
            Reply::Write { count: iounit },
            Reply::Clunk,
            Reply::Remove,
        ];
        let attr = self.attr().record(&mut room.attr).expect("fits");
        let stat = self.stat().record(&mut room.stat).expect("fits");
        match dialect {
            Dialect::Plan9 => replies.extend([
                Reply::Error { ename: text },
                Reply::Open { qid, iounit },
                Reply::Create { qid, iounit },
                Reply::Stat { stat },
                Reply::Wstat,
            ]),
            Dialect::Linux => {
                replies.extend(self.linux_replies());
                replies.push(Reply::Getattr { attr });
            }
        }
        let kinds: Vec<u8> = replies.iter().map(Reply::kind).collect();
        for message in REPLIES {
            let here = message.dialects.contains(&dialect);
            assert_eq!(kinds.contains(&message.kind), here, "R{}", message.name);
        }
        replies
    }

    fn linux_replies(&self) -> Vec<Reply<'_>> {
        let (qid, iounit, text) = (self.qids[0], self.words[0], self.text(0));
        let [start, length, ..] = self.longs;
        vec![
            Reply::Lerror { ecode: iounit },
            Reply::Statfs { statfs: self.statfs() },
            Reply::Lopen { qid, iounit },
            Reply::Lcreate { qid, iounit },
            Reply::Symlink { qid },
            Reply::Mknod { qid },
            Reply::Rename,
            Reply::Readlink { target: text },
            Reply::Setattr,
            Reply::Xattrwalk { size: start },
            Reply::Xattrcreate,
            Reply::Readdir { data: &self.data },
            Reply::Fsync,
            Reply::Lock { status: self.bytes[0] },
            Reply::Getlock { kind: self.bytes[0], start, length, proc_id: iounit, client_id: text },
            Reply::Link,
            Reply::Mkdir { qid },
            Reply::Renameat,
            Reply::Unlinkat,
        ]
    }
}
