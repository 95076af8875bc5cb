//! The root task.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(not(target_os = "none"))]
fn main() {}

#[cfg(target_os = "none")]
runtime::root_entry!(start);

#[cfg(target_os = "none")]
fn start(surroundings: runtime::root::Surroundings) -> ! {
    root_task::run(surroundings, None)
}
