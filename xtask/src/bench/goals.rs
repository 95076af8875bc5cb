//! Goals of `./cohesix bench`: what was measured next to what it may be.
//!
//! Servers are compared round by round: in each round every server has its turn, so what disturbs
//! a round disturbs all of it, and the median of the rounds' ratios leaves out those that it hit
//! in the middle.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// The server that does nothing, in nine-bench's report.
const NULL: &str = "null";
/// Ours.
const OURS: &str = "simulator";
/// Most of the null server's time that ours may take with one request at a time.
const DEPTH_1: f64 = 1.2;
/// Least of the null server's throughput that ours must have with 16 requests at a time.
const DEPTH_16: f64 = 0.5;
/// Most nanoseconds that decoding a message and encoding its answer may take, on the mean.
const CODEC_NS: f64 = 15.0;

/// Most of what something costs with 10 workers that it may cost with more.
const GROWTH: f64 = 1.5;

/// Something measured and its limit.
#[derive(Debug, Clone, PartialEq)]
pub struct Goal {
    /// What was measured, with its unit.
    pub what: String,
    /// What it is.
    pub value: f64,
    /// What it may be.
    pub limit: Limit,
}

/// Which values are good.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Limit {
    /// This or less.
    AtMost(f64),
    /// This or more.
    AtLeast(f64),
    /// More than this.
    Above(f64),
}

impl Goal {
    /// Whether it is reached. What is no number is not.
    pub fn is_met(&self) -> bool {
        match self.limit {
            Limit::AtMost(limit) => self.value <= limit,
            Limit::AtLeast(limit) => self.value >= limit,
            Limit::Above(limit) => self.value > limit,
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, value, limit } = self;
        let verdict = if self.is_met() { "ok" } else { "MISSED" };
        let (words, limit) = match limit {
            Limit::AtMost(limit) => ("at most", limit),
            Limit::AtLeast(limit) => ("at least", limit),
            Limit::Above(limit) => ("above", limit),
        };
        // A value that misses by a hair must not look like its limit.
        write!(f, "goal: {what}: {value:.4} ({words} {limit}): {verdict}")
    }
}

/// Prints every goal, and fails with a line for each that is missed.
pub fn enforce(goals: &[Goal]) -> Result<()> {
    for goal in goals {
        println!("{goal}");
    }
    let missed: Vec<_> = goals.iter().filter(|goal| !goal.is_met()).map(Goal::to_string).collect();
    ensure!(missed.is_empty(), "{}", missed.join("\n"));
    Ok(())
}

/// What nine-bench reports: for each server and operation ("walk0/16") its nanoseconds in each
/// round.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub struct Servers(BTreeMap<String, BTreeMap<String, Vec<f64>>>);

impl Servers {
    /// How `server` does next to `other`, by operation of `depth`: the median over the rounds of
    /// its time divided by the other's.
    fn ratios(&self, server: &str, other: &str, depth: u32) -> Result<Vec<(&str, f64)>> {
        let of = |name: &str| self.0.get(name).with_context(|| format!("no results of {name}"));
        let (ours, theirs) = (of(server)?, of(other)?);
        let suffix = format!("/{depth}");
        let operations = ours.iter().filter_map(|(key, rounds)| {
            key.strip_suffix(&suffix).map(|operation| (operation, key, rounds))
        });
        let ratios: Result<Vec<_>> = operations
            .map(|(operation, key, rounds)| {
                let others = theirs.get(key).with_context(|| format!("{other} has no {key}"))?;
                ensure!(rounds.len() == others.len(), "{key}: not as many rounds of {other}");
                let ratios = rounds.iter().zip(others).map(|(ours, theirs)| ours / theirs);
                let median = median(ratios.collect()).with_context(|| format!("no {key}"))?;
                Ok((operation, median))
            })
            .collect();
        let ratios = ratios?;
        ensure!(!ratios.is_empty(), "nothing was measured at depth {depth}");
        Ok(ratios)
    }

    /// The operation that `server` does worst next to `other`.
    fn worst(&self, server: &str, other: &str, depth: u32) -> Result<(&str, f64)> {
        let ratios = self.ratios(server, other, depth)?;
        let worst = ratios.into_iter().max_by(|(_, a), (_, b)| a.total_cmp(b));
        worst.context("nothing was measured")
    }

    /// What is asked of our server.
    pub fn goals(&self) -> Result<Vec<Goal>> {
        let (operation, ratio) = self.worst(OURS, NULL, 1)?;
        let mut goals = vec![Goal {
            what: format!("time next to the null server's at depth 1, worst ({operation})"),
            value: ratio,
            limit: Limit::AtMost(DEPTH_1),
        }];
        let (operation, ratio) = self.worst(OURS, NULL, 16)?;
        goals.push(Goal {
            what: format!("throughput next to the null server's at depth 16, worst ({operation})"),
            value: 1.0 / ratio,
            limit: Limit::AtLeast(DEPTH_16),
        });
        let peers: Vec<&String> =
            self.0.keys().filter(|name| ![NULL, OURS].contains(&name.as_str())).collect();
        ensure!(!peers.is_empty(), "no peer was measured");
        for peer in peers {
            let (operation, ratio) = self.worst(OURS, peer, 16)?;
            goals.push(Goal {
                what: format!("throughput next to {peer}'s at depth 16, worst ({operation})"),
                value: 1.0 / ratio,
                limit: Limit::Above(1.0),
            });
        }
        Ok(goals)
    }
}

/// The codec's goal, from what its benchmark prints: a line `NAME NUMBER ns` for each message.
pub fn codec(printed: &str) -> Result<Goal> {
    let number = |line: &str| -> Option<f64> {
        line.trim_end().strip_suffix(" ns")?.rsplit(' ').next()?.parse().ok()
    };
    let messages: Vec<f64> = printed.lines().filter_map(number).collect();
    ensure!(!messages.is_empty(), "the codec's benchmark printed no message");
    let mean = messages.iter().sum::<f64>() / messages.len() as f64;
    Ok(Goal {
        what: format!("codec, ns a message, mean of {}", messages.len()),
        value: mean,
        limit: Limit::AtMost(CODEC_NS),
    })
}

/// That `what` costs as much as with 10 workers, however many there are.
pub fn growth(what: &str, with_10: f64, cost: f64) -> Goal {
    Goal {
        what: format!("{what} ({cost:.0} instructions) / with 10"),
        value: cost / with_10,
        limit: Limit::AtMost(GROWTH),
    }
}

/// The middle one; of an even number the lower. `None` of nothing.
pub fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len().checked_sub(1)? / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Results in which every operation takes a server's times.
    fn servers(times: &[(&str, [[f64; 3]; 2])]) -> Servers {
        let of = |[one, sixteen]: [[f64; 3]; 2]| {
            let both = ["walk0", "read1"].map(|name| {
                [(format!("{name}/1"), one.to_vec()), (format!("{name}/16"), sixteen.to_vec())]
            });
            both.into_iter().flatten().collect()
        };
        Servers(times.iter().map(|(name, times)| ((*name).to_owned(), of(*times))).collect())
    }

    fn missed(times: &[(&str, [[f64; 3]; 2])]) -> Vec<String> {
        let goals = servers(times).goals().unwrap();
        goals.iter().filter(|goal| !goal.is_met()).map(Goal::to_string).collect()
    }

    const PEER: (&str, [[f64; 3]; 2]) = ("p9", [[20.0; 3], [20.0; 3]]);
    const FLOOR: (&str, [[f64; 3]; 2]) = (NULL, [[10.0; 3], [5.0; 3]]);

    #[test]
    fn each_goal_is_missed_alone_and_named() {
        let good = (OURS, [[12.0; 3], [10.0; 3]]);
        assert_eq!(missed(&[good, FLOOR, PEER]), Vec::<String>::new());
        let missed_one = |ours, floor, peer, name: &str| {
            let missed = missed(&[ours, floor, peer]);
            assert!(matches!(&*missed, [one] if one.contains(name)), "{missed:?}");
        };
        missed_one((OURS, [[12.1; 3], [10.0; 3]]), FLOOR, PEER, "null server's at depth 1,");
        missed_one((OURS, [[12.0; 3], [10.1; 3]]), FLOOR, PEER, "null server's at depth 16");
        missed_one(good, FLOOR, ("p9", [[5.0; 3], [10.0; 3]]), "next to p9's at depth 16");
    }

    #[test]
    fn a_disturbed_round_does_not_count_and_two_do() {
        let floor = (NULL, [[10.0, 10.0, 20.0], [5.0; 3]]);
        assert!(missed(&[(OURS, [[12.0, 50.0, 24.0], [5.0; 3]]), floor, PEER]).is_empty());
        assert_eq!(missed(&[(OURS, [[50.0, 50.0, 24.0], [5.0; 3]]), floor, PEER]).len(), 1);
    }

    #[test]
    fn one_bad_operation_of_several_is_enough() {
        let mut all = servers(&[(OURS, [[10.0; 3], [5.0; 3]]), FLOOR, PEER]);
        all.0.get_mut(OURS).unwrap().insert("read1/16".into(), vec![11.0; 3]);
        let missed: Vec<_> =
            all.goals().unwrap().into_iter().filter(|goal| !goal.is_met()).collect();
        assert!(matches!(&*missed, [one] if one.what.contains("(read1)")), "{missed:?}");
    }

    #[test]
    fn what_was_not_measured_is_an_error_and_no_goal_reached() {
        let ours = (OURS, [[10.0; 3], [5.0; 3]]);
        assert!(servers(&[ours, FLOOR]).goals().is_err());
        assert!(servers(&[ours, PEER]).goals().is_err());
        assert!(servers(&[FLOOR, PEER]).goals().is_err());
        let mut less = servers(&[ours, FLOOR, PEER]);
        less.0.get_mut(NULL).unwrap().get_mut("walk0/1").unwrap().pop();
        assert!(less.goals().is_err());
        assert!(codec("").is_err() && codec("running 0 tests\n").is_err());
        let not_a_number = Goal { what: "x".into(), value: f64::NAN, limit: Limit::AtMost(1.0) };
        assert!(!not_a_number.is_met());
    }

    #[test]
    fn the_codecs_goal_is_the_mean_of_its_lines() {
        let goal = codec("walk of two names          20.0 ns\nclunk    10.0 ns\n").unwrap();
        assert_eq!((goal.value, goal.is_met()), (15.0, true));
        assert!(!codec("a 15.1 ns\n").unwrap().is_met());
    }

    #[test]
    fn what_grows_with_the_workers_misses_its_goal() {
        assert!(growth("spawn", 10.0, 15.0).is_met());
        let missed = growth("spawn", 10.0, 15.1);
        assert!(!missed.is_met() && missed.what.contains("spawn"), "{missed}");
        // Nothing was measured.
        assert!(!growth("spawn", 0.0, 0.0).is_met());
    }

    #[test]
    fn what_is_missed_comes_out_as_an_error() {
        let goal = |value| Goal { what: "it".into(), value, limit: Limit::AtMost(1.0) };
        assert!(enforce(&[goal(1.0)]).is_ok());
        let error = enforce(&[goal(1.0), goal(2.0)]).unwrap_err().to_string();
        assert_eq!(error, "goal: it: 2.0000 (at most 1): MISSED");
    }
}
