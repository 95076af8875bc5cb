//! The encoding of `system.bin`: what goes in comes out, and nothing else is taken for it.

use manifest::workers::{
    Budget, Kind, LEAST_PERIOD_MS, MAX_WORKERS, MOST_PERIOD_MS, MOST_TTL_S, Period, Worker, Workers,
};
use manifest::{
    Calls, Capabilities, Component, Components, DecodeError, Device, FORMAT, Facts, Image, Images,
    Limits, MAX_CALLS, MAX_COMPONENTS, MAX_IMAGES, MAX_REGIONS, Mapped, Name, OnPanic, Region,
    Regions, Selftest, Start, System, TRANSPORTS, Target, Text, Ticket,
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
        ticket: None,
        limits: Limits { ttl_ms: 0, log_lines_per_s: 10 },
    }
}

fn region(size: u32, components: [u8; 2]) -> Region {
    Region { name: Name::try_from("link").unwrap(), size, components }
}

fn worker(kind: Kind) -> Worker {
    Worker {
        kind,
        image: Name::try_from("worker").unwrap(),
        priority: 99,
        stack: 16 << 10,
        memory: 128 << 10,
        argument: 7,
        places: 120,
        period_ms: Period { default: 1000, least: 10, most: 60_000 },
        budget: Budget { ticks: 10, ops: 20, ttl_s: 30 },
        most: Budget { ticks: 100, ops: 200, ttl_s: 300 },
    }
}

/// Workers of both kinds, in every place, that the first component serves.
fn workers() -> Workers {
    Workers { server: 0, kinds: Kind::ALL.into_iter().map(worker).collect() }
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
        workers: Some(workers()),
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
    system.encode(&mut [0; 8192]).unwrap().to_vec()
}

/// The system of two components after a `change` of it or its first, encoded and decoded again.
fn decode_changed(change: impl FnOnce(&mut System, &mut Component)) -> Result<System, DecodeError> {
    let (mut system, mut component) = (system(), component());
    change(&mut system, &mut component);
    system.components = Components::from_iter([component, self::component()]);
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
    let changes: [(&str, Change); 18] = [
        ("a tick of no length", |system, _| system.tick_ms = 0),
        ("a self-test of no component", |system, _| {
            system.selftest = Some(Selftest { component: 2, cycles: 1, panic: false });
        }),
        ("the root task's priority", |_, component| component.priority = manifest::ROOT_PRIORITY),
        ("no stack", |_, component| component.stack = 0),
        ("a stack of half a page", |_, component| component.stack = 2048),
        ("a stack that is all memory", |_, component| component.stack = component.memory),
        ("memory that is no power of two", |_, component| component.memory = 768 << 10),
        ("too little memory", |_, component| component.memory = 32 << 10),
        ("too much memory", |_, component| component.memory = 128 << 20),
        ("a call to no component", |_, component| {
            component.calls = Calls::from_iter([Target::Component(2)]);
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
        ("too much DMA memory", |_, component| {
            component.device = Some(Device { transport: 31, dma: 1 << 21 });
        }),
        ("a region of a page and a half", |system, _| {
            system.regions = Regions::from_iter([region(6 << 10, [0, 1])]);
        }),
        ("a region that is too large", |system, _| {
            system.regions = Regions::from_iter([region((4 << 20) + 4096, [0, 1])]);
        }),
        ("a region with one end", |system, _| {
            system.regions = Regions::from_iter([region(8192, [0, 0])]);
        }),
        ("a region with nobody", |system, _| {
            system.regions = Regions::from_iter([region(8192, [0, 2])]);
        }),
    ];
    // So each of them is refused for what is changed and nothing else.
    let sound = decode_changed(|system, component| {
        component.device = Some(Device { transport: 31, dma: 1 << 16 });
        system.regions = Regions::from_iter([region(8192, [0, 1])]);
    });
    assert!(sound.is_ok());
    for (what, change) in changes {
        assert_eq!(decode_changed(change), Err(DecodeError::Unsound), "{what}");
    }
}

#[test]
fn workers_that_no_manifest_can_have_are_refused() {
    type Change = fn(&mut Workers, &mut Worker);
    let changes: [(&str, Change); 28] = [
        ("a server that is not there", |workers, _| workers.server = 2),
        ("no kinds", |workers, _| workers.kinds.clear()),
        ("kinds in another order", |workers, _| workers.kinds.reverse()),
        ("a kind twice", |workers, first| {
            let _ = workers.kinds.pop();
            workers.kinds.push(first.clone()).unwrap();
        }),
        ("no place of a kind", |_, worker| worker.places = 0),
        ("a place too many", |_, worker| worker.places += 1),
        ("the idle priority", |_, worker| worker.priority = 0),
        ("the server's priority", |_, worker| worker.priority = 100),
        ("a priority above the server's", |_, worker| worker.priority = u8::MAX),
        ("no stack", |_, worker| worker.stack = 0),
        ("a stack of half a page", |_, worker| worker.stack = 2048),
        ("a stack that is all memory", |_, worker| worker.stack = worker.memory),
        ("memory that is no power of two", |_, worker| worker.memory = 768 << 10),
        ("too little memory", |_, worker| worker.memory = 32 << 10),
        ("too much memory", |_, worker| worker.memory = 128 << 20),
        ("a period too short", |_, worker| worker.period_ms.least = LEAST_PERIOD_MS - 1),
        ("a period too long", |_, worker| worker.period_ms.most = MOST_PERIOD_MS + 1),
        ("a default period below the least", |_, worker| worker.period_ms.default = 9),
        ("a default period above the most", |_, worker| worker.period_ms.default = 60_001),
        ("no period", |_, worker| {
            worker.period_ms = Period { default: 30, least: 40, most: 20 };
        }),
        ("no ticks", |_, worker| worker.budget.ticks = 0),
        ("no requests", |_, worker| worker.budget.ops = 0),
        ("no time", |_, worker| worker.budget.ttl_s = 0),
        ("ticks above the most", |_, worker| worker.budget.ticks = 101),
        ("requests above the most", |_, worker| worker.budget.ops = 201),
        ("time above the most", |_, worker| worker.budget.ttl_s = 301),
        ("more than a year", |_, worker| worker.most.ttl_s = MOST_TTL_S + 1),
        ("a spawn that may ask for nothing", |_, worker| {
            worker.most = Budget { ticks: 0, ops: 0, ttl_s: 0 };
        }),
    ];
    let with = |workers: Workers| decode_changed(|system, _| system.workers = Some(workers));
    // So each of them is refused for what is changed and nothing else.
    assert_eq!(workers().places(), MAX_WORKERS);
    assert_eq!(with(workers()).unwrap().workers, Some(workers()));
    for (what, change) in changes {
        let (mut changed, mut first) = (workers(), worker(Kind::Heartbeat));
        change(&mut changed, &mut first);
        if let Some(kind) = changed.kinds.first_mut().filter(|kind| kind.kind == first.kind) {
            *kind = first;
        }
        assert_eq!(with(changed), Err(DecodeError::Unsound), "{what}");
    }
}

#[test]
fn what_is_mapped_is_device_then_dma_then_regions() {
    let mut system = system();
    let device = Device { transport: 31, dma: 64 << 10 };
    system.components = Components::from_iter([
        component(),
        Component { device: Some(device), ..component() },
        component(),
    ]);
    let others = region(4 << 10, [0, 2]);
    let [first, second] = [region(8 << 10, [1, 0]), region(12 << 10, [2, 1])];
    system.regions = Regions::from_iter([others.clone(), first.clone(), second.clone()]);
    let mapped: Vec<Mapped> = system.mapped(1).collect();
    let shared = [
        Mapped::Region { index: 1, region: &first, side: 0 },
        Mapped::Region { index: 2, region: &second, side: 1 },
    ];
    let own = [Mapped::Device(device), Mapped::Dma(64 << 10)];
    assert_eq!(mapped, [own, shared].concat());
    let sizes: Vec<u32> = mapped.iter().map(Mapped::size).collect();
    assert_eq!(sizes, [4 << 10, 64 << 10, 8 << 10, 12 << 10]);
    let other: Vec<Mapped> = system.mapped(0).collect();
    assert_eq!(
        other,
        [
            Mapped::Region { index: 0, region: &others, side: 0 },
            Mapped::Region { index: 1, region: &first, side: 1 },
        ]
    );
    assert_eq!(system.mapped(3).count(), 0, "no such component");
}

fn any_name() -> impl Strategy<Value = Name> {
    "[a-z][a-z0-9-]{0,23}".prop_map(|name| Name::try_from(name.as_str()).unwrap())
}

fn any_text() -> impl Strategy<Value = Text> {
    "[ -~]{0,80}".prop_map(|text| Text::try_from(text.as_str()).unwrap())
}

fn any_device() -> impl Strategy<Value = Device> {
    (0..TRANSPORTS, 12..=20_u32).prop_map(|(transport, dma)| Device { transport, dma: 1 << dma })
}

fn unsound_device() -> impl Strategy<Value = Device> {
    let transport = (TRANSPORTS..=u8::MAX, 12..=20_u32);
    let uneven = (0..TRANSPORTS, manifest::DMA)
        .prop_filter("no power of two", |(_, dma)| !dma.is_power_of_two());
    let out_of_range = (0..TRANSPORTS, prop_oneof![0..=11_u32, 21..=31_u32]);
    prop_oneof![
        transport.prop_map(|(transport, dma)| Device { transport, dma: 1 << dma }),
        uneven.prop_map(|(transport, dma)| Device { transport, dma }),
        out_of_range.prop_map(|(transport, dma)| Device { transport, dma: 1 << dma }),
    ]
}

/// Two different components of `count`, which is at least two.
fn any_ends(count: u8) -> impl Strategy<Value = [u8; 2]> {
    (0..count, 1..count).prop_map(move |(one, apart)| [one, (one + apart) % count])
}

fn any_region(count: u8) -> impl Strategy<Value = Region> {
    (any_name(), 1..=1024_u32, any_ends(count)).prop_map(|(name, pages, components)| Region {
        name,
        size: pages << 12,
        components,
    })
}

fn unsound_region(count: u8) -> impl Strategy<Value = Region> {
    let uneven = (1..1024_u32, 1..4096_u32).prop_map(|(pages, rest)| (pages << 12) + rest);
    let size = prop_oneof![Just(0), uneven, (1025..=0xf_ffff_u32).prop_map(|pages| pages << 12)];
    let same = (0..count).prop_map(|one| [one, one]);
    let absent = (0..count, count..=u8::MAX, any::<bool>())
        .prop_map(|(one, absent, first)| if first { [absent, one] } else { [one, absent] });
    let fit = (1..=1024_u32).prop_map(|pages| pages << 12);
    let parts = prop_oneof![(size, any_ends(count)), (fit, prop_oneof![same, absent])];
    (any_name(), parts).prop_map(|(name, (size, components))| Region { name, size, components })
}

fn any_component(count: u8) -> impl Strategy<Value = Component> {
    let target = prop_oneof![Just(Target::RootTask), (0..count).prop_map(Target::Component)];
    let numbers = (0..manifest::ROOT_PRIORITY, 16..=26_u32, any::<u64>(), any::<bool>());
    let limits = (any::<u8>(), any::<u32>(), any::<u16>());
    let calls = vec(target, 0..=MAX_CALLS);
    let device = proptest::option::of(any_device());
    let ticket = proptest::sample::select(vec![None, Some(Ticket::Queen), Some(Ticket::Observer)]);
    (any_name(), any_name(), numbers, 1..16_u32, calls, (device, ticket), limits).prop_map(
        |(
            name,
            image,
            (priority, memory, argument, boot),
            pages,
            calls,
            (device, ticket),
            limits,
        )| {
            Component {
                name,
                image,
                priority,
                stack: pages << 12,
                memory: 1 << memory,
                argument,
                start: if boot { Start::Boot } else { Start::Demand },
                calls: Calls::from_iter(calls),
                capabilities: Capabilities::from_bits_truncate(limits.0),
                device,
                ticket,
                limits: Limits { ttl_ms: limits.1, log_lines_per_s: limits.2 },
            }
        },
    )
}

fn any_budget() -> impl Strategy<Value = Budget> {
    (1..=u64::MAX, 1..=u64::MAX, 1..=MOST_TTL_S).prop_map(|(ticks, ops, ttl_s)| Budget {
        ticks,
        ops,
        ttl_s,
    })
}

fn any_period() -> impl Strategy<Value = Period> {
    [LEAST_PERIOD_MS..=MOST_PERIOD_MS, LEAST_PERIOD_MS..=MOST_PERIOD_MS].prop_flat_map(
        |[one, other]| {
            let (least, most) = (one.min(other), one.max(other));
            (least..=most).prop_map(move |default| Period { default, least, most })
        },
    )
}

fn any_worker(kind: Kind) -> impl Strategy<Value = Worker> {
    let numbers = (any::<u8>(), 16..=26_u32, any::<u64>(), 1..16_u32, 1..=120_u8);
    (any_name(), numbers, any_period(), any_budget(), any_budget()).prop_map(
        move |(image, (priority, memory, argument, pages, places), period_ms, one, other)| Worker {
            kind,
            image,
            priority,
            stack: pages << 12,
            memory: 1 << memory,
            argument,
            places,
            period_ms,
            budget: Budget {
                ticks: one.ticks.min(other.ticks),
                ops: one.ops.min(other.ops),
                ttl_s: one.ttl_s.min(other.ttl_s),
            },
            most: Budget {
                ticks: one.ticks.max(other.ticks),
                ops: one.ops.max(other.ops),
                ttl_s: one.ttl_s.max(other.ttl_s),
            },
        },
    )
}

fn any_workers() -> impl Strategy<Value = Workers> {
    let [heartbeat, gpu] = Kind::ALL.map(|kind| proptest::option::of(any_worker(kind)));
    (any::<u8>(), heartbeat, gpu).prop_map(|(server, heartbeat, gpu)| Workers {
        server,
        kinds: heartbeat.into_iter().chain(gpu).collect(),
    })
}

/// The same workers for a system with these components: the server is one of them, and what
/// calls it is below it. `None` where that cannot be.
fn fitted(workers: Workers, components: &[Component]) -> Option<Workers> {
    let mut workers = workers;
    let server = usize::from(workers.server) % components.len();
    let below = components[server].priority.checked_sub(1).filter(|below| *below > 0)?;
    for worker in &mut workers.kinds {
        worker.priority = worker.priority % below + 1;
    }
    workers.server = u8::try_from(server).unwrap();
    (!workers.kinds.is_empty()).then_some(workers)
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
    (1..=MAX_COMPONENTS).prop_flat_map(any_system_of)
}

/// A system with so many components; regions need two.
fn any_system_of(components: usize) -> impl Strategy<Value = System> {
    let count = u8::try_from(components).unwrap();
    let most_regions = if count < 2 { 0 } else { MAX_REGIONS };
    let selftest = (0..count, any::<u32>(), any::<bool>());
    let selftest =
        selftest.prop_map(|(component, cycles, panic)| Selftest { component, cycles, panic });
    let numbers = (any::<u32>(), 1..=u32::MAX, any::<bool>());
    let parts = (
        vec(any_component(count), components),
        vec(any_region(count.max(2)), 0..=most_regions),
        any_facts(),
        proptest::option::of(any_workers()),
    );
    (any_name(), numbers, proptest::option::of(selftest), parts).prop_map(
        |(name, (memory_mib, tick_ms, halt), selftest, (components, regions, facts, workers))| {
            System {
                name,
                memory_mib,
                tick_ms,
                on_panic: if halt { OnPanic::Halt } else { OnPanic::Exit },
                selftest,
                workers: workers.and_then(|workers| fitted(workers, &components)),
                components: Components::from_iter(components),
                regions: Regions::from_iter(regions),
                facts,
            }
        },
    )
}

/// A sound system and a region that it cannot have.
fn system_and_unsound_region() -> impl Strategy<Value = (System, Region)> {
    (2..=MAX_COMPONENTS).prop_flat_map(|components| {
        let count = u8::try_from(components).unwrap();
        (any_system_of(components), unsound_region(count))
    })
}

proptest! {
    // A saved failing case would be a file in the tree; the failure prints it as well.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_goes_in_comes_out(system in any_system()) {
        prop_assert_eq!(System::decode(&encode(&system)), Ok(system));
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
        let mut bytes = encode(&system);
        let at = at.index(bytes.len());
        bytes[at] = to;
        if let Ok(system) = System::decode(&bytes) {
            prop_assert_eq!(System::decode(&encode(&system)), Ok(system));
        }
    }

    #[test]
    fn one_unsound_device_is_refused(
        system in any_system(), device in unsound_device(), at in any::<prop::sample::Index>(),
    ) {
        let mut system = system;
        let at = at.index(system.components.len());
        system.components[at].device = Some(device);
        prop_assert_eq!(System::decode(&encode(&system)), Err(DecodeError::Unsound));
    }

    #[test]
    fn one_unsound_region_is_refused(
        (system, region) in system_and_unsound_region(), at in any::<prop::sample::Index>(),
    ) {
        let mut system = system;
        if system.regions.is_empty() {
            system.regions.push(region).unwrap();
        } else {
            let at = at.index(system.regions.len());
            system.regions[at] = region;
        }
        prop_assert_eq!(System::decode(&encode(&system)), Err(DecodeError::Unsound));
    }
}
