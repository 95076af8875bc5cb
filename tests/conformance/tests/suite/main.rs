//! The cases, each on the simulator and on the booted system.
#![forbid(unsafe_code)]

mod append;
mod directories;
mod files;
mod gpu;
mod gpu_devices;
mod hostile_fields;
mod hostile_frames;
mod many;
mod mounts;
mod roles;
mod session;
mod waiting;
mod walk;
mod workers;
