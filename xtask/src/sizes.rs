//! `./cohesix sizes`: what each image weighs.

use std::fs;

use anyhow::{Context, Result};

use crate::image::Built;

/// One file's name and size in bytes.
pub type Size = (String, u64);

/// Sizes of the archive, the loader and everything in the archive.
pub fn collect(built: &Built) -> Result<Vec<Size>> {
    let size = |file: &std::path::Path| {
        fs::metadata(file)
            .map(|meta| meta.len())
            .with_context(|| format!("cannot read {}", file.display()))
    };
    let mut sizes = vec![
        ("rootfs.cpio".to_owned(), size(&built.rootfs)?),
        ("loader.img".to_owned(), size(&built.loader)?),
    ];
    let images = &built.system.facts.images;
    sizes.extend(images.iter().map(|image| (image.name.to_string(), u64::from(image.size))));
    Ok(sizes)
}

/// Prints them.
pub fn print(built: &Built) -> Result<()> {
    for (name, bytes) in collect(built)? {
        println!("{name:<20} {bytes:>9} bytes");
    }
    Ok(())
}
