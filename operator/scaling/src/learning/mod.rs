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

/// Samples that the trend needs: three rises.
const TREND_SAMPLES: usize = 4;

/// A trend adds at most this part of the load.
const TREND_MOST: f64 = 1.0;

/// And at most this part where only two rises show it: a step that ends between two scrapes looks like that.
const TREND_UNCONFIRMED: f64 = 0.2;

/// How many times as steep as the rise before them two rises are believed to be.
const TREND_STEEPER: f64 = 2.0;

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
    /// far smaller it may be a step all the same, and little is believed until the next sample.
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
        let slope = rise(oldest, newest)
            .min(rise(last, newest))
            .min(rise(before, last))
            .max(0.0);
        let horizon = ahead.horizon.as_secs_f64();
        let believed = (TREND_STEEPER * rise(oldest, before) * horizon).max(newest.1 * TREND_UNCONFIRMED);
        load.max(newest.1 + (slope * horizon).min(believed).min(newest.1 * TREND_MOST))
    }
}

/// How far a trend looks, and how far apart samples are that say something new.
#[derive(Clone, Copy, Debug)]
struct Ahead {
    horizon: Duration,
    spacing: Duration,
}

impl Ahead {
    fn of(policy: &Policy, sample: &Sample) -> Self {
        Self {
            horizon: sample.horizon,
            // Ticks and scrapes are never quite in step.
            spacing: policy.scrape_interval().mul_f64(0.8),
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
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::policy::{ForecastUse, PolicyInput};

    const HORIZON: Duration = Duration::from_secs(40);
    const HOUR: i64 = 3600;
    const DAY: i64 = 24 * HOUR;

    fn with_latency() -> PolicyInput {
        PolicyInput {
            max_replicas: 1000,
            latency_target: Some(Duration::from_millis(500)),
            ..PolicyInput::default()
        }
    }

    fn policy(input: PolicyInput) -> Policy {
        Policy::parse(input).unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn sample(load: f64, second: i64) -> Sample {
        Sample {
            load: RequestsPerSecond::new(load).unwrap(),
            capacity: RequestsPerSecond::new(100.0).unwrap(),
            served: RequestsPerSecond::new(f64::MAX).unwrap(),
            horizon: HORIZON,
            now: at(second),
            wall: at(second),
        }
    }

    /// What was learned from second 0 to `until` under a load by the second.
    fn lived(policy: &Policy, (until, tick_seconds): (i64, usize), load: impl Fn(i64) -> f64) -> Learning {
        let mut learning = Learning::default();
        for second in (0..until).step_by(tick_seconds) {
            learning.take(policy, &sample(load(second), second));
        }
        learning
    }

    fn calm(_: i64) -> f64 {
        1000.0
    }

    /// Three times as much for 30 s of every ten minutes.
    fn bursty(second: i64) -> f64 {
        if second % 600 < 30 { 3000.0 } else { 1000.0 }
    }

    /// Every twenty minutes up from 1000 to 5000 within 200 s, ever faster, and down at once: in a horizon by half and more,
    /// of which the trend leaves a fifth.
    fn ramps(second: i64) -> f64 {
        let ramp = i32::try_from(second % 1200).unwrap();
        if ramp < 200 {
            1000.0 + 0.1 * f64::from(ramp).powi(2)
        } else {
            1000.0
        }
    }

    /// 500, and 3000 from nine to ten every day.
    fn daily(second: i64) -> f64 {
        if (9 * HOUR..10 * HOUR).contains(&(second % DAY)) {
            3000.0
        } else {
            500.0
        }
    }

    proptest! {
        #[test]
        fn what_is_prepared_for_is_never_less_than_the_load_nor_less_for_more_of_it(
            loads in proptest::collection::vec(0.0..4000.0_f64, 0..60),
            one in 0.0..8000.0_f64, other in 0.0..8000.0_f64, measured in any::<bool>(),
        ) {
            let latency_target = measured.then_some(Duration::from_millis(500));
            let policy = policy(PolicyInput { latency_target, ..with_latency() });
            let mut learning = Learning::default();
            let mut second = 0;
            for load in loads {
                learning.take(&policy, &sample(load, second));
                second += 5;
            }
            let prepared = |load: f64| learning.prepared(&policy, &sample(load, second)).load.get();
            prop_assert!(prepared(one) >= one);
            prop_assert!(prepared(one.min(other)) <= prepared(one.max(other)));
        }
    }

    #[test]
    fn a_calm_load_ends_with_less_on_top_than_one_with_bursts() {
        let policy = policy(with_latency());
        // 570 s after the beginning of the last burst.
        let end = 6 * HOUR + 570;
        let ready = |load: fn(i64) -> f64| {
            let learning = lived(&policy, (end, 5), load);
            learning.prepared(&policy, &sample(1000.0, end)).load.get()
        };
        let (calm, bursty, at_first) = (ready(calm), ready(bursty), lived(&policy, (0, 5), calm));
        let at_first = at_first.prepared(&policy, &sample(1000.0, 0)).load.get();
        assert!(calm < bursty, "{calm} {bursty}");
        assert!(calm < at_first, "{calm} {at_first}");
    }

    #[test]
    fn a_ramp_that_comes_again_and_again_teaches_the_trend() {
        let policy = policy(PolicyInput {
            forecast: ForecastUse::Ignored,
            ..with_latency()
        });
        let learning = lived(&policy, (12 * HOUR, 5), ramps);
        assert_eq!(learning.shadows.chosen(&policy).kind(), Kind::Trend);
    }

    #[test]
    fn a_step_that_two_scrapes_show_is_believed_by_a_part_and_a_ramp_in_full_from_its_third_rise() {
        let policy = policy(with_latency());
        let trend = |loads: [f64; 4]| {
            let mut learning = Learning::default();
            for (second, load) in (0..).step_by(5).zip(&loads[..3]) {
                learning.take(&policy, &sample(*load, second));
            }
            let last = sample(loads[3], 15);
            learning.trend(loads[3], Ahead::of(&policy, &last), last.now) / loads[3]
        };
        let most = 1.0 + TREND_UNCONFIRMED;
        assert!((trend([100.0, 100.0, 350.0, 600.0]) - most).abs() < 1e-9);
        // Eight times the rise of five seconds in a horizon of 40 s.
        assert!((trend([100.0, 110.0, 120.0, 130.0]) - (130.0 + 80.0) / 130.0).abs() < 1e-9);
        assert!((trend([100.0, 300.0, 500.0, 700.0]) - (1.0 + TREND_MOST)).abs() < 1e-9);
    }

    #[test]
    fn a_step_is_believed_by_a_part_however_often_it_is_asked_about_between_the_samples_that_say_something_new() {
        // Pods are read every 2 s where the trend looks at every 4 s, and at scrapes of 15 s decisions come every 5 s.
        for (ask_seconds, scrape_seconds) in [(2, 5), (5, 15), (1, 30)] {
            let policy = policy(PolicyInput {
                scrape_interval: Duration::from_secs(scrape_seconds),
                ..with_latency()
            });
            let step = |second: i64| match second {
                ..600 => 100.0,
                600..602 => 500.0,
                602.. => 1000.0,
            };
            let mut learning = Learning::default();
            for second in (0..800).step_by(ask_seconds) {
                let now = sample(step(second), second);
                let trend = learning.trend(step(second), Ahead::of(&policy, &now), now.now);
                assert!(
                    trend <= step(second) * (1.0 + TREND_UNCONFIRMED) + 1e-9,
                    "{scrape_seconds} s, {second}: {trend}"
                );
                learning.take(&policy, &now);
            }
        }
    }

    #[test]
    fn a_ramp_has_a_trend_at_every_scrape_interval_though_no_two_scrapes_are_quite_as_far_apart() {
        for scrape_seconds in [5_i64, 15, 60] {
            let policy = policy(PolicyInput {
                scrape_interval: Duration::from_secs(scrape_seconds.unsigned_abs()),
                ..with_latency()
            });
            let mut learning = Learning::default();
            // Late by a twentieth of it, and asked in the middle between two of them.
            for place in 0..8 {
                let millis = place * scrape_seconds * 1050;
                let ramp = 100.0 * f64::from(i32::try_from(place + 1).unwrap());
                let at = |millis: i64| Timestamp::from_millisecond(millis).unwrap();
                let now = Sample {
                    now: at(millis),
                    ..sample(ramp, 0)
                };
                learning.take(&policy, &now);
                let ahead = Ahead::of(&policy, &now);
                let trend = learning.trend(ramp, ahead, at(millis + scrape_seconds * 500));
                assert_eq!(trend > ramp, place >= 3, "{scrape_seconds} s, {place}: {trend}");
            }
        }
    }

    #[test]
    fn a_ramp_after_calm_hours_is_answered_ahead_as_soon_as_what_serves_is_too_little() {
        let policy = policy(with_latency());
        let end = 9 * HOUR;
        // Small rises that go nowhere teach that a trend costs more than it saves.
        let ramp = |second: i64| {
            let (wave, above) = (second % 60, (second - end).max(0));
            1000.0 + f64::from(i32::try_from(3 * wave + 40 * above).unwrap())
        };
        let learning = lived(&policy, (end + 20, 5), ramp);
        assert_eq!(learning.shadows.chosen(&policy).kind(), Kind::Held);
        let now = sample(ramp(end + 20), end + 20);
        let prepared = |served: f64| {
            let served = RequestsPerSecond::new(served).unwrap();
            learning.prepared(&policy, &Sample { served, ..now }).load.get()
        };
        assert!(prepared(now.load.get() - 1.0) > 1.5 * prepared(now.load.get()));
    }

    #[test]
    fn a_daily_jump_is_asked_for_ahead_after_five_days() {
        let policy = policy(with_latency());
        let learning = lived(&policy, (5 * DAY + 8 * HOUR + 59 * 60, 15), daily);
        let before_it = at(5 * DAY + 8 * HOUR + 59 * 60);
        let usually = learning.usually(&policy, before_it, HORIZON).unwrap();
        assert!(usually.load.get() >= 3000.0, "{usually:?}");
        assert_eq!(usually.at, at(5 * DAY + 9 * HOUR));
        let long_before = learning.usually(&policy, at(5 * DAY + 8 * HOUR), HORIZON).unwrap();
        assert!(long_before.load < usually.load, "{long_before:?}");
    }

    #[test]
    fn what_is_usual_at_a_time_is_nothing_where_the_spec_ignores_it() {
        let policy = policy(PolicyInput {
            forecast: ForecastUse::Ignored,
            ..with_latency()
        });
        let learning = lived(&policy, (2 * DAY, 15), daily);
        assert_eq!(learning.usually(&policy, at(2 * DAY + 9 * HOUR), HORIZON), None);
    }

    #[test]
    fn what_is_usual_needs_an_hour() {
        let mut learning = Learning::default();
        let load = RequestsPerSecond::new(700.0).unwrap();
        for second in (0..HOUR).step_by(5) {
            learning.take_usual(load, at(second));
            assert_eq!(learning.usual(), None, "after {second} s");
        }
        learning.take_usual(load, at(HOUR));
        let usual = learning.usual().unwrap().get();
        assert!((usual - 700.0).abs() < 1e-9, "{usual}");
    }

    #[test]
    fn a_load_beyond_all_numbers_gives_a_finite_margin() {
        let policy = policy(with_latency());
        let mut learning = Learning::default();
        learning.take(&policy, &sample(f64::MAX, 0));
        for load in [f64::MAX, f64::MIN_POSITIVE, 0.0] {
            let prepared = learning.prepared(&policy, &sample(load, 3600));
            assert!(prepared.margin.is_finite() && prepared.margin >= 1.0, "{prepared:?}");
        }
    }
}
