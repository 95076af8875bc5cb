//! Tags, and requests that wait.

use secure9p_codec::{Dialect, Fid, Reply, Request, Tag};
use secure9p_core::{Error, Outcome};

use crate::client::Client;
use crate::{READ, WRITE, each, open_both, wait};

#[test]
fn tag_none_is_for_version_only() {
    each(|client| {
        let clunk = client.frame(0xffff, &Request::Clunk { fid: Fid(0) });
        assert_eq!(client.raw_refused(&clunk), Error::BadTag);
        client.clunk(0).unwrap();
    });
}

#[test]
fn tag_twice_in_flight() {
    each(|client| {
        client.open_path(1, "proc/events", 0);
        assert_eq!(client.send(5, READ), Outcome::Pending);
        for request in [READ, Request::Clunk { fid: Fid(0) }, Request::Flush { oldtag: Tag(5) }] {
            let frame = client.frame(5, &request);
            assert_eq!(client.raw_refused(&frame), Error::BadTag);
        }
        // The first is as it was.
        client.tree.append("events", b"now");
        assert_eq!(client.poll(), Some((Tag(5), Reply::Read { data: b"now" })));
        assert_eq!(client.poll(), None);
    });
}

#[test]
fn flush_of_unknown_self_and_finished() {
    each(|client| {
        client.flush(1, 77);
        client.flush(1, 1);
        client.flush(1, 0xffff);
        client.flush(1, 99);
    });
}

#[test]
fn flush_leaves_no_reply() {
    each(|client| {
        wait(client);
        client.flush(7, 5);
        client.flush(7, 6);
        client.tree.append("events", b"now");
        client.tree.finish_writes();
        assert_eq!(client.poll(), None);
        assert_eq!(client.connection.counters().flushed, 2);
        // Their tags and the file are free again.
        assert_eq!(client.read(1, 0, 10).unwrap(), b"now");
        assert_eq!(client.send(6, WRITE), Outcome::Pending);
        client.tree.finish_writes();
        assert_eq!(client.poll(), Some((Tag(6), Reply::Write { count: 1 })));
    });
}

#[test]
fn requests_that_wait_are_limited() {
    each(|client| {
        open_both(client);
        for tag in 0..3 {
            assert_eq!(client.send(tag, READ), Outcome::Pending);
        }
        assert_eq!(client.refused(READ), Error::TooManyRequests);
        assert_eq!(client.refused(WRITE), Error::TooManyRequests);
        assert_eq!(client.tree.pending_writes(), 0);
        client.flush(7, 1);
        assert_eq!(client.send(8, WRITE), Outcome::Pending);
        // In the order in which they came.
        client.tree.append("events", b"now");
        client.tree.finish_writes();
        for tag in [0, 2, 8] {
            assert_eq!(client.poll().map(|(tag, _)| tag), Some(Tag(tag)));
        }
        assert_eq!(client.poll(), None);
    });
}

#[test]
fn two_writes_at_once_to_a_file_that_waits() {
    let mut client = Client::queen(Dialect::Linux);
    client.open_path(1, "queen/slow", 1);
    let write = Request::Write { fid: Fid(1), offset: 0, data: b"x" };
    assert_eq!(client.send(5, write), Outcome::Pending);
    assert_eq!(client.refused(write), Error::Busy);
    client.tree.finish_writes();
    assert_eq!(client.poll(), Some((Tag(5), Reply::Write { count: 1 })));
    client.hang_up();
}

#[test]
fn requests_that_wait_fail_with_their_fid() {
    each(|client| {
        wait(client);
        client.clunk(1).unwrap();
        client.clunk(2).unwrap();
        // Other files under the same numbers get nothing of it.
        client.open_path(1, "log/queen.log", 2);
        client.open_path(2, "proc/boot", 0);
        client.tree.append("events", b"now");
        let errors = |client: &Client| client.seen().errors.clone();
        assert!(client.poll().is_some() && client.poll().is_some());
        assert_eq!(errors(client), [(Tag(5), Error::Closed), (Tag(6), Error::Closed)]);
        assert_eq!(client.poll(), None);
    });
}

#[test]
fn requests_that_wait_fail_with_their_rights() {
    each(|client| {
        wait(client);
        client.tree.revoke();
        client.tree.append("events", b"secret");
        client.tree.finish_writes();
        assert!(client.poll().is_some() && client.poll().is_some());
        let errors = client.seen().errors.clone();
        assert_eq!(errors, [(Tag(5), Error::Closed), (Tag(6), Error::Closed)]);
    });
}
