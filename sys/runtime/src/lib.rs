//! Start, end and voice of a process.
//!
//! [`entry!`] makes a function the start of a component; [`service`] is its side of the root
//! task's protocol; [`root`] starts the root task, which nobody has given a stack; [`worker`] is the life of
//! a worker. On a host
//! target the crate is empty, so that `cargo check` needs no kernel.
#![cfg_attr(target_os = "none", no_std)]

#[cfg(target_os = "none")]
pub mod frames;
#[cfg(target_os = "none")]
pub mod memory;
#[cfg(target_os = "none")]
pub mod root;
#[cfg(target_os = "none")]
pub mod semihosting;
#[cfg(target_os = "none")]
pub mod service;
#[cfg(target_os = "none")]
pub mod worker;
#[cfg(target_os = "none")]
pub mod workers;

/// Makes `$main`, a `fn(argument: u64) -> u64`, the start of a component. What it returns is the
/// component's exit code. A panic is logged and ends the component with code 101.
#[macro_export]
macro_rules! entry {
    ($main:path) => {
        #[unsafe(no_mangle)]
        extern "C" fn _start(_ipc_buffer: u64, argument: u64) -> ! {
            let main: fn(u64) -> u64 = $main;
            $crate::service::exit(main(argument))
        }

        #[panic_handler]
        fn panic(info: &core::panic::PanicInfo) -> ! {
            $crate::service::panicked(info)
        }
    };
}
