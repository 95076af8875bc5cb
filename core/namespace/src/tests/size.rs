//! How much memory a tree takes: all of it is there from the start.

use super::world::{Machine, Tested};
use crate::{Gpus, Line, MAX_WORKERS, Namespace, Place};

/// Connections that can write control lines: 24 of the host, 7 inside, one to spare.
const CONNECTIONS: usize = 32;

#[test]
fn a_tree_with_every_place_fits_its_budget() {
    let tree = size_of::<Namespace<()>>();
    let places = MAX_WORKERS * size_of::<Place>();
    let lines = CONNECTIONS * size_of::<Line>();
    let gpus = size_of::<Gpus>();
    std::println!("tree {tree} bytes, {MAX_WORKERS} places {places}, {CONNECTIONS} lines {lines}");
    std::println!("gpus {gpus} bytes");
    assert!(tree + places + lines <= 1600 << 10, "{tree} + {places} + {lines}");
    assert!(gpus <= 320 << 10, "{gpus}");
    // What stands on somebody's stack for a moment.
    assert!(size_of::<Tested>() - size_of::<Machine>() <= 256 << 10);
}
