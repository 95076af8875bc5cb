//! The checked system manifest in the form that the root task reads.
//!
//! `systems/*.toml` is what people write. `xtask` checks it, adds the facts of the build
//! ([`Facts`]) and stores the result as `system.bin` in the boot archive; the root task decodes
//! it with [`System::decode`]. Both sides share these types, so there is no second definition
//! to drift. The encoding is postcard's (<https://postcard.jamesmunns.com/wire-format>) behind a
//! version byte.
//!
//! Invariants of a `System` that came out of the checker: names of components, names of regions
//! and transports are unique, every call edge goes to a higher priority, no component is in more
//! than [`MAX_REGIONS_PER_COMPONENT`] regions, every image is listed in [`Facts::images`].
//! What is said of workers is in [`workers`].
//! This crate deliberately lacks TOML: that needs `std` and belongs to the host.
#![no_std]
#![forbid(unsafe_code)]

pub mod workers;

use core::ops::RangeInclusive;

use bitflags::bitflags;
use heapless::{String, Vec};
use serde::{Deserialize, Serialize};

/// Bumped on every change of the types below; a root task refuses any other value.
pub const FORMAT: u8 = 3;
/// Most components in one system.
pub const MAX_COMPONENTS: usize = 16;
/// Most call edges of one component.
pub const MAX_CALLS: usize = 8;
/// Most images in the boot archive: the components', the workers', kernel.elf and root-task.
pub const MAX_IMAGES: usize = MAX_COMPONENTS + workers::MAX_KINDS + 2;
/// Most regions of shared memory in one system.
pub const MAX_REGIONS: usize = 8;
/// Most regions that one component shares: it has as many doorbells.
pub const MAX_REGIONS_PER_COMPONENT: usize = 8;
/// Size of a region, in bytes.
pub const REGION: RangeInclusive<u32> = 4 << 10..=4 << 20;
/// Size of a device's DMA memory, in bytes.
pub const DMA: RangeInclusive<u32> = 4 << 10..=1 << 20;
/// Number of virtio-mmio transports of QEMU's `virt` machine.
pub const TRANSPORTS: u8 = 32;
/// Transports whose registers share a page, which one component gets as a whole.
pub const TRANSPORTS_PER_PAGE: u8 = 8;
/// Memory that a component can be built from, in bytes.
pub const MEMORY: RangeInclusive<u32> = 64 << 10..=64 << 20;
/// Priority of the root task (seL4 priorities are 0 to 255).
pub const ROOT_PRIORITY: u8 = 250;

/// A component's or image's name: `[a-z][a-z0-9-]*`, at most 24 bytes.
pub type Name = String<24>;
/// A line of the banner.
pub type Text = String<80>;
/// Every process of a system, apart from the root task.
pub type Components = Vec<Component, MAX_COMPONENTS>;
/// The call edges of one component.
pub type Calls = Vec<Target, MAX_CALLS>;
/// The shared memory of a system.
pub type Regions = Vec<Region, MAX_REGIONS>;
/// Every file of the boot archive.
pub type Images = Vec<Image, MAX_IMAGES>;

/// One whole system: what boots, with which limits, and what it was built from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct System {
    /// The manifest's own name.
    pub name: Name,
    /// RAM that the system is made for, in MiB.
    pub memory_mib: u32,
    /// Period of the `tick N` line, in milliseconds; at least 1.
    pub tick_ms: u32,
    /// What the root task does once it has panicked.
    pub on_panic: OnPanic,
    /// Self-tests to run before the components start (needs a root task built for it).
    pub selftest: Option<Selftest>,
    /// Every process apart from the root task.
    pub components: Components,
    /// Memory that two components share.
    pub regions: Regions,
    /// Processes that are spawned on command, if the system has any.
    pub workers: Option<workers::Workers>,
    /// What the build recorded.
    pub facts: Facts,
}

/// What the root task does once it has panicked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnPanic {
    /// Print and stop: the console keeps the message.
    Halt,
    /// Print and end QEMU with a failing exit code by semihosting (tests).
    Exit,
}

/// Self-tests of the root task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selftest {
    /// Index into [`System::components`] of the component to spawn and kill.
    pub component: u8,
    /// How often.
    pub cycles: u32,
    /// Panic on purpose after the cycles (tests that a panic is seen).
    pub panic: bool,
}

/// One process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Component {
    /// Its name in logs and in call edges.
    pub name: Name,
    /// Name of its ELF image in the boot archive.
    pub image: Name,
    /// seL4 priority, below [`ROOT_PRIORITY`].
    pub priority: u8,
    /// Stack size in bytes: a multiple of 4096.
    pub stack: u32,
    /// Memory that it is built from, in bytes: a power of two in [`MEMORY`]. Everything
    /// of the process, kernel objects included, comes out of it.
    pub memory: u32,
    /// Handed to the process in its second argument register.
    pub argument: u64,
    /// When it starts.
    pub start: Start,
    /// Endpoints in its CSpace, in slot order.
    pub calls: Calls,
    /// What the root task does when this component calls it.
    pub capabilities: Capabilities,
    /// A device of its own.
    pub device: Option<Device>,
    /// As what it may attach to NineDoor: it is started with such a ticket.
    pub ticket: Option<Ticket>,
    /// Limits that the root task enforces.
    pub limits: Limits,
}

/// Memory that two components share. Each can signal the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Region {
    /// Its name: both components find it by that.
    pub name: Name,
    /// Its size in bytes: a multiple of 4096 in [`REGION`].
    pub size: u32,
    /// The two, as indices into [`System::components`].
    pub components: [u8; 2],
}

/// A virtio device on one of QEMU's virtio-mmio transports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Which transport, below [`TRANSPORTS`].
    pub transport: u8,
    /// Memory for DMA, in bytes: a power of two in [`DMA`], physically contiguous. There is no
    /// IOMMU: the device, and with it this component, can reach all memory.
    pub dma: u32,
}

/// As what a component may attach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ticket {
    /// Controls everything.
    Queen,
    /// Sees, and changes nothing.
    Observer,
}

/// When a component starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Start {
    /// At boot, servers (higher priority) first.
    Boot,
    /// Only when something asks for it.
    Demand,
}

/// Whose endpoint a call goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    /// The root task's service endpoint.
    RootTask,
    /// The component with this index.
    Component(u8),
}

bitflags! {
    /// Operations of the root task's service that a component may use.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
    pub struct Capabilities: u8 {
        /// `PING n`, answered with `PONG n`.
        const PING = 1;
        /// One line on the system's log.
        const LOG = 2;
        /// End oneself with an exit code.
        const EXIT = 4;
        /// What the system is made of and how much is left (`/proc/boot`, `/proc/mem`).
        const FACTS = 8;
        /// Spawn and kill workers, and hear of their ends.
        const WORKERS = 16;
        /// The key that tickets are made with.
        const TICKETS = 32;
    }
}

/// Limits that the root task enforces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Real time after which the process is killed, in milliseconds; 0 for none.
    pub ttl_ms: u32,
    /// Log lines per second that are printed; what is over is counted and refused.
    pub log_lines_per_s: u16,
}

/// What the build recorded, shown in the banner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Version of the product.
    pub version: Text,
    /// Git revision, with `-dirty` where the tree had changes.
    pub git: Text,
    /// Kernel: name, version, configuration, standing ("unverified AArch64 port" …).
    pub kernel: Text,
    /// Interrupt controller that the kernel was built for.
    pub gic: Text,
    /// Every image of the archive.
    pub images: Images,
}

/// One file of the boot archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// Its name in the archive.
    pub name: Name,
    /// Its size in bytes.
    pub size: u32,
    /// SHA-256 of its bytes.
    pub sha256: [u8; 32],
}

/// Why a `system.bin` was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecodeError {
    /// The file is empty.
    Empty,
    /// Made by an xtask of another [`FORMAT`].
    Format(u8),
    /// Not the encoding of a `System`.
    Corrupt,
    /// A `System` with a value that the checker lets through in no manifest.
    Unsound,
}

impl Selftest {
    fn is_sound(&self, components: usize) -> bool {
        usize::from(self.component) < components
    }
}

impl Component {
    /// Whether a component of a system with so many `components` can be built as it says.
    fn is_sound(&self, components: usize) -> bool {
        let known = |target: &Target| match *target {
            Target::RootTask => true,
            Target::Component(index) => usize::from(index) < components,
        };
        self.priority < ROOT_PRIORITY
            && self.stack > 0
            && self.stack.is_multiple_of(4096)
            && self.memory.is_power_of_two()
            && MEMORY.contains(&self.memory)
            && self.stack < self.memory
            && self.calls.iter().all(known)
            && Capabilities::all().contains(self.capabilities)
            && self.device.is_none_or(|device| device.is_sound())
    }
}

impl Device {
    fn is_sound(&self) -> bool {
        self.transport < TRANSPORTS && self.dma.is_power_of_two() && DMA.contains(&self.dma)
    }
}

impl Region {
    fn is_sound(&self, components: usize) -> bool {
        let [one, other] = self.components;
        one != other
            && self.components.iter().all(|index| usize::from(*index) < components)
            && self.size.is_multiple_of(4096)
            && REGION.contains(&self.size)
    }
}

/// Something that is mapped for a component besides its own memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mapped<'a> {
    /// Registers of its device.
    Device(Device),
    /// Memory for its device, in bytes.
    Dma(u32),
    /// A region that it shares.
    Region {
        /// Which of the system's regions.
        index: usize,
        /// The region.
        region: &'a Region,
        /// Which of the two components it is.
        side: usize,
    },
}

impl Mapped<'_> {
    /// Size in bytes. A device has a page of registers.
    #[must_use]
    pub fn size(&self) -> u32 {
        match *self {
            Self::Device(_) => 4096,
            Self::Dma(size) => size,
            Self::Region { region, .. } => region.size,
        }
    }
}

impl System {
    /// What is mapped for the component with this index, in order: device, DMA memory, regions.
    pub fn mapped(&self, component: usize) -> impl Iterator<Item = Mapped<'_>> {
        let device = self.components.get(component).and_then(|component| component.device);
        let own = device.map(|device| [Mapped::Device(device), Mapped::Dma(device.dma)]);
        let shared = self.regions.iter().enumerate().filter_map(move |(index, region)| {
            let side = region.components.iter().position(|one| usize::from(*one) == component)?;
            Some(Mapped::Region { index, region, side })
        });
        own.into_iter().flatten().chain(shared)
    }

    /// Encodes into `buffer` and returns the bytes used.
    pub fn encode<'a>(&self, buffer: &'a mut [u8]) -> Result<&'a mut [u8], postcard::Error> {
        let (first, rest) = buffer.split_first_mut().ok_or(postcard::Error::SerializeBufferFull)?;
        *first = FORMAT;
        let used = postcard::to_slice(self, rest)?.len();
        Ok(&mut buffer[..=used])
    }

    /// Decodes what [`System::encode`] wrote; trailing bytes are refused, and so are values that
    /// the root task would have to check again before it uses them, as an index out of bounds.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (&format, body) = bytes.split_first().ok_or(DecodeError::Empty)?;
        if format != FORMAT {
            return Err(DecodeError::Format(format));
        }
        match postcard::take_from_bytes(body) {
            Ok((system, [])) if Self::is_sound(&system) => Ok(system),
            Ok((_, [])) => Err(DecodeError::Unsound),
            _ => Err(DecodeError::Corrupt),
        }
    }

    fn is_sound(&self) -> bool {
        let count = self.components.len();
        self.tick_ms > 0
            && self.selftest.as_ref().is_none_or(|selftest| selftest.is_sound(count))
            && self.components.iter().all(|component| component.is_sound(count))
            && self.workers.as_ref().is_none_or(|workers| workers.is_sound(&self.components))
            && self.regions.iter().all(|region| region.is_sound(count))
    }
}
