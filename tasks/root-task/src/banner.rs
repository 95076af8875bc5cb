//! What the system says of itself: on the console when it starts, and whenever it is asked.

use core::fmt::Write;

use heapless::String;
use manifest::System;

/// The boot text. Room for the longest manifest.
pub type BootText = String<4096>;

/// Writes the boot text. `free` is the untyped memory that is left for processes, in bytes; `now`
/// the time since the machine's start, in nanoseconds.
pub fn write(system: &System, free: u64, now: u64) -> BootText {
    let mut text = BootText::new();
    // What no longer fits is missing from the end.
    let _ = lines(&mut text, system, free, now);
    text
}

fn lines(text: &mut BootText, system: &System, free: u64, now: u64) -> core::fmt::Result {
    let facts = &system.facts;
    writeln!(text, "Cohesix {}", facts.version)?;
    writeln!(text, "git: {}", facts.git)?;
    writeln!(text, "kernel: {}", facts.kernel)?;
    writeln!(text, "gic: {}", facts.gic)?;
    writeln!(text, "ram: {} MiB, {} KiB free for processes", system.memory_mib, free >> 10)?;
    writeln!(text, "system: {}, a tick every {} ms", system.name, system.tick_ms)?;
    write!(text, "components:")?;
    for component in &system.components {
        write!(text, " {}", component.name)?;
    }
    writeln!(text)?;
    for image in &facts.images {
        write!(text, "image: {} bytes={} sha256=", image.name, image.size)?;
        for byte in image.sha256 {
            write!(text, "{byte:02x}")?;
        }
        writeln!(text)?;
    }
    writeln!(text, "boot: {} us after the machine's start", now / 1000)
}
