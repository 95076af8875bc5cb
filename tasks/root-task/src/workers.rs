//! Workers: processes that are spawned on command and end by their budget.

use abi::service::{Operation, Status};
use abi::workers::{self as wire, Birth, FIRST_INDEX, WorkerKind, WorkerLimits};
use abi::{Badge, ProcessId, slot};
use drivers::{println, timer};
use elf_image::Image;
use elf_image::plan::{MAPPINGS, Needs, Plan};
use heapless::Vec;
use manifest::workers::{Budget, Kind, Worker};
use objects::process::{Grant, Mapping, Process, Recipe};
use sel4::fault::Fault;
use sel4::syscall::Message;
use sel4::{Page, VmAttributes};
use supervisor::{Cause, MILLISECOND, Place, Request, SpawnRefusal, WorkerDue};

use crate::root::{Root, StartError};
use crate::serve::Answer;

fn kind(kind: WorkerKind) -> Kind {
    match kind {
        WorkerKind::Heartbeat => Kind::Heartbeat,
        WorkerKind::Gpu => Kind::Gpu,
    }
}

/// Index of the process in this place.
pub(crate) fn index(place: Place) -> usize {
    usize::from(FIRST_INDEX) + usize::from(place.0)
}

/// The place of the worker that is the process `id`.
pub(crate) fn place(id: ProcessId) -> Option<Place> {
    wire::place(id.index).map(Place)
}

impl Root {
    /// What a spawn may ask for.
    pub(crate) fn worker_limits(&self, word: u64) -> Answer {
        let known = WorkerKind::from_word(word).and_then(|word| self.workers.kind(kind(word)));
        let Some(worker) = known else { return Answer::Word(Status::NotFound, 0) };
        let Worker { period_ms, budget, most, .. } = worker;
        let limits = WorkerLimits {
            places: worker.places.into(),
            period_ms: [period_ms.default, period_ms.least, period_ms.most].map(u64::from),
            ticks: [budget.ticks, most.ticks],
            ops: [budget.ops, most.ops],
            ttl_s: [budget.ttl_s, most.ttl_s],
        };
        Answer::words(&limits.words())
    }

    /// Spawns a worker, or changes nothing.
    pub(crate) fn spawn(&mut self, words: &[u64]) -> Answer {
        let Some(request) = request(words) else { return Answer::Word(Status::Invalid, 0) };
        let now = timer::now();
        let place = match self.workers.reserve(&request, now) {
            Ok(place) => place,
            Err(SpawnRefusal::Invalid) => return Answer::Word(Status::Invalid, 0),
            Err(SpawnRefusal::Full) => return Answer::Word(Status::Busy, 0),
            Err(SpawnRefusal::Crashing) => return Answer::Word(Status::Resting, 0),
        };
        let number = self.workers.next_number();
        match self.start_worker(place, number, &request, now) {
            Ok(()) => {
                self.workers.started(place, &request, now);
                self.arm();
                Answer::words(&[place.0.into(), number.into()])
            }
            Err(error) => {
                self.workers.release(place);
                println!("failed: worker reason={error}");
                Answer::Word(Status::NoMemory, 0)
            }
        }
    }

    fn start_worker(
        &mut self,
        place: Place,
        number: u32,
        request: &Request,
        now: u64,
    ) -> Result<(), StartError> {
        let worker = self.workers.kind(request.kind).ok_or(StartError::NotGranted)?;
        let image = self.archive.file(&worker.image);
        let (stack, memory, priority) = (worker.stack, worker.memory, worker.priority);
        let argument = worker.argument;
        let image = Image::parse(image).map_err(StartError::Image)?;
        let frames = self.wiring.frame(place).ok_or(StartError::NotGranted)?;
        let page: Page = frames.cap(0);
        // What the place's last worker left there is nobody's business.
        self.window.clear(page)?;
        let mapping = Mapping { address: MAPPINGS, pages: frames, attributes: VmAttributes::DATA };
        let area =
            abi::startup::Area::new(abi::startup::Kind::Frames, MAPPINGS, wire::FRAMES as u64);
        let mut startup = [0; abi::startup::MAX_BYTES];
        let used = abi::startup::encode(&[area], &mut startup);
        let needs = Needs {
            stack,
            memory,
            mapping_tables: mapping.tables(),
            serves: false,
            notified: true,
        };
        let plan = Plan::new(&image, &needs).map_err(objects::Error::from)?;
        let id = self.ids[index(place)].successor();
        let ticket = self.mint(number, request).ok_or(StartError::NotGranted)?;
        let period = u64::from(request.period_ms) * MILLISECOND;
        let birth = Birth::new(number, now, period, ticket.as_str()).encode();
        let recipe = Recipe {
            image: &image,
            plan,
            memory_bits: memory.ilog2() as u8,
            priority,
            argument,
            grants: &self.worker_grants(id)?,
            mappings: &[mapping],
            notification: None,
            startup: &startup[..used],
            birth: &birth,
        };
        let process = Process::spawn(&mut self.memory, &mut self.window, &recipe)?;
        self.processes[index(place)] = Some(process);
        self.ids[index(place)] = id;
        Ok(())
    }

    /// A worker may call its server, and the root task to end itself.
    fn worker_grants(&self, id: ProcessId) -> Result<Vec<Grant, 3>, StartError> {
        let server = self.system.workers.as_ref().map(|workers| usize::from(workers.server));
        let server = server.ok_or(StartError::NotGranted)?;
        let endpoint = self.processes[server].as_ref().and_then(Process::endpoint);
        let endpoint = endpoint.ok_or(StartError::NotRunning(server))?;
        Ok(Vec::from([
            Grant::call(slot::FAULT, self.endpoint, Badge::fault(id).0),
            Grant::call(slot::ROOT, self.endpoint, Badge::call(id).0),
            Grant::call(slot::CALLS, endpoint, Badge::call(id).0),
        ]))
    }

    /// Kills a worker because its server says so.
    pub(crate) fn kill_worker(&mut self, words: &[u64]) -> Answer {
        let Some(&[place, number]) = words.first_chunk() else {
            return Answer::Word(Status::Invalid, 0);
        };
        let place = u8::try_from(place).ok().map(Place);
        let place =
            place.filter(|at| self.workers.number(*at).is_some_and(|n| u64::from(n) == number));
        let Some(place) = place else { return Answer::Word(Status::NotFound, 0) };
        self.end(index(place));
        self.workers.release(place);
        self.arm();
        Answer::Word(Status::Ok, 0)
    }

    /// Ends a worker and leaves word of it for its server.
    pub(crate) fn end_worker(&mut self, place: Place, cause: Cause) {
        if self.end(index(place)).is_some() {
            self.workers.ended(place, cause, timer::now());
            self.tell_server();
        }
    }

    pub(crate) fn tell_server(&self) {
        if let Some(news) = self.wiring.news {
            news.signal();
        }
    }

    /// The next worker that ended by itself.
    pub(crate) fn take_ended(&mut self) -> Answer {
        let Some(ended) = self.workers.take_ended() else { return Answer::words(&[]) };
        let cause = match ended.cause {
            Cause::Ttl => wire::Cause::Ttl,
            Cause::Ticks => wire::Cause::Ticks,
            Cause::Fault(words) => wire::Cause::Fault(words),
            Cause::Exit(code) => wire::Cause::Exit(code),
        };
        let ended = wire::Ended { place: ended.place.0, number: ended.number, cause };
        Answer::words(&ended.words())
    }

    /// Whether the process `id` is the worker that runs in this place now.
    pub(crate) fn is_worker(&self, id: ProcessId, place: Place) -> bool {
        self.ids[index(place)] == id && self.workers.number(place).is_some()
    }

    /// A worker calls: it may end itself, and nothing else. One that asks for more is ended, so that
    /// it cannot keep this task busy.
    pub(crate) fn on_worker_call(
        &mut self,
        id: ProcessId,
        place: Place,
        message: &Message,
    ) -> Answer {
        if !self.is_worker(id, place) {
            return Answer::None;
        }
        let label = message.info.label();
        let cause = match Operation::from_label(label) {
            Some(Operation::Exit) => Cause::Exit(message.registers[0]),
            _ => Cause::Fault([wire::FORBIDDEN_CALL, label, 0]),
        };
        self.end_worker(place, cause);
        Answer::None
    }

    /// A worker faulted.
    pub(crate) fn on_worker_fault(&mut self, place: Place, fault: &Fault) {
        let cause = Cause::Fault([fault.number(), fault.address(), fault.ip()]);
        self.end_worker(place, cause);
    }

    /// Tells workers their ticks, ends those whose time is over, and rings the alarm.
    pub(crate) fn on_worker_time(&mut self, now: u64) {
        while let Some(due) = self.workers.due(now) {
            match due {
                WorkerDue::Tick(place) => {
                    let process = self.processes[index(place)].as_ref();
                    if let Some(tick) = process.and_then(Process::notification) {
                        tick.signal();
                    }
                }
                WorkerDue::Over(place, cause) => self.end_worker(place, cause),
            }
        }
        if self.alarm <= now {
            self.alarm = u64::MAX;
            self.tell_server();
        }
    }
}

/// Reads what a spawn asks for.
fn request(words: &[u64]) -> Option<Request> {
    let &[kind_word, period, ticks, ops, ttl_s] = words.first_chunk()?;
    Some(Request {
        kind: kind(WorkerKind::from_word(kind_word)?),
        period_ms: u32::try_from(period).ok()?,
        budget: Budget { ticks, ops, ttl_s },
    })
}
