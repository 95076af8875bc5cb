//! A process: thread, address space, CSpace and IPC buffer out of one untyped of its own.

use elf_image::plan::{Plan, TABLE_SPAN};
use elf_image::{Access, Image, PAGE};
use heapless::Vec;
use sel4::{
    CNode, CPtr, Cap, Endpoint, Notification, Object, Page, PageTable, Registers, Rights,
    SlotRange, Tcb, ThreadSetup, Untyped, VSpace, VmAttributes, initial,
};

use crate::Error;
use crate::memory::{Kernel, Memory, Piece};
use crate::window::Window;

/// Most pages that one `Untyped_Retype` makes (`CONFIG_RETYPE_FAN_OUT_LIMIT`).
const FAN_OUT: u32 = 256;

/// The kernel, for [`Memory`].
#[derive(Debug)]
pub struct RootCNode;

impl Kernel for RootCNode {
    fn split(&mut self, parent: Untyped, bits: u32, halves: SlotRange) -> sel4::Result<()> {
        parent.retype(Object::Untyped(bits), halves)
    }

    fn delete(&mut self, slot: u64) -> sel4::Result<()> {
        initial::CNODE.delete(slot)
    }

    fn revoke(&mut self, untyped: Untyped) -> sel4::Result<()> {
        initial::CNODE.revoke(untyped.pointer())
    }
}

/// A capability that a process gets at its start.
#[derive(Debug, Clone, Copy)]
pub struct Grant {
    /// Where in its CSpace.
    pub slot: u64,
    /// Slot of the capability that it gets a copy of.
    pub source: CPtr,
    /// What it may do with it.
    pub rights: Rights,
    /// Badge on everything that it sends there.
    pub badge: u64,
}

impl Grant {
    /// The right to call `endpoint`, and not to receive from it: what others send there is not
    /// the caller's. A call needs Grant: without it the kernel lets the caller hang without a
    /// reply.
    #[must_use]
    pub fn call(slot: u64, endpoint: Endpoint, badge: u64) -> Self {
        Self { slot, source: endpoint.pointer(), rights: Rights::CALL, badge }
    }
}

/// Most mappings of a process.
pub const MAX_MAPPINGS: usize = abi::startup::MAX_AREAS;

/// Pages that are not the process' own: shared or a device's.
#[derive(Debug, Clone, Copy)]
pub struct Mapping {
    /// Where: a multiple of 2 MiB from [`elf_image::plan::MAPPINGS`] on.
    pub address: u64,
    /// Capabilities to the pages that no other mapping uses.
    pub pages: SlotRange,
    /// How they are cached; never executable.
    pub attributes: VmAttributes,
}

impl Mapping {
    /// Number of page tables that it takes.
    #[must_use]
    pub fn tables(&self) -> u32 {
        self.pages.count.div_ceil((TABLE_SPAN / PAGE) as u32)
    }
}

/// How to make a process.
#[derive(Debug, Clone, Copy)]
pub struct Recipe<'a> {
    /// Its checked image.
    pub image: &'a Image<'a>,
    /// What it needs.
    pub plan: Plan,
    /// Memory that it is made from: log2 of the bytes.
    pub memory_bits: u8,
    /// Its priority.
    pub priority: u8,
    /// Its second argument; the first is the address of its IPC buffer.
    pub argument: u64,
    /// What it may reach.
    pub grants: &'a [Grant],
    /// What is mapped besides its own.
    pub mappings: &'a [Mapping],
    /// Where its signals arrive.
    pub notification: Option<Notification>,
    /// For `abi::startup::OFFSET` in the IPC buffer's page.
    pub startup: &'a [u8],
    /// For `abi::workers::OFFSET` there.
    pub birth: &'a [u8],
}

/// A process.
#[derive(Debug)]
pub struct Process {
    piece: Piece,
    slots: SlotRange,
    tcb: Tcb,
    endpoint: Option<Endpoint>,
    notification: Option<Notification>,
    plan: Plan,
    memory_bits: u8,
    mappings: Vec<SlotRange, MAX_MAPPINGS>,
}

/// Hands out consecutive slots of a process' run and fills them.
struct Maker {
    untyped: Untyped,
    slots: SlotRange,
    next: u32,
}

impl Maker {
    fn make(&mut self, object: Object, count: u32) -> Result<SlotRange, Error> {
        let run = SlotRange { first: self.slots.first + u64::from(self.next), count };
        assert!(self.next + count <= self.slots.count, "the plan counted every slot");
        let mut done = 0;
        while done < count {
            let step = (count - done).min(FAN_OUT);
            let part = SlotRange { first: run.first + u64::from(done), count: step };
            self.untyped.retype(object, part)?;
            done += step;
        }
        self.next += count;
        Ok(run)
    }

    fn one<T>(&mut self, object: Object) -> Result<Cap<T>, Error> {
        Ok(self.make(object, 1)?.cap(0))
    }
}

impl Process {
    /// Makes and starts a process. On an error nothing of it is left.
    pub fn spawn(
        memory: &mut Memory<RootCNode>,
        window: &mut Window,
        recipe: &Recipe,
    ) -> Result<Self, Error> {
        let piece = memory.take(recipe.memory_bits)?;
        let slots = match memory.slots().take(recipe.plan.slots()) {
            Ok(slots) => slots,
            Err(error) => {
                memory.give_back(piece);
                return Err(error);
            }
        };
        let maker = Maker { untyped: memory.untyped(piece), slots, next: 0 };
        match build(maker, window, recipe) {
            Ok(Built { tcb, endpoint, notification }) => {
                let mappings = recipe.mappings.iter().map(|mapping| mapping.pages);
                let mappings = mappings.take(MAX_MAPPINGS).collect();
                let (plan, memory_bits) = (recipe.plan, recipe.memory_bits);
                Ok(Self { piece, slots, tcb, endpoint, notification, plan, memory_bits, mappings })
            }
            Err(error) => {
                unmap(recipe.mappings.iter().map(|mapping| mapping.pages));
                memory.give_back(piece);
                memory.slots().give_back(slots);
                Err(error)
            }
        }
    }

    /// Endpoint that the process serves. It goes with the process, and so do all copies.
    #[must_use]
    pub fn endpoint(&self) -> Option<Endpoint> {
        self.endpoint
    }

    /// The notification of its own, which goes with the process.
    #[must_use]
    pub fn notification(&self) -> Option<Notification> {
        self.notification
    }

    /// What was made for it.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The untyped memory that it was made from, in bytes.
    #[must_use]
    pub fn memory(&self) -> u64 {
        1 << self.memory_bits
    }

    /// Pages that are mapped for it and that are not its own.
    #[must_use]
    pub fn shared_pages(&self) -> u32 {
        self.mappings.iter().map(|pages| pages.count).sum()
    }

    /// Number of slots of the root CNode that it takes.
    #[must_use]
    pub fn slot_count(&self) -> u32 {
        self.slots.count
    }

    /// Ends the process: stops the thread, then revokes its untyped, which deletes every object
    /// of it and every capability to them, wherever those are.
    ///
    /// # Panics
    /// Where the kernel refuses: the book would be wrong.
    pub fn kill(self, memory: &mut Memory<RootCNode>) {
        self.tcb.suspend().expect("the thread exists until its untyped is revoked");
        unmap(self.mappings.iter().copied());
        memory.give_back(self.piece);
        memory.slots().give_back(self.slots);
    }
}

/// What a process is known by afterwards.
struct Built {
    tcb: Tcb,
    endpoint: Option<Endpoint>,
    notification: Option<Notification>,
}

/// Makes every object of a process, in order of size, and starts it.
fn build(mut maker: Maker, window: &mut Window, recipe: &Recipe) -> Result<Built, Error> {
    let plan = &recipe.plan;
    let vspace: VSpace = maker.one(Object::VSpace)?;
    initial::ASID_POOL.assign(vspace)?;
    map_tables(&mut maker, vspace, plan)?;
    for mapping in recipe.mappings {
        map_others(&mut maker, vspace, mapping)?;
    }
    let pages = maker.make(Object::Page, plan.pages())?;
    load_image(window, vspace, recipe.image, pages)?;
    let stack = (0..plan.stack_pages).map(|i| plan.image_pages + i);
    for (index, address) in stack.zip((plan.stack_bottom..).step_by(PAGE as usize)) {
        map_data(pages.cap(index), vspace, address)?;
    }
    let ipc_page: Page = pages.cap(plan.pages() - 1);
    window.fill(ipc_page, abi::startup::OFFSET, recipe.startup, false)?;
    if !recipe.birth.is_empty() {
        window.fill(ipc_page, abi::workers::OFFSET, recipe.birth, false)?;
    }
    map_data(ipc_page, vspace, plan.ipc_buffer)?;
    let tcb: Tcb = maker.one(Object::Tcb)?;
    let cnode: CNode = maker.one(Object::CNode(abi::slot::COUNT_BITS))?;
    let notification = if plan.notified { Some(maker.one(Object::Notification)?) } else { None };
    if let Some(own) = notification {
        cnode.mint(abi::slot::NOTIFICATION, abi::slot::COUNT_BITS, own, Rights::READ, 0)?;
    }
    let endpoint = if plan.serves { Some(maker.one(Object::Endpoint)?) } else { None };
    if let Some(endpoint) = endpoint {
        cnode.mint(abi::slot::SERVED, abi::slot::COUNT_BITS, endpoint, Rights::READ, 0)?;
    }
    for grant in recipe.grants {
        let Grant { slot, source, rights, badge } = *grant;
        cnode.mint(slot, abi::slot::COUNT_BITS, Endpoint::new(source), rights, badge)?;
    }
    tcb.configure(&ThreadSetup {
        cnode,
        cnode_bits: abi::slot::COUNT_BITS,
        vspace,
        fault_slot: abi::slot::FAULT,
        ipc_buffer: (ipc_page, plan.ipc_buffer),
        priority: recipe.priority,
    })?;
    if let Some(notification) = recipe.notification {
        tcb.bind_notification(notification)?;
    }
    let arguments = [plan.ipc_buffer, recipe.argument];
    tcb.start(&Registers { pc: recipe.image.entry, sp: plan.stack_top, arguments })?;
    Ok(Built { tcb, endpoint, notification })
}

fn map_tables(maker: &mut Maker, vspace: VSpace, plan: &Plan) -> Result<(), Error> {
    for level in 0..2 {
        let table: PageTable = maker.one(Object::PageTable(level))?;
        table.map(level, vspace, plan.tables_start)?;
    }
    let lowest = maker.make(Object::PageTable(2), plan.lowest_tables)?;
    for index in 0..plan.lowest_tables {
        let table: PageTable = lowest.cap(index);
        table.map(2, vspace, plan.tables_start + u64::from(index) * TABLE_SPAN)?;
    }
    Ok(())
}

fn map_others(maker: &mut Maker, vspace: VSpace, mapping: &Mapping) -> Result<(), Error> {
    let tables = maker.make(Object::PageTable(2), mapping.tables())?;
    for index in 0..tables.count {
        let table: PageTable = tables.cap(index);
        table.map(2, vspace, mapping.address + u64::from(index) * TABLE_SPAN)?;
    }
    for index in 0..mapping.pages.count {
        let page: Page = mapping.pages.cap(index);
        let address = mapping.address + u64::from(index) * PAGE;
        page.map(vspace, address, Rights::READ_WRITE, mapping.attributes)?;
    }
    Ok(())
}

/// Makes pages that outlive a process ready to be mapped again.
fn unmap(mappings: impl Iterator<Item = SlotRange>) {
    for pages in mappings {
        for index in 0..pages.count {
            let page: Page = pages.cap(index);
            page.unmap().expect("a page can be unmapped, mapped or not");
        }
    }
}

fn map_data(page: Page, vspace: VSpace, address: u64) -> Result<(), Error> {
    Ok(page.map(vspace, address, Rights::READ_WRITE, VmAttributes::DATA)?)
}

/// Fills and maps the image's pages, each with its segment's rights and no more.
fn load_image(
    window: &mut Window,
    vspace: VSpace,
    image: &Image,
    pages: SlotRange,
) -> Result<(), Error> {
    let mut index = 0;
    for segment in &image.segments {
        let (rights, attributes) = match segment.access {
            Access::Read => (Rights::READ, VmAttributes::DATA),
            Access::ReadWrite => (Rights::READ_WRITE, VmAttributes::DATA),
            Access::ReadExecute => (Rights::READ, VmAttributes::EXECUTABLE),
        };
        for address in segment.pages().step_by(PAGE as usize) {
            let page: Page = pages.cap(index);
            let (offset, data) = segment.page_data(address);
            if !data.is_empty() {
                window.fill(page, offset, data, segment.access == Access::ReadExecute)?;
            }
            page.map(vspace, address, rights, attributes)?;
            index += 1;
        }
    }
    Ok(())
}
