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

use crate::policy::Policy;
use crate::span;
use crate::units::{RequestsPerSecond, Seconds};

use candidates::{Candidate, HOLDS_SECONDS, Kind};
use extreme::{Extreme, Side};
use season::Season;
use shadow::{Charge, Shadows};

/// The latency target where the spec has none, in seconds.
const USUAL_TARGET_SECONDS: f64 = 0.5;

/// How far back the trend looks at most, where five samples do not need longer.
const TREND_LONGEST: Duration = Duration::from_secs(45);

/// Samples that are closer tell nothing new: a step and the noise after it would look like a trend that goes on.
const TREND_CLOSEST: Duration = Duration::from_secs(4);

/// Samples that the trend needs: three rises.
const TREND_SAMPLES: usize = 4;

/// A trend adds at most this part of the load.
const TREND_MOST: f64 = 1.0;

/// And at most this part where only two rises show it: a step that ends between two scrapes looks like that.
const TREND_UNCONFIRMED: f64 = 0.2;

/// How many times as steep as the rise before them two rises are believed to be.
const TREND_STEEPER: f64 = 2.0;

/// How many times as steep as the flatter one beside it the rise in the middle is where pods tell of a step one after the other:
/// each is scraped at a phase of its own, so a step takes up to two intervals, and three rises.
const TREND_UNEVEN: f64 = 2.0;

/// What was learned of one workload.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Learning {
    holds: [Extreme; HOLDS_SECONDS.len()],
    trends: [Extreme; HOLDS_SECONDS.len()],
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
    /// What all replicas that serve now serve together.
    pub(crate) served: RequestsPerSecond,
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
        self.season.take(load, sample.wall);
        let soon = self
            .season
            .soon(sample.wall, sample.horizon)
            .map_or(0.0, |(load, _)| load);
        let trend = self.trend(load, Ahead::of(policy, sample), sample.now);
        self.remember(policy, sample);
        for (place, seconds) in HOLDS_SECONDS.into_iter().enumerate() {
            self.holds[place].take(load, (Side::Largest, seconds), sample.now);
            // Held as well: noise has slopes, and a floor that followed each of them would never rest.
            self.trends[place].take(trend, (Side::Largest, seconds), sample.now);
        }
        let held = |of: &[Extreme; HOLDS_SECONDS.len()]| of.each_ref().map(|hold| hold.value().unwrap_or(load));
        self.shadows
            .order(&charge, (held(&self.holds), held(&self.trends)), soon);
    }

    /// What to be ready for, at a present load. `now` is steady time.
    pub(crate) fn prepared(&self, policy: &Policy, sample: &Sample) -> Prepared {
        let chosen = self.shadows.chosen(policy);
        let load = sample.load.get();
        let hold = Duration::from_secs(u64::from(chosen.hold_seconds()));
        let most = Self::held(&self.holds, chosen, sample.now).max(load);
        let trend = || self.trend(load, Ahead::of(policy, sample), sample.now);
        let seen = match chosen.kind() {
            // Whatever paid in calm hours: what serves is too little already, and more is coming.
            Kind::Held if policy.latency_target().is_some() && sample.load > sample.served => most.max(trend()),
            Kind::Held => most,
            Kind::Trend | Kind::Season => {
                let before = Self::held(&self.trends, chosen, sample.now);
                most.max(before).max(trend())
            }
        };
        let ready = well_served(policy, with_headroom(policy, load.max(seen * chosen.margin()))).max(most);
        let margin = if most > 0.0 { ready / most } else { 1.0 };
        Prepared {
            load: RequestsPerSecond::saturating(ready),
            // Finite, also for a load that has all but gone.
            margin: margin.clamp(1.0, f64::MAX),
            hold,
        }
    }

    /// What is usual soon, where the time of day has been the better adviser lately; the confidence gate is that it is
    /// followed only while it is the cheapest.
    pub(crate) fn usually(&self, policy: &Policy, wall: Timestamp, horizon: Duration) -> Option<Usually> {
        let chosen = self.shadows.chosen(policy);
        if chosen.kind() != Kind::Season {
            return None;
        }
        let (load, at) = self.season.soon(wall, horizon)?;
        Some(Usually {
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

    fn held(of: &[Extreme; HOLDS_SECONDS.len()], candidate: Candidate, now: Timestamp) -> f64 {
        let hold = of.get(candidate.hold_index());
        hold.and_then(|hold| hold.value_since((Side::Largest, candidate.hold_seconds()), now))
            .unwrap_or_default()
    }

    fn remember(&mut self, policy: &Policy, sample: &Sample) {
        self.recent = self.recent_with((sample.now, sample.load.get()), Ahead::of(policy, sample).spacing);
    }

    /// The samples that say something new, this one first if it is far enough from the last of them.
    fn recent_with(&self, one: (Timestamp, f64), spacing: Duration) -> [Option<(Timestamp, f64)>; TREND_SAMPLES] {
        let mut recent = self.recent;
        if recent[0].is_none_or(|(last, _)| span::elapsed(last, one.0) >= spacing) {
            recent.rotate_right(1);
            recent[0] = Some(one);
        }
        recent
    }

    /// The load at the end of the horizon, if it goes on rising as it did over the last samples, and no faster than between
    /// any two of the last three: a step is over within one scrape or two, and goes nowhere. Where the rise before those was
    /// far smaller, or the one in the middle far steeper than one beside it, it may be a step all the same, and little is
    /// believed until the next sample.
    fn trend(&self, load: f64, ahead: Ahead, now: Timestamp) -> f64 {
        // Asked again before the next scrape, the load says nothing new of where it goes: what the last one said counts.
        let [Some(newest), Some(last), Some(before), Some(oldest)] = self.recent_with((now, load), ahead.spacing)
        else {
            return load;
        };
        if span::elapsed(oldest.0, now) > TREND_LONGEST.max(ahead.spacing * 5) {
            return load;
        }
        let rise = |from: (Timestamp, f64), to: (Timestamp, f64)| {
            (to.1 - from.1) / span::elapsed(from.0, to.0).as_secs_f64().max(1e-3)
        };
        let (first, second, third) = (rise(oldest, before), rise(before, last), rise(last, newest));
        let slope = rise(oldest, newest).min(third).min(second).max(0.0);
        let horizon = ahead.horizon.as_secs_f64();
        let is_step = ahead.is_smeared && second > TREND_UNEVEN * first.min(third);
        let confirmed = if is_step { 0.0 } else { TREND_STEEPER * first * horizon };
        let believed = confirmed.max(newest.1 * TREND_UNCONFIRMED);
        load.max(newest.1 + (slope * horizon).min(believed).min(newest.1 * TREND_MOST))
    }
}

/// How far a trend looks, and how far apart samples are that say something new.
#[derive(Clone, Copy, Debug)]
struct Ahead {
    horizon: Duration,
    spacing: Duration,
    /// Whether three rises may be one step: samples are closer than the two intervals in which pods tell of it.
    is_smeared: bool,
}

impl Ahead {
    fn of(policy: &Policy, sample: &Sample) -> Self {
        let interval = policy.scrape_interval();
        // Ticks and scrapes are never quite in step.
        let spacing = interval.mul_f64(0.8).max(TREND_CLOSEST);
        Self {
            horizon: sample.horizon,
            spacing,
            is_smeared: spacing < interval * 2,
        }
    }
}

/// The latency to be kept, in seconds, or a usual one.
fn target_seconds(policy: &Policy) -> f64 {
    policy.latency_target().map_or(USUAL_TARGET_SECONDS, Seconds::get)
}

/// How many times its capacity a replica is taken to serve before it saturates. With a latency the capacity was learned up to
/// there; without one it is the user's figure for what is served well, and nothing else says when it is too much.
fn room(policy: &Policy) -> f64 {
    match policy.latency_target() {
        Some(_) => 1.0,
        None => policy.room(),
    }
}

/// The same with what a queue needs beside its mean: arrivals within one latency target vary by their square root.
fn with_headroom(policy: &Policy, load: f64) -> f64 {
    load + (load / target_seconds(policy)).sqrt()
}

/// A load to be ready for, by what replicas serve well: the room above that is part of being ready.
fn well_served(policy: &Policy, load: f64) -> f64 {
    load / room(policy)
}

/// A figure of a table: small, because there are thousands.
#[expect(
    clippy::cast_possible_truncation,
    reason = "seven digits are enough for a cost or for what is usual"
)]
fn narrow(number: f64) -> f32 {
    // Far beyond any load, far from where a sum of them would overflow, and finite: JSON has no infinity.
    number.min(1e12) as f32
}

#[cfg(test)]
mod tests;
