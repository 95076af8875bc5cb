//! Command line of the build, run and test tool.
fn main() {}
