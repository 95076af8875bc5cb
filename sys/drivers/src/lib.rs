//! Device drivers.
#![no_std]
