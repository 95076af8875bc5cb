//! What the system says of itself when it starts.

use drivers::{console, println, timer};
use manifest::System;

/// Prints the banner. `free` is the untyped memory that is left for processes, in bytes.
pub fn print(system: &System, free: u64) {
    let facts = &system.facts;
    println!();
    println!("Cohesix {}", facts.version);
    println!("git: {}", facts.git);
    println!("kernel: {}", facts.kernel);
    println!("gic: {}", facts.gic);
    println!("ram: {} MiB, {} KiB free for processes", system.memory_mib, free >> 10);
    println!("system: {}, a tick every {} ms", system.name, system.tick_ms);
    console::print(format_args!("components:"));
    for component in &system.components {
        console::print(format_args!(" {}", component.name));
    }
    println!();
    for image in &facts.images {
        let [a, b, c, d, ..] = image.sha256;
        println!("image: {} bytes={} sha256={a:02x}{b:02x}{c:02x}{d:02x}…", image.name, image.size);
    }
    println!("boot: {} us after the machine's start", timer::now() / 1000);
}
