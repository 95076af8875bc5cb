//! Start of the root task.
//!
//! The kernel enters the root task with the address of BootInfo in x0 and without a stack. The
//! stack lies in the image's zeroed part; the page below it is to be unmapped by the root task
//! ([`Surroundings::stack_guard`]). What the loader put behind the image (the boot archive) is
//! mapped with it.

use core::slice;

use sel4::bootinfo::BootInfo;
use sel4::generation::CURRENT;

/// Size of the root task's stack in bytes: its table of processes lies on it.
pub const STACK: usize = 1024 * 1024;
/// Size of a page in bytes.
pub const PAGE: usize = 4096;

unsafe extern "C" {
    static __executable_start: u8;
    static _end: u8;
    static __root_stack_guard: u8;
}

unsafe extern "Rust" {
    safe fn root_main(surroundings: Surroundings) -> !;
}

/// What the root task finds when it starts.
#[derive(Debug)]
pub struct Surroundings {
    /// BootInfo.
    pub bootinfo: BootInfo<'static>,
    /// What the loader put behind the image, up to the end of its last page; starts with the
    /// boot archive.
    pub appended: &'static [u8],
    /// Which page of the image lies below the stack.
    pub stack_guard: u64,
}

/// Makes `$main`, a `fn(Surroundings) -> !`, the start of the root task.
#[macro_export]
macro_rules! root_entry {
    ($main:path) => {
        // Here and not in this crate, whose components have a `_start` of their own.
        core::arch::global_asm!(
            ".section .text._start, \"ax\"",
            ".globl _start",
            "_start:",
            "adrp x9, __root_stack_top",
            "add sp, x9, :lo12:__root_stack_top",
            "mov x29, xzr",
            "mov x30, xzr",
            "b {start}",
            ".section .bss.root_stack, \"aw\", %nobits",
            ".balign {page}",
            ".globl __root_stack_guard",
            "__root_stack_guard:",
            ".skip {page}",
            ".skip {stack}",
            "__root_stack_top:",
            start = sym $crate::root::start,
            page = const $crate::root::PAGE,
            stack = const $crate::root::STACK,
        );

        #[unsafe(no_mangle)]
        fn root_main(surroundings: $crate::root::Surroundings) -> ! {
            let main: fn($crate::root::Surroundings) -> ! = $main;
            main(surroundings)
        }
    };
}

/// Where [`root_entry!`](crate::root_entry) goes on once there is a stack.
///
/// # Safety
/// Only the code at `_start` may call this, with the address of BootInfo as the kernel gave it.
pub unsafe extern "C" fn start(bootinfo: *const u8) -> ! {
    // SAFETY: the kernel maps BootInfo's page read-only for as long as this task runs.
    let bytes = unsafe { slice::from_raw_parts(bootinfo, BootInfo::SIZE) };
    let bootinfo = BootInfo::new(bytes, CURRENT.bootinfo);
    // SAFETY: the address is this thread's IPC buffer, by BootInfo's word.
    unsafe { sel4::syscall::set_ipc_buffer(bootinfo.ipc_buffer()) };
    root_main(surroundings(bootinfo))
}

fn surroundings(bootinfo: BootInfo<'static>) -> Surroundings {
    let image_start = (&raw const __executable_start).addr();
    let image_end = (&raw const _end).addr().next_multiple_of(PAGE);
    let guard = (&raw const __root_stack_guard).addr();
    let frames = bootinfo.user_image_frames();
    let mapped_end = image_start + (frames.end - frames.start) as usize * PAGE;
    let length = mapped_end.saturating_sub(image_end);
    // SAFETY: the kernel mapped one page per frame from the image's start on; those behind the
    // image's own end hold what the loader appended, and nothing writes to them.
    let appended = unsafe { slice::from_raw_parts(image_end as *const u8, length) };
    Surroundings { bootinfo, appended, stack_guard: ((guard - image_start) / PAGE) as u64 }
}
