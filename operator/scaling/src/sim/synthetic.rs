//! The project's own traces: what happens to an API of tournaments, drawn from a seed.
//!
//! Each is a shape (a few lines below) times noise. They are no copies of anything: the real ones come from a folder.

use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use rand_distr::{Distribution, StandardNormal, Uniform};

use crate::sim::trace::{Bin, Trace};

const HOUR: f64 = 3600.0;
const DAY: f64 = 24.0 * HOUR;

/// How a trace is drawn.
struct Shape {
    name: &'static str,
    hours: u32,
    bin_seconds: u32,
    // Relative noise of a bin, and of a slow wander with a memory of ten minutes.
    noise: f64,
    wander: f64,
    rate: fn(f64, &[Event]) -> f64,
    // How many events there are, drawn over the whole time.
    events: u32,
}

/// Something that happens once: when, how high, how long.
#[derive(Clone, Copy, Debug)]
struct Event {
    at: f64,
    height: f64,
    lasts: f64,
}

const SHAPES: [Shape; 9] = [
    // Ten times as much from one moment to the next, three times, for 40 minutes each.
    Shape {
        name: "step",
        hours: 6,
        bin_seconds: 5,
        noise: 0.02,
        wander: 0.02,
        rate: step,
        events: 0,
    },
    // Eight times as much within 10, 20 and 5 minutes.
    Shape {
        name: "ramp",
        hours: 9,
        bin_seconds: 10,
        noise: 0.02,
        wander: 0.03,
        rate: ramp,
        events: 0,
    },
    // Up to eight times as much for a minute or two, now and then.
    Shape {
        name: "spike",
        hours: 12,
        bin_seconds: 5,
        noise: 0.03,
        wander: 0.05,
        rate: spikes,
        events: 24,
    },
    // Registration opens at nine: ten times as much within a minute, over after two hours.
    Shape {
        name: "registration",
        hours: 24,
        bin_seconds: 10,
        noise: 0.03,
        wander: 0.04,
        rate: registration,
        events: 0,
    },
    // Four matches, with a rush before each and a dip between its halves.
    Shape {
        name: "live-day",
        hours: 24,
        bin_seconds: 10,
        noise: 0.03,
        wander: 0.05,
        rate: live_day,
        events: 0,
    },
    // Messages to everybody at ten, at two and at seven.
    Shape {
        name: "campaign",
        hours: 24,
        bin_seconds: 10,
        noise: 0.03,
        wander: 0.05,
        rate: campaign,
        events: 0,
    },
    // A week that doubles on its weekend.
    Shape {
        name: "weekend",
        hours: 168,
        bin_seconds: 60,
        noise: 0.03,
        wander: 0.05,
        rate: weekend,
        events: 0,
    },
    // A constant load that is noisy.
    Shape {
        name: "noise",
        hours: 12,
        bin_seconds: 5,
        noise: 0.1,
        wander: 0.0,
        rate: constant,
        events: 0,
    },
    // Four weeks with days, weekends, an opening every evening, and surprises.
    Shape {
        name: "month",
        hours: 672,
        bin_seconds: 60,
        noise: 0.03,
        wander: 0.06,
        rate: month,
        events: 40,
    },
];

/// Every synthetic trace, in the same order for the same seed.
pub fn traces(seed: u64) -> Vec<Trace> {
    SHAPES
        .iter()
        .zip(seed..)
        .filter_map(|(shape, seed)| shape.draw(seed))
        .collect()
}

impl Shape {
    fn draw(&self, seed: u64) -> Option<Trace> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let seconds = self.hours * 3600;
        let events = self.events(&mut random);
        let keep = (-f64::from(self.bin_seconds) / 600.0).exp();
        let mut wander = 0.0;
        let bins = (0..seconds / self.bin_seconds).map(|index| {
            let from_second = index * self.bin_seconds;
            let (fast, slow): (f64, f64) = (StandardNormal.sample(&mut random), StandardNormal.sample(&mut random));
            wander = keep * wander + (1.0 - keep * keep).sqrt() * slow;
            let middle = f64::from(from_second) + 0.5 * f64::from(self.bin_seconds);
            let factor = 1.0 + self.noise * fast + self.wander * wander;
            let requests_per_second = ((self.rate)(middle, &events) * factor * 1000.0).round().max(0.0) / 1000.0;
            Bin {
                from_second,
                requests_per_second,
            }
        });
        Trace::of(self.name, bins.collect()).ok()
    }

    fn events(&self, random: &mut ChaCha8Rng) -> Vec<Event> {
        let unit = Uniform::new(0.0, 1.0).ok();
        let mut draw = || unit.map_or(0.5, |unit| unit.sample(random));
        let mut events: Vec<Event> = (0..self.events)
            .map(|_| Event {
                at: draw() * f64::from(self.hours) * HOUR,
                height: 1.0 + 6.0 * draw() * draw(),
                lasts: 40.0 + 100.0 * draw(),
            })
            .collect();
        events.sort_by(|one, other| one.at.total_cmp(&other.at));
        events
    }
}

/// A day: least at four in the morning, most at four in the afternoon, three times as much.
fn day(time: f64) -> f64 {
    200.0 - 100.0 * ((time / DAY - 1.0 / 6.0) * std::f64::consts::TAU).cos()
}

/// From 0 to 1 within `rise` seconds from `start` on.
fn rising(time: f64, start: f64, rise: f64) -> f64 {
    ((time - start) / rise).clamp(0.0, 1.0)
}

/// A jump at `start` within `rise` seconds that halves every `half_life` seconds.
fn surge(time: f64, start: f64, rise: f64, half_life: f64) -> f64 {
    rising(time, start, rise) * (0.5_f64).powf((time - start - rise).max(0.0) / half_life)
}

/// Whether `time` lies within.
fn within(time: f64, from: f64, lasts: f64) -> bool {
    time >= from && time < from + lasts
}

fn constant(_: f64, _: &[Event]) -> f64 {
    500.0
}

fn step(time: f64, _: &[Event]) -> f64 {
    let up = [1.0, 2.7, 4.4].iter().any(|hour| within(time, hour * HOUR, 2400.0));
    if up { 1000.0 } else { 100.0 }
}

fn ramp(time: f64, _: &[Event]) -> f64 {
    let one = |start: f64, minutes: f64| {
        rising(time, start, minutes * 60.0) - rising(time, start + 1.2 * HOUR, minutes * 90.0)
    };
    100.0 + 700.0 * (one(HOUR, 10.0) + one(4.0 * HOUR, 20.0) + one(7.0 * HOUR, 5.0))
}

fn spikes(time: f64, events: &[Event]) -> f64 {
    let height = events
        .iter()
        .filter(|event| within(time, event.at, event.lasts))
        .map(|event| event.height)
        .fold(1.0, f64::max);
    120.0 * height
}

fn registration(time: f64, _: &[Event]) -> f64 {
    let over = 1.0 - rising(time, 11.0 * HOUR, 600.0);
    100.0 + 900.0 * surge(time, 9.0 * HOUR, 60.0, 2700.0) * over
}

fn live_day(time: f64, _: &[Event]) -> f64 {
    let matches = [11.0, 14.0, 17.0, 20.0].map(|hour| {
        let start = hour * HOUR;
        let rush = rising(time, start - 300.0, 300.0) - rising(time, start + 6300.0, 900.0);
        let dip = if within(time, start + 2700.0, 900.0) { 0.55 } else { 1.0 };
        rush * dip
    });
    120.0 + 480.0 * matches.iter().sum::<f64>()
}

fn campaign(time: f64, _: &[Event]) -> f64 {
    let pushes: f64 = [10.0, 14.0, 19.0]
        .map(|hour| surge(time, hour * HOUR, 120.0, 1800.0))
        .iter()
        .sum();
    day(time) * (1.0 + 2.0 * pushes)
}

fn weekend(time: f64, _: &[Event]) -> f64 {
    day(time) * (1.0 + rising(time, 5.0 * DAY, 6.0 * HOUR))
}

fn month(time: f64, events: &[Event]) -> f64 {
    let (of_day, of_week) = (time % DAY, (time / DAY).floor() % 7.0);
    let weekend = if of_week >= 5.0 { 1.6 } else { 1.0 };
    let opening = 1.0 + 1.5 * surge(of_day, 18.0 * HOUR, 240.0, 2400.0);
    let surprise = events
        .iter()
        .map(|event| 0.3 * (event.height - 1.0) * surge(time, event.at, 120.0, 10.0 * event.lasts))
        .sum::<f64>();
    day(time) * weekend * (opening + surprise)
}
