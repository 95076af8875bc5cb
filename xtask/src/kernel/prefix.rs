//! Reads an seL4 install prefix.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use elf::ElfBytes;
use elf::abi::{EM_AARCH64, ET_EXEC, PT_LOAD};
use elf::endian::LittleEndian;
use serde_json::{Map, Value};

/// The kernel's image, below the prefix.
pub const ELF: &str = "bin/kernel.elf";
/// Its configuration.
pub const GEN_CONFIG: &str = "libsel4/include/kernel/gen_config.json";
/// Its system calls.
pub const SYSCALLS: &str = "libsel4/include/api/syscall.xml";
/// Its invocations: generic, of AArch64, of Arm.
pub const INTERFACES: [&str; 3] = [
    "libsel4/include/interfaces/object-api.xml",
    "libsel4/include/interfaces/object-api-sel4-arch.xml",
    "libsel4/include/interfaces/object-api-arch.xml",
];
/// What the first of [`INTERFACES`] was called before seL4 13.
pub const OLD_INTERFACE: &str = "libsel4/include/interfaces/sel4.xml";
/// The memory that the kernel was built for.
pub const PLATFORM: &str = "support/platform_gen.yaml";
/// The kernel's version, where the prefix has it.
pub const VERSION: &str = "VERSION";

/// RAM of QEMU's virt machine starts here.
const RAM_BASE: u64 = 0x4000_0000;

/// `gen_config.json`: option names without `CONFIG_`, values boolean or string.
#[derive(Debug)]
pub struct GenConfig(Map<String, Value>);

impl GenConfig {
    /// Reads it from `prefix`.
    pub fn read(prefix: &Path) -> Result<Self> {
        let path = prefix.join(GEN_CONFIG);
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text).map_err(|error| {
            anyhow!("{}: {error}: install the kernel again with `cmake --install`", path.display())
        })
    }

    fn parse(text: &str) -> Result<Self> {
        match serde_json::from_str(text)? {
            Value::Object(options) => Ok(Self(options)),
            _ => bail!("not a JSON object"),
        }
    }

    /// Whether a boolean option is on. One that is absent does not exist in that version.
    pub fn on(&self, option: &str) -> bool {
        self.0.get(option) == Some(&Value::Bool(true))
    }

    /// An option that is a word or a number, as text.
    pub fn text(&self, option: &str) -> Option<String> {
        match self.0.get(option)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// The boolean options that are on and whose names start with `start`.
    pub fn on_with_prefix<'a>(&'a self, start: &'a str) -> impl Iterator<Item = &'a str> {
        let names = self.0.keys().map(String::as_str);
        names.filter(move |name| name.starts_with(start) && self.on(name))
    }
}

/// Which of `files` are absent below `prefix`.
pub fn missing<'a>(prefix: &Path, files: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    files.into_iter().filter(|file| !prefix.join(file).is_file()).collect()
}

/// Checks that `path` is a whole AArch64 executable, the way a kernel is.
pub fn check_elf(path: &Path) -> Result<()> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    kernel_image(&bytes).map_err(|reason| {
        anyhow!("{} is no kernel: {reason}: build and install it again", path.display())
    })
}

fn kernel_image(bytes: &[u8]) -> Result<()> {
    if !bytes.starts_with(&elf::abi::ELFMAGIC) {
        bail!("not an ELF file");
    }
    let file = ElfBytes::<LittleEndian>::minimal_parse(bytes)
        .map_err(|error| anyhow!("not a 64-bit little-endian ELF file ({error})"))?;
    if file.ehdr.class != elf::file::Class::ELF64 || file.ehdr.e_machine != EM_AARCH64 {
        bail!("not for AArch64");
    }
    if file.ehdr.e_type != ET_EXEC {
        bail!("not an executable");
    }
    let mut loaded = 0;
    for segment in file.segments().into_iter().flatten().filter(|s| s.p_type == PT_LOAD) {
        file.segment_data(&segment).map_err(|_| anyhow!("truncated"))?;
        loaded += 1;
    }
    if loaded == 0 {
        bail!("nothing to load in it");
    }
    Ok(())
}

/// RAM that the kernel was built for, in MiB; `None` where the prefix does not say.
pub fn memory_mib(prefix: &Path) -> Option<u32> {
    memory_of(&std::fs::read_to_string(prefix.join(PLATFORM)).ok()?)
}

/// Reads the end of the last region of `memory:`, the one part of the file that matters here.
/// Regions in between may be reserved, but QEMU's RAM still has to reach the end.
fn memory_of(yaml: &str) -> Option<u32> {
    let entries = yaml
        .lines()
        .skip_while(|line| line.trim_end() != "memory:")
        .skip(1)
        .take_while(|line| line.starts_with(['-', ' ']));
    let ends = entries.filter_map(|line| {
        let value = line.trim_start_matches(['-', ' ']).strip_prefix("end:")?.trim();
        match value.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).ok(),
            None => value.parse().ok(),
        }
    });
    let size = ends.max()?.checked_sub(RAM_BASE)?;
    u32::try_from(size >> 20).ok().filter(|&mib| mib > 0)
}

/// The version, where the prefix has it: a short word.
pub fn version(prefix: &Path) -> Option<String> {
    let text = std::fs::read_to_string(prefix.join(VERSION)).ok()?;
    let word = text.split_whitespace().next()?;
    let plain = word.len() <= 16 && word.bytes().all(|byte| byte.is_ascii_graphic());
    plain.then(|| word.to_owned())
}

/// The kernel's image in `prefix`.
pub fn elf_path(prefix: &Path) -> PathBuf {
    prefix.join(ELF)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_the_end_of_the_last_region() {
        let yaml = "devices:\n- end: 0x8000000\n  start: 0x0\n\
                    memory:\n- end: 0x50000000\n  start: 0x40000000\n\
                    - end: 0x60000000\n  start: 0x50001000\n";
        assert_eq!(memory_of(yaml), Some(512));
    }

    #[test]
    fn memory_of_another_section_does_not_count() {
        assert_eq!(memory_of("devices:\n- end: 0x60000000\n  start: 0x0\n"), None);
        let after = "memory:\n- end: 0x48000000\nother:\n- end: 0x60000000\n";
        assert_eq!(memory_of(after), Some(128));
        assert_eq!(memory_of("memory:\n- end: banana\n"), None);
        assert_eq!(memory_of("memory:\n- end: 0x1000\n"), None);
    }

    #[test]
    fn options_are_on_only_when_true() {
        let config = GenConfig::parse(r#"{"A":true,"B":false,"C":"1","D":13}"#).unwrap();
        assert!(config.on("A"));
        assert!(!config.on("B") && !config.on("C") && !config.on("absent"));
        assert_eq!(config.text("C").as_deref(), Some("1"));
        assert_eq!(config.text("D").as_deref(), Some("13"));
        assert_eq!(config.text("A"), None);
    }
}
