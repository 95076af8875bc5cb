//! Generates the kernel ABI from interface files.
#![no_std]
