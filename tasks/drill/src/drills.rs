//! The forbidden things. Each is written in assembly, so that no compiler reasons it away.

use core::arch::asm;

use sel4::{Cap, Endpoint};

/// Does the drill `argument`; see systems/drills.toml for the names.
pub fn run(argument: u64) -> u64 {
    match argument {
        0 => read(0),
        // Far from anything of this process, inside the range that user level may address.
        1 => write(0x5bad_0000),
        2 => write(run as *const () as u64),
        3 => execute_data(),
        // SAFETY: the undefined instruction faults; that is the drill.
        4 => unsafe { asm!("udf #0") },
        5 => overflow_stack(),
        6 => spin(),
        7 => call_empty_slot(),
        8 => receive_from_others(),
        IDLE => wait(),
        _ => panic!("no drill {argument}"),
    }
    panic!("drill {argument} was not stopped")
}

/// Not a drill: pings the root task and waits.
const IDLE: u64 = 100;

fn read(address: u64) {
    // SAFETY: the address is not mapped: the read faults before it has any effect.
    unsafe { asm!("ldr xzr, [{}]", in(reg) address) };
}

fn write(address: u64) {
    // SAFETY: the address is not mapped writable: the write faults before it has any effect.
    unsafe { asm!("str xzr, [{}]", in(reg) address) };
}

fn execute_data() {
    /// `ret`: would return at once if data could be executed.
    static mut CODE: u32 = 0xd65f_03c0;
    let code = &raw mut CODE;
    // SAFETY: writing one's own data is allowed and keeps it out of read-only memory; the jump
    // faults because data is mapped execute-never.
    unsafe {
        asm!("str {v:w}, [{c}]", "blr {c}", v = in(reg) 0xd65f_03c0u32, c = in(reg) code, out("x30") _)
    };
}

fn overflow_stack() {
    // SAFETY: pushes until the stack pointer reaches the guard page; the push that does faults.
    unsafe { asm!("1: str xzr, [sp, #-16]!", "b 1b", options(noreturn)) };
}

fn spin() {
    // SAFETY: does nothing, for ever.
    unsafe { asm!("1: b 1b", options(noreturn)) };
}

fn call_empty_slot() {
    // A slot of the CNode that is empty: the kernel answers with an error and nothing is reached.
    let nothing: Endpoint = Cap::new(abi::slot::COUNT - 1);
    let answer = nothing.call(0, [0; 4], 0);
    runtime::log!("a call on an empty slot: {:?}", sel4::Error::from_label(answer.info.label()));
    // No slot at all: the lookup fails, which is a fault.
    let nowhere: Endpoint = Cap::new(abi::slot::COUNT);
    nowhere.call(0, [0; 4], 0);
}

fn receive_from_others() {
    // The root task's own endpoint, where others' calls and faults arrive. The capability to it
    // is for calling only: receiving with it is a fault.
    let theirs: Endpoint = Cap::new(abi::slot::ROOT);
    theirs.recv();
}

fn wait() {
    let _ = runtime::service::ping(0);
    // The root task does not answer the idle component; if it did, spinning is waiting, too.
    spin();
}
