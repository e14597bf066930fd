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
use crate::units::{Replicas, RequestsPerSecond};

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

/// Whether `demand` is far over what is ordered.
pub(crate) fn pace(ordered: Replicas, demand: &Demand) -> Pace {
    let (more, of) = BURST_PARTS;
    let far = u64::from(demand.present.get()) * of > u64::from(ordered.get()) * more;
    if far && demand.present >= ordered.plus(BURST_LEAST) {
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
        if pace(situation.base(), demand) == Pace::Burst {
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
