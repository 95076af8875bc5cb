//! From BootInfo to what the root task works with: memory, console, timer interrupt, endpoint.

use abi::{Badge, Signals};
use drivers::rtc::{self, Clock};
use drivers::{Registers, console, timer};
use heapless::Vec;
use objects::Error;
use objects::device::Region;
use objects::memory::Memory;
use objects::process::RootCNode;
use objects::slots::Slots;
use objects::window::Window;
use runtime::root::Surroundings;
use sel4::{Endpoint, IrqHandler, Notification, Object, Page, Rights, initial};

use crate::tickets::Office;

/// Physical address of the PL011 on QEMU's `virt` machine.
const UART: u64 = 0x0900_0000;
/// The same of the PL031, the real-time clock.
const CLOCK: u64 = 0x0901_0000;
/// The same of fw_cfg.
const FW_CFG: u64 = 0x0902_0000;
/// Where the window lies in this task's address space: inside its first GiB, clear of the image.
const WINDOW: u64 = 0x3000_0000;
/// Smallest untyped that is worth keeping: a page.
const SMALLEST_BITS: u8 = 12;
/// Most device regions; the kernels list fewer.
const MAX_REGIONS: usize = 64;

/// Everything that the root task works with.
pub struct Hardware {
    pub memory: Memory<RootCNode>,
    pub window: Window,
    /// Where everybody's calls and faults arrive.
    pub endpoint: Endpoint,
    pub timer: IrqHandler,
    /// Rings each second, whatever others do to the timer.
    pub watch: Watch,
    /// The tickets' key and the time of day.
    pub office: Office,
    /// Device memory that is not given out.
    pub devices: Vec<Region, MAX_REGIONS>,
}

/// The real-time clock, which rings each second. Any process could stop the timer (see
/// docs/threat-model.md); nobody but this task can stop this.
pub struct Watch {
    interrupt: IrqHandler,
    clock: Clock,
}

impl Watch {
    /// Of its signals; the bit is a doorbell's, of which this task has none.
    const BADGE: Badge = Badge::FIRST_DOORBELL;

    /// Whether it is among these signals.
    pub fn rang(signals: Signals) -> bool {
        signals.doorbell(0)
    }

    /// Lets it ring again.
    pub fn ring_next_second(&self) -> Result<(), Error> {
        self.clock.ring_next_second();
        Ok(self.interrupt.acknowledge()?)
    }
}

/// Takes over what the kernel left.
pub fn take(surroundings: &Surroundings) -> Result<Hardware, Error> {
    let bootinfo = &surroundings.bootinfo;
    let mut memory = Memory::new(RootCNode, Slots::new(bootinfo.empty()));
    let mut regions: Vec<Region, MAX_REGIONS> = Vec::new();
    for region in bootinfo.untyped() {
        if region.is_device {
            // Regions past the limit are simply not used.
            let _ = regions.push(Region::new(region));
        } else if region.size_bits >= SMALLEST_BITS {
            memory.add(sel4::Cap::new(region.slot), region.size_bits)?;
        }
    }
    let mut window = Window::open(WINDOW, &mut memory)?;
    // In ascending order: so device memory is given out.
    console::attach(registers(UART, &mut window, &mut regions, memory.slots())?);
    let clock = registers(CLOCK, &mut window, &mut regions, memory.slots())?;
    let secrets = registers(FW_CFG, &mut window, &mut regions, memory.slots())?;
    let clock = Clock::new(clock);
    let office = Office::open(&secrets, &clock);
    let guard: Page = sel4::Cap::new(bootinfo.user_image_frames().start + surroundings.stack_guard);
    guard.unmap()?;
    initial::TCB.set_priority(manifest::ROOT_PRIORITY)?;
    let (endpoint, notification) = waiting_room(&mut memory)?;
    let slots = memory.slots();
    let timer = interrupt(timer::INTERRUPT, slots, notification, Badge::DEVICE)?;
    let watch =
        Watch { interrupt: interrupt(rtc::INTERRUPT, slots, notification, Watch::BADGE)?, clock };
    watch.ring_next_second()?;
    Ok(Hardware { memory, window, endpoint, timer, watch, office, devices: regions })
}

/// Maps the page of registers at the physical `address`.
fn registers(
    address: u64,
    window: &mut Window,
    regions: &mut [Region],
    slots: &mut Slots,
) -> Result<Registers, Error> {
    let region = regions.iter_mut().find(|region| region.contains(address));
    let page = region.ok_or(Error::NoDevice(address))?.page(address, slots)?;
    window.map_device(page)
}

/// The endpoint that this task waits on, and the notification that is bound to it.
fn waiting_room(memory: &mut Memory<RootCNode>) -> Result<(Endpoint, Notification), Error> {
    let piece = memory.take(SMALLEST_BITS)?;
    let slots = memory.slots().take(2)?;
    let untyped = memory.untyped(piece);
    untyped.retype(Object::Endpoint, sel4::SlotRange { count: 1, ..slots })?;
    let second = sel4::SlotRange { first: slots.first + 1, count: 1 };
    untyped.retype(Object::Notification, second)?;
    let notification = slots.cap(1);
    initial::TCB.bind_notification(notification)?;
    Ok((slots.cap(0), notification))
}

fn interrupt(
    number: u64,
    slots: &mut Slots,
    notification: Notification,
    badge: Badge,
) -> Result<IrqHandler, Error> {
    let run = slots.take(2)?;
    let badged: Notification = run.cap(1);
    initial::CNODE.mint(badged.pointer(), 64, notification, Rights::ALL, badge.0)?;
    let handler = initial::IRQ_CONTROL.handler(number, run.first)?;
    handler.set_notification(badged)?;
    Ok(handler)
}
