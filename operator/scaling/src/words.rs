//! The parts of a record in words: a few per limit, a line per signal, for tables, status and events.
//!
//! Times are UTC, in full: whoever reads a line does not see when it was made. Knows the data, no rules.

use std::fmt;

use jiff::Timestamp;

use crate::record::{Limit, SignalRow, Verdict};
use crate::units::{Replicas, RequestsPerSecond};

impl fmt::Display for Limit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MinReplicas { replicas } => write!(formatter, "minReplicas is {replicas}"),
            Self::MaxReplicas { replicas } => write!(formatter, "maxReplicas is {replicas}"),
            Self::ScaleDownCooldown { until } => {
                write!(
                    formatter,
                    "scaleDown.cooldownSeconds since the last increase, until {}",
                    instant(*until)
                )
            }
            Self::ScaleUpCooldown { until } => {
                write!(
                    formatter,
                    "scaleUp.cooldownSeconds since the last increase, until {}",
                    instant(*until)
                )
            }
            Self::RecentDemand {
                replicas: needed,
                until,
            } => {
                let needed = replicas(*needed);
                write!(
                    formatter,
                    "the load needed {needed} within scaleDown.cooldownSeconds, until {}",
                    instant(*until)
                )
            }
            Self::WindowNotFull { until } => {
                write!(
                    formatter,
                    "data without a gap is needed for a full window, until {}",
                    instant(*until)
                )
            }
            Self::Freshness => formatter.write_str("no usable data, and without it nothing is lowered"),
            Self::Rollout => formatter.write_str("a rollout is in progress, and nothing is lowered meanwhile"),
            Self::Mode { mode } => write!(formatter, "mode is {mode}"),
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
        if let Some(value) = self.value.and_then(|value| RequestsPerSecond::new(value).ok()) {
            write!(formatter, ", {value} requests/s")?;
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

/// `1 replica`, `6 replicas`.
pub(crate) fn replicas(count: Replicas) -> String {
    if count == Replicas::new(1) {
        "1 replica".to_owned()
    } else {
        format!("{count} replicas")
    }
}

/// A moment in full.
pub(crate) fn instant(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::policy::Mode;
    use crate::record::SignalName;

    #[rstest]
    #[case(Limit::MaxReplicas { replicas: Replicas::new(10) }, "maxReplicas is 10")]
    #[case(
        Limit::ScaleDownCooldown { until: Timestamp::UNIX_EPOCH },
        "scaleDown.cooldownSeconds since the last increase, until 1970-01-01 00:00:00 UTC"
    )]
    #[case(Limit::Mode { mode: Mode::Observe }, "mode is Observe")]
    fn a_limit_names_the_field_to_change(#[case] limit: Limit, #[case] words: &str) {
        assert_eq!(limit.to_string(), words);
    }

    #[test]
    fn a_row_is_a_line_that_can_be_read() {
        let row = SignalRow {
            name: SignalName::RequestsPerSecond,
            verdict: Verdict::Fresh,
            value: Some(589.96),
            age_seconds: Some(3.2),
            asked: Some(Replicas::new(6)),
        };
        assert_eq!(
            row.to_string(),
            "requestsPerSecond Fresh, 590 requests/s, 3 s old, asks for 6 replicas"
        );
    }
}
