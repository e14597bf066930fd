//! A run as a person wants to see it: its outcome, and its course in some hundred buckets of equal length.
//!
//! Knows runs, not how they are drawn or printed. What a bucket shows is the worst of its seconds where something can be
//! too little, so that nothing bad is lost by looking from afar.

use crate::sim::{
    run::{Autoscaler, Setup, run_with},
    score::Outcome,
};

/// The most buckets of a course.
pub const MOST_BUCKETS: u32 = 1500;

/// Lengths of buckets that fit into hours and days, in seconds.
const LENGTHS: [u32; 15] = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200];

/// What is the same for every policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Course {
    /// Length of a bucket; the last may be shorter.
    pub bucket_seconds: u32,
    /// Mean load of each bucket in requests/s.
    pub load: Vec<f64>,
    /// The most pods that a second of each bucket needs.
    pub needed: Vec<u32>,
}

/// What one policy did, bucket by bucket, and what it is judged by.
#[derive(Clone, Debug, PartialEq)]
pub struct Replay {
    /// The figures of the whole run.
    pub outcome: Outcome,
    /// The most replicas ordered.
    pub ordered: Vec<u32>,
    /// The fewest pods ready.
    pub ready: Vec<u32>,
    /// The largest lack of ready pods against what the same second needs, in pods.
    pub lacking: Vec<u32>,
    /// Share of the requests that arrived whose response is over the target, 0 to 1.
    pub violated: Vec<f64>,
}

/// The shortest length with which `seconds` are at most [`MOST_BUCKETS`] buckets.
pub fn bucket_seconds(seconds: u32) -> u32 {
    let fits = |length: &u32| seconds.div_ceil(*length) <= MOST_BUCKETS;
    LENGTHS
        .into_iter()
        .find(fits)
        .unwrap_or_else(|| seconds.div_ceil(MOST_BUCKETS))
}

impl Course {
    /// The course of a load.
    pub fn of(setup: &Setup<'_>) -> Self {
        let bucket_seconds = bucket_seconds(setup.load.seconds());
        let length = bucket_seconds as usize;
        Self {
            bucket_seconds,
            load: setup.load.arrivals().chunks(length).map(mean).collect(),
            needed: setup
                .demand
                .chunks(length)
                .map(|needs| u32::from(needs.iter().copied().max().unwrap_or_default()))
                .collect(),
        }
    }
}

/// Runs `autoscaler` over the whole load; `passed` is told the number of seconds at the end of every bucket.
pub fn replay(setup: &Setup<'_>, autoscaler: &mut dyn Autoscaler, passed: &mut dyn FnMut(u32)) -> Replay {
    let seconds = setup.load.seconds();
    let bucket_seconds = bucket_seconds(seconds);
    let mut buckets: Vec<Bucket> = Vec::new();
    let mut seen = setup.load.arrivals().iter().zip(setup.demand);
    let outcome = run_with(setup, autoscaler, &mut |second, plant, brought| {
        if second % bucket_seconds == 0 {
            buckets.push(Bucket::default());
        }
        if let (Some(bucket), Some((arrived, need))) = (buckets.last_mut(), seen.next()) {
            bucket.ordered = bucket.ordered.max(plant.ordered());
            bucket.ready = bucket.ready.min(plant.ready());
            bucket.lacking = bucket.lacking.max(u32::from(*need).saturating_sub(plant.ready()));
            bucket.arrived += f64::from(*arrived);
            bucket.violated += brought.violated;
        }
        if (second + 1) % bucket_seconds == 0 || second + 1 == seconds {
            passed(second + 1);
        }
    });
    Replay {
        outcome,
        ordered: buckets.iter().map(|bucket| bucket.ordered).collect(),
        ready: buckets.iter().map(|bucket| bucket.ready).collect(),
        lacking: buckets.iter().map(|bucket| bucket.lacking).collect(),
        violated: buckets.iter().map(Bucket::violated_share).collect(),
    }
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    ordered: u32,
    ready: u32,
    lacking: u32,
    arrived: f64,
    violated: f64,
}

impl Default for Bucket {
    fn default() -> Self {
        Self {
            ordered: 0,
            ready: u32::MAX,
            lacking: 0,
            arrived: 0.0,
            violated: 0.0,
        }
    }
}

impl Bucket {
    fn violated_share(&self) -> f64 {
        if self.arrived > 0.0 {
            self.violated / self.arrived
        } else {
            0.0
        }
    }
}

fn mean(arrivals: &[f32]) -> f64 {
    let (sum, count) = arrivals.iter().fold((0.0, 0.0), |(sum, count), arrived| {
        (sum + f64::from(*arrived), count + 1.0)
    });
    if count > 0.0 { sum / count } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::sim::{
        load::Load,
        run::{Bounds, World, run},
        score,
    };

    struct Steps;

    impl Autoscaler for Steps {
        fn replicas(&mut self, now: u32, _: &World<'_>) -> u32 {
            if now < 1800 { 2 } else { 8 }
        }

        fn period_seconds(&self) -> u32 {
            10
        }
    }

    fn with_setup<T>(then: impl FnOnce(&Setup<'_>) -> T) -> T {
        // An hour: 100 requests/s, and 600 from the middle on.
        let load = Load::from_rates(
            "step",
            (0..3600).map(|second| if second < 1800 { 100.0 } else { 600.0 }),
            3,
        );
        let demand = score::demand(&load);
        then(&Setup {
            load: &load,
            demand: &demand,
            pod_start_seconds: 30,
            bounds: Bounds { min: 1, max: 20 },
            start: 2,
        })
    }

    #[rstest]
    // 1500 buckets of a second; one second more needs buckets of two.
    #[case(1500, 1)]
    #[case(1501, 2)]
    // A day: 86,400 / 60 = 1440.
    #[case(86_400, 60)]
    // Fourteen days: 1,209,600 / 900 = 1344; with 600 they would be 2016.
    #[case(14 * 86_400, 900)]
    // 62 days: 5,356,800 / 3600 = 1488.
    #[case(62 * 86_400, 3600)]
    fn buckets_are_of_a_round_length_and_few(#[case] seconds: u32, #[case] length: u32) {
        assert_eq!(bucket_seconds(seconds), length);
    }

    #[test]
    fn a_replay_has_the_outcome_of_the_run() {
        with_setup(|setup| {
            let replay = replay(setup, &mut Steps, &mut |_| {});
            assert_eq!(replay.outcome, run(setup, &mut Steps));
        });
    }

    #[test]
    fn a_bucket_shows_the_most_ordered_the_fewest_ready_and_what_lacked() {
        with_setup(|setup| {
            let course = Course::of(setup);
            let replay = replay(setup, &mut Steps, &mut |_| {});
            // 3600 s / 1500 = 2.4: buckets of 5 s, 720 of them; the step is at the beginning of bucket 360, the ordered pods
            // are ready 30 s = 6 buckets later.
            assert_eq!(
                (course.bucket_seconds, course.load.len(), replay.ready.len()),
                (5, 720, 720)
            );
            assert_eq!((replay.ordered[359], replay.ordered[360]), (2, 8));
            assert_eq!((replay.ready[365], replay.ready[366]), (2, 8));
            assert!(
                replay.violated[359] <= 0.0 && replay.violated[365] > 0.9,
                "{:?}",
                replay.violated[365]
            );
            assert!(course.needed[365] > 2);
            assert!(replay.lacking[365] > 0 && replay.lacking[365] <= course.needed[365] - 2);
            assert!((course.load[..360].iter().sum::<f64>() / 360.0 - 100.0).abs() < 1.0);
        });
    }

    #[test]
    fn what_has_passed_is_told_up_to_the_end() {
        with_setup(|setup| {
            let mut told = Vec::new();
            replay(setup, &mut Steps, &mut |second| told.push(second));
            assert_eq!((told[0], told[1], told.last().copied()), (5, 10, Some(3600)));
        });
    }
}
