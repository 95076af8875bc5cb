//! What differs between kernel families beyond their interface files.
//!
//! Object type numbers, the shape of CNode capability data and BootInfo's layout are in the
//! kernels' C headers only (`objecttype.h`, `structures.bf`, `bootinfo_types.h`), so they stand
//! here, once per family. Reference: seL4 5.0.0's and 13.0.0's libsel4 for AArch64.

use crate::bootinfo::Layout;

/// A family's constants.
#[derive(Debug, Clone, Copy)]
pub struct Generation {
    /// BootInfo.
    pub bootinfo: Layout,
    /// Object type of a VSpace's root table.
    pub vspace: u64,
    /// Object type of a 4 KiB page.
    pub page: u64,
    /// Object types of the tables below a VSpace's root, top down.
    pub tables: [u64; 3],
    /// Every right of a capability (`seL4_AllRights`).
    pub all_rights: u64,
}

/// seL4 5.0.0: PageGlobalDirectory, PageUpperDirectory, PageDirectory, PageTable.
pub const V5: Generation = Generation {
    bootinfo: Layout::V5,
    vspace: 7,
    page: 8,
    tables: [6, 11, 10],
    all_rights: 0b0111,
};

/// seL4 13 and later: one page-table type; GrantReply is a right of its own.
pub const V13: Generation =
    Generation { bootinfo: Layout::V13, vspace: 6, page: 7, tables: [9, 9, 9], all_rights: 0b1111 };

/// The family of the kernel that this image is built for.
#[cfg(sel4_generation = "5")]
pub const CURRENT: Generation = V5;
/// The family of the kernel that this image is built for.
#[cfg(sel4_generation = "13")]
pub const CURRENT: Generation = V13;

/// Data word of a CNode capability that makes a CNode of `bits` slots answer full-length
/// capability pointers: the guard is zero and takes the remaining bits.
///
/// 5.0.0: guard size at bit 2, 6 bits (and a guard value at bit 8); 13: guard size in bits 0..6.
#[must_use]
pub const fn cnode_data(v5: bool, bits: u32) -> u64 {
    let guard_bits = 64 - bits as u64;
    if v5 { guard_bits << 2 } else { guard_bits }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_16_slot_cnode_has_a_60_bit_guard() {
        assert_eq!(cnode_data(true, 4), 60 << 2);
        assert_eq!(cnode_data(false, 4), 60);
    }
}
