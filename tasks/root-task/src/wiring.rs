//! What connects processes: shared regions, doorbells, devices.
//!
//! Made once at boot and kept for good: a process that is started again is connected to the same
//! pages and notifications. Each side of a region has page capabilities of its own, because a
//! capability remembers one mapping.

use abi::startup::{Area, Kind};
use abi::{Badge, slot};
use elf_image::PAGE;
use elf_image::plan::{MAPPINGS, TABLE_SPAN};
use heapless::Vec;
use manifest::workers::Workers;
use manifest::{Device, MAX_COMPONENTS, MAX_REGIONS, Mapped, System};
use objects::Error;
use objects::device::Region as DeviceRegion;
use objects::memory::Memory;
use objects::process::{Grant, MAX_MAPPINGS, Mapping, RootCNode};
use sel4::{
    IrqHandler, Notification, Object, Page, Rights, SlotRange, Untyped, VmAttributes, initial,
};
use supervisor::Place;

/// Physical address of the first virtio-mmio transport on QEMU's `virt` machine.
const VIRTIO: u64 = 0x0a00_0000;
/// Bytes of a transport's registers.
const TRANSPORT: u64 = 0x200;
/// INTID of the first transport's interrupt.
const VIRTIO_INTERRUPT: u64 = 48;

/// A device and its memory.
#[derive(Debug, Clone, Copy)]
struct Wired {
    registers: SlotRange,
    dma: SlotRange,
    dma_address: u64,
    interrupt: IrqHandler,
}

/// All connections of a system.
#[derive(Debug)]
pub struct Wiring {
    /// Where each component's signals arrive, if it has any.
    notifications: [Option<Notification>; MAX_COMPONENTS],
    /// Each side's capabilities to each region's pages.
    regions: Vec<[SlotRange; 2], MAX_REGIONS>,
    devices: [Option<Wired>; MAX_COMPONENTS],
    /// The workers' frames: the server's capabilities to the pages, and the workers'.
    frames: Option<[SlotRange; 2]>,
    /// Tells the workers' server that there is news.
    pub news: Option<Notification>,
}

/// What one process gets of it.
#[derive(Debug, Default)]
pub struct Share {
    /// What to map.
    pub mappings: Vec<Mapping, MAX_MAPPINGS>,
    /// What it finds at its start.
    pub areas: Vec<Area, MAX_MAPPINGS>,
    /// Doorbells and interrupt.
    pub grants: Vec<Grant, MAX_MAPPINGS>,
    /// Where its signals arrive.
    pub notification: Option<Notification>,
}

impl Wiring {
    /// Makes every connection of `system`.
    pub fn new(
        system: &System,
        memory: &mut Memory<RootCNode>,
        devices: &mut [DeviceRegion],
    ) -> Result<Self, Error> {
        let mut wiring = Self {
            notifications: [None; MAX_COMPONENTS],
            regions: Vec::new(),
            devices: [None; MAX_COMPONENTS],
            frames: None,
            news: None,
        };
        for region in &system.regions {
            let pages = pages(memory, region.size)?;
            let copies = copies(memory, pages)?;
            // As many places as regions.
            let _ = wiring.regions.push([pages, copies]);
        }
        for index in 0..system.components.len() {
            if system.mapped(index).next().is_none() && !serves_workers(system, index) {
                continue;
            }
            let notification = object(memory, Object::Notification)?.cap(0);
            wiring.notifications[index] = Some(notification);
        }
        wiring.wire_all(system, memory, devices)?;
        if let Some(workers) = &system.workers {
            wiring.wire_workers(workers, memory)?;
        }
        Ok(wiring)
    }

    /// Wires every device, the lowest first: device memory is given out in ascending order.
    fn wire_all(
        &mut self,
        system: &System,
        memory: &mut Memory<RootCNode>,
        devices: &mut [DeviceRegion],
    ) -> Result<(), Error> {
        let components = system.components.iter().enumerate();
        let wanted = components.filter_map(|(index, one)| Some((one.device?, index)));
        let mut wanted: Vec<(Device, usize), MAX_COMPONENTS> = wanted.collect();
        wanted.sort_unstable_by_key(|(device, _)| device.transport);
        for (device, index) in wanted {
            if let Some(notification) = self.notifications[index] {
                self.devices[index] = Some(wire(device, notification, memory, devices)?);
            }
        }
        Ok(())
    }

    /// Makes the pages of frames and the server's signal.
    fn wire_workers(
        &mut self,
        workers: &Workers,
        memory: &mut Memory<RootCNode>,
    ) -> Result<(), Error> {
        // MAX_WORKERS pages fit 32 bits by far.
        let pages = pages(memory, workers.places() as u32 * PAGE as u32)?;
        self.frames = Some([pages, copies(memory, pages)?]);
        if let Some(notification) = self.notifications[usize::from(workers.server)] {
            let slot = memory.slots().take(1)?;
            let news: Notification = slot.cap(0);
            initial::CNODE.mint(news.pointer(), 64, notification, Rights::WRITE, Badge::NEWS.0)?;
            self.news = Some(news);
        }
        Ok(())
    }

    /// The page of frames of the worker in this place, as the worker gets it.
    pub fn frame(&self, place: Place) -> Option<SlotRange> {
        let [_, copies] = self.frames?;
        let first = copies.first + u64::from(place.0);
        (u32::from(place.0) < copies.count).then_some(SlotRange { first, count: 1 })
    }

    /// The part of the component with this index.
    pub fn share(&self, system: &System, component: usize) -> Share {
        let mut share = Share { notification: self.notifications[component], ..Share::default() };
        if let Some(notification) = share.notification {
            share.grant(slot::NOTIFICATION, notification, Rights::READ, 0);
        }
        let mut address = MAPPINGS;
        let mut ordinal = 0;
        for mapped in system.mapped(component) {
            let (area, pages, attributes) = match mapped {
                Mapped::Device(device) => {
                    let Some(wired) = self.devices[component] else { continue };
                    share.grant(slot::INTERRUPT, wired.interrupt, Rights::ALL, 0);
                    let physical = registers(device);
                    let offset = physical % PAGE;
                    let area = Area::new(Kind::Device, address + offset, TRANSPORT);
                    (area.at(physical), wired.registers, VmAttributes::DEVICE)
                }
                Mapped::Dma(size) => {
                    let Some(wired) = self.devices[component] else { continue };
                    let area = Area::new(Kind::Dma, address, size.into());
                    (area.at(wired.dma_address), wired.dma, VmAttributes::DATA)
                }
                Mapped::Region { index, region, side } => {
                    let peer = region.components[1 - side];
                    self.ring(&mut share, system, index, usize::from(peer), ordinal);
                    ordinal += 1;
                    let area = Area::new(Kind::Region, address, region.size.into());
                    let area = area.named(&region.name).with(peer);
                    (area, self.regions[index][side], VmAttributes::DATA)
                }
            };
            address = share.map(area, pages, attributes);
        }
        if let (true, Some([pages, _])) = (serves_workers(system, component), self.frames) {
            let size = u64::from(pages.count) * PAGE;
            share.map(Area::new(Kind::Frames, address, size), pages, VmAttributes::DATA);
        }
        share
    }

    /// Lets the process ring at `peer` about the region `index`, its own number `ordinal`.
    fn ring(&self, share: &mut Share, system: &System, index: usize, peer: usize, ordinal: u64) {
        let mut theirs = system.mapped(peer).filter_map(|mapped| match mapped {
            Mapped::Region { index, .. } => Some(index),
            _ => None,
        });
        let number = theirs.position(|region| region == index).unwrap_or(0) as u32;
        if let Some(notification) = self.notifications[peer] {
            let badge = Badge::doorbell(number).0;
            share.grant(slot::DOORBELLS + ordinal, notification, Rights::WRITE, badge);
        }
    }
}

fn serves_workers(system: &System, component: usize) -> bool {
    system.workers.as_ref().is_some_and(|workers| usize::from(workers.server) == component)
}

impl Share {
    /// Adds an area of `pages`, which starts in the first of them, and returns the address behind
    /// its tables.
    fn map(&mut self, area: Area, pages: SlotRange, attributes: VmAttributes) -> u64 {
        let mapping = Mapping { address: area.address - area.address % PAGE, pages, attributes };
        // The manifest's limits are below these capacities.
        let _ = self.mappings.push(mapping);
        let _ = self.areas.push(area);
        mapping.address + u64::from(mapping.tables()) * TABLE_SPAN
    }

    fn grant<T>(&mut self, slot: u64, source: sel4::Cap<T>, rights: Rights, badge: u64) {
        // The manifest's limits are below the capacity.
        let _ = self.grants.push(Grant { slot, source: source.pointer(), rights, badge });
    }
}

fn registers(device: Device) -> u64 {
    VIRTIO + TRANSPORT * u64::from(device.transport)
}

fn object(memory: &mut Memory<RootCNode>, object: Object) -> Result<SlotRange, Error> {
    let piece = memory.take(12)?;
    let slots = memory.slots().take(1)?;
    memory.untyped(piece).retype(object, slots)?;
    Ok(slots)
}

/// Pages of `size` bytes in all, physically contiguous.
fn pages(memory: &mut Memory<RootCNode>, size: u32) -> Result<SlotRange, Error> {
    /// Most objects that one `Untyped_Retype` makes.
    const FAN_OUT: u32 = 256;
    let piece = memory.take(size.next_power_of_two().ilog2() as u8)?;
    let count = size / PAGE as u32;
    let slots = memory.slots().take(count)?;
    let untyped: Untyped = memory.untyped(piece);
    for start in (0..count).step_by(FAN_OUT as usize) {
        let part = (count - start).min(FAN_OUT);
        let first = slots.first + u64::from(start);
        untyped.retype(Object::Page, SlotRange { first, count: part })?;
    }
    Ok(slots)
}

/// A second capability to each page.
fn copies(memory: &mut Memory<RootCNode>, pages: SlotRange) -> Result<SlotRange, Error> {
    let slots = memory.slots().take(pages.count)?;
    for index in 0..pages.count {
        let (page, copy): (Page, Page) = (pages.cap(index), slots.cap(index));
        initial::CNODE.mint(copy.pointer(), 64, page, Rights::ALL, 0)?;
    }
    Ok(slots)
}

fn wire(
    device: Device,
    notification: Notification,
    memory: &mut Memory<RootCNode>,
    devices: &mut [DeviceRegion],
) -> Result<Wired, Error> {
    let address = registers(device) - registers(device) % PAGE;
    let region = devices.iter_mut().find(|region| region.contains(address));
    let page = region.ok_or(Error::NoDevice(address))?.page(address, memory.slots())?;
    let dma = pages(memory, device.dma)?;
    let first: Page = dma.cap(0);
    let slots = memory.slots().take(2)?;
    let badged: Notification = slots.cap(0);
    initial::CNODE.mint(badged.pointer(), 64, notification, Rights::ALL, Badge::DEVICE.0)?;
    let number = VIRTIO_INTERRUPT + u64::from(device.transport);
    let interrupt = initial::IRQ_CONTROL.handler(number, slots.first + 1)?;
    interrupt.set_notification(badged)?;
    let registers = SlotRange { first: page.pointer(), count: 1 };
    Ok(Wired { registers, dma, dma_address: first.address()?, interrupt })
}
