//! What the system says of itself when it starts.

use drivers::{println, timer};
use manifest::System;

/// Prints the banner. `free` is the untyped memory that is left for processes, in bytes.
pub fn print(system: &System, free: u64) {
    let facts = &system.facts;
    println!();
    println!("Cohesix {} (git {})", facts.version, facts.git);
    println!("kernel: {}", facts.kernel);
    println!("gic: {}", facts.gic);
    println!("ram: {} MiB, {} KiB free for processes", system.memory_mib, free >> 10);
    println!("system: {}, {} components", system.name, system.components.len());
    for component in &system.components {
        let image = facts.images.iter().find(|image| image.name == component.image);
        if let Some(image) = image {
            let [a, b, c, d, ..] = image.sha256;
            println!(
                "component: {} image={} bytes={} sha256={a:02x}{b:02x}{c:02x}{d:02x}… priority={} \
                 memory={} KiB",
                component.name,
                image.name,
                image.size,
                component.priority,
                component.memory >> 10
            );
        }
    }
    println!("boot: {} us after the machine's start", timer::now() / 1000);
}
