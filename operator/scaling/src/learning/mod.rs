//! What load to be ready for: learned from the workload itself, by trying many answers on it at once.
//!
//! A margin, a hold, the trend, the time of day: which of them pays differs from one API to the next, and none can be known
//! beforehand. So a table of candidates (see `candidates`) is run in the shadow: for every sample each one says what it would
//! have ordered, and is charged for it (see `shadow`): replicas, and requests that would have come too late, had pods been
//! ordered one horizon earlier. The cheapest one is followed. `objective` sets the price of a late request:
//!
//! ```text
//! cost      = sum of n  +  price x sum of late load / capacity         both forgotten with a half-life of 8 days
//! price     = 0.1 / (1 - objective)                                    replicas: at 99.9 % a late one weighs as 100
//! prepared  = max(load, margin x envelope) + sqrt(load to be ready for / latency target)
//! ```
//!
//! This is prediction with expert advice under full information (Cesa-Bianchi and Lugosi 2006, section 2), with a prior of
//! four hours; the square root is the staffing rule of Halfin and Whitt (1981): small loads vary more.

mod candidates;
mod extreme;
mod season;
mod shadow;

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::policy::{ForecastUse, Policy};
use crate::span;
use crate::units::{RequestsPerSecond, Seconds};

use candidates::{Candidate, HOLDS_SECONDS, Kind};
use extreme::{Extreme, Side};
use season::Season;
use shadow::{Charge, Shadows};

/// The latency target where the spec has none, in seconds.
const USUAL_TARGET_SECONDS: f64 = 0.5;

/// How far back the trend looks at most.
const TREND_LONGEST: Duration = Duration::from_secs(45);

/// Samples before the present one that the trend needs.
const TREND_SAMPLES: usize = 3;

/// A trend adds at most this part of the load.
const TREND_MOST: f64 = 1.0;

/// What was learned of one workload.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Learning {
    holds: [Extreme; HOLDS_SECONDS.len()],
    shadows: Shadows,
    season: Season,
    recent: [Option<(Timestamp, f64)>; TREND_SAMPLES],
    usual: Option<Usual>,
}

/// The load of an ordinary time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Usual {
    load: f64,
    seen_seconds: f64,
    last: Timestamp,
}

/// One fresh load, and what is known beside it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// The load of the whole API.
    pub(crate) load: RequestsPerSecond,
    /// What one replica serves.
    pub(crate) capacity: RequestsPerSecond,
    /// How far ahead an order works.
    pub(crate) horizon: Duration,
    /// Steady time.
    pub(crate) now: Timestamp,
    /// The wall's time, for the time of day and of the week.
    pub(crate) wall: Timestamp,
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

/// What is usual at a time to come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Usually {
    /// The load to be ready for.
    pub(crate) load: RequestsPerSecond,
    /// When it usually comes.
    pub(crate) at: Timestamp,
}

impl Learning {
    /// Takes one fresh sample, after the decision that was made by it.
    pub(crate) fn take(&mut self, policy: &Policy, sample: &Sample) {
        let load = sample.load.get();
        let charge = Charge::of(policy, sample);
        self.shadows.charge(policy, &charge);
        self.remember(sample);
        self.season.take(load, sample.wall);
        for (hold, seconds) in self.holds.iter_mut().zip(HOLDS_SECONDS) {
            hold.take(load, (Side::Largest, seconds), sample.now);
        }
        let soon = self
            .season
            .soon(sample.wall, sample.horizon)
            .map_or(0.0, |(load, _)| load);
        let trend = self.trend(load, sample.horizon, sample.now);
        let held = self.holds.each_ref().map(|hold| hold.value().unwrap_or(load));
        self.shadows.order(&charge, held, (trend, soon));
    }

    /// What to be ready for, at a present load. `now` is steady time.
    pub(crate) fn prepared(&self, policy: &Policy, sample: &Sample) -> Prepared {
        let chosen = self.shadows.chosen(policy);
        let load = sample.load.get();
        let hold = Duration::from_secs(u64::from(chosen.hold_seconds()));
        let peak = self.held(chosen, sample.now).max(load);
        let seen = match chosen.kind() {
            Kind::Held => peak,
            Kind::Trend | Kind::Season => peak.max(self.trend(load, sample.horizon, sample.now)),
        };
        let ready = well_served(policy, with_headroom(policy, load.max(seen * chosen.margin()))).max(load);
        Prepared {
            load: RequestsPerSecond::saturating(ready),
            margin: if peak > 0.0 { (ready / peak).max(1.0) } else { 1.0 },
            hold,
        }
    }

    /// What is usual soon, where the time of day has been the better adviser lately; the confidence gate is that it is
    /// followed only while it is the cheapest.
    pub(crate) fn usually(&self, policy: &Policy, wall: Timestamp, horizon: Duration) -> Option<Usually> {
        let chosen = self.shadows.chosen(policy);
        let (load, at) = self.season.soon(wall, horizon)?;
        let used = chosen.kind() == Kind::Season && policy.forecast() == ForecastUse::Followed;
        used.then(|| Usually {
            load: RequestsPerSecond::saturating(well_served(policy, with_headroom(policy, load * chosen.margin()))),
            at,
        })
    }

    /// The load of an ordinary time, once an hour of it was seen: what a schedule's multiplier multiplies.
    pub(crate) fn usual(&self) -> Option<RequestsPerSecond> {
        let usual = self.usual.filter(|usual| usual.seen_seconds >= 3600.0)?;
        Some(RequestsPerSecond::saturating(usual.load))
    }

    /// Takes a load of an ordinary time: one at which no schedule is on. Half of it is forgotten after six hours.
    pub(crate) fn take_usual(&mut self, load: RequestsPerSecond, now: Timestamp) {
        let load = load.get();
        let before = self.usual.unwrap_or(Usual {
            load,
            seen_seconds: 0.0,
            last: now,
        });
        let seconds = span::elapsed(before.last, now).as_secs_f64();
        let seen_seconds = before.seen_seconds + seconds;
        // A plain mean at first, then one that forgets.
        let weight = (seconds / seen_seconds.max(1.0))
            .max(1.0 - (-seconds / (6.0 * 3600.0)).exp2())
            .min(1.0);
        self.usual = Some(Usual {
            load: before.load + (load - before.load) * weight,
            seen_seconds,
            last: now,
        });
    }

    fn held(&self, candidate: Candidate, now: Timestamp) -> f64 {
        let hold = self.holds.get(candidate.hold_index());
        hold.and_then(|hold| hold.value_since((Side::Largest, candidate.hold_seconds()), now))
            .unwrap_or_default()
    }

    fn remember(&mut self, sample: &Sample) {
        self.recent.rotate_right(1);
        self.recent[0] = Some((sample.now, sample.load.get()));
    }

    /// The load at the end of the horizon, if it goes on rising as it did over the last samples.
    fn trend(&self, load: f64, horizon: Duration, now: Timestamp) -> f64 {
        let [.., Some((at, oldest))] = self.recent else {
            return load;
        };
        let seconds = span::elapsed(at, now).as_secs_f64();
        if seconds <= 0.0 || seconds > TREND_LONGEST.as_secs_f64() {
            return load;
        }
        let slope = ((load - oldest) / seconds).max(0.0);
        load + (slope * horizon.as_secs_f64()).min(load * TREND_MOST)
    }
}

/// The same with what a queue needs beside its mean: arrivals within one latency target vary by their square root.
fn with_headroom(policy: &Policy, load: f64) -> f64 {
    let target = policy.latency_target().map_or(USUAL_TARGET_SECONDS, Seconds::get);
    load + (load / target).sqrt()
}

/// A load to be ready for, by what replicas serve well: without a latency, capacity is the user's figure for that, and the
/// room above it is part of being ready.
fn well_served(policy: &Policy, load: f64) -> f64 {
    match policy.latency_target() {
        Some(_) => load,
        None => load / policy.room(),
    }
}
