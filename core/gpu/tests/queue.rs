//! The queue against a simple model: priority, then order; a job id runs once.

use gpu::{
    EnqueueError, Entrant, Hash, JobId, JobState, Jobs, Outcome, State, Submitted, Use, WorkerId,
};
use proptest::prelude::*;

const ROOM: usize = 6;

fn id(number: u8) -> JobId {
    JobId::of(&format!("jid-{number}")).expect("a job")
}

fn submit<const N: usize>(
    jobs: &mut Jobs<&'static str, N>,
    job: u8,
    holder: WorkerId,
    fingerprint: u64,
    payload: &'static str,
) -> Result<Submitted, EnqueueError> {
    let entrant = Entrant { job: id(job), holder, fingerprint, mem_mb: 1, payload };
    jobs.submit(entrant, N, |_| false)
}

#[test]
fn a_job_sent_again_is_not_run_again() {
    let mut jobs = Jobs::<&str, 2>::new();
    let (one, two) = (WorkerId(1), WorkerId(2));
    let any = |_, _| Some(0);
    assert_eq!(submit(&mut jobs, 1, one, 7, "first"), Ok(Submitted::New));
    let known = |state, progress| Ok(Submitted::Known(JobState { state, progress, result: None }));
    assert_eq!(submit(&mut jobs, 1, one, 7, "again"), known(State::Queued, 0));
    assert_eq!(submit(&mut jobs, 1, one, 8, "other"), Err(EnqueueError::Differs));
    assert_eq!(submit(&mut jobs, 1, two, 7, "thief"), Err(EnqueueError::NotYours));
    let started = jobs.start(any).expect("it waits");
    assert_eq!((started.job, started.payload), (id(1), "first"));
    assert_eq!(jobs.start(any), None);
    let news = [(0, true), (0, false), (40, true), (30, false), (40, false)];
    for (percent, is_news) in news {
        assert_eq!(jobs.progress(&id(1), percent), Ok(is_news), "{percent}");
    }
    assert_eq!(submit(&mut jobs, 1, one, 7, "again"), known(State::Running, 40));
    let result = Hash([3; 32]);
    jobs.finish(&id(1), Outcome::Ok(result)).expect("it ran");
    assert!(jobs.finish(&id(1), Outcome::Err).is_err() && jobs.progress(&id(1), 1).is_err());
    let ok = JobState { state: State::Ok, progress: 100, result: Some(result) };
    assert_eq!(submit(&mut jobs, 1, one, 7, "again"), Ok(Submitted::Known(ok)));
    assert_eq!(jobs.start(any), None);
    // Room is made of what ended alone.
    assert_eq!(submit(&mut jobs, 2, one, 1, "x"), Ok(Submitted::New));
    assert_eq!(submit(&mut jobs, 3, one, 1, "x"), Ok(Submitted::New));
    assert_eq!(jobs.state(&id(1)), None);
    assert_eq!(submit(&mut jobs, 4, one, 1, "x"), Err(EnqueueError::Full));
}

#[test]
fn who_ended_is_forgotten_first_of_the_own_then_of_those_who_are_gone() {
    let mut jobs = Jobs::<(), 4>::new();
    let (own, gone, kept) = (WorkerId(1), WorkerId(2), WorkerId(3));
    let put = |jobs: &mut Jobs<(), 4>, job, holder| {
        let entrant = Entrant { job: id(job), holder, fingerprint: 0, mem_mb: 1, payload: () };
        jobs.submit(entrant, 4, |holder| holder != gone)
    };
    for (job, holder) in [(1, kept), (2, gone), (3, own), (4, kept)] {
        assert_eq!(put(&mut jobs, job, holder), Ok(Submitted::New));
        assert!(jobs.cancel(&id(job)).is_some());
    }
    let remembered =
        |jobs: &Jobs<(), 4>| jobs.iter().map(|(job, ..)| job.clone()).collect::<Vec<_>>();
    assert_eq!(put(&mut jobs, 5, own), Ok(Submitted::New));
    assert_eq!(remembered(&jobs), [1, 2, 4, 5].map(id));
    assert_eq!(put(&mut jobs, 6, own), Ok(Submitted::New));
    assert_eq!(remembered(&jobs), [1, 4, 5, 6].map(id));
    assert_eq!(put(&mut jobs, 7, own), Ok(Submitted::New));
    assert_eq!(remembered(&jobs), [4, 5, 6, 7].map(id));
}

/// What each job needs, in MiB: some nothing.
fn needs(job: u8) -> u64 {
    u64::from(job) % 4
}

#[derive(Debug, Clone)]
enum Step {
    /// With a bound of its holder's jobs.
    Submit(u8, u32, u64, usize),
    /// With a priority and bounds of each of three holders.
    Start([(u8, usize, u64); 3]),
    Progress(u8, u8),
    Finish(u8, bool),
    Cancel(u8),
    CancelOf(u32),
    Abandon(u32),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let job = || 0..12_u8;
    let rank = || (0..3_u8, 0..3_usize, 0..6_u64);
    let step = prop_oneof![
        8 => (job(), 0..3_u32, 0..2_u64, 1..8_usize)
            .prop_map(|(job, holder, mark, most)| Step::Submit(job, holder, mark, most)),
        5 => [rank(), rank(), rank()].prop_map(Step::Start),
        2 => (job(), any::<u8>()).prop_map(|(job, percent)| Step::Progress(job, percent)),
        5 => (job(), any::<bool>()).prop_map(|(job, ok)| Step::Finish(job, ok)),
        1 => job().prop_map(Step::Cancel),
        2 => (0..3_u32).prop_map(Step::CancelOf),
        1 => (0..3_u32).prop_map(Step::Abandon),
    ];
    proptest::collection::vec(step, 1..80)
}

/// A job as the model has it.
#[derive(Debug, Clone, PartialEq)]
struct Known {
    job: u8,
    holder: u32,
    mark: u64,
    state: State,
    progress: u8,
    stopping: bool,
    ok: bool,
}

#[derive(Default)]
struct Model {
    known: Vec<Known>,
    /// Those that were started, of those that are known.
    runs: Vec<u8>,
}

impl Model {
    fn submit(&mut self, job: u8, holder: u32, mark: u64, most: usize) -> &'static str {
        if let Some(known) = self.known.iter().find(|known| known.job == job) {
            return match known {
                known if known.holder != holder => "not yours",
                known if known.mark != mark => "differs",
                _ => "known",
            };
        }
        let active =
            self.known.iter().filter(|known| known.holder == holder && !known.state.is_final());
        if active.count() >= most {
            return "full";
        }
        if self.known.len() == ROOM {
            // Holder 2 has left.
            let ended = self.known.iter().enumerate().filter(|(_, known)| known.state.is_final());
            let order = |known: &Known| (known.holder != holder, known.holder != 2);
            let Some((place, _)) = ended.min_by_key(|(place, known)| (order(known), *place)) else {
                return "full";
            };
            let forgotten = self.known.remove(place).job;
            self.runs.retain(|job| *job != forgotten);
        }
        let state = State::Queued;
        self.known.push(Known {
            job,
            holder,
            mark,
            state,
            progress: 0,
            stopping: false,
            ok: false,
        });
        "new"
    }

    fn used(&self, holder: u32) -> Use {
        let runs = |known: &&Known| known.holder == holder && known.state == State::Running;
        let runs = || self.known.iter().filter(runs);
        Use { jobs: runs().count(), mem_mb: runs().map(|known| needs(known.job)).sum() }
    }

    fn start(&mut self, ranks: &[(u8, usize, u64); 3]) -> Option<u8> {
        let may = |known: &Known| {
            let (_, jobs, mem_mb) = ranks[known.holder as usize];
            let waits =
                |other: &&Known| other.holder == known.holder && other.state == State::Queued;
            let used = self.used(known.holder);
            self.known.iter().find(waits).is_some_and(|first| first.job == known.job)
                && used.jobs < jobs
                && used.mem_mb + needs(known.job) <= mem_mb
        };
        // The first of the highest.
        let mut waiting: Vec<(usize, u8)> = self
            .known
            .iter()
            .enumerate()
            .filter(|(_, known)| may(known))
            .map(|(place, known)| (place, ranks[known.holder as usize].0))
            .collect();
        waiting.sort_by_key(|(place, priority)| (std::cmp::Reverse(*priority), *place));
        let known = &mut self.known[waiting.first()?.0];
        known.state = State::Running;
        self.runs.push(known.job);
        Some(known.job)
    }

    fn cancel(&mut self, which: impl Fn(&Known) -> bool) -> Option<(u8, bool)> {
        let open = |known: &&mut Known| which(known) && !known.state.is_final() && !known.stopping;
        let known = self.known.iter_mut().find(open)?;
        let running = known.state == State::Running;
        if running {
            known.stopping = true
        } else {
            known.state = State::Err
        }
        Some((known.job, running))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn the_queue_does_as_the_model_does(steps in steps()) {
        let mut jobs = Jobs::<u8, ROOM>::new();
        let mut model = Model::default();
        for step in steps {
            match step {
                Step::Submit(job, holder, mark, most) => {
                    let (mem_mb, payload) = (needs(job), job);
                    let (job_id, holder_id) = (id(job), WorkerId(holder));
                    let entrant =
                        Entrant { job: job_id, holder: holder_id, fingerprint: mark, mem_mb, payload };
                    let said = match jobs.submit(entrant, most, |holder| holder.0 != 2) {
                        Ok(Submitted::New) => "new",
                        Ok(Submitted::Known(_)) => "known",
                        Err(EnqueueError::Full) => "full",
                        Err(EnqueueError::NotYours) => "not yours",
                        Err(EnqueueError::Differs) => "differs",
                    };
                    prop_assert_eq!(said, model.submit(job, holder, mark, most));
                }
                Step::Start(ranks) => {
                    let started = jobs.start(|holder, with| {
                        let (priority, jobs, mem_mb) = ranks[holder.0 as usize];
                        (with.jobs <= jobs && with.mem_mb <= mem_mb).then_some(priority)
                    });
                    if let Some(started) = &started {
                        prop_assert_eq!(&started.job, &id(started.payload));
                    }
                    prop_assert_eq!(started.map(|started| started.payload), model.start(&ranks));
                }
                Step::Progress(job, percent) => {
                    let known = model.known.iter_mut().find(|known| known.job == job && known.state == State::Running);
                    prop_assert_eq!(jobs.progress(&id(job), percent).is_ok(), known.is_some());
                    if let Some(known) = known { known.progress = known.progress.max(percent.min(100)); }
                }
                Step::Finish(job, ok) => {
                    let outcome = if ok { Outcome::Ok(Hash([job; 32])) } else { Outcome::Err };
                    let known = model.known.iter_mut().find(|known| known.job == job && known.state == State::Running);
                    prop_assert_eq!(jobs.finish(&id(job), outcome).is_ok(), known.is_some());
                    if let Some(known) = known {
                        known.state = if ok { State::Ok } else { State::Err };
                        if ok { known.progress = 100; }
                        known.ok = ok;
                    }
                }
                Step::Cancel(job) => {
                    let said = jobs.cancel(&id(job)).map(|cancelled| (cancelled.job, cancelled.running));
                    let expected = model.cancel(|known| known.job == job).map(|(job, running)| (id(job), running));
                    prop_assert_eq!(said, expected);
                }
                Step::CancelOf(holder) => {
                    let said = jobs.cancel_next_of(WorkerId(holder)).map(|cancelled| (cancelled.job, cancelled.running));
                    let expected = model.cancel(|known| known.holder == holder).map(|(job, running)| (id(job), running));
                    prop_assert_eq!(said, expected);
                }
                Step::Abandon(holder) => {
                    let said = jobs.abandon_next_of(WorkerId(holder));
                    let mut runs = model.known.iter_mut().filter(|known| known.holder == holder && known.state == State::Running);
                    let known = runs.next();
                    prop_assert_eq!(said, known.as_ref().map(|known| id(known.job)));
                    if let Some(known) = known { known.state = State::Err; }
                }
            }
            let known: Vec<_> = jobs.iter().map(|(job, holder, state)| (job.clone(), holder.0, state)).collect();
            let expected: Vec<_> = model.known.iter().map(|known| {
                let result = known.ok.then_some(Hash([known.job; 32]));
                (id(known.job), known.holder, JobState { state: known.state, progress: known.progress, result })
            }).collect();
            prop_assert_eq!(known, expected);
            for holder in 0..3 {
                prop_assert_eq!(jobs.used(WorkerId(holder)), model.used(holder));
            }
        }
        // Whoever is remembered ran once at most.
        for known in &model.known {
            let runs = model.runs.iter().filter(|job| **job == known.job).count();
            prop_assert!(runs <= 1, "{:?}", known);
        }
    }
}
