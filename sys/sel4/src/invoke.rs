//! Operations on kernel objects.
//!
//! Argument orders are those of the interface files; the reference manual's "API Reference"
//! names each. Where the families differ, both forms stand side by side under `cfg`.

use crate::abi::label;
use crate::cap::{
    AsidPool, CNode, Cap, Endpoint, IrqControl, IrqHandler, Notification, Page, PageTable, Rights,
    SlotRange, Tcb, Untyped, VSpace, VmAttributes,
};
use crate::error::{Error, Result};
use crate::generation::{CURRENT, cnode_data};
use crate::message::{MAX_WORDS, MessageInfo, REGISTERS, decode, encode};
use crate::syscall::{self, Message, with_ipc_buffer};

/// Depth that reaches a slot of the root CNode (`seL4_WordBits`).
const ROOT_DEPTH: u64 = 64;

/// The kernel objects that this system makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Object {
    /// Smaller untyped memory of 2^bits bytes.
    Untyped(u32),
    /// A thread.
    Tcb,
    /// An endpoint.
    Endpoint,
    /// A notification.
    Notification,
    /// A CNode of 2^bits slots.
    CNode(u32),
    /// An address space's root table.
    VSpace,
    /// The table of the given level below it: 0 to 2, top down.
    PageTable(usize),
    /// A 4 KiB page.
    Page,
}

impl Object {
    /// The kernel's type number and size argument.
    fn type_and_bits(self) -> (u64, u64) {
        match self {
            Self::Untyped(bits) => (0, u64::from(bits)),
            Self::Tcb => (1, 0),
            Self::Endpoint => (2, 0),
            Self::Notification => (3, 0),
            Self::CNode(bits) => (4, u64::from(bits)),
            Self::VSpace => (CURRENT.vspace, 0),
            Self::PageTable(level) => (CURRENT.tables[level.min(2)], 0),
            Self::Page => (CURRENT.page, 0),
        }
    }
}

fn invoke(pointer: u64, label: u64, caps: &[u64], words: &[u64]) -> Result<Message> {
    let (info, registers) = with_ipc_buffer(|buffer| encode(buffer, label, caps, words));
    let answer = syscall::call(pointer, info, registers);
    Error::from_label(answer.info.label()).map(|()| answer)
}

impl Untyped {
    /// Makes one `object` in each slot of `destination` (`seL4_Untyped_Retype`).
    pub fn retype(self, object: Object, destination: SlotRange) -> Result<()> {
        let (kind, bits) = object.type_and_bits();
        let root = crate::initial::CNODE.pointer();
        let words = [kind, bits, 0, 0, destination.first, u64::from(destination.count)];
        invoke(self.pointer(), label::UNTYPED_RETYPE, &[root], &words).map(drop)
    }
}

impl CNode {
    /// Deletes the capability in `slot` (`seL4_CNode_Delete`).
    pub fn delete(self, slot: u64) -> Result<()> {
        invoke(self.pointer(), label::C_NODE_DELETE, &[], &[slot, ROOT_DEPTH]).map(drop)
    }

    /// Deletes everything derived from the capability in `slot` (`seL4_CNode_Revoke`).
    pub fn revoke(self, slot: u64) -> Result<()> {
        invoke(self.pointer(), label::C_NODE_REVOKE, &[], &[slot, ROOT_DEPTH]).map(drop)
    }

    /// Copies `source` of the root CNode into `slot` of this one, resolved at `depth` bits, with
    /// `badge` (`seL4_CNode_Mint`).
    pub fn mint<T>(
        self,
        slot: u64,
        depth: u32,
        source: Cap<T>,
        rights: Rights,
        badge: u64,
    ) -> Result<()> {
        let root = crate::initial::CNODE.pointer();
        let words = [slot, u64::from(depth), source.pointer(), ROOT_DEPTH, rights.0, badge];
        invoke(self.pointer(), label::C_NODE_MINT, &[root], &words).map(drop)
    }
}

impl Rights {
    /// Every right.
    pub const ALL: Self = Self(CURRENT.all_rights);
    /// Send and call, not receive.
    pub const CALL: Self = Self(CURRENT.all_rights & !Self::READ.0);
}

impl AsidPool {
    /// Gives an address space its identifier (`seL4_ARM_ASIDPool_Assign`).
    pub fn assign(self, vspace: VSpace) -> Result<()> {
        invoke(self.pointer(), label::ARM_ASID_POOL_ASSIGN, &[vspace.pointer()], &[]).map(drop)
    }
}

#[cfg(sel4_generation = "5")]
const TABLE_MAP: [u64; 3] =
    [label::ARM_PAGE_UPPER_DIRECTORY_MAP, label::ARM_PAGE_DIRECTORY_MAP, label::ARM_PAGE_TABLE_MAP];
#[cfg(sel4_generation = "13")]
const TABLE_MAP: [u64; 3] = [label::ARM_PAGE_TABLE_MAP; 3];

impl PageTable {
    /// Hangs this table of the given level (0 to 2, top down) into `vspace` at `address`.
    pub fn map(self, level: usize, vspace: VSpace, address: u64) -> Result<()> {
        let words = [address, VmAttributes::EXECUTABLE.0];
        invoke(self.pointer(), TABLE_MAP[level.min(2)], &[vspace.pointer()], &words).map(drop)
    }
}

impl Page {
    /// Maps the page (`seL4_ARM_Page_Map`).
    pub fn map(
        self,
        vspace: VSpace,
        address: u64,
        rights: Rights,
        attributes: VmAttributes,
    ) -> Result<()> {
        let words = [address, rights.0, attributes.0];
        invoke(self.pointer(), label::ARM_PAGE_MAP, &[vspace.pointer()], &words).map(drop)
    }

    /// Unmaps the page.
    pub fn unmap(self) -> Result<()> {
        invoke(self.pointer(), label::ARM_PAGE_UNMAP, &[], &[]).map(drop)
    }

    /// Makes what was written to the mapped page visible to instruction fetch.
    pub fn unify_instruction(self) -> Result<()> {
        invoke(self.pointer(), label::ARM_PAGE_UNIFY_INSTRUCTION, &[], &[0, 4096]).map(drop)
    }

    /// Physical address of the page.
    pub fn address(self) -> Result<u64> {
        invoke(self.pointer(), label::ARM_PAGE_GET_ADDRESS, &[], &[]).map(|m| m.registers[0])
    }
}

/// What a thread is made of.
#[derive(Debug, Clone, Copy)]
pub struct ThreadSetup {
    /// Its CSpace.
    pub cnode: CNode,
    /// log2 of the slots in it.
    pub cnode_bits: u32,
    /// Its address space.
    pub vspace: VSpace,
    /// Slot in its CSpace of the endpoint for its faults.
    pub fault_slot: u64,
    /// Its IPC buffer's page and where it is mapped there.
    pub ipc_buffer: (Page, u64),
    /// Its priority.
    pub priority: u8,
}

/// First registers of a thread (`seL4_UserContext`: pc, sp, spsr, x0, x1).
#[derive(Debug, Clone, Copy)]
pub struct Registers {
    /// Entry point.
    pub pc: u64,
    /// Stack pointer.
    pub sp: u64,
    /// First and second argument.
    pub arguments: [u64; 2],
}

impl Tcb {
    /// Gives the thread its spaces, fault handler, IPC buffer and priority. It can not raise its
    /// own priority: the maximum it controls is 0.
    #[cfg(sel4_generation = "5")]
    pub fn configure(self, setup: &ThreadSetup) -> Result<()> {
        let (page, address) = setup.ipc_buffer;
        let caps = [setup.cnode.pointer(), setup.vspace.pointer(), page.pointer()];
        let data = cnode_data(true, setup.cnode_bits);
        let words = [setup.fault_slot, u64::from(setup.priority), data, 0, address];
        invoke(self.pointer(), label::TCB_CONFIGURE, &caps, &words).map(drop)
    }

    /// Gives the thread its spaces, fault handler, IPC buffer and priority. It can not raise its
    /// own priority: the maximum it controls is 0.
    #[cfg(sel4_generation = "13")]
    pub fn configure(self, setup: &ThreadSetup) -> Result<()> {
        let (page, address) = setup.ipc_buffer;
        let caps = [setup.cnode.pointer(), setup.vspace.pointer(), page.pointer()];
        let data = cnode_data(false, setup.cnode_bits);
        let words = [setup.fault_slot, data, 0, address];
        invoke(self.pointer(), label::TCB_CONFIGURE, &caps, &words)?;
        let authority = [crate::initial::TCB.pointer()];
        let words = [0, u64::from(setup.priority)];
        invoke(self.pointer(), label::TCB_SET_SCHED_PARAMS, &authority, &words)?;
        invoke(self.pointer(), label::TCB_SET_TLS_BASE, &[], &[address]).map(drop)
    }

    /// Sets the priority.
    pub fn set_priority(self, priority: u8) -> Result<()> {
        let authority = [crate::initial::TCB.pointer()];
        let caps: &[u64] = if cfg!(sel4_generation = "5") { &[] } else { &authority };
        invoke(self.pointer(), label::TCB_SET_PRIORITY, caps, &[u64::from(priority)]).map(drop)
    }

    /// Sets the first registers and starts the thread.
    pub fn start(self, registers: &Registers) -> Result<()> {
        const RESUME: u64 = 1;
        let [x0, x1] = registers.arguments;
        let words = [RESUME, 5, registers.pc, registers.sp, 0, x0, x1];
        invoke(self.pointer(), label::TCB_WRITE_REGISTERS, &[], &words).map(drop)
    }

    /// Stops the thread; a message it was sending or waiting for is dropped.
    pub fn suspend(self) -> Result<()> {
        invoke(self.pointer(), label::TCB_SUSPEND, &[], &[]).map(drop)
    }

    /// Lets the thread's `recv` on an endpoint return signals of `notification` too.
    pub fn bind_notification(self, notification: Notification) -> Result<()> {
        let caps = [notification.pointer()];
        invoke(self.pointer(), label::TCB_BIND_NOTIFICATION, &caps, &[]).map(drop)
    }
}

impl IrqControl {
    /// Puts a handler for the interrupt `number` (GIC INTID) into `slot` of the root CNode.
    pub fn handler(self, number: u64, slot: u64) -> Result<IrqHandler> {
        let root = crate::initial::CNODE.pointer();
        let words = [number, slot, ROOT_DEPTH];
        invoke(self.pointer(), label::IRQ_ISSUE_IRQ_HANDLER, &[root], &words)?;
        Ok(Cap::new(slot))
    }
}

impl IrqHandler {
    /// Sends the interrupt to `notification` from now on.
    pub fn set_notification(self, notification: Notification) -> Result<()> {
        let caps = [notification.pointer()];
        invoke(self.pointer(), label::IRQ_SET_IRQ_HANDLER, &caps, &[]).map(drop)
    }

    /// Lets the next interrupt come.
    pub fn acknowledge(self) -> Result<()> {
        invoke(self.pointer(), label::IRQ_ACK_IRQ, &[], &[]).map(drop)
    }
}

impl Notification {
    /// Waits for signals and returns their badges, or-ed together.
    pub fn wait(self) -> u64 {
        syscall::recv(self.pointer()).badge
    }

    /// Signals whoever waits.
    pub fn signal(self) {
        syscall::send(self.pointer(), MessageInfo::new(0, 0, 0), [0; REGISTERS]);
    }
}

impl Endpoint {
    /// Sends up to four words and waits for the answer: no memory is touched.
    #[inline(always)]
    pub fn call(self, label: u64, words: [u64; REGISTERS], count: usize) -> Message {
        syscall::call(self.pointer(), MessageInfo::new(label, 0, count), words)
    }

    /// Sends up to [`MAX_WORDS`] words and waits for the answer.
    pub fn call_words(self, label: u64, words: &[u64]) -> Message {
        let (info, registers) = with_ipc_buffer(|buffer| encode(buffer, label, &[], words));
        syscall::call(self.pointer(), info, registers)
    }

    /// Waits for a message.
    #[inline(always)]
    pub fn recv(self) -> Message {
        syscall::recv(self.pointer())
    }

    /// Takes a message if one is there.
    #[inline(always)]
    pub fn nb_recv(self) -> Option<Message> {
        Some(syscall::nb_recv(self.pointer())).filter(|message| message.badge != 0)
    }

    /// Answers the last caller with up to [`MAX_WORDS`] words and waits for the next message.
    pub fn reply_recv_words(self, label: u64, words: &[u64]) -> Message {
        let (info, registers) = with_ipc_buffer(|buffer| encode(buffer, label, &[], words));
        syscall::reply_recv(self.pointer(), info, registers)
    }

    /// Answers the last caller with up to four words and waits for the next message.
    #[inline(always)]
    pub fn reply_recv(self, label: u64, words: [u64; REGISTERS], count: usize) -> Message {
        syscall::reply_recv(self.pointer(), MessageInfo::new(label, 0, count), words)
    }
}

impl Message {
    /// All words of the message. To be called before the next system call overwrites them.
    pub fn words<'a>(&self, words: &'a mut [u64; MAX_WORDS]) -> &'a [u64] {
        with_ipc_buffer(|buffer| decode(buffer, self.info, self.registers, words))
    }
}
