//! How much memory a tree takes: all of it is there from the start.

use super::world::{Machine, Tested};
use crate::{MAX_WORKERS, Namespace, Place};

#[test]
fn a_tree_with_every_place_fits_its_budget() {
    let tree = size_of::<Namespace<()>>();
    let places = MAX_WORKERS * size_of::<Place>();
    std::println!("tree {tree} bytes, {MAX_WORKERS} places {places} bytes");
    assert!(tree + places <= 1600 << 10, "{tree} + {places}");
    assert!(size_of::<Tested>() - size_of::<Machine>() <= 512 << 10);
}
