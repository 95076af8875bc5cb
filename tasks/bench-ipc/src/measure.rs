//! Client and server of the measurement.
//!
//! The server answers in one of two loops, typed or bare; a word of the request says which to go
//! on with. Under `-icount shift=0` a nanosecond of the counter is one instruction.

use core::arch::asm;

use drivers::timer;
use sel4::{Cap, Endpoint, abi::syscall};

const SERVER: u64 = 0;
const ROUNDS: u64 = 20_000;
const WARM_UP: u64 = 200;
/// Label of a request to go on in the other loop.
const SWITCH: u64 = 1;
/// Tag of a request with one word: label 0.
const ONE_WORD: u64 = 1;

/// Argument 0 is the server, anything else the client.
pub fn run(argument: u64) -> u64 {
    if argument == SERVER { serve() } else { measure() }
}

fn serve() -> ! {
    let served: Endpoint = Cap::new(abi::slot::SERVED);
    let mut first = served.recv().registers[0];
    loop {
        first = typed_server(served, first);
        first = bare_server(abi::slot::SERVED, first);
    }
}

/// Answers `first` and what follows with one more, until told to switch.
fn typed_server(served: Endpoint, first: u64) -> u64 {
    let mut answer = first + 1;
    loop {
        let message = served.reply_recv(0, [answer, 0, 0, 0], 1);
        if message.info.label() == SWITCH {
            return message.registers[0];
        }
        answer = message.registers[0] + 1;
    }
}

/// The same, in as few instructions as it takes.
fn bare_server(served: u64, first: u64) -> u64 {
    let next: u64;
    // SAFETY: ReplyRecv reads and writes x0 to x5 and nothing else of this process; the loop
    // leaves with the request's word in x2.
    unsafe {
        asm!("2: add x2, x2, #1",
            "mov x0, x9",
            "mov x1, #1",
            "svc #0",
            "lsr x10, x1, #12",
            "cbz x10, 2b",
            in("x9") served, inout("x2") first => next, in("x7") syscall::REPLY_RECV,
            out("x0") _, out("x1") _, out("x3") _, out("x4") _, out("x5") _, out("x10") _,
            options(nostack));
    }
    next
}

fn measure() -> u64 {
    let server: Endpoint = Cap::new(abi::slot::CALLS);
    typed_client(server, WARM_UP);
    let typed = typed_client(server, ROUNDS);
    switch(server);
    bare_client(server.pointer(), WARM_UP);
    let bare = bare_client(server.pointer(), ROUNDS);
    switch(server);
    runtime::log!("bench: ipc_typed_ns={} ipc_bare_ns={} rounds={ROUNDS}", typed, bare);
    0
}

fn switch(server: Endpoint) {
    let answer = server.call(SWITCH, [0; 4], 1);
    assert_eq!(answer.registers[0], 1, "the server counts on");
}

/// Nanoseconds that `rounds` calls took.
fn typed_client(server: Endpoint, rounds: u64) -> u64 {
    let start = timer::now();
    let mut value = 0;
    for _ in 0..rounds {
        value = server.call(0, [value, 0, 0, 0], 1).registers[0];
    }
    let end = timer::now();
    assert_eq!(value, rounds, "every call was answered");
    end - start
}

/// The same, in as few instructions as it takes.
fn bare_client(server: u64, rounds: u64) -> u64 {
    let start = timer::now();
    let value: u64;
    // SAFETY: Call reads and writes x0 to x5 and nothing else of this process.
    unsafe {
        asm!("2: mov x0, x9",
            "mov x1, x11",
            "svc #0",
            "subs x10, x10, #1",
            "b.ne 2b",
            in("x9") server, inout("x10") rounds => _, in("x11") ONE_WORD,
            inout("x2") 0u64 => value, in("x7") syscall::CALL,
            out("x0") _, out("x1") _, out("x3") _, out("x4") _, out("x5") _,
            options(nostack));
    }
    let end = timer::now();
    assert_eq!(value, rounds, "every call was answered");
    end - start
}
