//! The root task's state: start, life and end of processes.

use core::fmt;

use abi::startup::{self, MAX_BYTES};
use abi::{Badge, ProcessId, slot};
use drivers::{console, println, timer};
use elf_image::Image;
use elf_image::plan::{Needs, Plan};
use heapless::Vec;
use manifest::workers::MAX_WORKERS;
use manifest::{MAX_COMPONENTS, Start, System, Target};
use objects::Error;
use objects::memory::Memory;
use objects::process::{Grant, Mapping, Process, Recipe, RootCNode};
use objects::window::Window;
use runtime::root::Surroundings;
use sel4::{Endpoint, IrqHandler};
use supervisor::{MILLISECOND, Schedule, Supervisor, Workers};

use crate::archive::Archive;
use crate::banner::BootText;
use crate::hardware::Watch;
use crate::notes::Notes;
use crate::tickets::Office;
use crate::wiring::{Share, Wiring};
use crate::{banner, hardware, panic};

/// Self-tests to run before the components start.
pub type Selftest = fn(&mut Root, &manifest::Selftest);

/// The root task.
pub struct Root {
    pub(crate) memory: Memory<RootCNode>,
    pub(crate) window: Window,
    pub(crate) endpoint: Endpoint,
    pub(crate) timer: IrqHandler,
    pub(crate) watch: Watch,
    pub(crate) system: System,
    pub(crate) archive: Archive,
    pub(crate) wiring: Wiring,
    pub(crate) office: Office,
    pub(crate) boot_text: BootText,
    pub(crate) memory_at_boot: u64,
    pub(crate) supervisor: Supervisor,
    pub(crate) schedule: Schedule,
    pub(crate) workers: Workers,
    /// The timer rings not before this, in nanoseconds since the machine's start.
    pub(crate) rested: u64,
    /// When the workers' server wants to be told, in nanoseconds since the machine's start.
    pub(crate) alarm: u64,
    pub(crate) notes: Notes,
    /// Components first, then workers by place.
    pub(crate) processes: [Option<Process>; PROCESSES],
    pub(crate) ids: [ProcessId; PROCESSES],
}

/// Most processes.
pub(crate) const PROCESSES: usize = abi::workers::FIRST_INDEX as usize + MAX_WORKERS;
const _: () = assert!(abi::workers::FIRST_INDEX as usize == MAX_COMPONENTS);
const _: () = assert!(abi::workers::MAX_WORKERS == MAX_WORKERS);

/// Boots the system and serves it for ever.
pub fn run(surroundings: Surroundings, selftest: Option<Selftest>) -> ! {
    let mut hardware = match hardware::take(&surroundings) {
        Ok(hardware) => hardware,
        Err(error) => panic!("the kernel left too little to start with: {error}"),
    };
    let (archive, system) = Archive::open(surroundings.appended);
    panic::set_policy(system.on_panic);
    let wiring = match Wiring::new(&system, &mut hardware.memory, &mut hardware.devices) {
        Ok(wiring) => wiring,
        Err(error) => panic!("the system's regions and devices cannot be made: {error}"),
    };
    let now = timer::now();
    let free = hardware.memory.free_bytes();
    let boot_text = banner::write(&system, free, now);
    console::print(format_args!("\n{boot_text}"));
    let kinds = system.workers.as_ref().map(|workers| workers.kinds.clone()).unwrap_or_default();
    let mut root = Root {
        memory: hardware.memory,
        window: hardware.window,
        endpoint: hardware.endpoint,
        timer: hardware.timer,
        watch: hardware.watch,
        supervisor: Supervisor::new(&system.components),
        workers: Workers::new(&kinds),
        rested: 0,
        alarm: u64::MAX,
        notes: Notes::new(),
        office: hardware.office,
        schedule: Schedule::new(now, u64::from(system.tick_ms) * MILLISECOND),
        system,
        archive,
        wiring,
        boot_text,
        memory_at_boot: free,
        processes: [const { None }; PROCESSES],
        ids: core::array::from_fn(|index| ProcessId { index: index as u8, generation: 0 }),
    };
    root.print_memory();
    root.arm();
    if let Some(request) = root.system.selftest.clone() {
        match selftest {
            Some(selftest) => selftest(&mut root, &request),
            None => panic!("the manifest asks for self-tests, which this root task lacks"),
        }
    }
    root.start_all();
    root.keep_room();
    root.serve()
}

type Grants = Vec<Grant, { slot::COUNT as usize }>;

/// Why a component did not start.
#[derive(Debug)]
pub(crate) enum StartError {
    Image(elf_image::Error),
    Objects(Error),
    /// It calls this component, which does not run.
    NotRunning(usize),
    /// The system has no workers, or no key for their tickets.
    NotGranted,
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image(error) => write!(f, "bad image: {error}"),
            Self::Objects(error) => write!(f, "{error}"),
            Self::NotRunning(index) => write!(f, "component {index}, which it calls, does not run"),
            Self::NotGranted => f.write_str("no workers, or no key for their tickets"),
        }
    }
}

impl From<Error> for StartError {
    fn from(error: Error) -> Self {
        Self::Objects(error)
    }
}

impl Root {
    /// Starts the components that start at boot, those of higher priority first: calls go up, so
    /// whoever is called is there before its callers.
    fn start_all(&mut self) {
        let mut order: Vec<usize, MAX_COMPONENTS> = Vec::new();
        for (index, component) in self.system.components.iter().enumerate() {
            if component.start == Start::Boot {
                // As many places as components.
                let _ = order.push(index);
            }
        }
        order.sort_unstable_by_key(|i| core::cmp::Reverse(self.system.components[*i].priority));
        for index in order {
            let name = self.system.components[index].name.clone();
            match self.start(index) {
                Ok(()) => println!("started: component={name}"),
                Err(StartError::NotRunning(server)) => {
                    let server = &self.system.components[server].name;
                    let server = server.clone();
                    self.note(format_args!(
                        "failed: component={name} reason={server} does not run"
                    ));
                }
                Err(error) => self.note(format_args!("failed: component={name} reason={error}")),
            }
        }
    }

    /// Splits off the memory of every worker that there can be, so that none of them costs more
    /// than another.
    fn keep_room(&mut self) {
        let kinds = self.system.workers.as_ref().map_or(&[][..], |workers| &workers.kinds);
        for kind in kinds {
            let bits = kind.memory.ilog2() as u8;
            if let Err(error) = self.memory.keep(bits, kind.places.into()) {
                // They are spawned all the same as long as there is memory.
                println!("failed: room for {} workers: {error}", kind.kind.word());
            }
        }
    }

    /// Starts a component that does not run. On an error nothing has changed.
    pub(crate) fn start(&mut self, index: usize) -> Result<(), StartError> {
        let component = &self.system.components[index];
        let image = Image::parse(self.archive.file(&component.image)).map_err(StartError::Image)?;
        let this = Target::Component(index as u8);
        let workers = self.system.workers.as_ref();
        let serves = self.system.components.iter().any(|other| other.calls.contains(&this))
            || workers.is_some_and(|workers| usize::from(workers.server) == index);
        let share = self.wiring.share(&self.system, index);
        let needs = Needs {
            stack: component.stack,
            memory: component.memory,
            mapping_tables: share.mappings.iter().map(Mapping::tables).sum(),
            serves,
            // Its signals arrive at a notification that outlives it.
            notified: false,
        };
        let plan = Plan::new(&image, &needs).map_err(Error::from)?;
        let id = self.ids[index].successor();
        let grants = self.grants(index, id, &share)?;
        let mut startup = [0; MAX_BYTES];
        let used = startup::encode(&share.areas, &mut startup);
        let birth = match component.ticket {
            Some(role) => Some(self.birth_of_component(index, role).ok_or(StartError::NotGranted)?),
            None => None,
        };
        let recipe = Recipe {
            image: &image,
            plan,
            memory_bits: component.memory.ilog2() as u8,
            priority: component.priority,
            argument: component.argument,
            grants: &grants,
            mappings: &share.mappings,
            notification: share.notification,
            startup: &startup[..used],
            birth: birth.as_ref().map_or(&[][..], |birth| &birth[..]),
        };
        let process = Process::spawn(&mut self.memory, &mut self.window, &recipe)?;
        self.processes[index] = Some(process);
        self.ids[index] = id;
        self.supervisor.started(index, id.generation, timer::now());
        self.arm();
        Ok(())
    }

    fn grants(&self, index: usize, id: ProcessId, share: &Share) -> Result<Grants, StartError> {
        let mut grants: Grants = share.grants.iter().copied().collect();
        let mut next = slot::CALLS;
        let mut call = |slot, endpoint, badge: Badge| {
            // The manifest allows fewer calls than there are slots.
            let _ = grants.push(Grant::call(slot, endpoint, badge.0));
        };
        call(slot::FAULT, self.endpoint, Badge::fault(id));
        for target in &self.system.components[index].calls {
            match *target {
                Target::RootTask => call(slot::ROOT, self.endpoint, Badge::call(id)),
                Target::Component(server) => {
                    let server = usize::from(server);
                    let process = self.processes[server].as_ref();
                    let endpoint = process.and_then(Process::endpoint);
                    let endpoint = endpoint.ok_or(StartError::NotRunning(server))?;
                    call(next, endpoint, Badge::call(id));
                    next += 1;
                }
            }
        }
        Ok(grants)
    }

    /// Ends a component's process and takes everything back.
    pub(crate) fn end(&mut self, index: usize) -> Option<u32> {
        let process = self.processes[index].take()?;
        let slots = process.slot_count();
        process.kill(&mut self.memory);
        // Of a worker the supervisor's own table knows.
        self.supervisor.ended(index);
        Some(slots)
    }

    /// Ends a component's process and says so.
    pub(crate) fn reap(&mut self, index: usize) {
        if let Some(slots) = self.end(index) {
            let component = &self.system.components[index];
            let (name, memory) = (&component.name, component.memory);
            println!("reaped: component={name} memory={memory} slots={slots}");
            self.print_memory();
        }
    }

    fn print_memory(&mut self) {
        let (free, slots) = self.free();
        println!("memory: free={free} slots={slots}");
    }

    /// Free untyped memory in bytes, and free slots.
    pub(crate) fn free(&mut self) -> (u64, usize) {
        (self.memory.free_bytes(), self.memory.slots().free_count())
    }

    /// Id of the component's process.
    pub(crate) fn id(&self, index: usize) -> ProcessId {
        self.ids[index]
    }

    /// The instruction at `address` of a component, as its image has it.
    pub(crate) fn instruction(&self, index: usize, address: u64) -> Option<u32> {
        let file = self.archive.file(&self.system.components.get(index)?.image);
        Image::parse(file).ok()?.instruction(address)
    }

    /// Sets the timer to whatever comes next.
    pub(crate) fn arm(&self) {
        let others = self.supervisor.next_deadline().min(self.workers.next_due()).min(self.alarm);
        timer::arm(self.schedule.next().min(others).max(self.rested));
    }
}
