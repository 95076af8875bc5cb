//! Capabilities: a slot of the own CSpace and the type of what is in it.

use core::fmt;
use core::marker::PhantomData;

/// Address of a slot in the own CSpace (`seL4_CPtr`).
pub type CPtr = u64;

/// A capability to a `T`. Copying it copies the name, not the capability.
///
/// The type is a claim of whoever made the value: the kernel checks it on every use and answers
/// [`crate::Error::InvalidCapability`] where it is wrong, so a wrong claim is a bug, not unsafe.
pub struct Cap<T> {
    pointer: CPtr,
    object: PhantomData<fn() -> T>,
}

impl<T> Cap<T> {
    /// Names the slot `pointer`.
    #[must_use]
    pub const fn new(pointer: CPtr) -> Self {
        Self { pointer, object: PhantomData }
    }

    /// The slot.
    #[must_use]
    pub const fn pointer(self) -> CPtr {
        self.pointer
    }
}

impl<T> Clone for Cap<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Cap<T> {}

impl<T> PartialEq for Cap<T> {
    fn eq(&self, other: &Self) -> bool {
        self.pointer == other.pointer
    }
}

impl<T> Eq for Cap<T> {}

impl<T> fmt::Debug for Cap<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cap({})", self.pointer)
    }
}

/// Kinds of objects, for [`Cap`].
pub mod object {
    /// Memory that objects are made from.
    pub enum Untyped {}
    /// A thread.
    pub enum Tcb {}
    /// A rendezvous for messages.
    pub enum Endpoint {}
    /// A word of signals.
    pub enum Notification {}
    /// A table of slots.
    pub enum CNode {}
    /// The root table of an address space.
    pub enum VSpace {}
    /// A table below it.
    pub enum PageTable {}
    /// 4 KiB of memory.
    pub enum Page {}
    /// The right to claim interrupts.
    pub enum IrqControl {}
    /// One interrupt.
    pub enum IrqHandler {}
    /// A pool of address space identifiers.
    pub enum AsidPool {}
}

/// Capability to untyped memory.
pub type Untyped = Cap<object::Untyped>;
/// Capability to a thread.
pub type Tcb = Cap<object::Tcb>;
/// Capability to an endpoint.
pub type Endpoint = Cap<object::Endpoint>;
/// Capability to a notification.
pub type Notification = Cap<object::Notification>;
/// Capability to a CNode.
pub type CNode = Cap<object::CNode>;
/// Capability to an address space.
pub type VSpace = Cap<object::VSpace>;
/// Capability to a page table of any level.
pub type PageTable = Cap<object::PageTable>;
/// Capability to a 4 KiB page.
pub type Page = Cap<object::Page>;
/// Capability to interrupt control.
pub type IrqControl = Cap<object::IrqControl>;
/// Capability to one interrupt.
pub type IrqHandler = Cap<object::IrqHandler>;
/// Capability to an ASID pool.
pub type AsidPool = Cap<object::AsidPool>;

/// The first thread's capabilities (reference manual, "Initial Thread's Environment").
pub mod initial {
    use super::{AsidPool, CNode, Cap, IrqControl, Tcb, VSpace};

    /// Its own TCB.
    pub const TCB: Tcb = Cap::new(1);
    /// Its own CSpace.
    pub const CNODE: CNode = Cap::new(2);
    /// Its own address space.
    pub const VSPACE: VSpace = Cap::new(3);
    /// Interrupt control.
    pub const IRQ_CONTROL: IrqControl = Cap::new(4);
    /// An ASID pool.
    pub const ASID_POOL: AsidPool = Cap::new(6);
}

/// Consecutive slots of the own CSpace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotRange {
    /// First slot.
    pub first: CPtr,
    /// How many.
    pub count: u32,
}

impl SlotRange {
    /// A capability to the `T` in the slot `index` of the range.
    ///
    /// # Panics
    /// Where `index` lies outside: the owner of the range counted wrongly.
    #[must_use]
    pub fn cap<T>(self, index: u32) -> Cap<T> {
        assert!(index < self.count, "slot {index} of {}", self.count);
        Cap::new(self.first + u64::from(index))
    }
}

/// Rights of a capability (`seL4_CapRights_t`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rights(pub u64);

impl Rights {
    /// Map or receive only.
    pub const READ: Self = Self(0b010);
    /// Send or signal only.
    pub const WRITE: Self = Self(0b001);
    /// Map writable.
    pub const READ_WRITE: Self = Self(0b011);
}

/// Attributes of a mapping (`seL4_ARM_VMAttributes`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VmAttributes(pub u64);

impl VmAttributes {
    /// Ordinary memory that may hold code.
    pub const EXECUTABLE: Self = Self(0b011);
    /// Ordinary memory, never executed.
    pub const DATA: Self = Self(0b111);
    /// Device registers: uncached, never executed.
    pub const DEVICE: Self = Self(0b100);
}
