//! The simulator through its sockets: batches, requests that wait, clients that misbehave.

mod client;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use client::{Client, Folder, LIMIT, SECRET, frame, version};
use hive_sim::{Hive, LIMITS, MAX_CONNECTIONS, Secret, Server, null, serve_tcp, serve_unix};
use namespace::MAX_WORKERS;
use secure9p_codec::{Dialect, Fid, Reply, Request, Tag, decode_reply};

struct Served {
    socket: PathBuf,
    _server: Server,
    _folder: Folder,
}

fn hive() -> Arc<Hive> {
    Hive::start(SECRET).expect("a hive")
}

fn served() -> Served {
    let folder = Folder::new();
    let socket = folder.path("hive.sock");
    let server = serve_unix(&hive(), &socket).expect("served");
    Served { socket, _server: server, _folder: folder }
}

/// A read of `/proc/events` that has nothing to say yet, under the tag 9 and as fid 5.
fn wait_for_events(client: &mut Client) {
    client.open(5, "/proc/events", 0);
    client.send(&frame(9, &Request::Read { fid: Fid(5), offset: 0, count: 500 }));
    // Its place in the queue is behind the read's.
    client.cat("/proc/boot");
}

fn data(reply: &[u8]) -> String {
    match decode_reply(Dialect::Linux, reply) {
        Ok((Tag(9), Reply::Read { data })) => String::from_utf8_lossy(data).into_owned(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn files_are_read_and_written() {
    let served = served();
    let mut client = Client::attach(&served.socket);
    assert!(client.cat("/proc/boot").starts_with("Cohesix "));
    client.append("/log/queen.log", "hello\n");
    assert!(client.cat("/log/queen.log").ends_with("hello\n"));
}

#[test]
fn a_batch_is_answered_in_order_however_it_is_cut() {
    let served = served();
    let (socket, mut client) = Client::with_socket(&served.socket);
    // More than the server's buffers take at a time, in both directions.
    client.open(1, "/proc/boot", 0);
    let mut batch = Vec::new();
    for tag in 0..4000 {
        batch.extend(frame(tag, &Request::Read { fid: Fid(1), offset: 0, count: 60 }));
    }
    let mut other = UnixStream::connect(&served.socket).expect("somebody listens");
    for byte in version() {
        other.write_all(&[byte]).expect("taken");
    }
    other.read_exact(&mut [0; 21]).expect("a reply to a frame in pieces");
    let cut = batch.len() / 3 + 1;
    let mut writer = socket;
    let sending = std::thread::spawn(move || {
        for part in [&batch[..cut], &batch[cut..]] {
            writer.write_all(part).expect("taken");
        }
    });
    for tag in 0..4000 {
        let (answered, reply) = client.receive();
        assert_eq!((answered, reply.len()), (tag, 11 + 60));
    }
    sending.join().expect("all was sent");
}

#[test]
fn a_read_of_events_is_answered_when_another_connection_changes_something() {
    let served = served();
    let mut reader = Client::attach(&served.socket);
    wait_for_events(&mut reader);
    let mut writer = Client::attach(&served.socket);
    let before = writer.cat("/log/queen.log").len();
    writer.append("/log/queen.log", "something\n");
    let (tag, reply) = reader.receive();
    assert_eq!(tag, 9);
    let events = data(&reply);
    assert!(events.contains(&format!("/log/queen.log {}\n", before + 10)), "{events:?}");
}

#[test]
fn a_read_of_events_is_answered_by_a_write_on_the_same_connection() {
    let served = served();
    let mut client = Client::attach(&served.socket);
    wait_for_events(&mut client);
    client.open(6, "/log/queen.log", 1);
    client.send(&frame(1, &Request::Write { fid: Fid(6), offset: 0, data: b"x\n" }));
    let mut replies = [client.receive(), client.receive()];
    replies.sort_by_key(|(tag, _)| *tag);
    assert_eq!(replies[0].0, 1);
    assert!(data(&replies[1].1).contains("/log/queen.log "));
}

#[test]
fn a_flush_ends_the_wait_and_the_read_is_never_answered() {
    let served = served();
    let mut client = Client::attach(&served.socket);
    wait_for_events(&mut client);
    client.ask(&Request::Flush { oldtag: Tag(9) }, |reply| assert_eq!(reply, Reply::Flush));
    client.append("/log/queen.log", "something\n");
    assert!(client.cat("/log/queen.log").ends_with("something\n"));
}

#[test]
fn garbage_ends_its_own_connection_only() {
    let served = served();
    let mut good = Client::attach(&served.socket);
    for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 16], &[6, 0, 0, 0], &[0xff; 64]] {
        let mut bad = Client::attach(&served.socket);
        bad.send(garbage);
        assert!(bad.is_hung_up(), "{garbage:?}");
        assert!(good.cat("/proc/boot").starts_with("Cohesix "));
    }
    // What came before the garbage is answered still.
    let mut bad = Client::attach(&served.socket);
    let mut bytes = frame(7, &Request::Clunk { fid: Fid(0) });
    bytes.extend([0; 7]);
    bad.send(&bytes);
    assert_eq!(bad.receive().0, 7);
    assert!(bad.is_hung_up());
}

#[test]
fn connections_dropped_in_mid_frame_leave_nothing_behind() {
    let served = served();
    let mut client = Client::attach(&served.socket);
    let memory = client.cat("/proc/mem");
    for number in 0..50 {
        let mut other = Client::attach(&served.socket);
        if number % 2 == 0 {
            wait_for_events(&mut other);
        }
        let half = frame(3, &Request::Clunk { fid: Fid(0) });
        other.send(&half[..number % half.len()]);
    }
    client.until("/proc/mem", |now| now == memory);
    client.until("/proc/sessions", |now| now.lines().count() == 1);
}

#[test]
fn a_client_that_never_reads_delays_nobody() {
    let served = served();
    let mut good = Client::attach(&served.socket);
    let memory = good.cat("/proc/mem");
    let flood = UnixStream::connect(&served.socket).expect("somebody listens");
    flood.set_nonblocking(true).expect("a socket");
    // Whole requests until the server does not take them any more.
    let mut request = version();
    request.extend(version());
    while let Ok(taken) = (&flood).write(&request) {
        request.rotate_left(taken % version().len());
    }
    for _ in 0..100 {
        good.append("/log/queen.log", "still here\n");
    }
    drop(flood);
    good.until("/proc/mem", |now| now == memory);
}

#[test]
fn there_are_as_many_connections_as_there_are() {
    let served = served();
    let mut clients: Vec<_> =
        (0..MAX_CONNECTIONS).map(|_| Client::attach(&served.socket)).collect();
    let mut over = UnixStream::connect(&served.socket).expect("taken and hung up on");
    over.set_read_timeout(Some(LIMIT)).expect("a socket");
    assert!(matches!(over.read(&mut [0]), Ok(0)));
    clients.pop();
    let left = MAX_CONNECTIONS - 1;
    let start = Instant::now();
    while !clients[0].cat("/proc/mem").contains(&format!("connections: {left}\n")) {
        assert!(start.elapsed() < LIMIT);
    }
    assert!(Client::attach(&served.socket).cat("/proc/boot").starts_with("Cohesix "));
}

#[test]
fn a_server_that_ends_hangs_up_and_removes_its_socket() {
    let folder = Folder::new();
    let socket = folder.path("hive.sock");
    let hive = hive();
    let server = serve_unix(&hive, &socket).expect("served");
    let mode = fs::metadata(&socket).expect("a socket").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let mut waiting = Client::attach(&socket);
    wait_for_events(&mut waiting);
    drop(server);
    assert!(waiting.is_hung_up());
    assert!(!socket.exists());
    // The hive lives on, and can be served again.
    let _server = serve_unix(&hive, &socket).expect("served again");
    Client::attach(&socket).cat("/proc/boot");
    let left: Vec<_> = fs::read_dir(socket.parent().expect("a folder")).expect("read").collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn only_a_socket_that_nobody_listens_at_is_replaced() {
    let served = served();
    let hive = hive();
    assert!(serve_unix(&hive, &served.socket).is_err(), "somebody listens");
    Client::attach(&served.socket).cat("/proc/boot");
    let folder = Folder::new();
    let file = folder.path("file");
    fs::write(&file, "precious").expect("written");
    assert!(serve_unix(&hive, &file).is_err(), "it is no socket");
    assert_eq!(fs::read(&file).expect("still there"), b"precious");
    let stale = folder.path("stale");
    drop(UnixListener::bind(&stale).expect("bound"));
    let _server = serve_unix(&hive, &stale).expect("nobody listens");
    Client::attach(&stale).cat("/proc/boot");
}

#[test]
fn tcp_and_a_socket_of_the_callers_reach_the_same_tree() {
    let hive = hive();
    let server = serve_tcp(&hive, "127.0.0.1:0").expect("served");
    let address = server.address().expect("an address");
    let socket = TcpStream::connect(address).expect("somebody listens");
    socket.set_read_timeout(Some(LIMIT)).expect("a socket");
    let mut tcp = Client::over(socket);
    tcp.append("/log/queen.log", "by tcp\n");
    let (mine, theirs) = UnixStream::pair().expect("a pair");
    hive.attach(theirs).expect("attached");
    let mut own = Client::over(mine);
    assert!(own.cat("/log/queen.log").ends_with("by tcp\n"));
    drop(server);
    assert!(tcp.is_hung_up());
    assert!(own.cat("/proc/boot").starts_with("Cohesix "), "it came in by no server");
}

#[test]
fn the_null_server_answers_constants() {
    let (mine, theirs) = UnixStream::pair().expect("a pair");
    let serving = std::thread::spawn(move || null::serve(&theirs, &theirs));
    let mut client = Client::over(mine);
    client.open(1, "/any/path", 0);
    let read = Request::Read { fid: Fid(1), offset: 0, count: 1 };
    client.ask(&read, |reply| assert!(matches!(reply, Reply::Read { data } if data.len() == 1)));
    client.append("/any/file", "data");
    client.clunk(1);
    drop(client);
    serving.join().expect("no panic").expect("ended by the client");
}

/// A simulator of its own process, ended with the test.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_program_says_when_it_is_ready_and_takes_its_socket_with_it() {
    for signal in ["-INT", "-TERM"] {
        let folder = Folder::new();
        let socket = folder.path("hive.sock");
        let mut command = Command::new(env!("CARGO_BIN_EXE_hive-sim"));
        command.arg("--socket").arg(&socket).stdout(Stdio::piped());
        let mut program = Program(command.spawn().expect("started"));
        let mut output = BufReader::new(program.0.stdout.take().expect("piped"));
        let mut line = || {
            let mut line = String::new();
            output.read_line(&mut line).expect("a line");
            line
        };
        assert_eq!(line(), format!("listening on {}\n", socket.display()));
        let file = folder.path("hive.sock.secret");
        assert_eq!(line(), format!("secret in {}\n", file.display()));
        let mode = fs::metadata(&file).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let secret = Secret::read(&file).expect("read");
        assert_eq!(secret.bytes().len(), 64);
        let stream = UnixStream::connect(&socket).expect("somebody listens");
        Client::over_with(stream, secret.bytes()).cat("/proc/boot");
        let pid = program.0.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().expect("kill").success());
        assert!(program.0.wait().expect("ended").success());
        assert!(!socket.exists() && !file.exists());
    }
}

#[test]
fn the_program_takes_the_secret_of_a_file_and_leaves_it_there() {
    let folder = Folder::new();
    let (socket, file) = (folder.path("hive.sock"), folder.path("secret"));
    fs::write(&file, [SECRET, b"\n"].concat()).expect("written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_hive-sim"));
    command.arg("--socket").arg(&socket).arg("--secret").arg(&file).stdout(Stdio::piped());
    let mut program = Program(command.spawn().expect("started"));
    let mut output = BufReader::new(program.0.stdout.take().expect("piped"));
    let mut line = String::new();
    output.read_line(&mut line).expect("a line");
    Client::attach(&socket).cat("/proc/boot");
    assert!(!folder.path("hive.sock.secret").exists());
    let pid = program.0.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill").success());
    assert!(program.0.wait().expect("ended").success());
    assert!(file.exists());
    let mut rest = String::new();
    output.read_to_string(&mut rest).expect("read");
    assert_eq!(rest, "", "nothing else is said");
}

#[test]
fn the_program_says_in_one_line_what_is_wrong() {
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_hive-sim")).args(arguments).output();
        let output = output.expect("started");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, error) = run(&["--socket", "no/such/folder/s"]);
    assert_eq!((code, error.lines().count()), (Some(2), 1), "{error}");
    assert!(error.contains("--socket"), "{error}");
    let folder = Folder::new();
    let path = folder.path("hive.sock");
    let (code, error) = run(&["--socket", &path.to_string_lossy(), "--listen", "nowhere"]);
    assert_eq!((code, error.lines().count()), (Some(2), 1), "{error}");
    assert!(error.contains("--listen") && !path.exists(), "{error}");
    let short = folder.path("short");
    fs::write(&short, "short").expect("written");
    for file in [short, folder.path("none")] {
        let file = file.to_string_lossy();
        let (code, error) = run(&["--socket", &path.to_string_lossy(), "--secret", &file]);
        assert_eq!((code, error.lines().count()), (Some(2), 1), "{error}");
        assert!(error.contains("--secret") && !path.exists(), "{error}");
    }
}

#[test]
fn a_full_house_is_busy_and_all_of_it_can_be_given_back() {
    let hive = Hive::start_with(SECRET, LIMITS, MAX_WORKERS).expect("a hive");
    let (mine, theirs) = UnixStream::pair().expect("a pair");
    mine.set_read_timeout(Some(LIMIT)).expect("a socket");
    hive.attach(theirs).expect("attached");
    let mut queen = Client::over(mine);
    let memory = queen.cat("/proc/mem");
    queen.open(1, "/queen/ctl", 1);
    let mut write = |data: &str| {
        let write = Request::Write { fid: Fid(1), offset: 0, data: data.as_bytes() };
        queen.ask(&write, |reply| match reply {
            Reply::Write { .. } => 0,
            Reply::Lerror { ecode } => ecode,
            other => panic!("{other:?}"),
        })
    };
    let spawn = "{\"spawn\":\"heartbeat\",\"period_ms\":50}\n";
    for _ in 0..MAX_WORKERS {
        assert_eq!(write(spawn), 0);
    }
    const BUSY: u32 = 16;
    assert_eq!(write(spawn), BUSY);
    // Each of them lives: it has attached and beats.
    for number in 1..=MAX_WORKERS {
        let path = format!("/worker/worker-{number}/telemetry");
        queen.until(&path, |text| text.starts_with("heartbeat "));
    }
    let sessions = queen.cat("/proc/sessions");
    assert_eq!(sessions.matches("connection=own ").count(), MAX_WORKERS);
    for number in 1..=MAX_WORKERS {
        queen.append("/queen/ctl", &format!("{{\"kill\":\"worker-{number}\"}}\n"));
    }
    assert_eq!(queen.cat("/proc/mem"), memory);
    assert_eq!(queen.cat("/proc/sessions").lines().count(), 1);
    queen.append("/queen/ctl", spawn);
    assert_eq!(queen.cat("/queen/last"), format!("worker-{}\n", MAX_WORKERS + 1));
}
