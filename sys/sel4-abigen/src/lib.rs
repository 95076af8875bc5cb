//! Generates the kernel's ABI constants from its own interface files.
//!
//! An seL4 install prefix describes its ABI in XML and one JSON file. From those this crate
//! numbers the invocation labels and the system calls the way the kernel's own generators do
//! (`invocation_header_gen.py`, `syscall_header_gen.py`): in file order, skipping what the
//! configuration switches off. seL4 5.0.0 writes conditions as C expressions in an attribute,
//! 13 and later as nested elements; both are read.
//!
//! What C headers alone say (object types, layouts) is not generated: it differs only between
//! the two [`Generation`]s and lives in the crate `cohesix-sel4`.
#![forbid(unsafe_code)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{error, fmt, fs};

mod condition;

pub use condition::Configuration;

/// Which of the two families of AArch64 interfaces a kernel has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Generation {
    /// 5.0.0: a kernel object type per paging level, packed BootInfo, 28-bit badges.
    V5,
    /// 13 and later: one page-table type, `TCB_SetSchedParams` and `TCB_SetTLSBase`.
    V13,
}

/// The numbers of one kernel's ABI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// Invocation labels by XML method id, in order of their numbers.
    pub labels: Vec<(String, u64)>,
    /// System call numbers by name.
    pub syscalls: Vec<(String, i64)>,
    /// The interface family.
    pub generation: Generation,
}

/// Texts of the interface files of one kernel.
#[derive(Debug, Clone, Copy)]
pub struct Sources<'a> {
    /// `interfaces/object-api.xml`.
    pub object_api: &'a str,
    /// `interfaces/object-api-sel4-arch.xml`.
    pub object_api_sel4_arch: &'a str,
    /// `interfaces/object-api-arch.xml`.
    pub object_api_arch: &'a str,
    /// `api/syscall.xml`.
    pub syscall: &'a str,
    /// `kernel/gen_config.json`.
    pub gen_config: &'a str,
}

/// Why no ABI could be generated; the text names the file.
#[derive(Debug)]
pub struct Error(String);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl error::Error for Error {}

/// The interface files below an install prefix, in the order of [`Sources`]' fields.
pub fn interface_files(prefix: &Path) -> [PathBuf; 5] {
    let include = prefix.join("libsel4/include");
    [
        "interfaces/object-api.xml",
        "interfaces/object-api-sel4-arch.xml",
        "interfaces/object-api-arch.xml",
        "api/syscall.xml",
        "kernel/gen_config.json",
    ]
    .map(|file| include.join(file))
}

/// Reads the ABI of the kernel installed at `prefix`.
pub fn load(prefix: &Path) -> Result<Interface, Error> {
    let mut texts = Vec::new();
    for file in interface_files(prefix) {
        texts.push(fs::read_to_string(&file).map_err(|error| {
            Error(format!("cannot read the kernel's interface file {}: {error}", file.display()))
        })?);
    }
    parse(&Sources {
        object_api: &texts[0],
        object_api_sel4_arch: &texts[1],
        object_api_arch: &texts[2],
        syscall: &texts[3],
        gen_config: &texts[4],
    })
}

/// Numbers labels and system calls.
pub fn parse(sources: &Sources) -> Result<Interface, Error> {
    let configuration = Configuration::from_json(sources.gen_config)?;
    let mut labels: Vec<(String, u64)> = Vec::new();
    // The kernel numbers them through: generic, sel4_arch, arch. Label 0 is InvalidInvocation.
    for (file, text) in [
        ("object-api.xml", sources.object_api),
        ("object-api-sel4-arch.xml", sources.object_api_sel4_arch),
        ("object-api-arch.xml", sources.object_api_arch),
    ] {
        for id in methods(file, text, &configuration)? {
            if labels.iter().any(|(known, _)| *known == id) {
                return Err(Error(format!("{file}: method {id} is enabled twice")));
            }
            let number = labels.len() as u64 + 1;
            labels.push((id, number));
        }
    }
    let per_level = labels.iter().any(|(id, _)| id == "ARMPageUpperDirectoryMap");
    Ok(Interface {
        labels,
        syscalls: syscalls(sources.syscall, &configuration)?,
        generation: if per_level { Generation::V5 } else { Generation::V13 },
    })
}

fn document<'a>(file: &str, text: &'a str) -> Result<roxmltree::Document<'a>, Error> {
    let options = roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() };
    roxmltree::Document::parse_with_options(text, options)
        .map_err(|error| Error(format!("{file}: {error}")))
}

fn methods(file: &str, text: &str, configuration: &Configuration) -> Result<Vec<String>, Error> {
    let document = document(file, text)?;
    let mut ids = Vec::new();
    for method in document.descendants().filter(|node| node.has_tag_name("method")) {
        if configuration.enables(method)? {
            let id = method.attribute("id");
            ids.push(id.ok_or_else(|| Error(format!("{file}: a method without id")))?.to_owned());
        }
    }
    Ok(ids)
}

fn syscalls(text: &str, configuration: &Configuration) -> Result<Vec<(String, i64)>, Error> {
    let document = document("syscall.xml", text)?;
    let mut numbers = Vec::new();
    let mut next = -1;
    // "api" is 5.0.0's list, "api-master" that of a later kernel without MCS.
    for list in ["api", "api-master", "debug"] {
        let configs = document
            .descendants()
            .filter(|node| node.has_tag_name(list))
            .flat_map(|node| node.children().filter(|child| child.has_tag_name("config")));
        for config in configs {
            let enabled = configuration.enables(config)?;
            for call in config.children().filter(|child| child.has_tag_name("syscall")) {
                if enabled {
                    let name = call.attribute("name");
                    let name =
                        name.ok_or_else(|| Error("syscall.xml: a call without name".into()))?;
                    numbers.push((name.to_owned(), next));
                }
                // Disabled calls keep their numbers.
                next -= 1;
            }
        }
    }
    Ok(numbers)
}

/// `ARMPageClean_Data` -> `ARM_PAGE_CLEAN_DATA`, `NBSend` -> `NB_SEND`.
pub fn constant_name(id: &str) -> String {
    // "ARM" is a word of its own even before another acronym: ARMASIDPoolAssign.
    let (mut name, id) = match id.strip_prefix("ARM") {
        Some(rest) => (String::from("ARM_"), rest),
        None => (String::new(), id),
    };
    let letters: Vec<char> = id.chars().collect();
    for (i, &letter) in letters.iter().enumerate() {
        let after_lower = i > 0 && letters[i - 1].is_ascii_lowercase();
        let ends_acronym = i > 0
            && letters[i - 1].is_ascii_uppercase()
            && letters.get(i + 1).is_some_and(char::is_ascii_lowercase);
        if letter.is_ascii_uppercase() && (after_lower || ends_acronym) {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

/// Rust source of the constants: `mod label` and `mod syscall`.
pub fn rust_source(interface: &Interface) -> String {
    let mut source = String::from("/// Invocation labels.\npub mod label {\n");
    for (id, number) in &interface.labels {
        let name = constant_name(id);
        let _ = writeln!(source, "    /// `{id}`.\n    pub const {name}: u64 = {number};");
    }
    source.push_str("}\n/// System call numbers (register x7).\npub mod syscall {\n");
    for (id, number) in &interface.syscalls {
        let name = constant_name(id);
        let _ = writeln!(source, "    /// `{id}`.\n    pub const {name}: i64 = {number};");
    }
    source.push_str("}\n");
    source
}
