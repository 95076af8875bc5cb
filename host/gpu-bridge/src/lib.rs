//! The bridge to the host's GPUs: computes jobs, checks them, says what happened.
//!
//! [`Executor`] takes one job from its line to its last status, on a [`Backend`]: CUDA, compute
//! shaders, or a mock that says it is one. It knows of no hive; who tails a hive's job file drives
//! it: [`serve`] does, as an ordinary 9P client. docs/gpu.md is the formats, the backends and the tolerance for people.
//!
//! Invariants: nothing of a bundle runs before every hash in it is found right; OK is said only of
//! a result that was computed, compared with a second computation on the CPU, and written; a job
//! id gets one last status, and what was said of it once is said again.
//!
//! Deliberately absent: leases and the queue (`core/gpu`), minting tickets.
#![forbid(unsafe_code)]

mod aside;
mod backend;
mod choose;
mod describe;
mod executor;
mod lane;
mod link;
mod mailbox;
mod measure;
mod mock;
mod nvidia;
mod pace;
mod record;
mod running;
mod serve;
mod shaders;

pub use backend::{Backend, DeviceInfo, Limits, RunError, Work};
pub use choose::{Choice, Grant, choose};
pub use executor::{Executor, Order, Report};
pub use gpu_bundle::{Cancel, Checked, LIST, Stopped, Watch, stage};
pub use link::Endpoint;
pub use measure::{Measured, measure};
pub use mock::Mock;
pub use nvidia::Nvidia;
pub use serve::{Options, Serving, serve};
pub use shaders::Shaders;
