//! The generator against small interface files of both dialects and against the real ones.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use sel4_abigen::{Generation, Interface, Sources, constant_name, load, parse, rust_source};

const OLD_SYSCALLS: &str = r#"<syscalls><api><config><syscall name="Call"/>
    <syscall name="ReplyRecv"/></config></api><debug>
    <config condition="defined CONFIG_DEBUG_BUILD"><syscall name="DebugPutChar"/></config>
    <config condition="defined CONFIG_LATE"><syscall name="Late"/></config></debug></syscalls>"#;

const NEW_SYSCALLS: &str = r#"<syscalls><api-master><config><syscall name="Call"/></config>
    </api-master><api-mcs><config><syscall name="Other"/></config></api-mcs></syscalls>"#;

fn sources<'a>(api: &'a str, syscall: &'a str, gen_config: &'a str) -> Sources<'a> {
    const EMPTY: &str = "<api/>";
    Sources {
        object_api: api,
        object_api_sel4_arch: EMPTY,
        object_api_arch: EMPTY,
        syscall,
        gen_config,
    }
}

fn labels(interface: &Interface) -> Vec<(&str, u64)> {
    interface.labels.iter().map(|(id, number)| (id.as_str(), *number)).collect()
}

#[test]
fn conditions_of_5_0_0_are_c_expressions() {
    let api = r#"<api><interface><method id="A"/>
        <method id="B" condition="defined(CONFIG_ON)"/>
        <method id="C" condition="defined CONFIG_OFF"/>
        <method id="D" condition="CONFIG_MAX_NUM_NODES > 1"/>
        <method id="E" condition="CONFIG_MAX_NUM_NODES > 0"/></interface></api>"#;
    let config = r#"{"ON": true, "OFF": false, "MAX_NUM_NODES": "1", "LATE": true}"#;
    let interface = parse(&sources(api, OLD_SYSCALLS, config)).expect("parses");
    assert_eq!(labels(&interface), [("A", 1), ("B", 2), ("E", 3)]);
    // The disabled call keeps its number.
    let expected = [("Call", -1), ("ReplyRecv", -2), ("Late", -4)];
    assert_eq!(interface.syscalls, expected.map(|(name, n)| (name.to_owned(), n)));
}

#[test]
fn conditions_of_13_are_elements() {
    let api = r#"<api><interface><method id="A"><condition><not><config var="CONFIG_ON"/></not>
        </condition></method><method id="B"><condition><and><config var="CONFIG_ON"/>
        <config var="CONFIG_OFF"/></and></condition></method><method id="C"><condition><or>
        <config var="CONFIG_ON"/><config var="CONFIG_OFF"/></or></condition></method></interface>
        <interface><condition><config var="CONFIG_OFF"/></condition><method id="D"/></interface>
        <interface><method id="E"><condition/></method></interface></api>"#;
    let interface = parse(&sources(api, NEW_SYSCALLS, r#"{"ON": true}"#)).expect("parses");
    assert_eq!(labels(&interface), [("C", 1), ("E", 2)]);
    assert_eq!(interface.syscalls, [("Call".to_owned(), -1)]);
    assert_eq!(interface.generation, Generation::V13);
}

#[test]
fn what_cannot_be_read_is_an_error_that_names_it() {
    let refused = |api: &str, config: &str| {
        parse(&sources(api, NEW_SYSCALLS, config)).expect_err("refused").to_string()
    };
    assert!(refused("<api", "{}").starts_with("object-api.xml: "));
    assert!(refused("<api/>", "[1]").starts_with("gen_config.json: "));
    let strange = r#"<api><method id="A" condition="A ? B : C"/></api>"#;
    assert_eq!(refused(strange, "{}"), "cannot read the condition \"A ? B : C\"");
    let strange = r#"<api><method id="A"><condition><xor/></condition></method></api>"#;
    assert_eq!(refused(strange, "{}"), "cannot read the condition <xor>");
    let twice = r#"<api><method id="A"/><method id="A"/></api>"#;
    assert_eq!(refused(twice, "{}"), "object-api.xml: method A is enabled twice");
}

#[test]
fn ids_become_constant_names() {
    for (id, name) in [
        ("UntypedRetype", "UNTYPED_RETYPE"),
        ("TCBSetTLSBase", "TCB_SET_TLS_BASE"),
        ("ARMPageClean_Data", "ARM_PAGE_CLEAN_DATA"),
        ("ARMASIDPoolAssign", "ARM_ASID_POOL_ASSIGN"),
        ("NBSend", "NB_SEND"),
        ("IRQAckIRQ", "IRQ_ACK_IRQ"),
    ] {
        assert_eq!(constant_name(id), name);
    }
    let api = r#"<api><method id="UntypedRetype"/></api>"#;
    let source = rust_source(&parse(&sources(api, NEW_SYSCALLS, "{}")).expect("parses"));
    assert!(source.contains("pub const UNTYPED_RETYPE: u64 = 1;"), "{source}");
    assert!(source.contains("pub const CALL: i64 = -1;"), "{source}");
}

/// The folder of the pinned kernel package; cargo downloads it and checks its checksum.
fn package() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../kernel/package/Cargo.toml");
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--format-version", "1", "--manifest-path"])
        .arg(manifest)
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let kernel = packages.iter().find(|p| p["name"] == "sel4-sys").expect("sel4-sys is a package");
    let manifest = kernel["manifest_path"].as_str().expect("manifest_path");
    Path::new(manifest).parent().expect("a folder").join("seL4")
}

/// Numbers that seL4 5.0.0's generated headers have in a release build for AArch64.
#[test]
fn the_default_kernels_files_give_its_headers_numbers() {
    let lib = package().join("libsel4");
    let read = |file: &str| fs::read_to_string(lib.join(file)).expect(file);
    let interface = parse(&Sources {
        object_api: &read("include/interfaces/sel4.xml"),
        object_api_sel4_arch: &read("sel4_arch_include/aarch64/interfaces/sel4arch.xml"),
        object_api_arch: &read("arch_include/arm/interfaces/sel4arch.xml"),
        syscall: &read("include/api/syscall.xml"),
        gen_config: r#"{"MAX_NUM_NODES": "1"}"#,
    })
    .expect("parses");
    assert_eq!(interface.generation, Generation::V5);
    let labels: BTreeMap<_, _> = labels(&interface).into_iter().collect();
    for (id, number) in [("UntypedRetype", 1), ("TCBReadRegisters", 2), ("TCBConfigure", 5)] {
        assert_eq!(labels.get(id), Some(&number), "{id}");
    }
    assert!(!labels.contains_key("TCBSetAffinity"));
    assert_eq!(interface.syscalls.len(), 8);
    assert_eq!(interface.syscalls[7], ("NBRecv".to_owned(), -8));
}

/// Every label against the C header that an install prefix of upstream seL4 carries.
#[test]
fn an_upstream_prefix_agrees_with_its_own_headers() {
    let Some(prefix) = env::var_os("SEL4_PREFIX").filter(|prefix| !prefix.is_empty()) else {
        println!("skipped: SEL4_PREFIX is not set");
        return;
    };
    let prefix = PathBuf::from(prefix);
    let interface = load(&prefix).expect("the prefix loads");
    assert_eq!(interface.generation, Generation::V13);
    let config = fs::read_to_string(prefix.join("libsel4/include/kernel/gen_config.json"));
    let config = config.expect("gen_config.json");
    let include = prefix.join("libsel4/include/sel4");
    let mut expected = Vec::new();
    for header in ["invocation.h", "sel4_arch/invocation.h", "arch/invocation.h"] {
        let text = fs::read_to_string(include.join(header)).expect(header);
        expected.extend(enumerated(&text, &config));
    }
    let found: Vec<_> = interface.labels.iter().map(|(id, _)| id.clone()).collect();
    assert_eq!(found, expected);
    assert!(interface.labels.iter().zip(1..).all(|((_, number), expected)| *number == expected));
}

/// Names of an enum in a generated header, in order, as the C preprocessor would leave them.
fn enumerated(header: &str, config: &str) -> Vec<String> {
    let config: BTreeMap<String, serde_json::Value> =
        serde_json::from_str(config).expect("gen_config.json is an object");
    let on = |name: &str| config.get(name) == Some(&serde_json::Value::Bool(true));
    let mut active = vec![true];
    let mut names = Vec::new();
    for line in header.lines().map(str::trim) {
        if let Some(expression) = line.strip_prefix("#if ") {
            let all = expression.trim_matches(['(', ')']).split("&&").all(|term| {
                let negated = term.contains('!');
                let name = term.split("CONFIG_").nth(1).expect("a CONFIG_ option");
                on(name.trim_end_matches([')', ' '])) != negated
            });
            active.push(all);
        } else if line.starts_with("#endif") {
            active.pop();
        } else if line.starts_with("#if") {
            active.push(true);
        } else if let Some(name) = line.strip_suffix(',')
            && active.iter().all(|on| *on)
            && name != "InvalidInvocation"
        {
            names.push(name.split(" =").next().unwrap_or(name).to_owned());
        }
    }
    names
}
