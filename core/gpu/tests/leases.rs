//! Leases against a simple model: never more than the device has, and each end told once.

use std::time::Duration;

use gpu::{Device, EndReason, Ended, GrantError, Leases, Resource, Share, WorkerId};
use proptest::prelude::*;

const PLACES: usize = 4;
const DEVICE: Device = Device { memory_mb: 100, streams: 8 };

fn share(mem_mb: u32, streams: u16, ttl_s: u32) -> Share {
    Share { mem_mb, streams, ttl_s, priority: 0 }
}

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_share_is_taken_until_it_is_freed() {
    let mut leases = Leases::<PLACES>::new(DEVICE);
    let (one, two) = (WorkerId(1), WorkerId(2));
    assert_eq!(leases.grant(s(10), one, share(60, 2, 5)), Ok(()));
    let busy = leases.grant(s(10), two, share(50, 1, 5));
    assert_eq!(busy, Err(GrantError::Busy(Resource::Memory, 40)));
    assert_eq!(
        busy.unwrap_err().to_string(),
        "mem_mb: only 40 MiB are free: ask for less, or wait"
    );
    let big = leases.grant(s(10), two, share(101, 1, 5));
    assert_eq!(big, Err(GrantError::TooBig(Resource::Memory, 100)));
    let big = leases.grant(s(10), two, share(1, 9, 5));
    assert_eq!(big, Err(GrantError::TooBig(Resource::Streams, 8)));
    assert_eq!(leases.grant(s(10), one, share(1, 1, 1)), Err(GrantError::Held));
    assert_eq!(leases.grant(s(10), two, share(1, 1, 0)), Err(GrantError::Nothing));
    assert_eq!(leases.next_expiry(), Some(s(15)));
    // Its time is up to the nanosecond, whether or not anybody has looked.
    assert!(leases.live(s(15) - Duration::from_nanos(1), one).is_some());
    assert!(leases.live(s(15), one).is_none());
    assert_eq!(leases.next_ended(), None);
    leases.expire(s(15));
    assert!(!leases.free(one), "not before its end was told");
    let told = leases.next_ended();
    assert_eq!(told, Some(Ended { holder: one, reason: EndReason::Expired }));
    assert_eq!(leases.next_ended(), None);
    // Its jobs may still run.
    assert!(leases.grant(s(16), two, share(50, 1, 5)).is_err());
    assert_eq!(leases.grant(s(16), one, share(1, 1, 5)), Err(GrantError::Held));
    assert!(leases.free(one) && !leases.free(one));
    assert_eq!(leases.grant(s(16), two, share(100, 8, 5)), Ok(()));
}

#[test]
fn reset_ends_all_of_them() {
    let mut leases = Leases::<PLACES>::new(DEVICE);
    for number in 0..4 {
        leases.grant(s(0), WorkerId(number), share(1, 1, 60)).expect("room");
    }
    assert_eq!(leases.grant(s(0), WorkerId(9), share(1, 1, 60)), Err(GrantError::Places));
    assert!(
        leases.end(WorkerId(2), EndReason::Killed) && !leases.end(WorkerId(2), EndReason::Killed)
    );
    leases.end_all(EndReason::Reset);
    let told: Vec<_> = std::iter::from_fn(|| leases.next_ended()).collect();
    let reasons: Vec<_> = told.iter().map(|ended| (ended.holder.0, ended.reason)).collect();
    use EndReason::{Killed, Reset};
    assert_eq!(reasons, [(0, Reset), (1, Reset), (2, Killed), (3, Reset)]);
    assert!(!leases.set_priority(WorkerId(1), 3));
    assert_eq!(leases.next_expiry(), None);
}

/// What can happen.
#[derive(Debug, Clone)]
enum Step {
    Grant(u32, Share),
    End(u32, u8),
    EndAll,
    Wait(u16),
    Expire,
    Tell,
    Free(u32),
    Priority(u32, u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let worker = || 0..6_u32;
    let share = (0..120_u32, 0..10_u16, 0..6_u32, any::<u8>())
        .prop_map(|(mem_mb, streams, ttl_s, priority)| Share { mem_mb, streams, ttl_s, priority });
    let step = prop_oneof![
        6 => (worker(), share).prop_map(|(worker, share)| Step::Grant(worker, share)),
        2 => (worker(), 0..3_u8).prop_map(|(worker, reason)| Step::End(worker, reason)),
        1 => Just(Step::EndAll),
        3 => (0..3000_u16).prop_map(Step::Wait),
        3 => Just(Step::Expire),
        3 => Just(Step::Tell),
        4 => worker().prop_map(Step::Free),
        1 => (worker(), any::<u8>()).prop_map(|(worker, priority)| Step::Priority(worker, priority)),
    ];
    proptest::collection::vec(step, 1..60)
}

/// A lease as the model has it: who, what, until when in ms, why it ended, whether that was told.
type Held = (u32, Share, u64, Option<EndReason>, bool);

/// The model: a list, summed up anew each time.
#[derive(Default)]
struct Model(Vec<Held>);

impl Model {
    fn grant(&mut self, now: u64, worker: u32, share: Share) -> bool {
        let memory: u32 = self.0.iter().map(|held| held.1.mem_mb).sum();
        let streams: u16 = self.0.iter().map(|held| held.1.streams).sum();
        let granted = self.0.iter().all(|held| held.0 != worker)
            && share.mem_mb * u32::from(share.streams) * share.ttl_s > 0
            && memory + share.mem_mb <= DEVICE.memory_mb
            && streams + share.streams <= DEVICE.streams
            && self.0.len() < PLACES;
        if granted {
            self.0.push((worker, share, now + u64::from(share.ttl_s) * 1000, None, false));
        }
        granted
    }

    fn end(&mut self, reason: EndReason, which: impl Fn(&Held) -> bool) -> bool {
        let mut any = false;
        for held in self.0.iter_mut().filter(|held| held.3.is_none()) {
            if which(held) {
                held.3 = Some(reason);
                any = true;
            }
        }
        any
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn leases_do_as_the_model_does(steps in steps()) {
        let mut leases = Leases::<PLACES>::new(DEVICE);
        let mut model = Model::default();
        let mut now = 0_u64;
        for step in steps {
            let at = Duration::from_millis(now);
            match step {
                Step::Grant(worker, share) => {
                    let granted = leases.grant(at, WorkerId(worker), share).is_ok();
                    prop_assert_eq!(granted, model.grant(now, worker, share));
                }
                Step::End(worker, reason) => {
                    let reason = [EndReason::Released, EndReason::Killed, EndReason::BridgeLost][usize::from(reason)];
                    let ended = leases.end(WorkerId(worker), reason);
                    prop_assert_eq!(ended, model.end(reason, |held| held.0 == worker));
                }
                Step::EndAll => {
                    leases.end_all(EndReason::Reset);
                    model.end(EndReason::Reset, |_| true);
                }
                Step::Wait(ms) => now += u64::from(ms),
                Step::Expire => {
                    leases.expire(at);
                    model.end(EndReason::Expired, |held| held.2 <= now);
                }
                Step::Tell => {
                    let told = leases.next_ended();
                    let held = model.0.iter_mut().find(|held| held.3.is_some() && !held.4);
                    let expected = held.map(|held| {
                        held.4 = true;
                        Ended { holder: WorkerId(held.0), reason: held.3.expect("it ended") }
                    });
                    prop_assert_eq!(told, expected);
                }
                Step::Free(worker) => {
                    let before = model.0.len();
                    model.0.retain(|held| !(held.0 == worker && held.4));
                    prop_assert_eq!(leases.free(WorkerId(worker)), model.0.len() < before);
                }
                Step::Priority(worker, priority) => {
                    let set = leases.set_priority(WorkerId(worker), priority);
                    let held = model.0.iter_mut().find(|held| held.0 == worker && held.3.is_none());
                    prop_assert_eq!(set, held.is_some());
                    if let Some(held) = held { held.1.priority = priority; }
                }
            }
            let held: Vec<Held> = leases.iter().map(|lease| {
                let until = u64::try_from(lease.until.as_millis()).expect("short");
                let told = model.0.iter().any(|held| held.0 == lease.holder.0 && held.4);
                (lease.holder.0, lease.share, until, lease.ended, told)
            }).collect();
            prop_assert_eq!(&held, &model.0);
            let memory: u32 = held.iter().map(|held| held.1.mem_mb).sum();
            let streams: u16 = held.iter().map(|held| held.1.streams).sum();
            prop_assert!(memory <= DEVICE.memory_mb && streams <= DEVICE.streams);
            prop_assert_eq!(leases.free_share(), (DEVICE.memory_mb - memory, DEVICE.streams - streams));
            let at = Duration::from_millis(now);
            for worker in 0..6 {
                let live = model.0.iter().any(|held| held.0 == worker && held.3.is_none() && now < held.2);
                prop_assert_eq!(leases.live(at, WorkerId(worker)).is_some(), live);
            }
            let next = model.0.iter().filter(|held| held.3.is_none()).map(|held| held.2).min();
            prop_assert_eq!(leases.next_expiry(), next.map(Duration::from_millis));
        }
    }
}
