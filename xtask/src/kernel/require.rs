//! What a kernel's configuration has to be for Cohesix to run on it.
//!
//! Each requirement is named the way the user sets it (seL4's CMake options). The table with the
//! reasons is in `kernel/README.md`.

use super::prefix::GenConfig;

/// An option that has an unworkable value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The CMake option.
    pub option: &'static str,
    /// Its value in the kernel.
    pub found: String,
    /// The value that it needs.
    pub needed: &'static str,
}

/// `(option in gen_config.json, CMake option, must be on)`
const SWITCHES: [(&str, &str, bool); 5] = [
    ("KERNEL_MCS", "KernelIsMCS", false),
    ("ARM_HYPERVISOR_SUPPORT", "KernelArmHypervisorSupport", false),
    ("EXPORT_PTMR_USER", "KernelArmExportPTMRUser", true),
    ("EXPORT_VCNT_USER", "KernelArmExportVCNTUser", true),
    ("EXPORT_VTMR_USER", "KernelArmExportVTMRUser", false),
];

/// `(option in gen_config.json, CMake option, needed value)`
const VALUES: [(&str, &str, &str); 4] = [
    ("PLAT", "KernelPlatform", "qemu-arm-virt"),
    ("SEL4_ARCH", "KernelSel4Arch", "aarch64"),
    ("MAX_NUM_NODES", "KernelMaxNumNodes", "1"),
    ("NUM_PRIORITIES", "KernelNumPriorities", "256"),
];

/// The root task's CNode needs at least 2^13 slots.
const ROOT_CNODE_BITS: u32 = 13;

/// Every requirement that `config` does not meet.
pub fn violations(config: &GenConfig) -> Vec<Violation> {
    let mut found = Vec::new();
    for (key, option, needed) in VALUES {
        let value = config.text(key).unwrap_or_else(|| "not set".to_owned());
        if value != needed {
            found.push(Violation { option, found: value, needed });
        }
    }
    if !config.on("ARM_CORTEX_A57") {
        found.push(Violation { option: "ARM_CPU", found: cpu(config), needed: "cortex-a57" });
    }
    if !config.on("ARM_GIC_V3_SUPPORT") {
        let option = "QEMU_GIC_VERSION";
        found.push(Violation { option, found: "2".to_owned(), needed: "3" });
    }
    for (key, option, needed) in SWITCHES {
        if config.on(key) != needed {
            let (value, needed) = (on_off(!needed).to_owned(), on_off(needed));
            found.push(Violation { option, found: value, needed });
        }
    }
    let bits = config.text("ROOT_CNODE_SIZE_BITS");
    if bits.as_deref().and_then(|b| b.parse().ok()).is_none_or(|b: u32| b < ROOT_CNODE_BITS) {
        let value = bits.unwrap_or_else(|| "not set".to_owned());
        let option = "KernelRootCNodeSizeBits";
        found.push(Violation { option, found: value, needed: "13" });
    }
    found
}

/// One line: each option's value and the one that it needs, then what to do.
pub fn explain(violations: &[Violation]) -> String {
    let clauses: Vec<String> = violations
        .iter()
        .map(|v| {
            let least = if v.option == "KernelRootCNodeSizeBits" { "at least " } else { "" };
            format!("{} is {}, Cohesix needs {least}{}", v.option, v.found, v.needed)
        })
        .collect();
    let settings: Vec<String> =
        violations.iter().map(|v| format!("-D{}={}", v.option, v.needed)).collect();
    format!("{}: rebuild the kernel with {}", clauses.join("; "), settings.join(" "))
}

/// The processor that the kernel was built for, as ARM_CPU names it.
fn cpu(config: &GenConfig) -> String {
    match config.on_with_prefix("ARM_CORTEX_").next() {
        Some(name) => name.trim_start_matches("ARM_").to_lowercase().replace('_', "-"),
        None => "not set".to_owned(),
    }
}

fn on_off(on: bool) -> &'static str {
    if on { "ON" } else { "OFF" }
}
