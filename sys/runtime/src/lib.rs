//! Start-up of a process.
#![no_std]
