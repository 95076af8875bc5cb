//! Who a message comes from.
//!
//! The kernel delivers the badge of the capability that was used, so a process cannot lie about
//! it. seL4 5.0.0 keeps 28 bits of an endpoint's badge; these use 27 and leave the top one to
//! notifications: bit 27 interrupt, bit 26 fault, bits 8..26 generation, bits 0..8 index.

const INTERRUPT: u64 = 1 << 27;
const FAULT: u64 = 1 << 26;
const GENERATION_SHIFT: u32 = 8;
const GENERATIONS: u32 = 1 << (26 - GENERATION_SHIFT);

/// A process, once: an index into the root task's table and how often it was reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessId {
    /// Index into the process table.
    pub index: u8,
    /// Goes up each time the index is reused; wraps at 2^18.
    pub generation: u32,
}

impl ProcessId {
    /// The id that `index` gets next.
    #[must_use]
    pub fn successor(self) -> Self {
        Self { index: self.index, generation: (self.generation + 1) % GENERATIONS }
    }
}

/// Badge of an endpoint or notification capability.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Badge(pub u64);

/// What a badge means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// An interrupt, through the notification bound to the thread.
    Interrupt,
    /// The kernel, on behalf of a thread that faulted.
    Fault(ProcessId),
    /// A process that called.
    Call(ProcessId),
}

impl Badge {
    /// Badge of the timer's notification.
    pub const INTERRUPT: Self = Self(INTERRUPT);

    /// Badge of a process' capability to the root task's service.
    #[must_use]
    pub fn call(id: ProcessId) -> Self {
        Self(u64::from(id.generation % GENERATIONS) << GENERATION_SHIFT | u64::from(id.index))
    }

    /// Badge of a process' fault handler.
    #[must_use]
    pub fn fault(id: ProcessId) -> Self {
        Self(Self::call(id).0 | FAULT)
    }

    /// Reads a badge. Interrupt badges are or-ed together by the kernel, so that bit decides.
    #[must_use]
    pub fn origin(self) -> Origin {
        if self.0 & INTERRUPT != 0 {
            return Origin::Interrupt;
        }
        let id = ProcessId {
            index: (self.0 & 0xff) as u8,
            generation: (self.0 & (FAULT - 1)) as u32 >> GENERATION_SHIFT,
        };
        if self.0 & FAULT != 0 { Origin::Fault(id) } else { Origin::Call(id) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn badges_fit_28_bits_and_read_back() {
        for generation in [0, 1, 0xff, GENERATIONS - 1] {
            for index in [0, 1, 254, 255] {
                let id = ProcessId { index, generation };
                assert_eq!(Badge::call(id).origin(), Origin::Call(id));
                assert_eq!(Badge::fault(id).origin(), Origin::Fault(id));
                assert!(Badge::fault(id).0 < 1 << 28);
            }
        }
        assert_eq!(Badge::INTERRUPT.origin(), Origin::Interrupt);
        const { assert!(Badge::INTERRUPT.0 < 1 << 28) };
    }

    #[test]
    fn a_reused_index_gets_another_badge() {
        let first = ProcessId { index: 7, generation: GENERATIONS - 1 };
        let second = first.successor();
        assert_eq!(second, ProcessId { index: 7, generation: 0 });
        assert_ne!(Badge::call(first), Badge::call(second));
    }
}
