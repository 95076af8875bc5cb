//! Labels, badges and messages between processes.
#![no_std]
