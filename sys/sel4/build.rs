//! Generates the ABI of the kernel that the image is built for.
//!
//! `COHESIX_SEL4_PREFIX` names its install prefix; `cargo xtask build` sets it. On a host target
//! the kernel-facing modules are left out, so nothing is generated and nothing is needed.

use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    println!("cargo::rustc-check-cfg=cfg(sel4_debug)");
    println!("cargo::rustc-check-cfg=cfg(sel4_generation, values(\"5\", \"13\"))");
    println!("cargo::rerun-if-env-changed=COHESIX_SEL4_PREFIX");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("none") {
        return;
    }
    let Some(prefix) = env::var_os("COHESIX_SEL4_PREFIX") else {
        println!("cargo::error=COHESIX_SEL4_PREFIX is not set: build with `cargo xtask build`");
        return;
    };
    if let Err(error) = generate(Path::new(&prefix)) {
        println!("cargo::error={error}");
    }
}

fn generate(prefix: &Path) -> Result<(), Box<dyn std::error::Error>> {
    for file in sel4_abigen::interface_files(prefix) {
        println!("cargo::rerun-if-changed={}", file.display());
    }
    let interface = sel4_abigen::load(prefix)?;
    let generation = match interface.generation {
        sel4_abigen::Generation::V5 => "5",
        sel4_abigen::Generation::V13 => "13",
    };
    println!("cargo::rustc-cfg=sel4_generation=\"{generation}\"");
    if interface.syscalls.iter().any(|(name, _)| name == "DebugCapIdentify") {
        println!("cargo::rustc-cfg=sel4_debug");
    }
    let out = PathBuf::from(env::var("OUT_DIR")?).join("abi.rs");
    fs::write(out, sel4_abigen::rust_source(&interface))?;
    Ok(())
}
