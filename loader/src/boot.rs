//! From the boot archive to the kernel's entry.

use core::fmt;
use core::ops::Range;
use core::panic::PanicInfo;
use core::slice;

use drivers::{Registers, console, println};
use fdt::Fdt;

use crate::image::{Image, PAGE};
use crate::start::{Handover, clean, enter, map_kernel, own_memory};

/// Physical address of the PL011 on QEMU's `virt` machine.
const UART: usize = 0x0900_0000;
/// RAM of QEMU's `virt` machine as far as this loader maps it.
const RAM: Range<u64> = 0x4000_0000..0x1_0000_0000;
/// Sentinel byte on the console: the boot failed (ASCII NAK).
const FAILED: u8 = 0x15;

fn fail(reason: fmt::Arguments) -> ! {
    println!("loader: error: {reason}");
    console::put(FAILED);
    loop {
        core::hint::spin_loop();
    }
}

macro_rules! fail {
    ($($argument:tt)*) => { fail(format_args!($($argument)*)) };
}

/// Boots. `device_tree` is QEMU's, by the Image protocol.
pub extern "C" fn boot(device_tree: *const u8) -> ! {
    // SAFETY: the first GiB is mapped as device memory and the PL011 lies there; this program is
    // alone on the machine.
    console::attach(unsafe { Registers::new(UART) });
    let archive = archive(device_tree);
    let (files, rest) = files(archive);
    let kernel = parse("kernel.elf", files.kernel);
    let root = parse("root-task", files.root_task);

    let kernel_memory = kernel.physical..kernel.physical + kernel.size();
    let tree = kernel_memory.end.next_multiple_of(PAGE);
    let tree_size = files.device_tree.len() as u64;
    let root_start = (tree + tree_size).next_multiple_of(PAGE);
    let rest_start = root_start + root.size();
    let end = (rest_start + rest.len() as u64).next_multiple_of(PAGE);
    check_free(kernel_memory.start..end, archive);

    kernel.copy_to(memory(kernel_memory.clone()));
    memory(tree..tree + tree_size).copy_from_slice(files.device_tree);
    root.copy_to(memory(root_start..rest_start));
    let tail = memory(rest_start..end);
    tail.fill(0);
    tail[..rest.len()].copy_from_slice(rest);
    clean(kernel_memory.start..end);
    if !map_kernel(kernel.span.start, kernel.physical) {
        fail!("kernel.elf is linked to {:#x}, where no kernel can be", kernel.span.start);
    }
    let handover = Handover {
        image: root_start..end,
        offset: root_start.wrapping_sub(root.span.start),
        entry: root.entry,
        device_tree: if tree_size == 0 { (0, 0) } else { (tree, tree_size) },
    };
    // SAFETY: the kernel was copied to where it is mapped and everything of the handover to
    // where it says.
    unsafe { enter(kernel.entry, &handover) }
}

/// The boot archive: QEMU tells its place in the device tree.
fn archive(device_tree: *const u8) -> &'static [u8] {
    let hint = "give rootfs.cpio to QEMU with -initrd and this loader as a raw image; \
                `./cohesix run` does both";
    // SAFETY: QEMU passes the address of a device tree, or 0; the crate checks its magic.
    let tree = match unsafe { Fdt::from_ptr(device_tree) } {
        Ok(tree) => tree,
        Err(_) => fail!("no device tree: {hint}"),
    };
    let cell = |name| {
        let property = tree.find_node("/chosen").and_then(|node| node.property(name));
        property.and_then(|p| p.as_usize()).unwrap_or(0) as u64
    };
    let range = cell("linux,initrd-start")..cell("linux,initrd-end");
    if range.is_empty() {
        fail!("no rootfs.cpio, or an empty one: run `./cohesix build`, and {hint}");
    }
    memory(range)
}

/// The `range` of physical memory.
fn memory(range: Range<u64>) -> &'static mut [u8] {
    if range.start < RAM.start || range.end > RAM.end {
        fail!("{:#x}..{:#x} lies outside the RAM that can be used", range.start, range.end);
    }
    // SAFETY: the range is mapped RAM. The caller uses each range once: the archive, and what
    // `check_free` found to overlap neither it nor this program.
    unsafe { slice::from_raw_parts_mut(range.start as *mut u8, (range.end - range.start) as usize) }
}

struct Files {
    kernel: &'static [u8],
    root_task: &'static [u8],
    device_tree: &'static [u8],
}

/// The files that the loader needs, and the archive from behind the root task on.
fn files(archive: &'static [u8]) -> (Files, &'static [u8]) {
    let mut files = Files { kernel: &[], root_task: &[], device_tree: &[] };
    let mut rest_from = 0;
    let mut entries = newc::entries(archive);
    while let Some(entry) = entries.next() {
        match entry {
            Ok(entry) => match entry.name {
                "kernel.elf" => files.kernel = entry.data,
                "kernel.dtb" => files.device_tree = entry.data,
                "root-task" => {
                    files.root_task = entry.data;
                    rest_from = entries.offset();
                }
                _ => {}
            },
            Err(error) => fail!("rootfs.cpio is damaged: {error}; run `./cohesix build`"),
        }
    }
    (files, &archive[rest_from..entries.offset()])
}

fn parse(name: &str, file: &'static [u8]) -> Image<'static> {
    if file.is_empty() {
        fail!("rootfs.cpio has no {name}; run `./cohesix build`");
    }
    match Image::parse(file) {
        Ok(image) => image,
        Err(reason) => fail!("rootfs.cpio: {name} {reason}; run `./cohesix build`"),
    }
}

/// Refuses to write over the archive or this program.
fn check_free(target: Range<u64>, archive: &[u8]) {
    let start = archive.as_ptr().addr() as u64;
    let taken = [own_memory(), start..start + archive.len() as u64];
    for range in taken {
        if target.start < range.end && range.start < target.end {
            fail!(
                "rootfs.cpio is too big: {:#x}..{:#x} would overlap {:#x}..{:#x}",
                target.start,
                target.end,
                range.start,
                range.end
            );
        }
    }
}

#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    fail!("{info}")
}
