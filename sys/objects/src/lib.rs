//! Slots, untypeds, address spaces and processes.
#![no_std]
