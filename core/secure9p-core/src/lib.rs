//! The server side of a 9P connection, without input and output.
#![no_std]
#![forbid(unsafe_code)]

mod error;
mod tree;

pub use error::{Ename, Error};
pub use tree::{
    Access, AccessPolicy, ConnectionId, Entry, FileName, Found, MAX_NAME, OpenMode, Read, Stat,
    Tree, Write,
};
