//! The encoding of `system.bin`: what goes in comes out, and nothing else is taken for it.

use manifest::{
    Calls, Capabilities, Component, Components, DecodeError, Device, FORMAT, Facts, Image, Images,
    Limits, MAX_CALLS, MAX_COMPONENTS, MAX_IMAGES, Name, OnPanic, Region, Regions, Selftest, Start,
    System, Target, Text,
};
use proptest::collection::vec;
use proptest::prelude::*;

fn component() -> Component {
    Component {
        name: Name::try_from("ping").unwrap(),
        image: Name::try_from("ping").unwrap(),
        priority: 100,
        stack: 16 << 10,
        memory: 256 << 10,
        argument: 7,
        start: Start::Boot,
        calls: Calls::from_iter([Target::RootTask]),
        capabilities: Capabilities::PING | Capabilities::LOG,
        device: None,
        limits: Limits { ttl_ms: 0, log_lines_per_s: 10 },
    }
}

fn region(size: u32, components: [u8; 2]) -> Region {
    Region { name: Name::try_from("link").unwrap(), size, components }
}

fn system() -> System {
    let text = |text: &str| Text::try_from(text).unwrap();
    let image = Image { name: Name::try_from("ping").unwrap(), size: 12_345, sha256: [0xa5; 32] };
    System {
        name: Name::try_from("qemu-virt").unwrap(),
        memory_mib: 512,
        tick_ms: 1000,
        on_panic: OnPanic::Halt,
        selftest: Some(Selftest { component: 0, cycles: 1000, panic: false }),
        components: Components::from_iter([component()]),
        regions: Regions::new(),
        facts: Facts {
            version: text("0.1.0"),
            git: text("0123456789ab"),
            kernel: text("seL4 5.0.0, unverified AArch64 port"),
            gic: text("GICv3"),
            images: Images::from_iter([image]),
        },
    }
}

fn encode(system: &System) -> Vec<u8> {
    system.encode(&mut [0; 4096]).unwrap().to_vec()
}

/// The system after `change`, encoded and decoded again.
fn decode_changed(change: impl FnOnce(&mut System, &mut Component)) -> Result<System, DecodeError> {
    let (mut system, mut component) = (system(), component());
    change(&mut system, &mut component);
    system.components = Components::from_iter([component]);
    System::decode(&encode(&system))
}

#[test]
fn the_first_bytes_are_the_format_and_the_name() {
    let bytes = encode(&system());
    assert_eq!(bytes.first(), Some(&FORMAT));
    assert_eq!(bytes.get(1..11), Some(b"\x09qemu-virt".as_slice()));
}

#[test]
fn an_empty_file_and_another_format_are_told_apart() {
    assert_eq!(System::decode(&[]), Err(DecodeError::Empty));
    let mut bytes = encode(&system());
    for format in (0..=u8::MAX).filter(|&format| format != FORMAT) {
        *bytes.first_mut().unwrap() = format;
        assert_eq!(System::decode(&bytes), Err(DecodeError::Format(format)));
    }
}

#[test]
fn every_truncation_is_refused() {
    let bytes = encode(&system());
    for length in 1..bytes.len() {
        let cut = bytes.get(..length).unwrap();
        assert_eq!(System::decode(cut), Err(DecodeError::Corrupt), "{length} bytes");
    }
    assert_eq!(System::decode(&bytes), Ok(system()));
}

#[test]
fn a_trailing_byte_is_refused() {
    let mut bytes = encode(&system());
    bytes.push(0);
    assert_eq!(System::decode(&bytes), Err(DecodeError::Corrupt));
}

#[test]
fn a_buffer_that_is_too_small_is_an_error() {
    let needed = encode(&system()).len();
    for length in 0..needed {
        assert!(system().encode(&mut vec![0; length]).is_err(), "{length} bytes");
    }
    assert_eq!(system().encode(&mut vec![0; needed]).unwrap().len(), needed);
}

#[test]
fn values_that_no_manifest_can_have_are_refused() {
    type Change = fn(&mut System, &mut Component);
    let changes: [(&str, Change); 16] = [
        ("a tick of no length", |system, _| system.tick_ms = 0),
        ("a self-test of no component", |system, _| {
            system.selftest = Some(Selftest { component: 1, cycles: 1, panic: false });
        }),
        ("the root task's priority", |_, component| component.priority = manifest::ROOT_PRIORITY),
        ("no stack", |_, component| component.stack = 0),
        ("a stack of half a page", |_, component| component.stack = 2048),
        ("a stack that is all memory", |_, component| component.stack = component.memory),
        ("memory that is no power of two", |_, component| component.memory = 768 << 10),
        ("too little memory", |_, component| component.memory = 32 << 10),
        ("too much memory", |_, component| component.memory = 128 << 20),
        ("a call to no component", |_, component| {
            component.calls = Calls::from_iter([Target::Component(1)]);
        }),
        ("an unknown capability", |_, component| {
            component.capabilities = Capabilities::from_bits_retain(1 << 7);
        }),
        ("a transport that is not there", |_, component| {
            component.device = Some(Device { transport: 32, dma: 1 << 16 });
        }),
        ("DMA memory that is no power of two", |_, component| {
            component.device = Some(Device { transport: 31, dma: 3 << 14 });
        }),
        ("a region of half a page", |system, _| {
            system.regions = Regions::from_iter([region(2048, [0, 1])]);
        }),
        ("a region with one end", |system, _| {
            system.regions = Regions::from_iter([region(8192, [0, 0])]);
        }),
        ("a region with nobody", |system, _| {
            system.regions = Regions::from_iter([region(8192, [0, 9])]);
        }),
    ];
    assert!(decode_changed(|_, _| ()).is_ok());
    for (what, change) in changes {
        assert_eq!(decode_changed(change), Err(DecodeError::Unsound), "{what}");
    }
}

fn any_name() -> impl Strategy<Value = Name> {
    "[a-z][a-z0-9-]{0,23}".prop_map(|name| Name::try_from(name.as_str()).unwrap())
}

fn any_text() -> impl Strategy<Value = Text> {
    "[ -~]{0,80}".prop_map(|text| Text::try_from(text.as_str()).unwrap())
}

fn any_component(count: u8) -> impl Strategy<Value = Component> {
    let target = prop_oneof![Just(Target::RootTask), (0..count).prop_map(Target::Component)];
    let numbers = (0..manifest::ROOT_PRIORITY, 16..=26_u32, any::<u64>(), any::<bool>());
    let limits = (0..=15_u8, any::<u32>(), any::<u16>());
    let calls = vec(target, 0..=MAX_CALLS);
    (any_name(), any_name(), numbers, 1..16_u32, calls, limits).prop_map(
        |(name, image, (priority, memory, argument, boot), pages, calls, limits)| Component {
            name,
            image,
            priority,
            stack: pages << 12,
            memory: 1 << memory,
            argument,
            start: if boot { Start::Boot } else { Start::Demand },
            calls: Calls::from_iter(calls),
            capabilities: Capabilities::from_bits_truncate(limits.0),
            device: None,
            limits: Limits { ttl_ms: limits.1, log_lines_per_s: limits.2 },
        },
    )
}

fn any_facts() -> impl Strategy<Value = Facts> {
    let image = (any_name(), any::<u32>(), any::<[u8; 32]>());
    let image = image.prop_map(|(name, size, sha256)| Image { name, size, sha256 });
    let texts = (any_text(), any_text(), any_text(), any_text());
    (texts, vec(image, 0..=MAX_IMAGES)).prop_map(|((version, git, kernel, gic), images)| Facts {
        version,
        git,
        kernel,
        gic,
        images: Images::from_iter(images),
    })
}

fn any_system() -> impl Strategy<Value = System> {
    let count = 1..=u8::try_from(MAX_COMPONENTS).unwrap();
    count.prop_flat_map(|count| {
        let selftest = (0..count, any::<u32>(), any::<bool>());
        let selftest =
            selftest.prop_map(|(component, cycles, panic)| Selftest { component, cycles, panic });
        let numbers = (any::<u32>(), 1..=u32::MAX, any::<bool>());
        let components = vec(any_component(count), usize::from(count));
        (any_name(), numbers, proptest::option::of(selftest), components, any_facts()).prop_map(
            |(name, (memory_mib, tick_ms, halt), selftest, components, facts)| System {
                name,
                memory_mib,
                tick_ms,
                on_panic: if halt { OnPanic::Halt } else { OnPanic::Exit },
                selftest,
                components: Components::from_iter(components),
                regions: Regions::new(),
                facts,
            },
        )
    })
}

proptest! {
    // A saved failing case would be a file in the tree; the failure prints it as well.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_goes_in_comes_out(system in any_system()) {
        let mut buffer = [0; 8192];
        let bytes = system.encode(&mut buffer).unwrap();
        prop_assert_eq!(System::decode(bytes), Ok(system));
    }

    /// Never a panic, and whatever is accepted can be encoded and decoded again.
    #[test]
    fn arbitrary_bytes_do_no_harm(body in vec(any::<u8>(), 0..600)) {
        let bytes = [&[FORMAT], body.as_slice()].concat();
        if let Ok(system) = System::decode(&bytes) {
            prop_assert_eq!(System::decode(&encode(&system)), Ok(system));
        }
    }

    /// The same near to what is valid: one byte of an encoding changed.
    #[test]
    fn a_changed_byte_does_no_harm(system in any_system(), at in any::<prop::sample::Index>(), to: u8) {
        let mut buffer = [0; 8192];
        let mut bytes = system.encode(&mut buffer).unwrap().to_vec();
        let at = at.index(bytes.len());
        bytes[at] = to;
        if let Ok(system) = System::decode(&bytes) {
            let mut buffer = [0; 8192];
            let bytes = system.encode(&mut buffer).unwrap();
            prop_assert_eq!(System::decode(bytes), Ok(system));
        }
    }
}
