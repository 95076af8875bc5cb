//! What arrives at the root task: interrupts, faults and requests.

use abi::service::{MAX_LINE, Operation, Status, TEXT_WORDS, UNKNOWN, pack_text, unpack_text};
use abi::{Badge, Origin, ProcessId};
use drivers::{console, println, timer};
use heapless::Vec;
use manifest::Capabilities;
use sel4::fault::Fault;
use sel4::message::MAX_WORDS;
use sel4::syscall::{self, Message};
use supervisor::{MILLISECOND, Refusal};

use crate::hardware::Watch;
use crate::root::Root;
use crate::workers;

/// Ticks that are printed one by one when several are due at once.
const MAX_CATCH_UP: u64 = 3;

/// Least time between two interrupts of the timer, in nanoseconds. Whoever is due in between is
/// served at the second: each interrupt costs everybody two changes of address space, and many
/// workers with short periods would leave time for nothing else.
const LEAST_REST: u64 = MILLISECOND;

/// What a caller gets.
#[expect(clippy::large_enum_variant, reason = "there is no heap, and one exists at a time")]
pub(crate) enum Answer {
    /// Nothing: it is gone, or it waits for ever.
    None,
    /// Status and one word.
    Word(Status, u64),
    /// A text or a few words.
    Words(Vec<u64, { TEXT_WORDS + 1 }>),
}

impl Answer {
    /// As many words as fit a message.
    pub(crate) fn words(words: &[u64]) -> Self {
        Self::Words(words.iter().copied().take(TEXT_WORDS + 1).collect())
    }
}

impl Root {
    /// Serves for ever.
    pub(crate) fn serve(&mut self) -> ! {
        let mut message = self.endpoint.recv();
        loop {
            message = match self.handle(&message) {
                Answer::Word(status, word) => {
                    self.endpoint.reply_recv(status as u64, [word, 0, 0, 0], 1)
                }
                Answer::Words(words) => self.endpoint.reply_recv_words(Status::Ok as u64, &words),
                Answer::None => self.endpoint.recv(),
            };
        }
    }

    /// Does what a message asks for.
    pub(crate) fn handle(&mut self, message: &Message) -> Answer {
        match Badge(message.badge).origin() {
            Origin::Signal(signals) => {
                if Watch::rang(signals) {
                    self.watch.ring_next_second().expect("the clock's interrupt is this task's");
                }
                self.on_timer();
                Answer::None
            }
            Origin::Fault(id) => {
                self.on_fault(id, message);
                Answer::None
            }
            Origin::Call(id) => self.on_call(id, message),
        }
    }

    fn on_timer(&mut self) {
        // The interrupt is level-triggered: it must be down before it is acknowledged.
        timer::disarm();
        self.timer.acknowledge().expect("the timer's interrupt is this task's");
        let now = timer::now();
        self.rested = now.saturating_add(LEAST_REST);
        while let Some(index) = self.supervisor.expired(now) {
            let name = self.system.components[index].name.clone();
            self.note(format_args!("killed: component={name} reason=ttl"));
            self.reap(index);
        }
        self.on_worker_time(now);
        if let Some(due) = self.schedule.due(now) {
            let first = due.tick - due.missed.min(MAX_CATCH_UP - 1);
            if due.missed >= MAX_CATCH_UP {
                println!("clock: {} ticks late", due.missed);
            }
            for tick in first..=due.tick {
                println!("tick {tick}");
            }
        }
        self.arm();
    }

    fn on_fault(&mut self, id: ProcessId, message: &Message) {
        let index = usize::from(id.index);
        let mut words = [0; MAX_WORDS];
        let fault = Fault::decode(message.info, message.words(&mut words));
        if let Some(place) = workers::place(id) {
            if self.is_worker(id, place) {
                self.on_worker_fault(place, &fault);
            }
            return;
        }
        if !self.supervisor.is_current(index, id.generation) {
            return;
        }
        let name = self.system.components[index].name.clone();
        let (kind, address, ip) = (fault.kind(), fault.address(), fault.ip());
        match self.instruction(index, ip) {
            Some(instruction) => self.note(format_args!(
                "fault: component={name} kind={kind} address={address:#x} ip={ip:#x} \
                 instruction={instruction:#010x}"
            )),
            None => self.note(format_args!(
                "fault: component={name} kind={kind} address={address:#x} ip={ip:#x} \
                 instruction=none"
            )),
        }
        self.reap(index);
    }

    fn on_call(&mut self, id: ProcessId, message: &Message) -> Answer {
        if let Some(place) = workers::place(id) {
            return self.on_worker_call(id, place, message);
        }
        let index = usize::from(id.index);
        let Some(operation) = Operation::from_label(message.info.label()) else {
            return Answer::Word(Status::Invalid, 0);
        };
        let capability = match operation {
            Operation::Ping => Capabilities::PING,
            Operation::Log => Capabilities::LOG,
            Operation::Exit => Capabilities::EXIT,
            Operation::BootText | Operation::Memory | Operation::Process => Capabilities::FACTS,
            Operation::WorkerLimits
            | Operation::Spawn
            | Operation::Kill
            | Operation::TakeEnded
            | Operation::Alarm
            | Operation::TakeNote => Capabilities::WORKERS,
            Operation::TicketKey => Capabilities::TICKETS,
        };
        match self.supervisor.allow(index, id.generation, capability) {
            Err(Refusal::Stale) => return Answer::None,
            Err(_) => return Answer::Word(Status::Permission, 0),
            Ok(()) => {}
        }
        let word = if message.info.words() > 0 { message.registers[0] } else { 0 };
        let mut words = [0; MAX_WORDS];
        match operation {
            Operation::WorkerLimits => self.worker_limits(word),
            Operation::Spawn => self.spawn(message.words(&mut words)),
            Operation::Kill => self.kill_worker(message.words(&mut words)),
            Operation::TakeEnded => self.take_ended(),
            Operation::TakeNote => self.take_note(),
            Operation::TicketKey => self.ticket_key(),
            Operation::Process => self.process_line(message.words(&mut words)),
            Operation::Alarm => {
                self.alarm = word;
                self.arm();
                Answer::Word(Status::Ok, 0)
            }
            Operation::Ping => {
                // A line of the console, like any other that a component causes.
                let Ok(suppressed) = self.supervisor.take_log_line(index, timer::now()) else {
                    return Answer::Word(Status::Busy, 0);
                };
                self.print_suppressed(index, suppressed);
                println!("[root-task] PING {word}");
                Answer::Word(Status::Ok, word)
            }
            Operation::Log => Answer::Word(self.log(index, message), 0),
            Operation::Exit => {
                println!("exited: component={} code={word}", self.system.components[index].name);
                self.reap(index);
                Answer::None
            }
            Operation::BootText => Answer::Words(self.boot_text(word)),
            Operation::Memory => {
                let (free, slots) = self.free();
                let running = self.supervisor.running() as u64;
                let workers = self.workers.running() as u64;
                let differences = self.memory.slots().differences(syscall::is_filled);
                let differences = differences.unwrap_or(UNKNOWN);
                let words =
                    [free, self.memory_at_boot, slots as u64, running, workers, differences];
                Answer::words(&words)
            }
        }
    }

    /// A piece of the boot text.
    fn boot_text(&self, offset: u64) -> Vec<u64, { TEXT_WORDS + 1 }> {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        // The text is ASCII, so that every offset is a character's.
        let rest = self.boot_text.get(offset..).unwrap_or_default();
        let mut words = [0; TEXT_WORDS];
        let used = pack_text(rest, &mut words);
        words[..used].iter().copied().collect()
    }

    fn print_suppressed(&self, index: usize, suppressed: u32) {
        if suppressed > 0 {
            let name = &self.system.components[index].name;
            println!("[{name}] ({suppressed} lines over its limit were refused)");
        }
    }

    fn log(&mut self, index: usize, message: &Message) -> Status {
        let mut words = [0; MAX_WORDS];
        let mut buffer = [0; MAX_LINE + 8];
        let text = unpack_text(message.words(&mut words), &mut buffer)
            .and_then(|bytes| core::str::from_utf8(bytes).ok());
        let Some(text) = text else { return Status::Invalid };
        let suppressed = match self.supervisor.take_log_line(index, timer::now()) {
            Ok(suppressed) => suppressed,
            Err(_) => return Status::Busy,
        };
        self.print_suppressed(index, suppressed);
        let name = &self.system.components[index].name;
        console::print(format_args!("[{name}] "));
        for character in text.chars() {
            // Nothing a component sends may move the cursor, end the line or look like a
            // sentinel.
            if character.is_control() {
                console::print(format_args!("{}", character.escape_default()));
            } else {
                console::print(format_args!("{character}"));
            }
        }
        println!();
        Status::Ok
    }
}
