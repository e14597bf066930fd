//! The parts of a record in words: a few per limit, a line per signal, for tables, status and events.
//!
//! Times are UTC, in full: whoever reads a line does not see when it was made. Knows the data, no rules.

use std::fmt;

use jiff::Timestamp;

use crate::record::{Direction, Limit, SignalRow, Suspect, Verdict};
use crate::units::{Replicas, RequestsPerSecond};

impl fmt::Display for Limit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.what())?;
        match self.until() {
            Some(until) => write!(formatter, ", until {}", instant(until)),
            None => Ok(()),
        }
    }
}

impl Limit {
    /// What limits, without its end.
    fn what(self) -> String {
        match self {
            Self::MinReplicas { replicas } => format!("minReplicas is {replicas}"),
            Self::MaxReplicas { replicas } => format!("maxReplicas is {replicas}"),
            Self::ScaleDownCooldown { .. } => "scaleDown.cooldownSeconds since the last routine increase".into(),
            Self::ScaleUpCooldown { .. } => "scaleUp.cooldownSeconds since the last increase for latency".into(),
            Self::RecentDemand { replicas: kept, .. } => format!("a burst lately needs {} still", replicas(kept)),
            Self::WindowNotFull { .. } => "data without a gap is needed for a full window".into(),
            Self::Freshness => "no usable data, and without it nothing is lowered".into(),
            Self::SignalRequired { signal } => {
                format!(
                    "{} cannot be used, is Required, and without it nothing is lowered",
                    signal.name()
                )
            }
            Self::Rollout => "a rollout is in progress, and nothing is lowered meanwhile".into(),
            Self::StepUp { replicas: most } => format!("scaleUp.maxPercent allows {} for now", replicas(most)),
            Self::StepDown { .. } => "scaleDown.maxPercent at once, and the effect is looked at before the next".into(),
            Self::Hysteresis { replicas: again } => {
                format!("a tenth more load would need {} again", replicas(again))
            }
            Self::WouldBreach { replicas: few } => format!("{} would miss the target at once", replicas(few)),
            Self::ChangeBudget { .. } => "changeBudgetPerHour is used up, and decreases wait".into(),
            Self::DatabaseConnections { replicas: most } => {
                format!("the database has connections for {}", replicas(most))
            }
            Self::Quota { replicas: most } => format!("the quota has room for {}", replicas(most)),
            Self::CrashLooping { replicas: failing } => {
                format!(
                    "{} crash again and again, and latency adds none to them",
                    replicas(failing)
                )
            }
            Self::LatencyWait { .. } => "latency asks for more, once the effect of the last increase is seen".into(),
            Self::Paused { direction } => match direction {
                Direction::Up => "increases are paused".into(),
                Direction::Down => "decreases are paused".into(),
            },
            Self::Mode { mode } => format!("mode is {mode}"),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fresh | Self::Stale => formatter.write_str(self.name()),
            Self::Missing(reason) => write!(formatter, "{}: {reason}", self.name()),
            Self::Invalid(reason) => write!(formatter, "{}: {reason}", self.name()),
        }
    }
}

impl fmt::Display for SignalRow {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.name.name(), self.verdict)?;
        // Any checked figure prints the same; the unit is the signal's.
        if let Some(value) = self.value.and_then(|value| RequestsPerSecond::new(value).ok()) {
            write!(formatter, ", {value}{}", self.name.unit())?;
        }
        if let Some(age) = self.age_seconds {
            write!(formatter, ", {age:.0} s old")?;
        }
        match self.asked {
            Some(asked) => write!(formatter, ", asks for {}", replicas(asked)),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Suspect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Postgres { saturation } => write!(formatter, "PostgreSQL is at {}", percent(saturation.get())),
            Self::Redis { saturation } => write!(formatter, "Redis is at {}", percent(saturation.get())),
            Self::SlowPod(pod) => write!(
                formatter,
                "one pod, with {} of the requests, is far slower than the others",
                percent(pod.share.get())
            ),
            Self::Unknown => formatter.write_str("look at what the API waits for"),
        }
    }
}

/// `1 replica`, `6 replicas`.
pub(crate) fn replicas(count: Replicas) -> String {
    if count == Replicas::new(1) {
        "1 replica".to_owned()
    } else {
        format!("{count} replicas")
    }
}

/// `93 %`.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// A moment in full.
pub(crate) fn instant(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::observation::SlowPod;
    use crate::policy::Mode;
    use crate::record::SignalName;
    use crate::units::Ratio;

    const SOON: Timestamp = Timestamp::UNIX_EPOCH;

    #[rstest]
    #[case(Limit::MaxReplicas { replicas: Replicas::new(10) }, "maxReplicas is 10")]
    #[case(
        Limit::ScaleDownCooldown { until: SOON },
        "scaleDown.cooldownSeconds since the last routine increase, until 1970-01-01 00:00:00 UTC"
    )]
    #[case(
        Limit::ChangeBudget { until: SOON },
        "changeBudgetPerHour is used up, and decreases wait, until 1970-01-01 00:00:00 UTC"
    )]
    #[case(Limit::DatabaseConnections { replicas: Replicas::new(4) }, "the database has connections for 4 replicas")]
    #[case(
        Limit::SignalRequired { signal: SignalName::Latency },
        "latency cannot be used, is Required, and without it nothing is lowered"
    )]
    #[case(Limit::Paused { direction: Direction::Down }, "decreases are paused")]
    #[case(Limit::Mode { mode: Mode::Observe }, "mode is Observe")]
    fn a_limit_names_what_to_change_or_to_wait_for(#[case] limit: Limit, #[case] words: &str) {
        assert_eq!(limit.to_string(), words);
    }

    fn ratio(raw: f64) -> Ratio {
        Ratio::new(raw).unwrap()
    }

    #[rstest]
    #[case(Suspect::Postgres { saturation: ratio(0.97) }, "PostgreSQL is at 97 %")]
    #[case(
        Suspect::SlowPod(SlowPod { share: ratio(0.2) }),
        "one pod, with 20 % of the requests, is far slower than the others"
    )]
    fn a_suspect_is_said_with_what_speaks_against_it(#[case] suspect: Suspect, #[case] words: &str) {
        assert_eq!(suspect.to_string(), words);
    }

    #[rstest]
    #[case(
        SignalName::RequestsPerSecond,
        589.96,
        "requestsPerSecond Fresh, 590 requests/s, 3 s old, asks for 6 replicas"
    )]
    #[case(SignalName::Latency, 0.61, "latency Fresh, 0.61 s, 3 s old, asks for 6 replicas")]
    fn a_row_is_a_line_that_can_be_read(#[case] name: SignalName, #[case] value: f64, #[case] line: &str) {
        let row = SignalRow {
            name,
            verdict: Verdict::Fresh,
            value: Some(value),
            age_seconds: Some(3.2),
            asked: Some(Replicas::new(6)),
        };
        assert_eq!(row.to_string(), line);
    }
}
