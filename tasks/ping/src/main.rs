//! Proves at boot that two address spaces exchange a message, and ends.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(not(target_os = "none"))]
fn main() {}

#[cfg(target_os = "none")]
runtime::entry!(ping);

/// Sends `PING 1` to the root task, which prints it; prints the `PONG 1` that comes back.
#[cfg(target_os = "none")]
fn ping(_argument: u64) -> u64 {
    match runtime::service::ping(1) {
        Ok(number) => {
            runtime::log!("PONG {number}");
            u64::from(number != 1)
        }
        Err(status) => {
            runtime::log!("the root task refused to answer: {status:?}");
            1
        }
    }
}
