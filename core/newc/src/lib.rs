//! Reader of newc cpio archives.
#![no_std]
