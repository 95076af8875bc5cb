//! Prefixes that are refused, and why.

use serde_json::{Value, json};

use super::*;
use crate::kernel::scratch::Scratch;

/// The least that an executable for AArch64 has: a header and one segment of four bytes.
fn tiny_elf() -> Vec<u8> {
    let mut elf = vec![0x7f, b'E', b'L', b'F', 2, 1, 1];
    elf.resize(16, 0);
    elf.extend([2, 0, 183, 0, 1, 0, 0, 0]); // executable, AArch64, version
    elf.extend(0x4000_0000u64.to_le_bytes()); // entry
    elf.extend(64u64.to_le_bytes()); // program headers
    elf.extend([0; 8]); // no section headers
    elf.extend([0, 0, 0, 0, 64, 0, 56, 0, 1, 0, 64, 0, 0, 0, 0, 0]);
    elf.extend([1, 0, 0, 0, 7, 0, 0, 0]); // PT_LOAD, RWX
    for field in [120u64, 0x4000_0000, 0x4000_0000, 4, 4, 4] {
        elf.extend(field.to_le_bytes()); // offset, addresses, sizes, alignment
    }
    elf.extend([0xd6, 0x5f, 0x03, 0xc0]);
    elf
}

fn workable() -> Value {
    json!({
        "PLAT": "qemu-arm-virt",
        "SEL4_ARCH": "aarch64",
        "ARM_CORTEX_A53": false,
        "ARM_CORTEX_A57": true,
        "KERNEL_MCS": false,
        "MAX_NUM_NODES": "1",
        "NUM_PRIORITIES": "256",
        "ARM_HYPERVISOR_SUPPORT": false,
        "ARM_GIC_V3_SUPPORT": true,
        "ROOT_CNODE_SIZE_BITS": "13",
        "EXPORT_PTMR_USER": true,
        "EXPORT_VCNT_USER": true,
        "EXPORT_VTMR_USER": false,
        "DEBUG_BUILD": false,
        "PRINTING": false,
    })
}

/// A whole prefix with `changes` made to a workable configuration.
fn prefix_with(changes: Value) -> Scratch {
    let mut config = workable();
    let options = config.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        options.insert(name.clone(), value.clone());
    }
    let scratch = Scratch::new();
    scratch.write(prefix::ELF, tiny_elf());
    scratch.write(prefix::GEN_CONFIG, config.to_string());
    scratch.write(prefix::SYSCALLS, "<syscalls/>");
    for file in prefix::INTERFACES {
        scratch.write(file, "<interface/>");
    }
    scratch
}

/// Why the prefix is refused, without its path.
fn refusal(scratch: &Scratch) -> String {
    let message = open_external(scratch.path()).unwrap_err().to_string();
    assert!(!message.contains('\n'), "more than one line: {message}");
    message.replace(&scratch.path().display().to_string(), "PREFIX")
}

#[track_caller]
fn refused(changes: Value, expected: &str) {
    assert_eq!(refusal(&prefix_with(changes)), format!("PREFIX: {expected}"));
}

#[test]
fn a_workable_release_kernel() {
    let scratch = prefix_with(json!({}));
    scratch.write(prefix::PLATFORM, "memory:\n- end: 0x60000000\n  start: 0x40000000\n");
    let kernel = open_external(scratch.path()).unwrap();
    assert_eq!(kernel.prefix, scratch.path());
    assert_eq!(kernel.elf, scratch.path().join("bin/kernel.elf"));
    assert_eq!(
        kernel.facts,
        KernelFacts {
            description: "upstream seL4 (external prefix), release".to_owned(),
            gic: "GICv3".to_owned(),
            memory_mib: Some(512),
            debug: false,
            printing: false,
            upstream: true,
        }
    );
}

#[test]
fn a_workable_debug_kernel_with_its_version() {
    let changes = json!({ "DEBUG_BUILD": true, "PRINTING": true, "ROOT_CNODE_SIZE_BITS": "16" });
    let scratch = prefix_with(changes);
    scratch.write(prefix::VERSION, "16.0.0\n");
    let facts = open_external(scratch.path()).unwrap().facts;
    assert_eq!(facts.description, "upstream seL4 16.0.0 (external prefix), debug");
    assert!(facts.debug && facts.printing && facts.upstream);
    assert_eq!(facts.memory_mib, None);
}

#[test]
fn our_own_build_is_never_called_upstream() {
    let scratch = prefix_with(json!({ "COHESIX_PORT": true }));
    scratch.write(prefix::VERSION, "5.0.0\n");
    let facts = open_external(scratch.path()).unwrap().facts;
    assert_eq!(facts.description, "seL4 5.0.0, unverified AArch64 port, patched, release");
    assert!(!facts.upstream);
}

#[test]
fn descriptions_fit_the_banner() {
    let scratch = prefix_with(json!({ "DEBUG_BUILD": false }));
    scratch.write(prefix::VERSION, "16-characters-ok\n");
    let longest = open_external(scratch.path()).unwrap().facts.description;
    assert!(longest.contains("16-characters-ok") && longest.len() <= 80, "{longest}");
    scratch.write(prefix::VERSION, "17-characters-off\n");
    let without = open_external(scratch.path()).unwrap().facts.description;
    assert_eq!(without, "upstream seL4 (external prefix), release");
}

#[test]
fn mcs() {
    refused(
        json!({ "KERNEL_MCS": true }),
        "KernelIsMCS is ON, Cohesix needs OFF: rebuild the kernel with -DKernelIsMCS=OFF",
    );
}

#[test]
fn smp() {
    refused(
        json!({ "MAX_NUM_NODES": "4" }),
        "KernelMaxNumNodes is 4, Cohesix needs 1: rebuild the kernel with -DKernelMaxNumNodes=1",
    );
}

#[test]
fn gic_v2() {
    refused(
        json!({ "ARM_GIC_V3_SUPPORT": false }),
        "QEMU_GIC_VERSION is 2, Cohesix needs 3: rebuild the kernel with -DQEMU_GIC_VERSION=3",
    );
}

#[test]
fn hypervisor() {
    refused(
        json!({ "ARM_HYPERVISOR_SUPPORT": true }),
        "KernelArmHypervisorSupport is ON, Cohesix needs OFF: rebuild the kernel with \
         -DKernelArmHypervisorSupport=OFF",
    );
}

#[test]
fn no_timer_for_user_level() {
    refused(
        json!({ "EXPORT_PTMR_USER": false }),
        "KernelArmExportPTMRUser is OFF, Cohesix needs ON: rebuild the kernel with \
         -DKernelArmExportPTMRUser=ON",
    );
}

#[test]
fn no_counter_for_user_level() {
    refused(
        json!({ "EXPORT_VCNT_USER": false, "EXPORT_PCNT_USER": true }),
        "KernelArmExportVCNTUser is OFF, Cohesix needs ON: rebuild the kernel with \
         -DKernelArmExportVCNTUser=ON",
    );
}

#[test]
fn the_kernels_own_timer_exported() {
    refused(
        json!({ "EXPORT_VTMR_USER": true }),
        "KernelArmExportVTMRUser is ON, Cohesix needs OFF: rebuild the kernel with \
         -DKernelArmExportVTMRUser=OFF",
    );
}

#[test]
fn small_root_cnode() {
    refused(
        json!({ "ROOT_CNODE_SIZE_BITS": "12" }),
        "KernelRootCNodeSizeBits is 12, Cohesix needs at least 13: rebuild the kernel with \
         -DKernelRootCNodeSizeBits=13",
    );
}

#[test]
fn few_priorities() {
    refused(
        json!({ "NUM_PRIORITIES": "64" }),
        "KernelNumPriorities is 64, Cohesix needs 256: rebuild the kernel with \
         -DKernelNumPriorities=256",
    );
}

#[test]
fn another_processor() {
    refused(
        json!({ "ARM_CORTEX_A57": false, "ARM_CORTEX_A53": true }),
        "ARM_CPU is cortex-a53, Cohesix needs cortex-a57: rebuild the kernel with \
         -DARM_CPU=cortex-a57",
    );
}

#[test]
fn everything_of_another_platform_is_named_at_once() {
    refused(
        json!({
            "PLAT": "spike", "SEL4_ARCH": "riscv64", "ARM_CORTEX_A57": null,
            "ARM_GIC_V3_SUPPORT": null, "EXPORT_PTMR_USER": null, "EXPORT_VCNT_USER": null,
            "ROOT_CNODE_SIZE_BITS": null
        }),
        "KernelPlatform is spike, Cohesix needs qemu-arm-virt; \
         KernelSel4Arch is riscv64, Cohesix needs aarch64; \
         ARM_CPU is not set, Cohesix needs cortex-a57; \
         QEMU_GIC_VERSION is 2, Cohesix needs 3; \
         KernelArmExportPTMRUser is OFF, Cohesix needs ON; \
         KernelArmExportVCNTUser is OFF, Cohesix needs ON; \
         KernelRootCNodeSizeBits is not set, Cohesix needs at least 13: \
         rebuild the kernel with -DKernelPlatform=qemu-arm-virt -DKernelSel4Arch=aarch64 \
         -DARM_CPU=cortex-a57 -DQEMU_GIC_VERSION=3 -DKernelArmExportPTMRUser=ON \
         -DKernelArmExportVCNTUser=ON -DKernelRootCNodeSizeBits=13",
    );
}

#[test]
fn each_missing_file_is_named() {
    for file in [prefix::ELF, prefix::SYSCALLS].into_iter().chain(prefix::INTERFACES) {
        let scratch = prefix_with(json!({}));
        scratch.remove(file);
        assert_eq!(
            refusal(&scratch),
            format!(
                "PREFIX is not an seL4 install prefix: missing {file}; make one with `cmake \
                 --install`"
            )
        );
    }
}

#[test]
fn too_old_for_gen_config() {
    let scratch = prefix_with(json!({}));
    scratch.remove(prefix::GEN_CONFIG);
    assert_eq!(
        refusal(&scratch),
        "PREFIX has a kernel but no libsel4/include/kernel/gen_config.json: Cohesix needs seL4 \
         13 or newer, installed with `cmake --install`"
    );
}

#[test]
fn too_old_by_its_interface() {
    let scratch = prefix_with(json!({}));
    scratch.remove(prefix::INTERFACES[0]);
    scratch.write(prefix::OLD_INTERFACE, "<interface/>");
    assert_eq!(
        refusal(&scratch),
        "PREFIX holds an seL4 older than 13 (it has libsel4/include/interfaces/sel4.xml, not \
         libsel4/include/interfaces/object-api.xml): Cohesix needs seL4 13 or newer"
    );
}

#[test]
fn no_folder() {
    let scratch = Scratch::new();
    let error = open_external(&scratch.path().join("absent")).unwrap_err().to_string();
    assert!(
        error.ends_with("is not a folder: give the folder that `cmake --install` of seL4 filled")
    );
}

/// Why `image` is no kernel.
fn image_refusal(image: &[u8]) -> String {
    let scratch = prefix_with(json!({}));
    scratch.write(prefix::ELF, image);
    refusal(&scratch)
}

#[test]
fn images_that_are_no_kernel() {
    let patched = |at: usize, byte: u8| {
        let mut elf = tiny_elf();
        elf[at] = byte;
        elf
    };
    let whole = tiny_elf();
    for (image, reason) in [
        (&b"#!/bin/sh\n"[..], "not an ELF file"),
        (b"", "not an ELF file"),
        (&patched(18, 62), "not for AArch64"),
        (&patched(16, 3), "not an executable"),
        (&patched(64, 4), "nothing to load in it"),
        (&whole[..whole.len() - 1], "truncated"),
    ] {
        assert_eq!(
            image_refusal(image),
            format!("PREFIX/bin/kernel.elf is no kernel: {reason}: build and install it again")
        );
    }
    let cut = image_refusal(&whole[..40]);
    assert!(cut.starts_with("PREFIX/bin/kernel.elf is no kernel: not a 64-bit"), "{cut}");
}

#[test]
fn configuration_that_is_no_json() {
    let scratch = prefix_with(json!({}));
    scratch.write(prefix::GEN_CONFIG, "{ \"KERNEL_MCS\": ");
    let message = refusal(&scratch);
    assert!(
        message.starts_with("PREFIX/libsel4/include/kernel/gen_config.json: EOF while parsing"),
        "{message}"
    );
    scratch.write(prefix::GEN_CONFIG, "[]");
    assert_eq!(
        refusal(&scratch),
        "PREFIX/libsel4/include/kernel/gen_config.json: not a JSON object: install the kernel \
         again with `cmake --install`"
    );
}
