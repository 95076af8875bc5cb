//! Typed seL4 capabilities.
#![no_std]
