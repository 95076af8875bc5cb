//! Self-tests: spawn and kill a component many times, and account for every byte.

use abi::service::Operation;
use abi::{Badge, Origin};
use drivers::{console, println, timer};

use crate::panic::{FAILED, PASSED};
use crate::root::Root;
use crate::serve::Answer;

/// Runs the self-tests that the manifest asks for.
///
/// # Panics
/// Where the component cannot be started, or the manifest asks for a panic.
pub fn run(root: &mut Root, request: &manifest::Selftest) {
    let index = usize::from(request.component);
    let (free_before, slots_before) = root.free();
    let (mut spawning, mut killing) = (0, 0);
    for cycle in 0..request.cycles {
        let start = timer::now();
        if let Err(error) = root.start(index) {
            panic!("self-test: spawn {cycle} failed: {error:?}");
        }
        spawning += timer::now() - start;
        await_ping(root, index);
        let start = timer::now();
        root.end(index);
        killing += timer::now() - start;
    }
    let (free_after, slots_after) = root.free();
    let cycles = request.cycles;
    println!("bench: spawn_ns={spawning} kill_ns={killing} cycles={cycles}");
    println!(
        "selftest: cycles={cycles} free_before={free_before} slots_before={slots_before} \
         free_after={free_after} slots_after={slots_after}"
    );
    assert!(!request.panic, "on purpose: the manifest asks for it");
    let passed = (free_before, slots_before) == (free_after, slots_after);
    console::put(if passed { PASSED } else { FAILED });
}

/// Serves until the component's process has sent its ping, which is not answered: the process
/// runs, and waits.
fn await_ping(root: &mut Root, index: usize) {
    let id = root.id(index);
    loop {
        let message = root.endpoint.recv();
        let pinged = Badge(message.badge).origin() == Origin::Call(id)
            && Operation::from_label(message.info.label()) == Some(Operation::Ping);
        if pinged {
            return;
        }
        if !matches!(root.handle(&message), Answer::None) {
            panic!("self-test: only the component under test runs");
        }
    }
}
