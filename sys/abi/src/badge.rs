//! Who a message comes from.
//!
//! The kernel delivers the badge of the capability that was used, so a process cannot lie about
//! it. seL4 5.0.0 keeps 28 bits of an endpoint's badge; these use 27 and leave the top one to
//! notifications: bit 27 signal, bit 26 fault, bits 8..26 generation, bits 0..8 index. In a
//! signal bit 16 is the interrupt of one's own device, bit 17 says that the root task has news, and
//! bits 0..8 are doorbells.

const SIGNAL: u64 = 1 << 27;
const DEVICE: u64 = 1 << 16;
const NEWS: u64 = 1 << 17;
const DOORBELLS: u64 = 0xff;
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

/// Signals that arrived together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signals(u64);

impl Signals {
    /// The interrupt of one's own device is among them.
    #[must_use]
    pub fn device(self) -> bool {
        self.0 & DEVICE != 0
    }

    /// The root task has news: a worker ended, or an alarm is due.
    #[must_use]
    pub fn news(self) -> bool {
        self.0 & NEWS != 0
    }

    /// The doorbell of the region with this number among one's own is among them.
    #[must_use]
    pub fn doorbell(self, region: u32) -> bool {
        region < DOORBELLS.count_ones() && self.0 >> region & 1 != 0
    }
}

/// What a badge means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Signals, through the notification bound to the thread.
    Signal(Signals),
    /// The kernel, on behalf of a thread that faulted.
    Fault(ProcessId),
    /// A process that called.
    Call(ProcessId),
}

impl Badge {
    /// Badge of the interrupt of one's own device.
    pub const DEVICE: Self = Self(SIGNAL | DEVICE);

    /// Badge of the root task's news.
    pub const NEWS: Self = Self(SIGNAL | NEWS);

    /// Badge of the first doorbell.
    pub const FIRST_DOORBELL: Self = Self(SIGNAL | 1);

    /// Badge of the doorbell that rings at the receiver's region number `region`, below 8.
    #[must_use]
    pub fn doorbell(region: u32) -> Self {
        Self(SIGNAL | (1 << region & DOORBELLS))
    }

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

    /// Reads a badge. Signals' badges are or-ed together by the kernel, so their bit decides.
    #[must_use]
    pub fn origin(self) -> Origin {
        if self.0 & SIGNAL != 0 {
            return Origin::Signal(Signals(self.0));
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
    }

    #[test]
    fn signals_that_came_together_are_told_apart() {
        let together = Badge(Badge::DEVICE.0 | Badge::doorbell(0).0 | Badge::doorbell(7).0);
        let Origin::Signal(signals) = together.origin() else { panic!("a signal") };
        assert!(signals.device() && signals.doorbell(0) && signals.doorbell(7));
        assert!(!signals.doorbell(1) && !signals.doorbell(8) && !signals.doorbell(16));
        let Origin::Signal(one) = Badge::doorbell(3).origin() else { panic!("a signal") };
        assert!(!one.device() && !one.news());
        let Origin::Signal(news) = Badge::NEWS.origin() else { panic!("a signal") };
        assert!(news.news() && !news.device() && !(0..8).any(|region| news.doorbell(region)));
        const { assert!(Badge::NEWS.0 < 1 << 28) };
        assert!(together.0 < 1 << 28);
    }

    #[test]
    fn a_reused_index_gets_another_badge() {
        let first = ProcessId { index: 7, generation: GENERATIONS - 1 };
        let second = first.successor();
        assert_eq!(second, ProcessId { index: 7, generation: 0 });
        assert_ne!(Badge::call(first), Badge::call(second));
    }
}
