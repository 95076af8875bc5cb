//! The default kernel's configuration: from `kernel/config.toml` to what C and JSON read.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::{Map, Value};

/// One option's value.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
enum Setting {
    Switch(bool),
    Number(u64),
    Word(String),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    options: BTreeMap<String, Setting>,
    release: BTreeMap<String, Setting>,
    debug: BTreeMap<String, Setting>,
}

/// A configuration of the default kernel.
#[derive(Debug)]
pub struct Configuration(BTreeMap<String, Setting>);

impl Configuration {
    /// Reads `config.toml`, its release or debug half, for a machine with `memory_mib` of RAM.
    pub fn read(path: &Path, debug: bool, memory_mib: u32) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text, debug, memory_mib).with_context(|| format!("{}", path.display()))
    }

    fn parse(text: &str, debug: bool, memory_mib: u32) -> Result<Self> {
        let file: File = toml::from_str(text)?;
        let mut options = file.options;
        for (name, setting) in if debug { file.debug } else { file.release } {
            if options.insert(name.clone(), setting).is_some() {
                bail!("{name} is set twice");
            }
        }
        let bytes = u64::from(memory_mib) << 20;
        if options.insert("QEMU_RAM_SIZE".to_owned(), Setting::Number(bytes)).is_some() {
            bail!("QEMU_RAM_SIZE comes from the build's options");
        }
        Ok(Self(options))
    }

    /// The header that the kernel's `config.h` includes.
    pub fn autoconf(&self) -> String {
        let mut text = String::from("/* Made from kernel/config.toml */\n#pragma once\n");
        for (name, setting) in &self.0 {
            // Writing to a String cannot fail.
            let _ = match setting {
                Setting::Switch(true) => writeln!(text, "#define CONFIG_{name} 1"),
                Setting::Switch(false) => writeln!(text, "/* CONFIG_{name} is off */"),
                Setting::Number(number) => writeln!(text, "#define CONFIG_{name} {number}"),
                Setting::Word(word) => writeln!(text, "#define CONFIG_{name} {word}"),
            };
        }
        text
    }

    /// `gen_config.json` the way upstream seL4 writes it: booleans, everything else as strings.
    pub fn gen_config(&self) -> String {
        let options: Map<String, Value> = self
            .0
            .iter()
            .map(|(name, setting)| {
                let value = match setting {
                    Setting::Switch(on) => Value::Bool(*on),
                    Setting::Number(number) => Value::String(number.to_string()),
                    Setting::Word(word) => Value::String(word.clone()),
                };
                (name.clone(), value)
            })
            .collect();
        format!("{:#}\n", Value::Object(options))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::prefix::GEN_CONFIG;
    use crate::kernel::prefix::GenConfig;
    use crate::kernel::require;
    use crate::kernel::scratch::Scratch;

    const TEXT: &str = "[options]\nA = true\nB = false\nN = 13\nW = \"aarch64\"\n\
                        [release]\nDEBUG_BUILD = false\n[debug]\nDEBUG_BUILD = true\n";

    #[test]
    fn c_and_json_say_the_same() {
        let configuration = Configuration::parse(TEXT, true, 512).unwrap();
        let header = configuration.autoconf();
        for line in [
            "#define CONFIG_A 1",
            "/* CONFIG_B is off */",
            "#define CONFIG_N 13",
            "#define CONFIG_W aarch64",
            "#define CONFIG_DEBUG_BUILD 1",
            "#define CONFIG_QEMU_RAM_SIZE 536870912",
        ] {
            assert!(header.lines().any(|l| l == line), "no {line:?} in {header}");
        }
        let json: Value = serde_json::from_str(&configuration.gen_config()).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "A": true, "B": false, "N": "13", "W": "aarch64", "DEBUG_BUILD": true,
                "QEMU_RAM_SIZE": "536870912"
            })
        );
    }

    #[test]
    fn an_option_is_set_once() {
        let text = TEXT.replace("A = true", "DEBUG_BUILD = true");
        let error = Configuration::parse(&text, false, 512).unwrap_err();
        assert_eq!(error.to_string(), "DEBUG_BUILD is set twice");
    }

    #[test]
    fn default_kernel_meets_the_requirements_of_an_external_one() {
        let path = crate::workspace::root().join("kernel/config.toml");
        for debug in [false, true] {
            let configuration = Configuration::read(&path, debug, 512).unwrap();
            let scratch = Scratch::new();
            scratch.write(GEN_CONFIG, configuration.gen_config());
            let config = GenConfig::read(scratch.path()).unwrap();
            assert_eq!(require::violations(&config), []);
            assert_eq!(config.on("DEBUG_BUILD"), debug);
        }
    }
}
