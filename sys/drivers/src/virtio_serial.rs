//! A virtio serial port (virtio-console with several ports; this drives port 1).
//!
//! Bytes go in both directions without loss: QEMU keeps what the guest has no buffer for, and a
//! port other than the console makes it wait where the host does not read. The device's requests
//! on the control queue tell when the host side comes and goes. Reference: Virtual I/O Device
//! (VIRTIO) 1.2, section 5.3 "Console Device"; queues and transport are `virtio-drivers`'.
//!
//! All buffers lie in one piece of DMA memory, which [`Dma`] hands over; nothing the device
//! writes is trusted for a length or an index beyond it.

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use virtio_drivers::queue::VirtQueue;
use virtio_drivers::transport::Transport;
use virtio_drivers::transport::mmio::{MmioTransport, VirtIOHeader};
use virtio_drivers::{BufferDirection, Hal, PhysAddr};

use crate::Registers;

/// Bytes of one buffer: what [`VirtioSerial::send`] takes at most.
pub const BUFFER: usize = 4096;
/// Buffers in each direction.
const BUFFERS: usize = 4;
/// Bytes of a buffer for control messages (8, or more with a port's name).
const CONTROL_BUFFER: usize = 64;
const PAGE: usize = 4096;
/// Descriptors of a queue.
const DEPTH: usize = 16;
/// The port: port 0 is the console's, where QEMU may drop bytes.
const PORT: u32 = 1;
const CONTROL_RX: u16 = 2;
const CONTROL_TX: u16 = 3;
const PORT_RX: u16 = 4;
const PORT_TX: u16 = 5;
/// Bytes of the registers of one virtio-mmio transport.
const REGISTERS: usize = 0x200;

// Control events (VIRTIO 1.2, 5.3.6.2).
const DEVICE_READY: u16 = 0;
const PORT_ADD: u16 = 1;
const PORT_READY: u16 = 3;
const PORT_OPEN: u16 = 6;

bitflags::bitflags! {
    /// Feature bits that this driver understands.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    struct Features: u64 {
        const MULTIPORT = 1 << 1;
        const VERSION_1 = 1 << 32;
    }
}

/// Memory for the device to reach: mapped at `address`, physically contiguous from `physical` on.
#[derive(Debug)]
pub struct Dma {
    address: usize,
    physical: u64,
    size: usize,
}

impl Dma {
    /// Memory of `size` bytes.
    ///
    /// # Safety
    /// The memory must be mapped there for as long as the program runs, be physically contiguous
    /// as said, and be used by nothing else.
    #[must_use]
    pub const unsafe fn new(address: usize, physical: u64, size: usize) -> Self {
        Self { address, physical, size }
    }
}

static DMA_ADDRESS: AtomicUsize = AtomicUsize::new(0);
static DMA_PHYSICAL: AtomicU64 = AtomicU64::new(0);
static DMA_SIZE: AtomicUsize = AtomicUsize::new(0);
static DMA_USED: AtomicUsize = AtomicUsize::new(0);

/// Hands out the DMA memory from the bottom, once.
struct DmaHal;

/// The next `size` bytes of DMA memory, page aligned, and their physical address.
fn take(size: usize) -> Option<(u64, NonNull<u8>)> {
    let used = DMA_USED.load(Ordering::Relaxed);
    let end = used.checked_add(size.next_multiple_of(PAGE))?;
    if end > DMA_SIZE.load(Ordering::Relaxed) {
        return None;
    }
    DMA_USED.store(end, Ordering::Relaxed);
    let address = DMA_ADDRESS.load(Ordering::Relaxed) + used;
    let physical = DMA_PHYSICAL.load(Ordering::Relaxed) + used as u64;
    Some((physical, NonNull::new(address as *mut u8)?))
}

// SAFETY: the memory is that of `Dma`, whose maker vouched for it; `take` gives each byte to one
// caller only. Buffers are shared by address: all of them lie in that memory.
unsafe impl Hal for DmaHal {
    fn dma_alloc(pages: usize, _: BufferDirection) -> (PhysAddr, NonNull<u8>) {
        // The trait's sign of failure is the physical address 0.
        take(pages * PAGE).unwrap_or((0, NonNull::dangling()))
    }

    unsafe fn dma_dealloc(_: PhysAddr, _: NonNull<u8>, _: usize) -> i32 {
        // Queues live as long as the program; after a failed start it ends.
        0
    }

    unsafe fn mmio_phys_to_virt(_: PhysAddr, _: usize) -> NonNull<u8> {
        unreachable!("only PCI transports ask for this")
    }

    unsafe fn share(buffer: NonNull<[u8]>, _: BufferDirection) -> PhysAddr {
        let base = DMA_ADDRESS.load(Ordering::Relaxed);
        let offset = buffer.cast::<u8>().as_ptr().addr() - base;
        assert!(offset + buffer.len() <= DMA_SIZE.load(Ordering::Relaxed), "a buffer for DMA");
        DMA_PHYSICAL.load(Ordering::Relaxed) + offset as u64
    }

    unsafe fn unshare(_: PhysAddr, _: NonNull<[u8]>, _: BufferDirection) {}
}

/// Why the port cannot be driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// No virtio console device with several ports at these registers.
    NoDevice,
    /// The DMA memory is too small.
    OutOfDma,
    /// The device refused a queue.
    Queue,
}

impl From<virtio_drivers::Error> for Error {
    fn from(error: virtio_drivers::Error) -> Self {
        match error {
            virtio_drivers::Error::DmaError => Self::OutOfDma,
            _ => Self::Queue,
        }
    }
}

type Queue = VirtQueue<DmaHal, DEPTH>;

/// A buffer, and the descriptor that it is with the device under.
#[derive(Debug, Clone, Copy)]
struct Buffer {
    start: NonNull<u8>,
    size: usize,
    /// How much of it the device has been given.
    given: usize,
    token: Option<u16>,
}

impl Buffer {
    fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: the bytes are DMA memory that `take` gave to this buffer alone; they are only
        // read or written while the device does not have the buffer (`token` is None), or handed
        // to the queue as what they are.
        unsafe { core::slice::from_raw_parts_mut(self.start.as_ptr(), self.size) }
    }
}

/// `N` buffers of `size` bytes.
fn buffers<const N: usize>(size: usize) -> Result<[Buffer; N], Error> {
    let (_, start) = take(N * size).ok_or(Error::OutOfDma)?;
    Ok(core::array::from_fn(|index| {
        // SAFETY: inside what `take` just gave.
        let start = unsafe { start.add(index * size) };
        Buffer { start, size, given: 0, token: None }
    }))
}

/// The port.
pub struct VirtioSerial {
    transport: MmioTransport<'static>,
    control_rx: Queue,
    control_tx: Queue,
    rx: Queue,
    tx: Queue,
    control_in: [Buffer; DEPTH],
    control_out: [Buffer; 2],
    input: [Buffer; BUFFERS],
    output: [Buffer; BUFFERS],
}

impl VirtioSerial {
    /// Starts the device.
    pub fn start(registers: &Registers, dma: Dma) -> Result<Self, Error> {
        DMA_ADDRESS.store(dma.address, Ordering::Relaxed);
        DMA_PHYSICAL.store(dma.physical, Ordering::Relaxed);
        DMA_SIZE.store(dma.size, Ordering::Relaxed);
        let header = NonNull::new(registers.address() as *mut VirtIOHeader);
        let header = header.ok_or(Error::NoDevice)?;
        // SAFETY: `Registers` is the proof that a transport's registers are mapped there for good.
        let transport = unsafe { MmioTransport::new(header, REGISTERS) };
        let mut transport = transport.map_err(|_| Error::NoDevice)?;
        let is_console = transport.device_type() == virtio_drivers::transport::DeviceType::Console;
        if !is_console || transport.begin_init(Features::all()) != Features::all() {
            return Err(Error::NoDevice);
        }
        let mut queue = |index| Queue::new(&mut transport, index, false, false);
        let (control_rx, control_tx) = (queue(CONTROL_RX)?, queue(CONTROL_TX)?);
        let (rx, tx) = (queue(PORT_RX)?, queue(PORT_TX)?);
        transport.finish_init();
        let mut port = Self {
            transport,
            control_rx,
            control_tx,
            rx,
            tx,
            control_in: buffers(CONTROL_BUFFER)?,
            control_out: buffers(CONTROL_BUFFER)?,
            input: buffers(BUFFER)?,
            output: buffers(BUFFER)?,
        };
        for buffer in &mut port.control_in {
            offer(&mut port.control_rx, buffer)?;
        }
        for buffer in &mut port.input {
            offer(&mut port.rx, buffer)?;
        }
        port.transport.notify(CONTROL_RX);
        port.transport.notify(PORT_RX);
        port.tell(0, DEVICE_READY, 1)?;
        Ok(port)
    }

    /// Takes note of an interrupt, so that the device withdraws it.
    pub fn acknowledge(&mut self) {
        self.transport.ack_interrupt();
    }

    /// Handles what the device asks for. Returns whether the host side came (true) or went
    /// (false), one call for each time.
    pub fn control(&mut self) -> Result<Option<bool>, Error> {
        while let Some(message) = self.next_control()? {
            let (id, event, value) = message;
            match event {
                PORT_ADD => {
                    self.tell(id, PORT_READY, 1)?;
                    if id == PORT {
                        self.tell(id, PORT_OPEN, 1)?;
                    }
                }
                PORT_OPEN if id == PORT => return Ok(Some(value != 0)),
                _ => {}
            }
        }
        Ok(None)
    }

    /// The next control message: port, event, value.
    fn next_control(&mut self) -> Result<Option<(u32, u16, u16)>, Error> {
        let Some((index, length)) = finish(&mut self.control_rx, &mut self.control_in, true)?
        else {
            return Ok(None);
        };
        let buffer = &mut self.control_in[index];
        let message = match *buffer.bytes() {
            [a, b, c, d, e, f, g, h, ..] if length >= 8 => (
                u32::from_le_bytes([a, b, c, d]),
                u16::from_le_bytes([e, f]),
                u16::from_le_bytes([g, h]),
            ),
            // Too short to mean anything.
            _ => (u32::MAX, u16::MAX, 0),
        };
        offer(&mut self.control_rx, buffer)?;
        self.transport.notify(CONTROL_RX);
        Ok(Some(message))
    }

    /// Sends a control message. The device answers these at once, so a free buffer comes soon.
    fn tell(&mut self, id: u32, event: u16, value: u16) -> Result<(), Error> {
        let index = loop {
            let free = self.control_out.iter().position(|buffer| buffer.token.is_none());
            match free {
                Some(index) => break index,
                None => finish(&mut self.control_tx, &mut self.control_out, false)?,
            };
        };
        let buffer = &mut self.control_out[index];
        let bytes = buffer.bytes();
        bytes[..4].copy_from_slice(&id.to_le_bytes());
        bytes[4..6].copy_from_slice(&event.to_le_bytes());
        bytes[6..8].copy_from_slice(&value.to_le_bytes());
        hand_over(&mut self.control_tx, buffer, 8)?;
        self.transport.notify(CONTROL_TX);
        Ok(())
    }

    /// Gives everything that was received to `take`, in order.
    pub fn receive(&mut self, mut take: impl FnMut(&[u8])) -> Result<(), Error> {
        let mut offered = false;
        while let Some((index, length)) = finish(&mut self.rx, &mut self.input, true)? {
            let buffer = &mut self.input[index];
            let bytes = buffer.bytes();
            take(&bytes[..length]);
            offer(&mut self.rx, buffer)?;
            offered = true;
        }
        if offered {
            self.transport.notify(PORT_RX);
        }
        Ok(())
    }

    /// Fills a free buffer by `fill`, which returns how many bytes to send, and sends it. Returns
    /// false where no buffer is free: an interrupt will tell when one is.
    pub fn send(&mut self, fill: impl FnOnce(&mut [u8]) -> usize) -> Result<bool, Error> {
        while finish(&mut self.tx, &mut self.output, false)?.is_some() {}
        let Some(buffer) = self.output.iter_mut().find(|buffer| buffer.token.is_none()) else {
            return Ok(false);
        };
        let length = fill(buffer.bytes()).min(BUFFER);
        if length > 0 {
            hand_over(&mut self.tx, buffer, length)?;
            self.transport.notify(PORT_TX);
        }
        Ok(true)
    }
}

/// Gives a buffer to the device to write to.
fn offer(queue: &mut Queue, buffer: &mut Buffer) -> Result<(), Error> {
    // SAFETY: the buffer is DMA memory and not touched until `finish` has taken it back.
    let token = unsafe { queue.add(&[], &mut [buffer.bytes()]) }?;
    buffer.given = buffer.size;
    buffer.token = Some(token);
    Ok(())
}

/// Gives the first `length` bytes of a buffer to the device to read.
fn hand_over(queue: &mut Queue, buffer: &mut Buffer, length: usize) -> Result<(), Error> {
    // SAFETY: as in `offer`.
    let token = unsafe { queue.add(&[&buffer.bytes()[..length]], &mut []) }?;
    buffer.given = length;
    buffer.token = Some(token);
    Ok(())
}

/// Takes back a buffer that the device is done with: which one, and how many bytes it wrote.
fn finish(
    queue: &mut Queue,
    buffers: &mut [Buffer],
    written: bool,
) -> Result<Option<(usize, usize)>, Error> {
    let Some(token) = queue.peek_used() else { return Ok(None) };
    // A token that was not given out is the device's fault.
    let index =
        buffers.iter().position(|buffer| buffer.token == Some(token)).ok_or(Error::Queue)?;
    let buffer = &mut buffers[index];
    let given = buffer.given;
    let length = if written {
        // SAFETY: the very buffer that `offer` added under this token.
        unsafe { queue.pop_used(token, &[], &mut [buffer.bytes()]) }?
    } else {
        // SAFETY: the very bytes that `hand_over` added under this token.
        unsafe { queue.pop_used(token, &[&buffer.bytes()[..given]], &mut []) }?
    };
    buffer.token = None;
    Ok(Some((index, (length as usize).min(given))))
}
