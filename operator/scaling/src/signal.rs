//! What a source said about one figure, with absence and nonsense kept apart from zero.
//!
//! Four values: only [`Signal::Fresh`] may ever lower anything; the others say why they may not. Knows nothing of where a
//! figure comes from or what it leads to.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::units::{Quantity, RequestsPerSecond, UnitError};

/// One figure as it was read; a load unless said otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Signal<Q = RequestsPerSecond> {
    /// A sane value, young enough to act on. Zero is a value.
    Fresh {
        /// The value.
        value: Q,
        /// Time since it was measured.
        age: Duration,
    },
    /// A sane value that is too old.
    Stale {
        /// Time since it was measured.
        age: Duration,
    },
    /// No value.
    Missing {
        /// Why there is none.
        reason: MissingReason,
    },
    /// A value that cannot be.
    Invalid {
        /// What is wrong with it.
        reason: InvalidReason,
    },
}

impl<Q: Quantity> Signal<Q> {
    /// Sorts a raw number: nonsense is [`Signal::Invalid`] whatever its age, a value older than `max_age` is
    /// [`Signal::Stale`], anything else (zero included) is [`Signal::Fresh`].
    pub fn classify(raw: f64, age: Duration, max_age: Duration) -> Self {
        match Q::checked(raw) {
            Ok(value) if age <= max_age => Self::Fresh { value, age },
            Ok(_) => Self::Stale { age },
            Err(error) => Self::Invalid { reason: error.into() },
        }
    }

    /// The value, where it may be acted on.
    pub fn fresh(self) -> Option<Q> {
        match self {
            Self::Fresh { value, .. } => Some(value),
            Self::Stale { .. } | Self::Missing { .. } | Self::Invalid { .. } => None,
        }
    }

    /// Time since it was measured, where there was a sane value.
    pub fn age(self) -> Option<Duration> {
        match self {
            Self::Fresh { age, .. } | Self::Stale { age } => Some(age),
            Self::Missing { .. } | Self::Invalid { .. } => None,
        }
    }
}

/// Why there is no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum MissingReason {
    /// The source tried to scrape the pods and could not.
    TargetDown,
    /// The source does not scrape the pods at all.
    NotScraped,
    /// The source did not answer, or answered with an error.
    SourceUnreachable,
    /// The spec names a source that was never configured.
    SourceUnknown,
    /// The source was not asked yet.
    NotAskedYet,
    /// The pods are scraped, and nobody asked the API anything: a quantile of nothing is not 0.
    NoRequests,
    /// The spec's own query has no series: nothing tells whether that means 0.
    NoSeries,
    /// The spec has a query of its own, and the administrator allows none.
    QueryForbidden,
}

impl fmt::Display for MissingReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::TargetDown => "the pods cannot be scraped",
            Self::NotScraped => "the pods are not scraped",
            Self::SourceUnreachable => "the metrics endpoint does not answer",
            Self::SourceUnknown => {
                "scaling.metrics.endpoint is a name that the operator's administrator did not define"
            }
            Self::NotAskedYet => "the metrics endpoint was not asked yet",
            Self::NoRequests => "nobody asked the API anything",
            Self::NoSeries => "the query of the spec has no series",
            Self::QueryForbidden => "the operator's administrator does not allow queries of the spec",
        })
    }
}

/// Why a value cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum InvalidReason {
    /// NaN.
    NotANumber,
    /// Positive or negative infinity.
    Infinite,
    /// Below zero.
    Negative,
    /// More than one series where one was expected.
    SeveralSeries,
}

impl From<UnitError> for InvalidReason {
    fn from(error: UnitError) -> Self {
        match error {
            UnitError::NotANumber => Self::NotANumber,
            UnitError::Infinite => Self::Infinite,
            UnitError::Negative { .. } => Self::Negative,
        }
    }
}

impl fmt::Display for InvalidReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NotANumber => "the answer is not a number",
            Self::Infinite => "the answer is infinite",
            Self::Negative => "the answer is negative",
            Self::SeveralSeries => "the answer has more than one series",
        })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const MAX_AGE: Duration = Duration::from_secs(15);

    #[rstest]
    #[case(f64::NAN, InvalidReason::NotANumber)]
    #[case(f64::INFINITY, InvalidReason::Infinite)]
    #[case(f64::NEG_INFINITY, InvalidReason::Infinite)]
    #[case(-1.0, InvalidReason::Negative)]
    fn nonsense_is_invalid_whatever_its_age(
        #[case] raw: f64,
        #[case] reason: InvalidReason,
        #[values(0, 3600)] age: u64,
    ) {
        let signal: Signal = Signal::classify(raw, Duration::from_secs(age), MAX_AGE);
        assert_eq!(signal, Signal::Invalid { reason });
    }

    #[test]
    fn zero_is_a_fresh_value() {
        let signal: Signal = Signal::classify(0.0, Duration::ZERO, MAX_AGE);
        assert!(matches!(signal, Signal::Fresh { value, .. } if value == RequestsPerSecond::default()));
    }

    #[rstest]
    #[case(Duration::from_secs(15), true)]
    #[case(Duration::from_millis(15_001), false)]
    fn a_value_is_stale_once_it_is_older_than_allowed(#[case] age: Duration, #[case] fresh: bool) {
        let signal: Signal = Signal::classify(5.0, age, MAX_AGE);
        assert_eq!(matches!(signal, Signal::Fresh { .. }), fresh, "{signal:?}");
    }
}
