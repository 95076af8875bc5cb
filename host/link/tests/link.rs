//! The host's end against the VM's own code, with an echo server behind it.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU8, AtomicU32};
use std::thread;
use std::time::Duration;

use channels::{CHANNELS, Exchange, WINDOW};
use link::Link;
use ring::lane::{Lane, ServerSide, WORDS};

const LIMIT: Duration = Duration::from_secs(30);

/// A VM whose server echoes messages of four bytes of length and content, until the port closes.
/// A message with the content `bye` is answered and then hung up on.
fn vm(mut port: UnixStream) {
    let words: Vec<AtomicU32> = (0..CHANNELS * WORDS).map(|_| AtomicU32::new(0)).collect();
    let bytes: Vec<AtomicU8> =
        (0..CHANNELS * 2 * WINDOW as usize).map(|_| AtomicU8::new(0)).collect();
    let lane = |index| Lane::carve(&words, &bytes, index, WINDOW as usize).expect("a lane");
    let mut exchange = Exchange::new(std::array::from_fn(lane));
    let mut servers: Vec<_> = (0..CHANNELS).map(|index| ServerSide::new(lane(index))).collect();
    let mut input = [0; 4096];
    let mut output = [0; 4096];
    // A step ends when there is nothing to do until bytes come.
    loop {
        let mut busy = true;
        while busy {
            busy = servers.iter_mut().fold(false, |busy, server| busy | echo(server));
            let used = exchange.send(&mut output);
            if used > 0 && port.write_all(&output[..used]).is_err() {
                return;
            }
            busy |= used > 0;
        }
        match port.read(&mut input) {
            Ok(0) | Err(_) => return,
            Ok(length) => exchange.receive(&input[..length]),
        };
    }
}

/// Four bytes, themselves included.
fn length(prefix: &[u8]) -> Result<Option<usize>, u32> {
    let Some(prefix) = prefix.first_chunk() else { return Ok(None) };
    let length = u32::from_le_bytes(*prefix);
    if length < 4 { Err(length) } else { Ok(Some(length as usize)) }
}

fn echo(server: &mut ServerSide) -> bool {
    if !server.is_open() {
        return false;
    }
    if server.outbound.space() != Ok(WINDOW as usize) {
        return false;
    }
    let mut into = [0; 8192];
    match server.message(&mut into, length) {
        Ok(Some(message)) => {
            server.outbound.write(message).expect("there was space");
            if message.ends_with(b"bye") {
                server.close();
            }
            true
        }
        Ok(None) if !server.is_ended() => false,
        _ => {
            server.close();
            true
        }
    }
}

fn start() -> Link {
    let (host, guest) = UnixStream::pair().expect("a pair");
    thread::spawn(move || vm(guest));
    let link = Link::start(host).expect("it starts");
    link.wait_ready(LIMIT).expect("the VM answers");
    link
}

fn client(link: &Link) -> UnixStream {
    let (ours, theirs) = UnixStream::pair().expect("a pair");
    ours.set_read_timeout(Some(LIMIT)).expect("a limit");
    link.attach(theirs).expect("a channel");
    ours
}

fn message(content: &[u8]) -> Vec<u8> {
    let mut message = (content.len() as u32 + 4).to_le_bytes().to_vec();
    message.extend(content);
    message
}

fn exchange(client: &mut UnixStream, content: &[u8]) {
    let sent = message(content);
    client.write_all(&sent).expect("sent");
    let mut got = vec![0; sent.len()];
    client.read_exact(&mut got).expect("answered");
    assert_eq!(got, sent);
}

#[test]
fn all_channels_work_at_once_and_with_much_data() {
    let link = start();
    let workers: Vec<_> = (0..CHANNELS)
        .map(|number| {
            let mut client = client(&link);
            thread::spawn(move || {
                for round in 0..40 {
                    exchange(&mut client, &vec![(number * 7 + round) as u8; round * 200]);
                }
            })
        })
        .collect();
    for worker in workers {
        worker.join().expect("every byte came back");
    }
}

#[test]
fn a_channel_is_reused_and_starts_clean() {
    let link = start();
    for round in 0..3 * CHANNELS {
        let mut client = client(&link);
        exchange(&mut client, b"hello");
        // Half a message: the next connection must not see it.
        client.write_all(&message(b"half")[..round % 8]).expect("sent");
    }
}

#[test]
fn a_slow_reader_delays_nobody() {
    let link = start();
    let mut slow = client(&link);
    for _ in 0..20 {
        // More than window and socket buffers hold, unread.
        slow.write_all(&message(&[1; 8000])).expect("sent");
    }
    let mut quick = client(&link);
    for _ in 0..50 {
        exchange(&mut quick, b"quick");
    }
    let mut got = vec![0; 20 * 8004];
    slow.read_exact(&mut got).expect("nothing was lost");
}

#[test]
fn the_hive_can_hang_up() {
    let link = start();
    let mut client = client(&link);
    exchange(&mut client, b"bye");
    assert_eq!(client.read(&mut [0; 8]).expect("the end"), 0);
}

#[test]
fn a_unix_socket_is_private_and_gone_afterwards() {
    use std::os::unix::fs::PermissionsExt;
    let link = start();
    let path = std::env::temp_dir().join(format!("cohesix-link-{}.sock", std::process::id()));
    let server = link.serve_unix(&path).expect("it listens");
    let mode = std::fs::metadata(&path).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let mut client = UnixStream::connect(&path).expect("connected");
    exchange(&mut client, b"through the socket");
    drop(server);
    assert!(!path.exists());
}

#[test]
fn only_a_socket_that_nobody_listens_at_is_replaced() {
    let link = start();
    let path = std::env::temp_dir().join(format!("cohesix-link-{}.taken", std::process::id()));
    std::fs::write(&path, "precious").expect("a file");
    let error = link.serve_unix(&path).expect_err("a file is there");
    assert!(error.to_string().contains("no socket"), "{error}");
    assert_eq!(std::fs::read(&path).expect("it is still there"), b"precious");
    std::fs::remove_file(&path).expect("the test's own");
    // Left behind by a server that is gone.
    drop(std::os::unix::net::UnixListener::bind(&path).expect("a socket"));
    let server = link.serve_unix(&path).expect("it listens");
    let error = link.serve_unix(&path).expect_err("a server is there");
    assert!(error.to_string().contains("listens there already"), "{error}");
    exchange(&mut UnixStream::connect(&path).expect("connected"), b"the first one serves");
    drop(server);
    assert!(!path.exists());
}

#[test]
fn a_tcp_socket_serves_too() {
    let link = start();
    let server = link.serve_tcp("127.0.0.1:0").expect("it listens");
    let address = server.address().expect("an address");
    let mut client = std::net::TcpStream::connect(address).expect("connected");
    client.write_all(&message(b"tcp")).expect("sent");
    let mut got = [0; 7];
    client.read_exact(&mut got).expect("answered");
    assert_eq!(&got[4..], b"tcp");
}

#[test]
fn clients_learn_when_the_vm_is_gone() {
    let (host, guest) = UnixStream::pair().expect("a pair");
    let stop = guest.try_clone().expect("a handle");
    thread::spawn(move || vm(guest));
    let link = Link::start(host).expect("it starts");
    link.wait_ready(LIMIT).expect("the VM answers");
    let mut client = client(&link);
    exchange(&mut client, b"hello");
    stop.shutdown(std::net::Shutdown::Both).expect("it stops");
    assert_eq!(client.read(&mut [0; 8]).expect("the end"), 0);
    let (_, theirs) = UnixStream::pair().expect("a pair");
    assert!(link.attach(theirs).is_err());
}
