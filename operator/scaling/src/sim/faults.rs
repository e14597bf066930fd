//! Faults of a simulation: what goes wrong, from when to when, and what is seen and served meanwhile.
//!
//! A fault of the sensors changes what an operator reads, one of the plant changes what pods do, and one of the operator
//! itself its clock or its memory. Only ours looks at the first and the last: a peer that is run with faults has the plant's
//! alone. Without an incident nothing here changes anything.

use std::time::Duration;

use crate::{
    MissingReason, Observation, Quantity, Ratio, Replicas, RequestsPerSecond, Rollout, Signal, sim::plant::Trouble,
};

/// Something that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// The source of all figures does not answer.
    SourceDown,
    /// It answers, and there is nothing in its answers.
    EmptyAnswer,
    /// The latency is not a number, as a quantile of nothing is.
    LatencyNotANumber,
    /// The range of the load's query fills up: at its beginning the load reads as nothing, at its end as it is.
    HalfFilled,
    /// The source answers with what it saw at the beginning, as old as that is by now.
    Stale,
    /// A new pod template is rolled out: a quarter more pods than ordered are ready meanwhile.
    Rollout,
    /// A store answers late: every response takes this much longer, and no pod is busier for it.
    SlowStore {
        /// How much longer, in seconds.
        seconds: f64,
        /// What is seen of it: the saturation of PostgreSQL, or nothing.
        seen: StoreSeen,
    },
    /// Pods that fail and start again and again.
    CrashLooping {
        /// How many of those that served; beside them every pod that becomes ready.
        pods: u32,
    },
    /// The wall clock is wrong by this many seconds.
    ClockStep {
        /// Ahead where more than 0.
        seconds: i32,
    },
    /// The operator is gone, and comes back with an empty memory.
    Restart,
}

/// Whether the store that is slow is known to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreSeen {
    /// PostgreSQL reads as used in full.
    Saturated,
    /// Nothing is known of any store.
    Unseen,
}

/// A fault and its time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Incident {
    /// What goes wrong.
    pub fault: Fault,
    /// The first second of it.
    pub from: u32,
    /// The first second after it.
    pub to: u32,
}

/// Everything that goes wrong in a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Faults {
    incidents: Vec<Incident>,
}

impl Faults {
    /// Those incidents; of several of a kind at once the last one counts.
    pub fn of(incidents: Vec<Incident>) -> Self {
        Self { incidents }
    }

    fn at(&self, second: u32) -> impl Iterator<Item = Incident> {
        let now = move |incident: &Incident| (incident.from..incident.to).contains(&second);
        self.incidents.iter().copied().filter(now)
    }

    /// What the pods meet in this second.
    pub(crate) fn trouble(&self, second: u32) -> Trouble {
        let mut trouble = Trouble::default();
        for incident in self.at(second) {
            match incident.fault {
                Fault::SlowStore { seconds, .. } => trouble.slower_by_seconds = seconds,
                Fault::CrashLooping { pods } => trouble.crash_looping = Some(pods),
                Fault::SourceDown
                | Fault::EmptyAnswer
                | Fault::LatencyNotANumber
                | Fault::HalfFilled
                | Fault::Stale
                | Fault::Rollout
                | Fault::ClockStep { .. }
                | Fault::Restart => {}
            }
        }
        trouble
    }

    /// How far the wall clock is ahead, in seconds.
    pub(crate) fn clock_ahead_seconds(&self, second: u32) -> i32 {
        let ahead = |incident: Incident| {
            if let Fault::ClockStep { seconds } = incident.fault {
                Some(seconds)
            } else {
                None
            }
        };
        self.at(second).filter_map(ahead).last().unwrap_or_default()
    }

    /// Whether there is no operator.
    pub(crate) fn operator_is_gone(&self, second: u32) -> bool {
        self.at(second).any(|incident| incident.fault == Fault::Restart)
    }

    /// What is read in this second, where `read` says what would be read at a second without faults; values older than
    /// `oldest` are stale.
    pub(crate) fn observed(&self, second: u32, oldest: Duration, read: impl Fn(u32) -> Observation) -> Observation {
        let mut seen = read(second);
        for incident in self.at(second) {
            match incident.fault {
                Fault::SourceDown => lose(&mut seen, MissingReason::SourceUnreachable),
                Fault::EmptyAnswer => lose(&mut seen, MissingReason::NotScraped),
                Fault::LatencyNotANumber => {
                    seen.latency = Some(Signal::classify(f64::NAN, Duration::ZERO, oldest));
                }
                Fault::HalfFilled => seen.requests_per_second = incident.filled(second, seen.requests_per_second),
                Fault::Stale => incident.age(second, oldest, (&mut seen, &read(incident.from))),
                Fault::Rollout => surge(&mut seen),
                Fault::SlowStore { seen: known, .. } => seen.suspects.postgres = known.saturation(),
                Fault::CrashLooping { .. } | Fault::ClockStep { .. } | Fault::Restart => {}
            }
        }
        seen
    }
}

impl Incident {
    /// The part of a load that a range shows which has been filling up since the beginning.
    fn filled(self, second: u32, load: Signal) -> Signal {
        let part = f64::from(second - self.from) / f64::from(self.to - self.from);
        match load {
            Signal::Fresh { value, age } => Signal::Fresh {
                value: RequestsPerSecond::saturating(value.get() * part),
                age,
            },
            Signal::Stale { .. } | Signal::Missing { .. } | Signal::Invalid { .. } => load,
        }
    }

    /// What was read at the beginning, as old as it is now.
    fn age(self, second: u32, oldest: Duration, (seen, first): (&mut Observation, &Observation)) {
        let since = Duration::from_secs(u64::from(second - self.from));
        seen.requests_per_second = aged(first.requests_per_second, since, oldest);
        seen.latency = first.latency.map(|signal| aged(signal, since, oldest));
    }
}

impl StoreSeen {
    fn saturation(self) -> Option<Signal<Ratio>> {
        match self {
            Self::Saturated => Some(Signal::classify(1.0, Duration::ZERO, Duration::ZERO)),
            Self::Unseen => None,
        }
    }
}

fn lose(seen: &mut Observation, reason: MissingReason) {
    seen.requests_per_second = Signal::Missing { reason };
    seen.latency = seen.latency.map(|_| Signal::Missing { reason });
}

fn surge(seen: &mut Observation) {
    seen.rollout = Rollout::InProgress;
    let ordered = seen.replicas_ordered.unwrap_or_default().get();
    let more = |ready: Replicas| Replicas::new(ready.get() + ordered.div_ceil(4));
    seen.replicas_ready = seen.replicas_ready.map(more);
}

fn aged<Q: Quantity>(signal: Signal<Q>, since: Duration, oldest: Duration) -> Signal<Q> {
    match signal {
        Signal::Fresh { value, age } if age + since <= oldest => Signal::Fresh {
            value,
            age: age + since,
        },
        Signal::Fresh { age, .. } | Signal::Stale { age } => Signal::Stale { age: age + since },
        Signal::Missing { .. } | Signal::Invalid { .. } => signal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLDEST: Duration = Duration::from_secs(15);

    fn one(fault: Fault) -> Faults {
        Faults::of(vec![Incident {
            fault,
            from: 100,
            to: 200,
        }])
    }

    /// A load of as many requests/s as there were seconds, two seconds old.
    fn read(second: u32) -> Observation {
        let age = Duration::from_secs(2);
        Observation {
            latency: Some(Signal::classify(0.1, age, OLDEST)),
            replicas_ordered: Some(Replicas::new(8)),
            replicas_ready: Some(Replicas::new(8)),
            ..Observation::of(Signal::classify(f64::from(second), age, OLDEST))
        }
    }

    fn load(faults: &Faults, second: u32) -> Option<f64> {
        let seen = faults.observed(second, OLDEST, read);
        seen.requests_per_second.fresh().map(RequestsPerSecond::get)
    }

    #[test]
    fn outside_of_its_time_a_fault_changes_nothing() {
        for fault in [
            Fault::SourceDown,
            Fault::EmptyAnswer,
            Fault::LatencyNotANumber,
            Fault::HalfFilled,
            Fault::Stale,
            Fault::Rollout,
            Fault::Restart,
            Fault::CrashLooping { pods: 3 },
            Fault::ClockStep { seconds: 600 },
            Fault::SlowStore {
                seconds: 1.0,
                seen: StoreSeen::Saturated,
            },
        ] {
            let faults = one(fault);
            for second in [99, 200] {
                assert_eq!(faults.observed(second, OLDEST, read), read(second), "{fault:?}");
                assert_eq!(faults.trouble(second), Trouble::default());
                assert_eq!(faults.clock_ahead_seconds(second), 0);
                assert!(!faults.operator_is_gone(second));
            }
        }
    }

    #[test]
    fn a_range_that_fills_up_shows_a_part() {
        let faults = one(Fault::HalfFilled);
        // A quarter of its time is over: a quarter of 125.
        assert_eq!((load(&faults, 100), load(&faults, 125)), (Some(0.0), Some(31.25)));
    }

    #[test]
    fn what_is_not_renewed_keeps_its_value_until_it_is_too_old() {
        let faults = one(Fault::Stale);
        // It is 2 s old at second 100, and 15 s old at second 113.
        assert_eq!((load(&faults, 113), load(&faults, 114)), (Some(100.0), None));
        let age = faults.observed(160, OLDEST, read).requests_per_second.age();
        assert_eq!(age, Some(Duration::from_secs(62)));
    }

    #[test]
    fn a_rollout_shows_more_pods_than_are_ordered() {
        let seen = one(Fault::Rollout).observed(150, OLDEST, read);
        // A quarter of eight.
        assert_eq!(seen.replicas_ready, Some(Replicas::new(10)));
        assert_eq!(seen.rollout, Rollout::InProgress);
    }
}
