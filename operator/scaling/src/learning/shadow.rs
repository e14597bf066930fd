//! The candidates at work in the shadow: what each would have had ready for each sample, and what that would have cost.
//!
//! What a candidate has ready is the least that it ordered within the last horizon: more takes a pod's start, less is gone at
//! once. A load that is more than that builds a queue (fluid: arrivals minus capacity), and a request is late once the queue
//! is longer than the latency target allows. Near misses count too, or a rare burst could not be told from none:
//!
//! ```text
//! late(load, ready) = 1                          where the queue is over 0.9 of the target
//!                     (load / ready) ^ 40        else; below one half nothing
//! ```
//!
//! All sums are forgotten with a half-life of eight days. Orders nothing: the cheapest candidate is followed by `learning`.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::candidates::{CANDIDATES, Candidate, ENVELOPES, HOLDS_SECONDS, ONLY_HELD, WITHOUT_SEASON, margins};
use super::extreme::{Extreme, Side};
use super::{Sample, narrow, room, target_seconds, with_headroom};
use crate::policy::{ForecastUse, LONGEST_HOLD, Policy};
use crate::span;

/// In this time half of what was seen is forgotten.
const HALF_LIFE_SECONDS: f32 = 8.0 * 24.0 * 3600.0;

/// What the prior is worth.
const PRIOR_SECONDS: f32 = 4.0 * 3600.0;

/// The load that the prior was fitted to, in replicas.
const PRIOR_REPLICAS: f32 = 4.0;

/// How fast a near miss loses its weight.
const NEARNESS: f32 = 40.0;

/// The part of the target that may be spent waiting.
const WAIT: f32 = 0.9;

/// A queue longer than this is not worth more: whoever waits in it has gone.
const LONGEST_WAIT_SECONDS: f32 = 10.0;

/// Another candidate must be cheaper by this much to be followed.
const CHEAPER: f32 = 0.995;

/// The price of a late request in replicas is this over (1 - objective).
const PRICE: f64 = 0.1;

/// The longest time that one sample stands for.
const LONGEST_SAMPLE: Duration = Duration::from_secs(15);

/// What one sample charges by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Charge {
    load: f32,
    capacity: f32,
    seconds_of_wait: f32,
    bounds: (f32, f32),
    price: f32,
    horizon: Duration,
    now: Timestamp,
    root: f32,
}

impl Charge {
    pub(super) fn of(policy: &Policy, sample: &Sample) -> Self {
        Self {
            load: narrow(sample.load.get()),
            capacity: narrow(sample.capacity.get() * room(policy)).max(1e-9),
            seconds_of_wait: WAIT * narrow(target_seconds(policy)),
            bounds: (count(policy.min_replicas().get()), count(policy.max_replicas().get())),
            price: price(policy),
            horizon: sample.horizon,
            now: sample.now,
            root: narrow(with_headroom(policy, 1.0) - 1.0),
        }
    }

    /// Replicas for a load to be ready for, within the bounds; its root is given, because it is a product of few.
    fn replicas(&self, load: f32, root: f32) -> f32 {
        ((load + self.root * root) / self.capacity)
            .ceil()
            .max(self.bounds.0)
            .min(self.bounds.1)
    }
}

/// What each candidate has cost, and what it has ordered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Shadows {
    // Both empty until the first sample.
    costs: Vec<Cost>,
    ready: Vec<Extreme>,
    envelopes: [f32; ENVELOPES],
    followed: Option<Candidate>,
    last: Option<Timestamp>,
}

/// What is held, for each hold.
pub(super) type Held = [f64; HOLDS_SECONDS.len()];

/// The sums of one candidate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Cost {
    replicas: f32,
    late: f32,
    backlog: f32,
}

impl Shadows {
    /// Charges every candidate for one sample, by what it has ready, and follows the cheapest from now on.
    pub(super) fn charge(&mut self, policy: &Policy, charge: &Charge) {
        self.begin(charge);
        let seconds = self
            .last
            .map_or(Duration::ZERO, |last| span::elapsed(last, charge.now))
            .min(LONGEST_SAMPLE);
        self.last = Some(charge.now);
        let seconds = seconds.as_secs_f32();
        if seconds <= 0.0 {
            return;
        }
        let keep = (-seconds / HALF_LIFE_SECONDS).exp2();
        let margins = margins();
        let roots = margins.map(f32::sqrt);
        let by_envelope = self
            .costs
            .chunks_exact_mut(margins.len())
            .zip(&self.ready)
            .zip(&self.envelopes);
        for ((costs, ready), envelope) in by_envelope {
            let ready = ready.value().map_or(*envelope, narrow);
            let (ready_root, envelope_root) = (ready.sqrt(), envelope.sqrt());
            for ((cost, margin), root) in costs.iter_mut().zip(margins).zip(roots) {
                let supply = charge.replicas(ready * margin, ready_root * root) * charge.capacity;
                let late = cost.late_share(charge, supply, seconds);
                cost.replicas =
                    cost.replicas * keep + charge.replicas(envelope * margin, envelope_root * root) * seconds;
                cost.late = cost.late * keep + late * charge.load / charge.capacity * seconds;
            }
        }
        self.followed = Some(self.cheapest(policy, charge.price));
    }

    /// Lets every candidate order for the load that is held, for the trend that is held, and for what is usual soon.
    pub(super) fn order(&mut self, charge: &Charge, (loads, trends): (Held, Held), soon: f64) {
        let larger = |one: [f32; HOLDS_SECONDS.len()], beside: f32| one.map(|held| held.max(beside));
        let (loads, trends) = (loads.map(narrow), trends.map(narrow));
        let seasons = larger(trends, narrow(soon));
        let all = loads.into_iter().chain(trends).chain(seasons);
        let horizon = u32::try_from(charge.horizon.as_secs()).unwrap_or(u32::MAX);
        for ((envelope, ready), now) in self.envelopes.iter_mut().zip(&mut self.ready).zip(all) {
            *envelope = now;
            ready.take(f64::from(now), (Side::Smallest, horizon), charge.now);
        }
    }

    /// The candidate to follow; before anything was seen, what the prior says.
    pub(super) fn chosen(&self, policy: &Policy) -> Candidate {
        let horizon = policy.pod_start().as_secs_f32() + 2.0 * policy.scrape_interval().as_secs_f32();
        let allowed = Allowed::by(policy);
        let followed = self.followed.filter(|followed| allowed.takes(*followed));
        followed.unwrap_or_else(|| {
            let total = |one: Candidate| {
                let (replicas, late) = one.prior(horizon);
                replicas + price(policy) * late
            };
            allowed.never_dearer_for_a_short_hold(total).best(total)
        })
    }

    fn begin(&mut self, charge: &Charge) {
        if self.costs.len() == CANDIDATES && self.ready.len() == ENVELOPES {
            return;
        }
        let horizon = charge.horizon.as_secs_f32();
        self.costs = Candidate::all()
            .map(|candidate| {
                let (replicas, late) = candidate.prior(horizon);
                let weight = PRIOR_SECONDS * PRIOR_REPLICAS;
                Cost {
                    replicas: weight * replicas,
                    late: weight * late,
                    backlog: 0.0,
                }
            })
            .collect();
        self.ready = vec![Extreme::default(); ENVELOPES];
        self.envelopes = [charge.load; ENVELOPES];
    }

    fn cheapest(&self, policy: &Policy, price: f32) -> Candidate {
        let total = |candidate: Candidate| {
            self.costs
                .get(candidate.number())
                .map_or(f32::INFINITY, |cost| cost.replicas + price * cost.late)
        };
        let allowed = Allowed::by(policy).never_dearer_for_a_short_hold(total);
        let best = allowed.best(total);
        let stays = self
            .followed
            .filter(|followed| allowed.takes(*followed))
            .filter(|followed| total(best) >= total(*followed) * CHEAPER);
        stays.unwrap_or(best)
    }
}

impl Cost {
    /// The share of a sample's load that is late where `supply` is ready; the queue goes on to the next sample.
    fn late_share(&mut self, charge: &Charge, supply: f32, seconds: f32) -> f32 {
        let over = (charge.load - supply) * seconds;
        self.backlog = (self.backlog + over).max(0.0).min(LONGEST_WAIT_SECONDS * supply);
        let near = charge.load / supply;
        if self.backlog > charge.seconds_of_wait * supply {
            1.0
        } else if near < 0.5 {
            0.0
        } else {
            (near.min(1.0).log2() * NEARNESS).exp2()
        }
    }
}

/// The candidates that a policy allows; also asked of the one that is followed, because the policy may have changed.
#[derive(Clone, Copy, Debug)]
struct Allowed {
    numbers: usize,
    most_margin: f64,
    longest_seconds: u64,
}

impl Allowed {
    fn by(policy: &Policy) -> Self {
        let (numbers, most_margin) = match (policy.latency_target(), policy.forecast()) {
            // Nothing says what is late: what replicas serve well leaves room for a step, and neither a slope nor
            // a margin beyond that room is guessed.
            (None, _) => (ONLY_HELD, policy.room()),
            (Some(_), ForecastUse::Followed) => (CANDIDATES, f64::INFINITY),
            (Some(_), ForecastUse::Ignored) => (WITHOUT_SEASON, f64::INFINITY),
        };
        Self {
            numbers,
            most_margin,
            // The spec's cooldown is the longest that anything is held.
            longest_seconds: policy.longest_hold().as_secs().max(u64::from(HOLDS_SECONDS[0])),
        }
    }

    /// The same without margins that only make up for a hold which the cooldown forbids: who shortens the cooldown wants
    /// fewer replicas, not more.
    fn never_dearer_for_a_short_hold(self, cost: impl Fn(Candidate) -> f32) -> Self {
        let usual_seconds = LONGEST_HOLD.as_secs();
        if self.longest_seconds >= usual_seconds {
            return self;
        }
        let freely = Self {
            longest_seconds: usual_seconds,
            ..self
        };
        let freely = freely.best(cost);
        Self {
            most_margin: self.most_margin.min(freely.margin()),
            ..self
        }
    }

    /// The cheapest of them.
    fn best(&self, cost: impl Fn(Candidate) -> f32) -> Candidate {
        let candidates = Candidate::all().filter(|one| self.takes(*one));
        let costs = candidates.map(|candidate| (candidate, cost(candidate)));
        let best = costs.reduce(|one, other| if other.1 < one.1 { other } else { one });
        best.map_or(Candidate::new(0), |(candidate, _)| candidate)
    }

    fn takes(&self, candidate: Candidate) -> bool {
        candidate.number() < self.numbers
            && candidate.margin() <= self.most_margin
            && u64::from(candidate.hold_seconds()) <= self.longest_seconds
    }
}

fn price(policy: &Policy) -> f32 {
    narrow(PRICE / (1.0 - policy.objective().get()))
}

#[expect(clippy::cast_precision_loss, reason = "more than sixteen million replicas are none")]
fn count(replicas: u32) -> f32 {
    replicas as f32
}

#[cfg(test)]
mod tests;
