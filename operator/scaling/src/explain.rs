//! The record in one plain sentence: what is ordered, what holds it there, and the sum or the silence behind it.
//!
//! Whoever reads it at three in the morning knows Kubernetes and the resource's fields, not this crate. Times are UTC.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use crate::demand;
use crate::policy::Mode;
use crate::record::{Limit, Need, Reason, Record, Verdict};
use crate::span;
use crate::units::RequestsPerSecond;
use crate::words::{instant, replicas};

impl Record {
    /// The decision in one sentence, for example `6 replicas: 590 requests/s need 6 at 100 per replica`.
    pub fn sentence(&self) -> String {
        let because = match self.reason {
            Reason::Demand(need) => format!("{}: {}", self.stands(), needs(need)),
            Reason::Held(need) => format!("{}{}: {}", self.stands(), self.holding(), needs(need)),
            Reason::NoData { cause, since } => format!("{}: {}", self.stands(), self.silence(cause, since)),
        };
        match self.mode() {
            None => because,
            Some(mode) => format!("would be {because} (mode {mode}: nothing that a signal asks for is written)"),
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

    /// The result, with the bound that it lies on.
    fn stands(&self) -> String {
        let bound = self.limits.iter().find_map(bound).unwrap_or_default();
        let count = match self.reason {
            Reason::Held(_) | Reason::NoData { .. } if self.result == self.previous => {
                format!("held at {}", self.result)
            }
            Reason::Demand(_) | Reason::Held(_) | Reason::NoData { .. } => replicas(self.result),
        };
        format!("{count}{bound}")
    }

    /// What forbids to go lower: a rollout first, because nobody knows its end; else the limit that lasts longest.
    fn holding(&self) -> String {
        let held = if self.result == self.previous {
            ""
        } else {
            ", held there"
        };
        if self.limits.contains(&Limit::Rollout) {
            return format!("{held} while a rollout is in progress");
        }
        match self.limits.iter().filter_map(gate).max_by_key(|(until, _)| *until) {
            Some((until, by)) => format!("{held} until {} {by}", clock(until, self.at)),
            None => held.to_owned(),
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

fn needs(need: Need) -> String {
    let Need {
        requests_per_second,
        per_replica,
        replicas,
    } = need;
    format!(
        "{} requests/s need {replicas} at {per_replica:.6} per replica",
        load(need, requests_per_second)
    )
}

/// The load with one decimal, or with as many as it takes to see that it needs what it needs: at 100 per replica,
/// `600.04` needs 7, and `600` would look like a mistake.
fn load(need: Need, load: RequestsPerSecond) -> String {
    let shown = (1..=6).map(|digits| format!("{load:.digits$}")).find(|text| {
        let read = text.parse().ok().and_then(|raw| RequestsPerSecond::new(raw).ok());
        read.is_some_and(|read| demand::replicas(read, need.per_replica) == need.replicas)
    });
    shown.unwrap_or_else(|| load.get().to_string())
}

/// The bound that a result lies on, to stand behind it.
fn bound(limit: &Limit) -> Option<&'static str> {
    match limit {
        Limit::MinReplicas { .. } => Some(" (minReplicas)"),
        Limit::MaxReplicas { .. } => Some(" (maxReplicas)"),
        Limit::ScaleDownCooldown { .. }
        | Limit::ScaleUpCooldown { .. }
        | Limit::RecentDemand { .. }
        | Limit::WindowNotFull { .. }
        | Limit::Freshness
        | Limit::Rollout
        | Limit::Mode { .. } => None,
    }
}

/// When a limit ends, and its name for the end of a sentence; `None` for one that no time ends.
fn gate(limit: &Limit) -> Option<(Timestamp, String)> {
    match limit {
        Limit::ScaleDownCooldown { until } => Some((*until, "by scaleDown.cooldownSeconds".to_owned())),
        Limit::ScaleUpCooldown { until } => Some((*until, "by scaleUp.cooldownSeconds".to_owned())),
        Limit::RecentDemand { replicas, until } => Some((
            *until,
            format!("by scaleDown.cooldownSeconds, a recent peak needed {replicas}"),
        )),
        Limit::WindowNotFull { until } => Some((
            *until,
            "because a decrease needs a full window of data without a gap".to_owned(),
        )),
        Limit::MinReplicas { .. }
        | Limit::MaxReplicas { .. }
        | Limit::Freshness
        | Limit::Rollout
        | Limit::Mode { .. } => None,
    }
}

/// The time of day, with the date where it is not within a day.
fn clock(time: Timestamp, seen_at: Timestamp) -> String {
    if span::elapsed(seen_at, time) < Duration::from_hours(24) {
        time.strftime("%H:%M:%S UTC").to_string()
    } else {
        instant(time)
    }
}

/// A duration in its largest sensible unit: `42 s`, `10 min`, `3 h`.
fn lasting(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3600),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::record::{SignalName, SignalRow};
    use crate::signal::{InvalidReason, MissingReason};
    use crate::units::Replicas;

    fn noon() -> Timestamp {
        "2026-03-01T12:00:00Z".parse().unwrap()
    }

    fn in_seconds(seconds: u64) -> Timestamp {
        span::after(noon(), Duration::from_secs(seconds))
    }

    fn need(load: f64, replicas: u32) -> Need {
        Need {
            requests_per_second: RequestsPerSecond::new(load).unwrap(),
            per_replica: RequestsPerSecond::new(100.0).unwrap(),
            replicas: Replicas::new(replicas),
        }
    }

    fn record(previous: u32, result: u32, reason: Reason, limits: &[Limit]) -> Record {
        Record {
            at: noon(),
            signals: vec![],
            limits: limits.to_vec(),
            result: Replicas::new(result),
            previous: Replicas::new(previous),
            reason,
        }
    }

    fn silent(cause: Verdict, age_seconds: Option<f64>) -> Record {
        let since = span::before(noon(), Duration::from_secs(42));
        let row = SignalRow {
            name: SignalName::RequestsPerSecond,
            verdict: cause,
            value: None,
            age_seconds,
            asked: None,
        };
        let record = record(6, 6, Reason::NoData { cause, since }, &[Limit::Freshness]);
        Record {
            signals: vec![row],
            ..record
        }
    }

    #[rstest]
    #[case(6, need(590.0, 6), None, "6 replicas: 590 requests/s need 6 at 100 per replica")]
    #[case(7, need(600.04, 7), None, "7 replicas: 600.04 requests/s need 7 at 100 per replica")]
    #[case(
        10,
        need(1500.0, 15),
        Some(Limit::MaxReplicas { replicas: Replicas::new(10) }),
        "10 replicas (maxReplicas): 1500 requests/s need 15 at 100 per replica"
    )]
    #[case(
        2,
        need(0.0, 0),
        Some(Limit::MinReplicas { replicas: Replicas::new(2) }),
        "2 replicas (minReplicas): 0 requests/s need 0 at 100 per replica"
    )]
    #[case(1, need(50.0, 1), None, "1 replica: 50 requests/s need 1 at 100 per replica")]
    fn demand_is_said_with_its_sum(
        #[case] result: u32,
        #[case] need: Need,
        #[case] limit: Option<Limit>,
        #[case] sentence: &str,
    ) {
        let limits: Vec<Limit> = limit.into_iter().collect();
        assert_eq!(record(2, result, Reason::Demand(need), &limits).sentence(), sentence);
    }

    #[rstest]
    #[case(Limit::ScaleDownCooldown { until: in_seconds(190) }, "held at 6 until 12:03:10 UTC by scaleDown.cooldownSeconds")]
    #[case(
        Limit::RecentDemand { replicas: Replicas::new(6), until: in_seconds(190) },
        "held at 6 until 12:03:10 UTC by scaleDown.cooldownSeconds, a recent peak needed 6"
    )]
    #[case(
        Limit::WindowNotFull { until: in_seconds(190) },
        "held at 6 until 12:03:10 UTC because a decrease needs a full window of data without a gap"
    )]
    #[case(
        Limit::ScaleDownCooldown { until: in_seconds(24 * 3600) },
        "held at 6 until 2026-03-02 12:00:00 UTC by scaleDown.cooldownSeconds"
    )]
    #[case(Limit::Rollout, "held at 6 while a rollout is in progress")]
    fn a_decrease_that_waits_says_for_what(#[case] limit: Limit, #[case] held: &str) {
        let sentence = record(6, 6, Reason::Held(need(120.0, 2)), &[limit]).sentence();
        assert_eq!(sentence, format!("{held}: 120 requests/s need 2 at 100 per replica"));
    }

    #[test]
    fn of_several_limits_the_one_that_lasts_longest_is_named() {
        let limits = [
            Limit::WindowNotFull { until: in_seconds(300) },
            Limit::ScaleDownCooldown { until: in_seconds(60) },
        ];
        let sentence = record(6, 6, Reason::Held(need(120.0, 2)), &limits).sentence();
        assert!(
            sentence.starts_with("held at 6 until 12:05:00 UTC because"),
            "{sentence}"
        );
    }

    #[test]
    fn a_decrease_that_goes_part_of_the_way_is_not_called_held() {
        let until = in_seconds(60);
        let limit = Limit::RecentDemand {
            replicas: Replicas::new(4),
            until,
        };
        let sentence = record(6, 4, Reason::Held(need(120.0, 2)), &[limit]).sentence();
        assert!(
            sentence.starts_with("4 replicas, held there until 12:01:00 UTC by"),
            "{sentence}"
        );
    }

    #[rstest]
    #[case(
        Verdict::Missing(MissingReason::SourceUnreachable),
        None,
        "the metrics endpoint does not answer"
    )]
    #[case(Verdict::Missing(MissingReason::TargetDown), None, "the pods cannot be scraped")]
    #[case(Verdict::Invalid(InvalidReason::NotANumber), None, "the answer is not a number")]
    #[case(Verdict::Stale, Some(95.0), "the last sample is 95 s old")]
    #[case(Verdict::Stale, Some(600.0), "the last sample is 10 min old")]
    fn no_data_is_said_with_its_cause_and_its_length(
        #[case] cause: Verdict,
        #[case] age_seconds: Option<f64>,
        #[case] why: &str,
    ) {
        let sentence = silent(cause, age_seconds).sentence();
        assert_eq!(
            sentence,
            format!("held at 6: no usable data for 42 s, {why} (no data is not no load)")
        );
    }

    #[test]
    fn a_mode_that_writes_nothing_turns_it_into_a_condition() {
        let limits = [Limit::Mode { mode: Mode::Observe }];
        let sentence = record(2, 6, Reason::Demand(need(590.0, 6)), &limits).sentence();
        assert!(
            sentence.starts_with("would be 6 replicas: 590 requests/s need 6"),
            "{sentence}"
        );
        assert!(sentence.contains("mode Observe"), "{sentence}");
    }
}
