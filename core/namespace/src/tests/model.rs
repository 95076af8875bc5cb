//! Sessions, workers and mounts against a model that is as simple as can be.

use std::collections::BTreeMap;
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use proptest::prelude::*;
use secure9p_core::Tree;
use ticket::Role;

use super::super::*;
use super::world::{PLACES, User, World};

/// What happens; the numbers choose among what there is.
#[derive(Debug, Clone, Copy)]
enum Step {
    Attach,
    Detach(usize),
    Spawn { ticks: u64 },
    Kill(usize),
    End(usize),
    Append(usize),
    Bind { session: usize, from: usize, to: usize },
    Look(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let any = || 0_usize..100;
    prop_oneof![
        2 => Just(Step::Attach),
        1 => any().prop_map(Step::Detach),
        4 => (1_u64..4).prop_map(|ticks| Step::Spawn { ticks }),
        2 => any().prop_map(Step::Kill),
        1 => any().prop_map(Step::End),
        5 => any().prop_map(Step::Append),
        3 => (any(), any(), any()).prop_map(|(session, from, to)| Step::Bind { session, from, to }),
        3 => any().prop_map(Step::Look),
    ]
}

const PLACES_TO: [&str; 4] = ["/a", "/b", "/queen/c", "/proc"];

#[derive(Debug)]
struct Worker {
    id: WorkerId,
    user: User,
    ticks: u64,
    text: String,
}

/// A queen's session: where it sees what.
#[derive(Debug)]
struct Queen {
    user: User,
    mounts: BTreeMap<&'static str, String>,
}

#[derive(Default)]
struct Model {
    queens: Vec<Queen>,
    workers: Vec<Worker>,
}

fn play(steps: &[Step]) {
    let mut world = World::new();
    world.tree.host_mut().limits.default.ops = 2000;
    let mut model = Model::default();
    let first = world.queen();
    model.queens.push(Queen { user: first, mounts: BTreeMap::new() });
    for step in steps {
        model.take(&mut world, *step);
        model.compare(&mut world);
    }
}

fn choose<T>(all: &[T], number: usize) -> Option<usize> {
    number.checked_rem(all.len())
}

impl Model {
    fn take(&mut self, world: &mut World, step: Step) {
        let first = self.queens[0].user;
        match step {
            Step::Attach if self.queens.len() < 5 => {
                self.queens.push(Queen { user: world.queen(), mounts: BTreeMap::new() });
            }
            // The first stays.
            Step::Detach(number) if self.queens.len() > 1 => {
                let index = 1 + number % (self.queens.len() - 1);
                let Queen { user, .. } = self.queens.remove(index);
                world.tree.detach(user.session);
                assert_eq!(world.find(user, "/proc"), Err(Error::Closed));
            }
            Step::Spawn { ticks } => {
                let line = format!(r#"{{"spawn":"heartbeat","ticks":{ticks}}}"#);
                if self.workers.len() == PLACES {
                    assert_eq!(world.command(first, &line), Err(Error::Busy));
                    return;
                }
                let id = world.spawn(first, &line);
                let user = world.attach_worker(id);
                self.workers.push(Worker { id, user, ticks, text: String::new() });
            }
            Step::Kill(number) => {
                let Some(index) = choose(&self.workers, number) else { return };
                let Worker { id, .. } = self.workers.remove(index);
                world.command(first, &format!(r#"{{"kill":"{id}"}}"#)).expect("killed");
            }
            Step::End(number) => {
                let Some(index) = choose(&self.workers, number) else { return };
                let Worker { id: worker, .. } = self.workers.remove(index);
                world.tree.host_mut().ended.push_back(Ended { worker, reason: Reason::Ttl });
                world.tree.reap();
            }
            Step::Append(number) => self.append(world, number),
            Step::Bind { session, from, to } => self.bind(world, session, from, to),
            Step::Look(number) => {
                let queen = &self.queens[number % self.queens.len()];
                queen.look(world, &self.workers);
            }
            Step::Attach | Step::Detach(_) => {}
        }
    }

    fn append(&mut self, world: &mut World, number: usize) {
        let Some(index) = choose(&self.workers, number) else { return };
        let worker = &mut self.workers[index];
        let line = format!("{} of {}\n", worker.ticks, worker.id);
        let written = world.append(worker.user, "/worker/self/telemetry", line.as_bytes());
        if worker.ticks == 0 {
            assert_eq!(written, Err(Error::Closed));
            self.workers.remove(index);
            return;
        }
        written.expect("appended");
        worker.ticks -= 1;
        worker.text += &line;
    }

    fn bind(&mut self, world: &mut World, session: usize, from: usize, to: usize) {
        let Some(index) = choose(&self.workers, from) else { return };
        let from = format!("/worker/{}", self.workers[index].id);
        let to = PLACES_TO[to % PLACES_TO.len()];
        let count = self.queens.len();
        let queen = &mut self.queens[session % count];
        let living = |target: &String| self.workers.iter().any(|worker| worker.path() == *target);
        let line = format!(r#"{{"bind":{{"from":"{from}","to":"{to}"}}}}"#);
        let done = world.command(queen.user, &line);
        if queen.mounts.get(to).is_some_and(living) {
            assert_eq!(done, Err(Error::Busy));
        } else {
            done.expect("bound");
            queen.mounts.insert(to, from);
        }
    }

    /// What everybody sees.
    fn compare(&self, world: &mut World) {
        let first = self.queens[0].user;
        let mut listed = world.list(first, "/worker").expect("listed");
        let mut names: Vec<_> = self.workers.iter().map(|worker| worker.id.to_string()).collect();
        listed.sort();
        names.sort();
        assert_eq!(listed, names);
        let sessions = self.queens.len() + self.workers.len();
        let written = {
            let mut text = String::new();
            world.tree.sessions.write(Duration::ZERO, &mut text).expect("written");
            text.lines().count()
        };
        assert_eq!(written, sessions);
        for worker in &self.workers {
            let path = format!("/worker/{}/telemetry", worker.id);
            assert_eq!(world.cat(first, &path).as_ref(), Ok(&worker.text));
        }
        let in_use = world.tree.host_mut().workers.iter().flatten().count();
        assert_eq!(in_use, self.workers.len());
    }
}

impl Worker {
    fn path(&self) -> String {
        format!("/worker/{}", self.id)
    }
}

impl Queen {
    /// That it sees its own mounts, with walk, list, stat and `..`.
    fn look(&self, world: &mut World, workers: &[Worker]) {
        for to in PLACES_TO {
            let target = self.mounts.get(to);
            let target = target.and_then(|to| workers.iter().find(|worker| worker.path() == *to));
            let (parent, name) = to.rsplit_once('/').expect("a path");
            let parent = if parent.is_empty() { "/" } else { parent };
            let listed = world.list(self.user, parent).expect("listed");
            let times = listed.iter().filter(|listed| *listed == name).count();
            match target {
                Some(worker) => {
                    assert_eq!(times, 1, "{to}");
                    let text = world.cat(self.user, &format!("{to}/telemetry"));
                    assert_eq!(text.as_ref(), Ok(&worker.text));
                    let up = world.find(self.user, &format!("{to}/.."));
                    assert_eq!(up, world.find(self.user, parent));
                    assert_eq!(world.stat(self.user, to).expect("a stat").name, name);
                }
                None if to == "/proc" => {
                    assert_eq!(times, 1);
                    assert!(world.find(self.user, "/proc/boot").is_ok());
                }
                None => {
                    assert_eq!(times, 0, "{to}");
                    assert_eq!(world.find(self.user, to), Err(Error::NotFound));
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn it_is_as_the_model_has_it(steps in proptest::collection::vec(step(), 0..60)) {
        play(&steps);
    }
}

#[test]
fn an_observer_is_no_part_of_it() {
    let mut world = World::new();
    let observer = world.attach(Role::Observer);
    assert_eq!(world.command(observer, "{}"), Err(Error::Permission));
}
