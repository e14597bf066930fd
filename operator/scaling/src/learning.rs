//! What load to be ready for: what was learned of how this workload grows, and of how long its peaks matter.
//!
//! The seam is [`Learning::take`], once per fresh sample after its decision, and [`Learning::prepared`]. Behind it stands a
//! plain law for now: with m(t) the largest load of the last 120 s and L the latency target (0.5 s where there is none),
//!
//! ```text
//! prepared = max(1.1 m, m + sqrt(m / L))      requests/s
//! ```
//!
//! The second term is the square-root staffing rule (Halfin and Whitt 1981: n = a + b sqrt(a)): small loads vary more.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::peaks::Peaks;
use crate::policy::Policy;
use crate::span;
use crate::units::{RequestsPerSecond, Seconds};

/// How much more is prepared for than was seen.
const MARGIN: f64 = 1.1;

/// How long what was seen is prepared for.
const HOLD: Duration = Duration::from_secs(120);

/// The latency target where the spec has none, in seconds.
const USUAL_TARGET_SECONDS: f64 = 0.5;

/// What was learned of one workload.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Learning {
    seen: Peaks,
}

/// What load to be ready for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Prepared {
    /// The load to be ready for; never less than the present one, and never less for a higher present one.
    pub(crate) load: RequestsPerSecond,
    /// How much more that is than what was seen, as a factor; at least 1.
    pub(crate) margin: f64,
    /// How long a load stays in mind after it was seen.
    pub(crate) hold: Duration,
}

impl Learning {
    /// Takes one fresh sample, after the decision that was made by it. `now` is steady time.
    pub(crate) fn take(
        &mut self,
        _policy: &Policy,
        load: RequestsPerSecond,
        _capacity: RequestsPerSecond,
        now: Timestamp,
    ) {
        self.seen.take(load, HOLD, now);
    }

    /// What to be ready for, at a present load. `now` is steady time.
    pub(crate) fn prepared(
        &self,
        policy: &Policy,
        load: RequestsPerSecond,
        _capacity: RequestsPerSecond,
        now: Timestamp,
    ) -> Prepared {
        let target = policy.latency_target().map_or(USUAL_TARGET_SECONDS, Seconds::get);
        let held = self.seen.max_since(span::before(now, HOLD)).unwrap_or_default();
        let most = load.get().max(held.get());
        let ready = RequestsPerSecond::saturating((most * MARGIN).max(most + (most / target).sqrt()));
        Prepared {
            load: ready,
            margin: if most > 0.0 { ready.get() / most } else { 1.0 },
            hold: HOLD,
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::policy::PolicyInput;

    fn rate(raw: f64) -> RequestsPerSecond {
        RequestsPerSecond::new(raw).unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn prepared(learning: &Learning, load: f64, second: i64) -> f64 {
        let policy = Policy::parse(PolicyInput::default()).unwrap();
        let prepared = learning.prepared(&policy, rate(load), rate(100.0), at(second));
        prepared.load.get()
    }

    #[rstest]
    #[case::nothing(0.0, 0.0)]
    // 50 + sqrt(50 / 0.5) = 50 + 10.
    #[case::a_small_load_gets_the_square_root(50.0, 60.0)]
    // 1.1 times 1000 is more than 1000 + sqrt(2000), which is 1044.7.
    #[case::a_large_load_gets_the_margin(1000.0, 1100.0)]
    fn it_is_ready_for_more_than_is_there(#[case] load: f64, #[case] ready: f64) {
        assert!((prepared(&Learning::default(), load, 0) - ready).abs() < 1e-9);
    }

    #[test]
    fn it_stays_ready_for_what_was_seen_lately() {
        let policy = Policy::parse(PolicyInput::default()).unwrap();
        let mut learning = Learning::default();
        learning.take(&policy, rate(1000.0), rate(100.0), at(0));
        assert!((prepared(&learning, 10.0, 119) - 1100.0).abs() < 1e-9);
        assert!(prepared(&learning, 10.0, 120) < 20.0);
    }
}
