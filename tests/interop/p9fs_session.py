"""One session of p9fs: p9fs_session.py PORT VERSION TICKET_FILE NAME WHAT.

The ticket travels as NAME, `aname` or `username`. Prints what the test compares.
"""

import errno
import os
import sys

from pathlib import Path

from p9fs import P9FileNotFound, P9FileSystem
from py9p.py9p import RpcError

LOG = "/log/queen.log"
BOOT = "/proc/boot"


def read(fs):
    print(*sorted(fs.ls("", detail=False)))
    print(fs.cat(BOOT).decode(), end="")


def write(fs, mode, path, text):
    with fs.open(path, mode) as file:
        file.write(text)


def append(fs):
    """Both modes append: the file is append-only."""
    write(fs, "ab", LOG, b"opened to append\n")
    write(fs, "wb", LOG, b"opened to write\n")
    print(fs.cat(LOG).decode(), end="")


def append_open(fs):
    """Opens the file that is there, truncating, by p9fs's own calls."""
    file = fs._open_fid(LOG.lstrip("/"), os.O_WRONLY | os.O_TRUNC)
    fs._write(b"written in 9P2000\n", 0, file)
    fs._release_fid(file)
    print(fs.cat(LOG).decode(), end="")


def words(error):
    """An error is an errno in 9P2000.L and words in 9P2000."""
    why = error.args[0]
    return why.decode() if isinstance(why, bytes) else errno.errorcode[why]


def tell_nothing(fs):
    try:
        fs.cat("/proc/nothing")
    except P9FileNotFound as error:
        print("nothing:", type(error).__name__)


def tell_writes(fs, path):
    for mode in ("wb", "ab"):
        try:
            write(fs, mode, path, b"no\n")
            print(f"{mode}: written")
        except RpcError as error:
            print(f"{mode}:", words(error))


def refuse(fs):
    tell_writes(fs, BOOT)
    tell_nothing(fs)


def make(fs):
    tell_writes(fs, LOG)
    print("log:", len(fs.cat(LOG)))


def refuse_open(fs):
    try:
        fs._open_fid(BOOT.lstrip("/"), os.O_WRONLY)
        print("boot: opened")
    except RpcError as error:
        print("boot:", words(error))
    tell_nothing(fs)


def observe(fs):
    print(*sorted(fs.ls("", detail=False)))
    print("boot:", len(fs.cat(BOOT)) > 0)
    try:
        fs.cat("/queen/ctl")
        print("control: read")
    except RpcError as error:
        print("control:", words(error))


def main():
    port, version, ticket, name, what = sys.argv[1:]
    names = {"username": "interop", name: Path(ticket).read_text().strip()}
    try:
        fs = P9FileSystem(host="127.0.0.1", port=int(port), version=version, **names)
    except RpcError as error:
        print("attach:", words(error))
        return
    {
        "read": read,
        "append": append,
        "append-open": append_open,
        "make": make,
        "observe": observe,
        "refuse": refuse,
        "refuse-open": refuse_open,
    }[what](fs)


main()
