//! Between the port and the region that is shared with NineDoor.
//!
//! This process owns a device that can reach all memory, so it parses nothing but the frames of
//! `channels`; the bytes in them are NineDoor's business.

use abi::startup::Kind;
use abi::{Badge, Origin};
use channels::{CHANNELS, Exchange, WINDOW};
use drivers::virtio_serial::VirtioSerial;
use ring::lane::Lane;
use runtime::memory::{self, Region};
use sel4::{Cap, IrqHandler, Notification};

/// Name of the region that is shared with NineDoor.
const REGION: &str = "link";
const SIGNALS: Notification = Cap::new(abi::slot::NOTIFICATION);
const INTERRUPT: IrqHandler = Cap::new(abi::slot::INTERRUPT);

/// Serves the port for ever.
pub fn run(_argument: u64) -> u64 {
    let (mut registers, mut dma, mut region) = (None, None, None);
    for given in memory::take() {
        match given.area().kind {
            Kind::Device => registers = Some(given.registers()),
            Kind::Dma => dma = Some(given.dma()),
            Kind::Region if given.area().is_region(REGION) => region = Some(given.region(0)),
            Kind::Region | Kind::Frames => {}
        }
    }
    let (Some(registers), Some(dma), Some(region)) = (registers, dma, region) else {
        panic!("the manifest gives no device, or no region {REGION}");
    };
    let port = match VirtioSerial::start(&registers, dma) {
        Ok(port) => port,
        Err(error) => {
            runtime::log!("no serial port to the host ({error:?}): nobody outside is served");
            // Its device is not there. That is a machine without a link, not a fault.
            loop {
                SIGNALS.wait();
            }
        }
    };
    serve(port, &region)
}

fn lane(region: &Region, index: usize) -> Lane<'static> {
    let lane = Lane::carve(region.words, region.bytes, index, WINDOW as usize);
    lane.expect("the region has room for every lane: its size is the manifest's")
}

fn serve(mut port: VirtioSerial, region: &Region) -> ! {
    let mut exchange = Exchange::new(core::array::from_fn::<_, CHANNELS, _>(|i| lane(region, i)));
    // The lanes are free, and the host is greeted, once NineDoor has seen that they are ours.
    region.ring();
    let mut interrupted = true;
    loop {
        if interrupted {
            port.acknowledge();
            if take_in(&mut port, &mut exchange) {
                region.ring();
            }
        }
        while send(&mut port, &mut exchange) {}
        if exchange.take_wake() {
            region.ring();
        }
        if interrupted {
            // What the device did in the meantime brings the next interrupt.
            INTERRUPT.acknowledge().expect("the interrupt is this process'");
        }
        interrupted = match Badge(SIGNALS.wait()).origin() {
            Origin::Signal(signals) => signals.device(),
            _ => false,
        };
    }
}

/// Takes in what the device has; returns whether NineDoor has to be told.
fn take_in(port: &mut VirtioSerial, exchange: &mut Exchange) -> bool {
    let mut changed = false;
    loop {
        match port.control() {
            Ok(Some(true)) => {}
            Ok(Some(false)) => {
                exchange.disconnected();
                changed = true;
            }
            Ok(None) => break,
            Err(error) => panic!("the port's control queue: {error:?}"),
        }
    }
    let received = port.receive(|bytes| changed |= exchange.receive(bytes));
    if let Err(error) = received {
        panic!("the port's receive queue: {error:?}");
    }
    changed
}

/// Sends one buffer; returns whether there may be more to send and room for it.
fn send(port: &mut VirtioSerial, exchange: &mut Exchange) -> bool {
    let mut used = 0;
    let sent = port.send(|buffer| {
        used = exchange.send(buffer);
        used
    });
    match sent {
        Ok(room) => room && used > 0,
        Err(error) => panic!("the port's send queue: {error:?}"),
    }
}
