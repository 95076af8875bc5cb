//! One file for each client.
#![forbid(unsafe_code)]

/// In every test's name, so that `./cohesix test --only interop::` runs them all.
mod interop {
    mod codec;
    mod diod;
    mod ninep;
    mod p9fs;
    mod v9fs;
}
