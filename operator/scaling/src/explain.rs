//! The record in one plain sentence: what is ordered, what holds it there, and the sum or the silence behind it.
//!
//! Whoever reads it at three in the morning knows Kubernetes and the resource's fields, not this crate. Times are UTC.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use crate::policy::Mode;
use crate::record::{Direction, Effect, LatencyNotScalable, Limit, Reason, Record, SignalName, Verdict};
use crate::span;
use crate::sums::{lasting, sum};
use crate::units::{Replicas, Seconds};
use crate::words::{instant, replicas};

impl Record {
    /// The decision in one sentence, for example `6 replicas: 590 requests/s need 6 at 100 per replica`.
    pub fn sentence(&self) -> String {
        let mut said = format!("{}: {}", self.stands(), self.because());
        if let Some(found) = self.latency_not_scalable {
            said.push_str(&not_scalable(found));
        } else if let Some(limit) = self.limits.iter().find(|limit| limit.effect() == Effect::DelaysLatency) {
            said.push_str(&self.delayed(*limit));
        }
        match self.mode() {
            None => said,
            Some(mode) => format!("would be {said} (mode {mode}: nothing that a signal asks for is written)"),
        }
    }

    fn mode(&self) -> Option<Mode> {
        self.limits.iter().find_map(|limit| {
            if let Limit::Mode { mode } = limit {
                Some(*mode)
            } else {
                None
            }
        })
    }

    /// The result, with the bound that it lies on and what holds it there.
    fn stands(&self) -> String {
        let bound = self.limits.iter().find_map(bound).unwrap_or_default();
        let same = self.result == self.previous;
        let count = replicas(self.result);
        match self.reason {
            Reason::Held(_) if same => format!("held at {}{bound}{}", self.result, self.holding()),
            Reason::Held(_) => format!("{count}{bound}, held there{}", self.holding()),
            Reason::NoData { .. } if same => format!("held at {}{bound}", self.result),
            Reason::Burst { until, .. } if same => {
                format!("{count}{bound}, kept until {} after a burst", clock(until, self.at))
            }
            Reason::Burst { .. } => format!("{count}{bound} for a burst"),
            Reason::Latency { .. } => format!("{count}{bound} for latency"),
            Reason::Schedule(scheduled) => {
                let until = clock(scheduled.until, self.at);
                format!("{count}{bound} by schedule {} until {until}", scheduled.name)
            }
            Reason::Forecast(_) => format!("{count}{bound} by forecast"),
            Reason::Fallback { .. } => format!("{count}{bound} by fallback"),
            Reason::Demand(_) | Reason::NoData { .. } => format!("{count}{bound}"),
        }
    }

    fn because(&self) -> String {
        match self.reason {
            Reason::Demand(need) | Reason::Held(need) | Reason::Burst { need, .. } => sum(need),
            Reason::Latency { need, latency, target } => format!("{}; {}", slow(latency, target), sum(need)),
            Reason::Schedule(scheduled) => format!("it asks for {}{}", scheduled.replicas, self.load()),
            Reason::Forecast(forecast) => {
                let at = clock(forecast.at, self.at);
                format!("{at} usually needs {}{}", forecast.replicas, self.load())
            }
            Reason::Fallback { cause, since, replicas } => {
                format!(
                    "fallback.replicas is {replicas}, and there is {}",
                    self.silence(cause, since)
                )
            }
            Reason::NoData { cause, since } => self.silence(cause, since),
        }
    }

    /// What the load says beside a plan.
    fn load(&self) -> String {
        let asked = self
            .signals
            .iter()
            .find(|row| row.name == SignalName::RequestsPerSecond);
        match asked.and_then(|row| row.asked) {
            Some(asked) => format!(", the load for {asked}"),
            None => String::new(),
        }
    }

    /// What forbids to go lower: first what no time ends, because nobody knows its end; else what lasts longest.
    fn holding(&self) -> String {
        let endless = self.limits.iter().filter_map(endless).max_by_key(|(rank, _)| *rank);
        if let Some((_, why)) = endless {
            return format!(" {why}");
        }
        match self.limits.iter().filter_map(gate).max_by_key(|(until, _)| *until) {
            Some((until, by)) => format!(" until {} {by}", clock(until, self.at)),
            None => String::new(),
        }
    }

    fn delayed(&self, limit: Limit) -> String {
        match limit.until() {
            Some(until) => {
                let until = clock(until, self.at);
                format!("; latency is over its target, and more for it come at {until} at the earliest")
            }
            None => format!("; latency is over its target, but {limit}"),
        }
    }

    fn silence(&self, cause: Verdict, since: Timestamp) -> String {
        let age = self.signals.iter().find_map(|row| row.age_seconds);
        let cause = match (cause, age) {
            (Verdict::Missing(reason), _) => reason.to_string(),
            (Verdict::Invalid(reason), _) => reason.to_string(),
            (Verdict::Stale | Verdict::Fresh, Some(age)) => {
                format!(
                    "the last sample is {} old",
                    lasting(Duration::try_from_secs_f64(age).unwrap_or(Duration::MAX))
                )
            }
            (Verdict::Stale | Verdict::Fresh, None) => "the last sample is too old".to_owned(),
        };
        let silent = span::elapsed(since, self.at);
        let lasting = if silent.as_secs() == 0 {
            String::new()
        } else {
            format!(" for {}", lasting(silent))
        };
        format!("no usable data{lasting}, {cause} (no data is not no load)")
    }
}

impl fmt::Display for Record {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.sentence())
    }
}

fn slow(latency: Option<Seconds>, target: Seconds) -> String {
    match latency {
        Some(latency) if latency > target => format!("it is {latency} s and should be {target} s"),
        Some(_) | None => format!("it was over its target of {target} s lately"),
    }
}

fn not_scalable(found: LatencyNotScalable) -> String {
    let LatencyNotScalable {
        latency,
        target,
        suspect,
    } = found;
    format!("; latency is {latency} s and should be {target} s, but more replicas would not help: {suspect}")
}

/// The bound that a result lies on, to stand behind it.
fn bound(limit: &Limit) -> Option<&'static str> {
    match limit {
        Limit::MinReplicas { .. } => Some(" (minReplicas)"),
        Limit::MaxReplicas { .. } => Some(" (maxReplicas)"),
        Limit::StepUp { .. } => Some(" (scaleUp.maxPercent at once)"),
        Limit::DatabaseConnections { .. } => Some(" (the database has no connections for more)"),
        Limit::Quota { .. } => Some(" (the quota has no room for more)"),
        Limit::Paused {
            direction: Direction::Up,
        } => Some(" (increases are paused)"),
        Limit::ScaleDownCooldown { .. }
        | Limit::ScaleUpCooldown { .. }
        | Limit::RecentDemand { .. }
        | Limit::WindowNotFull { .. }
        | Limit::Freshness
        | Limit::SignalRequired { .. }
        | Limit::Rollout
        | Limit::StepDown { .. }
        | Limit::Hysteresis { .. }
        | Limit::WouldBreach { .. }
        | Limit::ChangeBudget { .. }
        | Limit::CrashLooping { .. }
        | Limit::LatencyWait { .. }
        | Limit::Paused {
            direction: Direction::Down,
        }
        | Limit::Mode { .. } => None,
    }
}

/// What holds a decrease without a known end, and how much it matters to a person.
fn endless(limit: &Limit) -> Option<(u8, String)> {
    match limit {
        Limit::Paused {
            direction: Direction::Down,
        } => Some((4, "because decreases are paused".into())),
        Limit::Rollout => Some((3, "while a rollout is in progress".into())),
        Limit::SignalRequired { signal } => {
            Some((2, format!("because {} is Required and cannot be used", signal.name())))
        }
        Limit::WouldBreach { replicas: few } => {
            let would = if *few == Replicas::new(1) {
                "1 replica".into()
            } else {
                format!("{few}")
            };
            Some((1, format!("because {would} would miss the latency target at once")))
        }
        Limit::Hysteresis { replicas: again } => {
            Some((0, format!("because a tenth more load would need {again} again")))
        }
        Limit::MinReplicas { .. }
        | Limit::MaxReplicas { .. }
        | Limit::ScaleDownCooldown { .. }
        | Limit::ScaleUpCooldown { .. }
        | Limit::RecentDemand { .. }
        | Limit::WindowNotFull { .. }
        | Limit::Freshness
        | Limit::StepUp { .. }
        | Limit::StepDown { .. }
        | Limit::ChangeBudget { .. }
        | Limit::DatabaseConnections { .. }
        | Limit::Quota { .. }
        | Limit::CrashLooping { .. }
        | Limit::LatencyWait { .. }
        | Limit::Paused {
            direction: Direction::Up,
        }
        | Limit::Mode { .. } => None,
    }
}

/// When what holds a decrease ends, and its name for the end of a sentence.
fn gate(limit: &Limit) -> Option<(Timestamp, &'static str)> {
    let by = match limit {
        Limit::ScaleDownCooldown { .. } => "by scaleDown.cooldownSeconds",
        Limit::RecentDemand { .. } => "after a burst",
        Limit::WindowNotFull { .. } => "because a decrease needs a full window of data without a gap",
        Limit::StepDown { .. } => "by scaleDown.maxPercent, one step after the other",
        Limit::ChangeBudget { .. } => "by changeBudgetPerHour",
        Limit::MinReplicas { .. }
        | Limit::MaxReplicas { .. }
        | Limit::ScaleUpCooldown { .. }
        | Limit::Freshness
        | Limit::SignalRequired { .. }
        | Limit::Rollout
        | Limit::StepUp { .. }
        | Limit::Hysteresis { .. }
        | Limit::WouldBreach { .. }
        | Limit::DatabaseConnections { .. }
        | Limit::Quota { .. }
        | Limit::CrashLooping { .. }
        | Limit::LatencyWait { .. }
        | Limit::Paused { .. }
        | Limit::Mode { .. } => return None,
    };
    limit.until().map(|until| (until, by))
}

/// The time of day, with the date where it is not within a day.
fn clock(time: Timestamp, seen_at: Timestamp) -> String {
    if span::elapsed(seen_at, time) < Duration::from_hours(24) {
        time.strftime("%H:%M:%S UTC").to_string()
    } else {
        instant(time)
    }
}

#[cfg(test)]
mod tests;
