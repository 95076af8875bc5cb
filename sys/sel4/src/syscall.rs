//! System calls.
//!
//! The kernel takes the call's number in x7, the capability in x0, the tag in x1 and the first
//! four message words in x2 to x5, and answers in the same registers (badge in x0).

use core::arch::asm;

use crate::abi::syscall;
use crate::message::{IpcBuffer, MessageInfo, REGISTERS};

/// A received message as far as it is in registers.
#[derive(Debug, Clone, Copy)]
pub struct Message {
    /// Badge of the capability that was used to send it.
    pub badge: u64,
    /// Its tag.
    pub info: MessageInfo,
    /// Its first words; beyond the tag's word count they mean nothing.
    pub registers: [u64; REGISTERS],
}

#[inline(always)]
fn call_kernel(number: i64, pointer: u64, info: u64, words: [u64; REGISTERS]) -> Message {
    let (mut badge, mut tag) = (pointer, info);
    let [mut w0, mut w1, mut w2, mut w3] = words;
    // SAFETY: every system call used here reads and writes these registers, this thread's IPC
    // buffer and nothing else of this address space. The buffer is only touched through
    // `with_ipc_buffer`, whose borrow has ended; "memory" is clobbered because a message may
    // follow writes to shared pages.
    unsafe {
        asm!("svc #0",
            inout("x0") badge, inout("x1") tag,
            inout("x2") w0, inout("x3") w1, inout("x4") w2, inout("x5") w3,
            in("x7") number, options(nostack));
    }
    Message { badge, info: MessageInfo(tag), registers: [w0, w1, w2, w3] }
}

/// Sends and waits for the answer.
#[inline(always)]
pub fn call(endpoint: u64, info: MessageInfo, words: [u64; REGISTERS]) -> Message {
    call_kernel(syscall::CALL, endpoint, info.0, words)
}

/// Answers the last caller and waits for the next message.
#[inline(always)]
pub fn reply_recv(endpoint: u64, info: MessageInfo, words: [u64; REGISTERS]) -> Message {
    call_kernel(syscall::REPLY_RECV, endpoint, info.0, words)
}

/// Waits for a message or a signal.
#[inline(always)]
pub fn recv(pointer: u64) -> Message {
    call_kernel(syscall::RECV, pointer, 0, [0; REGISTERS])
}

/// Takes a message or a signal if one is there; the badge is 0 where none is.
#[inline(always)]
pub fn nb_recv(pointer: u64) -> Message {
    call_kernel(syscall::NB_RECV, pointer, 0, [0; REGISTERS])
}

/// Answers the last caller. Does nothing where there is none.
#[inline(always)]
pub fn reply(info: MessageInfo, words: [u64; REGISTERS]) {
    call_kernel(syscall::REPLY, 0, info.0, words);
}

/// Sends without waiting for an answer; on a notification: signals it.
#[inline(always)]
pub fn send(pointer: u64, info: MessageInfo, words: [u64; REGISTERS]) {
    call_kernel(syscall::SEND, pointer, info.0, words);
}

/// Gives the rest of the time slice to threads of the same priority.
#[inline(always)]
pub fn yield_now() {
    call_kernel(syscall::YIELD, 0, 0, [0; REGISTERS]);
}

/// Whether there is a capability in the slot `pointer`, as a debug kernel tells
/// (`seL4_DebugCapIdentify`: the number of its type, 0 for none); `None` from any other kernel.
#[must_use]
pub fn is_filled(pointer: u64) -> Option<bool> {
    #[cfg(sel4_debug)]
    let told = {
        let words = [0; REGISTERS];
        Some(call_kernel(syscall::DEBUG_CAP_IDENTIFY, pointer, 0, words).badge != 0)
    };
    #[cfg(not(sel4_debug))]
    let told = {
        let _ = pointer;
        None
    };
    told
}

/// Lends this thread's IPC buffer. Must not be nested.
#[inline(always)]
pub fn with_ipc_buffer<R>(use_it: impl FnOnce(&mut IpcBuffer) -> R) -> R {
    let address: *mut IpcBuffer;
    // SAFETY: reads a register. The crate's invariant: it holds the buffer's address.
    unsafe { asm!("mrs {}, tpidr_el0", out(reg) address, options(nomem, nostack)) };
    // SAFETY: the kernel maps the buffer for this thread alone, 1024 bytes and aligned, for as
    // long as the thread lives; one thread per process and no nesting make the borrow unique.
    use_it(unsafe { &mut *address })
}

/// Sets the register that [`with_ipc_buffer`] reads, for the first thread of a later kernel.
///
/// # Safety
/// `address` must be this thread's IPC buffer, as BootInfo tells it.
pub unsafe fn set_ipc_buffer(address: u64) {
    // SAFETY: writes a register that no compiled code uses; the caller vouches for the value.
    unsafe { asm!("msr tpidr_el0, {}", in(reg) address, options(nomem, nostack)) };
}
