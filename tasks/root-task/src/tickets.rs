//! The tickets' key, and the tickets that workers are born with.

use core::fmt::Write;

use abi::service::Status;
use abi::workers::Birth;
use drivers::rtc::Clock;
use drivers::{Registers, fw_cfg, println, timer};
use manifest::workers::Kind;
use supervisor::{MILLISECOND, Request};
use ticket::{Claims, Key, Role, Ticket};

use crate::root::Root;
use crate::serve::Answer;

/// The file that QEMU hands the secret over in.
const SECRET: &str = "opt/cohesix/secret";

/// What tickets need: a key, and the time of day.
#[derive(Debug)]
pub struct Office {
    key: Option<Key>,
    /// Milliseconds since 1970 when the machine started.
    started_ms: u64,
}

impl Office {
    /// Reads the secret and the clock.
    pub fn open(secrets: &Registers, clock: &Clock) -> Self {
        let started_ms = (clock.seconds() * 1000).saturating_sub(timer::now() / MILLISECOND);
        // One byte more than a secret may have, so that a longer one is refused and not cut.
        let mut buffer = [0; ticket::MAX_SECRET + 3];
        let key = match fw_cfg::read(secrets, SECRET, &mut buffer).map(Key::from_secret_file) {
            None => {
                println!("tickets: no secret: nobody can attach; ./cohesix run hands one over");
                None
            }
            Some(Err(error)) => {
                println!("tickets: the secret cannot be used: {error}; nobody can attach");
                None
            }
            Some(Ok(key)) => Some(key),
        };
        Self { key, started_ms }
    }

    /// Milliseconds since 1970.
    fn now_ms(&self) -> u64 {
        self.started_ms.saturating_add(timer::now() / MILLISECOND)
    }
}

impl Root {
    /// A ticket for the worker `number`.
    pub(crate) fn mint(&self, number: u32, request: &Request) -> Option<Ticket> {
        let role = match request.kind {
            Kind::Heartbeat => Role::WorkerHeartbeat,
            Kind::Gpu => Role::WorkerGpu,
        };
        let mut claims = Claims::new(role, self.office.now_ms());
        let mut subject = heapless::String::<16>::new();
        write!(subject, "worker-{number}").ok()?;
        claims.subject = Some(ticket::Name::new(&subject).ok()?);
        claims.nonce = Some(timer::now());
        claims.budget.ticks = Some(request.budget.ticks);
        claims.budget.ops = Some(request.budget.ops);
        claims.budget.ttl_s = Some(request.budget.ttl_s);
        self.office.key.as_ref()?.mint(&claims).ok()
    }

    /// What a component with a ticket is told at its start. Its time to live is as long as can be.
    pub(crate) fn birth_of_component(
        &self,
        index: usize,
        role: manifest::Ticket,
    ) -> Option<[u8; abi::workers::SIZE]> {
        let role = match role {
            manifest::Ticket::Queen => Role::Queen,
            manifest::Ticket::Observer => Role::Observer,
        };
        let mut claims = Claims::new(role, self.office.now_ms());
        claims.budget.ttl_s = Some(ticket::MAX_TTL_S);
        claims.subject = ticket::Name::new(&self.system.components.get(index)?.name).ok();
        let ticket = self.office.key.as_ref()?.mint(&claims).ok()?;
        Some(Birth::new(0, timer::now(), 0, ticket.as_str()).encode())
    }

    /// The key and the time of day at the machine's start, for who checks tickets.
    pub(crate) fn ticket_key(&self) -> Answer {
        let Some(key) = &self.office.key else { return Answer::Word(Status::NotFound, 0) };
        let mut words = [0; 5];
        for (word, bytes) in words.iter_mut().zip(key.as_bytes().chunks_exact(8)) {
            *word = bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
        }
        words[4] = self.office.started_ms;
        Answer::words(&words)
    }
}
