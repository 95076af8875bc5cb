//! NineDoor: serves the system's namespace over 9P, to clients inside the VM and on the host.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(not(target_os = "none"))]
fn main() {}

#[cfg(target_os = "none")]
mod clients;
#[cfg(target_os = "none")]
mod facts;
#[cfg(target_os = "none")]
mod lanes;
#[cfg(target_os = "none")]
mod serve;
#[cfg(target_os = "none")]
mod workers;

#[cfg(target_os = "none")]
runtime::entry!(serve::run);
