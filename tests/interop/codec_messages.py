"""Every message of 9P2000 as plan9port's codec writes it: a name and the frame in hex, a line each.

The table is the one of tests/interop/codec.rs, in the same order, and has every message that this
codec knows. The frames are read back too.
"""

from py9p.messages import (
    Dir, Qid, Rattach, Rauth, Rclunk, Rcreate, Rerror, Rflush, Ropen, Rread, Rremove, Rstat,
    Rversion, Rwalk, Rwrite, Rwstat, Tattach, Tauth, Tclunk, Tcreate, Tflush, Topen, Tread,
    Tremove, Tstat, Tversion, Twalk, Twrite, Twstat, MESSAGE_CLASSES, decode_message,
)

NOFID = 0xFFFFFFFF
ROOT = Qid(type=0x80, vers=7, path=0x0123456789ABCDEF)
FILE = Qid(type=0x40, vers=0xFFFFFFFE, path=2**64 - 1)
STAT = Dir(
    type=0x1234, dev=0x56789ABC, qid=FILE, mode=0x400001B6, atime=1, mtime=0xFFFFFFFF,
    length=2**63 - 1, name="queen.log", uid="königin", gid="", muid="worker-7",
)
SHORT = Dir(qid=ROOT, mode=0x8000016D, name="/")
WIDE = tuple(f"{'n' * (i * 9)}{i}" for i in range(16))

MESSAGES = [
    Tversion(msize=8192, version="9P2000", tag=0xFFFF),
    Rversion(msize=0xFFFFFFFF, version="unknown", tag=0xFFFF),
    Tauth(afid=1, uname="queen", aname="/", tag=0),
    Rauth(aqid=ROOT, tag=1),
    Tattach(fid=0, afid=NOFID, uname="königin", aname="", tag=2),
    Rattach(qid=ROOT, tag=3),
    Rerror(ename="permission denied", tag=4),
    Tflush(oldtag=0xFFFE, tag=5),
    Rflush(tag=6),
    Twalk(fid=1, newfid=2, wname=(), tag=7),
    Twalk(fid=1, newfid=0xFFFFFFFE, wname=("log", "queen.log"), tag=8),
    Twalk(fid=1, newfid=2, wname=WIDE, tag=9),
    Rwalk(wqid=(), tag=10),
    Rwalk(wqid=(ROOT, FILE), tag=11),
    Rwalk(wqid=(FILE,) * 16, tag=12),
    Topen(fid=3, mode=0x51, tag=13),
    Ropen(qid=FILE, iounit=8168, tag=14),
    Tcreate(fid=4, name="new", perm=0x800001ED, mode=2, tag=15),
    Rcreate(qid=ROOT, iounit=0, tag=16),
    Tread(fid=5, offset=2**63 - 1, count=8168, tag=17),
    Rread(data=b"", tag=18),
    Rread(data=bytes(range(256)) * 4, tag=19),
    Twrite(fid=6, offset=0x0102030405060708, data=b"heartbeat 1\n", tag=20),
    Rwrite(count=12, tag=21),
    Tclunk(fid=NOFID, tag=22),
    Rclunk(tag=23),
    Tremove(fid=7, tag=24),
    Rremove(tag=25),
    Tstat(fid=8, tag=26),
    Rstat(stat=STAT, tag=27),
    Rstat(stat=SHORT, tag=28),
    Twstat(fid=9, stat=STAT, tag=29),
    Rwstat(tag=30),
]


def main():
    absent = set(MESSAGE_CLASSES.values()) - {type(message) for message in MESSAGES}
    if absent:
        raise SystemExit(f"the table lacks {absent}")
    for message in MESSAGES:
        frame = message.to_bytes()
        if decode_message(frame).to_bytes() != frame:
            raise SystemExit(f"{message} reads back differently")
        print(type(message).__name__, frame.hex())


main()
