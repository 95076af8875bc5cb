//! What workers cost by how many there are: their start, their end, their heartbeats.
//!
//! This component runs when nobody else does: its priority is below the workers'. So a call that
//! starts a worker returns when that waits for its first tick, and what is missing of a span in
//! which this component only counts was spent on the others.

use core::fmt::Write;
use core::hint::black_box;

use drivers::timer;
use heapless::{String, Vec};
use secure9p_codec::Fid;

use crate::session::{READ_ONLY, Session, WRITE_ONLY};

const CONTROL: Fid = Fid(1);
const LOG: Fid = Fid(2);
const EVENTS: Fid = Fid(3);
const SCHEDULE: Fid = Fid(4);

/// How many workers there are when something is measured.
const POPULATIONS: [usize; 4] = [1, 10, 100, MOST];
const MOST: usize = 200;
/// How many starts and ends a mean is of, where there are that many workers.
const SAMPLES: usize = 10;
const MILLISECOND: u64 = 1_000_000;
/// Period of workers that shall not tick meanwhile, in milliseconds.
const NEVER_MS: u64 = 3_600_000;
/// Period of workers whose first heartbeat is waited for, in milliseconds.
const FIRST_MS: u64 = 10;
/// Period of workers whose heartbeats are counted, in milliseconds.
const BEAT_MS: u64 = 100;
/// How long heartbeats are counted: whole periods.
const WINDOW: u64 = 1000 * MILLISECOND;
/// Steps of nothing between two looks at the clock, so that time goes into counting.
const STEPS: u32 = 100;
/// Most bytes of a line to `/queen/ctl`.
type Line = String<64>;

/// Measures and prints.
pub fn run() {
    let mut queen = Queen::start();
    queen.log_growth();
    queen.dearest();
    // What a look at the clock costs where nobody else does anything.
    let idle = Count::over(WINDOW);
    for population in POPULATIONS {
        queen.life(population);
        queen.first_heartbeat(population);
        queen.heartbeats(population, &idle);
    }
}

/// The session, and the workers that live, by number.
struct Queen {
    session: Session,
    living: Vec<u32, MOST>,
    /// Number of the worker that was spawned last. Nobody else spawns any.
    last: u32,
}

impl Queen {
    fn start() -> Self {
        let mut session = Session::attach();
        session.open(CONTROL, &["queen", "ctl"], WRITE_ONLY);
        session.open(LOG, &["log", "queen.log"], READ_ONLY);
        session.open(SCHEDULE, &["proc", "sched"], READ_ONLY);
        Self { session, living: Vec::new(), last: 0 }
    }

    /// Writes a line to `/queen/ctl`; how many nanoseconds the call took.
    fn command(&mut self, line: core::fmt::Arguments) -> u64 {
        let mut text = Line::new();
        writeln!(text, "{line}").expect("a short line");
        let start = timer::now();
        self.session.write(CONTROL, text.as_bytes());
        timer::now() - start
    }

    /// Starts a worker, which then waits for its first tick.
    fn spawn(&mut self, period_ms: u64) -> u64 {
        let took = self.command(format_args!(r#"{{"spawn":"heartbeat","period_ms":{period_ms}}}"#));
        self.last += 1;
        self.living.push(self.last).expect("no more than there are places");
        took
    }

    /// Ends the youngest worker.
    fn kill(&mut self) -> u64 {
        let number = self.living.pop().expect("there is one");
        self.command(format_args!(r#"{{"kill":"worker-{number}"}}"#))
    }

    /// Starts or ends workers until there are so many.
    fn populate(&mut self, population: usize, period_ms: u64) {
        while self.living.len() > population {
            self.kill();
        }
        while self.living.len() < population {
            self.spawn(period_ms);
        }
    }

    /// How many bytes the log gets by a start and by an end.
    fn log_growth(&mut self) {
        let before = self.session.length(LOG);
        self.spawn(NEVER_MS);
        let started = self.session.length(LOG);
        self.kill();
        let ended = self.session.length(LOG);
        let (spawn, kill) = (started - before, ended - started);
        runtime::log!("bench: log_spawn_bytes={spawn} log_kill_bytes={kill}");
    }

    /// The dearest start and end there are, whatever number of workers there is. Afterwards all
    /// memory was in use: what is made of new memory costs less than ever after.
    fn dearest(&mut self) {
        let (mut spawn, mut kill) = (0, 0);
        for _ in 0..MOST {
            self.spawn(NEVER_MS);
            kill = self.kill().max(kill);
            spawn = self.spawn(NEVER_MS).max(spawn);
        }
        self.populate(0, NEVER_MS);
        runtime::log!("bench: dearest_spawn_ns={spawn} dearest_kill_ns={kill}");
    }

    /// The last starts up to `population` workers, and the first ends from there on.
    fn life(&mut self, population: usize) {
        let samples = population.min(SAMPLES);
        self.populate(population - samples, NEVER_MS);
        let (mut spawning, mut killing) = (0, 0);
        for _ in 0..samples {
            spawning += self.spawn(NEVER_MS);
        }
        for _ in 0..samples {
            killing += self.kill();
        }
        let n = population;
        runtime::log!("bench: spawn_{n}_ns={spawning} kill_{n}_ns={killing} lives_{n}={samples}");
    }

    /// How long after its tick the first heartbeat of the last of `population` workers is known
    /// of, with the time that its start took before the tick was counted from. The others do not
    /// tick.
    fn first_heartbeat(&mut self, population: usize) {
        self.populate(population - 1, NEVER_MS);
        let mut late = 0;
        for _ in 0..SAMPLES {
            let mut wanted = String::<64>::new();
            let number = self.last + 1;
            write!(wanted, "/worker/worker-{number}/telemetry ").expect("a short path");
            self.session.open(EVENTS, &["proc", "events"], READ_ONLY);
            let start = timer::now();
            self.spawn(FIRST_MS);
            let mut offset = 0;
            loop {
                let events = self.session.read(EVENTS, offset);
                offset += events.len() as u64;
                let found = events.windows(wanted.len()).any(|text| text == wanted.as_bytes());
                if found {
                    break;
                }
            }
            late += timer::now() - start - FIRST_MS * MILLISECOND;
            self.session.close(EVENTS);
            self.kill();
        }
        let n = population;
        runtime::log!("bench: first_{n}_ns={late} firsts_{n}={SAMPLES}");
    }

    /// What the heartbeats of `population` workers cost, and how many there are in a second.
    fn heartbeats(&mut self, population: usize, idle: &Count) {
        self.populate(0, NEVER_MS);
        self.populate(population, BEAT_MS);
        // The window's ends lie between the ticks of those who were started together.
        Count::over(BEAT_MS * MILLISECOND / 2);
        let (before, from) = (self.ticks_left(), timer::now());
        let count = Count::over(WINDOW);
        let until = timer::now();
        let beats = before - self.ticks_left();
        self.populate(0, NEVER_MS);
        let counting = count.looks * idle.nanoseconds / idle.looks;
        let busy = count.nanoseconds.saturating_sub(counting);
        let (n, window) = (population, until - from);
        runtime::log!("bench: beat_{n}_ns={busy} beats_{n}={beats} window_{n}_ns={window}");
    }

    /// Heartbeats that all workers may still append, as `/proc/sched` tells.
    fn ticks_left(&mut self) -> u64 {
        const NAME: &[u8] = b" ticks_left=";
        let mut text = Vec::<u8, { 160 * MOST }>::new();
        loop {
            let piece = self.session.read(SCHEDULE, text.len() as u64);
            if piece.is_empty() {
                break;
            }
            text.extend_from_slice(piece).expect("a line is shorter than that");
        }
        // Who is no worker has no such field.
        let left = text.split(|byte| *byte == b'\n').filter_map(|line| {
            let at = line.windows(NAME.len()).position(|text| text == NAME)?;
            let digits = line[at + NAME.len()..].iter().take_while(|byte| byte.is_ascii_digit());
            Some(digits.fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')))
        });
        left.sum()
    }
}

/// Looks at the clock, and how long they took with all that happened between them.
struct Count {
    looks: u64,
    nanoseconds: u64,
}

impl Count {
    /// Looks for at least so many nanoseconds.
    fn over(span: u64) -> Self {
        let start = timer::now();
        let mut looks = 0;
        loop {
            looks += 1;
            for step in 0..STEPS {
                black_box(step);
            }
            let nanoseconds = timer::now() - start;
            if nanoseconds >= span {
                return Self { looks, nanoseconds };
            }
        }
    }
}
