//! One file for each client.
#![forbid(unsafe_code)]

mod codec;
mod diod;
mod ninep;
mod p9fs;
mod v9fs;
