//! The burst law: a jump of demand far over what is ordered is followed now, held for long, and let go slowly.
//!
//! ```text
//! burst     p > 1.25 o and p >= o + 2      p: replicas for the present load alone, o: ordered
//! hold      for H after it: load to be ready for >= s + (j - s) (1 - t / H)
//! ```
//!
//! j is the load that the jump was ready for, t the time since, H the hold that was learned, s the largest load seen
//! meanwhile (requests/s). It decays, it does not reset (Knative's panic does, knative/serving#3153 and #9121), and ends at
//! the largest load that was seen, not at the present one. Ordered pods count as soon as they are ordered, so pods that
//! start slowly make no second burst (knative/serving#13284). It starts no cooldown: that is for routine increases.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::demand::Demand;
use crate::peaks::Peaks;
use crate::situation::Situation;
use crate::span;
use crate::units::RequestsPerSecond;

/// Present need over what is ordered, from which it is a burst: four parts ordered, more than five needed.
const BURST_PARTS: (u64, u64) = (5, 4);

/// The least that it must be more; small clusters change by one all the time.
const BURST_LEAST: u32 = 2;

/// The last burst.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Burst {
    jump: Option<Jump>,
    seen: Peaks,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Jump {
    at: Timestamp,
    load: RequestsPerSecond,
    hold: Duration,
}

/// What a burst keeps the result at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Held {
    /// The load to be ready for.
    pub(crate) load: RequestsPerSecond,
    /// When the hold ends, in steady time.
    pub(crate) until: Timestamp,
}

/// Whether present demand is a burst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// It is.
    Burst,
    /// It is not: whatever rises, rises as a matter of routine.
    Routine,
}

/// Whether `demand` is far over what is ordered, as far as the bounds let it be followed.
pub(crate) fn pace(situation: &Situation<'_>, demand: &Demand) -> Pace {
    let (more, of) = BURST_PARTS;
    let (ordered, present) = (situation.base(), situation.policy.clamp(demand.present));
    let far = u64::from(present.get()) * of > u64::from(ordered.get()) * more;
    if far && present >= ordered.plus(BURST_LEAST) {
        Pace::Burst
    } else {
        Pace::Routine
    }
}

impl Burst {
    /// What the last burst keeps the result at, at a present load.
    pub(crate) fn held(&self, load: RequestsPerSecond, now: Timestamp) -> Option<Held> {
        let jump = self.jump?;
        let gone = span::elapsed(jump.at, now);
        if gone >= jump.hold {
            return None;
        }
        let seen = self.seen.max_since(span::before(now, jump.hold)).unwrap_or(load);
        let seen = if seen > load { seen.get() } else { load.get() };
        let left = 1.0 - gone.as_secs_f64() / jump.hold.as_secs_f64();
        Some(Held {
            load: RequestsPerSecond::saturating(seen + (jump.load.get() - seen).max(0.0) * left),
            until: span::after(jump.at, jump.hold),
        })
    }

    /// Takes a fresh load, after the decision.
    pub(crate) fn take(&mut self, situation: &Situation<'_>, demand: &Demand) {
        let now = situation.clock.now;
        if pace(situation, demand) == Pace::Burst {
            let before = self.held(demand.load, now).map(|held| held.load).unwrap_or_default();
            let ready_for = demand.prepared.load;
            self.jump = Some(Jump {
                at: now,
                load: if ready_for > before { ready_for } else { before },
                hold: demand.prepared.hold,
            });
        }
        match self.jump {
            Some(jump) if span::elapsed(jump.at, now) < jump.hold => self.seen.take(demand.load, jump.hold, now),
            Some(_) | None => *self = Self::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::clock::Clock;
    use crate::demand;
    use crate::learning::Prepared;
    use crate::observation::Observation;
    use crate::policy::{Policy, PolicyInput};
    use crate::units::Replicas;

    const HOLD: Duration = Duration::from_secs(100);

    fn rate(raw: f64) -> RequestsPerSecond {
        RequestsPerSecond::new(raw).unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// Asks with a load, prepared for twice as much, where `ordered` are ordered.
    fn with<T>(ordered: u32, load: f64, second: i64, ask: impl FnOnce(&Situation<'_>, &Demand) -> T) -> T {
        let policy = Policy::parse(PolicyInput {
            max_replicas: 1000,
            ..PolicyInput::default()
        })
        .unwrap();
        let situation = Situation {
            policy: &policy,
            observation: &Observation::default(),
            clock: Clock::starting(at(second)),
            from: Replicas::new(ordered),
            capacity: rate(100.0),
        };
        let prepared = Prepared {
            load: rate(2.0 * load),
            margin: 2.0,
            hold: HOLD,
        };
        ask(&situation, &demand::demand(&situation, rate(load), prepared))
    }

    #[rstest]
    #[case::a_quarter_more_is_routine(20, 2500.0, Pace::Routine)]
    #[case::more_than_that_is_a_burst(20, 2600.0, Pace::Burst)]
    #[case::one_more_never_is(2, 300.0, Pace::Routine)]
    #[case::two_more_of_few_are(2, 400.0, Pace::Burst)]
    #[case::less_is_not(20, 100.0, Pace::Routine)]
    fn a_burst_is_far_over_what_is_ordered(#[case] ordered: u32, #[case] load: f64, #[case] expected: Pace) {
        assert_eq!(with(ordered, load, 0, pace), expected);
    }

    /// A burst to 1000 at second 0, prepared for 2000, and then `after` at every fifth second.
    fn burst_then(after: f64, until: i64) -> Burst {
        let mut burst = Burst::default();
        with(2, 1000.0, 0, |situation, demand| burst.take(situation, demand));
        for second in (5..=until).step_by(5) {
            with(20, after, second, |situation, demand| burst.take(situation, demand));
        }
        burst
    }

    #[rstest]
    // 1000 were seen within the hold; of the 1000 more that it jumped to, a half and a quarter of the hold are left.
    #[case::half_way(50, Some(1500.0))]
    #[case::three_quarters(75, Some(1250.0))]
    #[case::over(100, None)]
    fn it_decays_from_the_jump_to_what_was_seen(#[case] second: i64, #[case] level: Option<f64>) {
        let held = burst_then(10.0, second).held(rate(10.0), at(second));
        assert_eq!(held.map(|held| held.load.get().round()), level);
    }

    #[test]
    fn it_never_decays_below_the_present_load() {
        let held = burst_then(10.0, 95).held(rate(1900.0), at(95)).unwrap();
        assert!(held.load >= rate(1900.0), "{held:?}");
    }

    #[test]
    fn a_second_burst_starts_the_hold_anew_and_never_below_the_first() {
        let mut burst = burst_then(10.0, 50);
        with(2, 400.0, 50, |situation, demand| burst.take(situation, demand));
        let held = burst.held(rate(400.0), at(50)).unwrap();
        assert_eq!(held.until, at(150));
        assert!(held.load >= rate(1490.0), "{held:?}");
    }

    #[test]
    fn without_a_burst_nothing_is_held() {
        let mut burst = Burst::default();
        with(20, 1500.0, 0, |situation, demand| burst.take(situation, demand));
        assert_eq!(burst, Burst::default());
    }
}
