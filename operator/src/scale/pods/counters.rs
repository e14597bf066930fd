//! From scrapes of counters to rates: what has grown between two looks at the same pod.
//!
//! Pure: the moments are parameters. Elapsed time comes from a monotonic clock and `sampled` from the wall clock, so that
//! a clock that is set never bends a rate. A counter that fell began anew, and what it says has grown since, as in
//! Prometheus; a first look gives no rate, which is absent and not 0. What a missing rate means is for `reading`.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    time::{Duration, Instant},
};

use jiff::Timestamp;

use super::exposition::{Exposition, Part};
use crate::scale::sample::{Bucket, PodSample};

// Shorter windows hold too few requests to tell slow ones from fast ones.
const SHORTEST_WINDOW: Duration = Duration::from_secs(10);

/// How often pods are looked at, and what follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    interval: Duration,
}

impl Pace {
    /// For a look every `interval`.
    pub fn every(interval: Duration) -> Self {
        Self { interval }
    }

    /// The time from one look to the next.
    pub fn interval(self) -> Duration {
        self.interval
    }

    /// The age from which a sample is stale: three looks, as for an endpoint.
    pub fn max_age(self) -> Duration {
        self.interval * 3
    }

    /// How much of the past durations and saturations are taken from: five looks, and 10 s at least.
    pub fn window(self) -> Duration {
        (self.interval * 5).max(SHORTEST_WINDOW)
    }

    // A mean over a longer gap says little of the load now: then the pod is looked at as for the first time. Four looks,
    // as many as the question to Prometheus reaches back.
    fn longest_step(self) -> Duration {
        self.interval * 4
    }

    // Over a shorter time a rate is noise of the network. It also bounds the number of steps in a window.
    fn shortest_step(self) -> Duration {
        self.interval / 4
    }
}

/// When a pod answered, by both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Monotonic: time elapsed is measured by it.
    pub monotonic: Instant,
    /// The time of day, for the age of the sample.
    pub wall: Timestamp,
}

/// What was seen of each pod of late.
#[derive(Debug)]
pub struct Counters {
    pace: Pace,
    pods: HashMap<String, History>,
}

impl Counters {
    /// Nothing seen yet.
    pub fn new(pace: Pace) -> Self {
        Self {
            pace,
            pods: HashMap::new(),
        }
    }

    /// Takes what the pod `uid` said at `moment`, and gives what is known of it now.
    ///
    /// Rates are per second, saturations 0 to 1; none is ever negative or NaN. A part that cannot be known is absent:
    /// the rate after a first look, after a gap of four looks, and while a series of the counter is no count.
    pub fn scraped(&mut self, uid: &str, exposition: Exposition, moment: Moment) -> PodSample {
        let seen = match self.pods.get_mut(uid) {
            Some(history) => {
                history.look(exposition, moment.monotonic, self.pace);
                history
            }
            None => self
                .pods
                .entry(uid.to_owned())
                .or_insert_with(|| History::new(exposition, moment.monotonic)),
        };
        seen.sample(moment.wall)
    }

    /// Whether the pod answered of late.
    pub fn knows(&self, uid: &str) -> bool {
        self.pods.contains_key(uid)
    }

    /// Forgets pods whose last answer is too old to be of use: those that are gone, and those that no longer answer.
    pub fn forget_silent(&mut self, now: Instant) {
        let longest = self.pace.longest_step();
        self.pods
            .retain(|_, history| now.saturating_duration_since(history.at) <= longest);
    }
}

#[derive(Debug)]
struct History {
    at: Instant,
    exposition: Exposition,
    // The newest last; they are contiguous and none begins before the window.
    steps: VecDeque<Step>,
}

// What has grown from one look to the next; NaN where it cannot be known.
#[derive(Debug)]
struct Step {
    begin: Instant,
    elapsed: Duration,
    increases: BTreeMap<Part, f64>,
}

impl History {
    fn new(exposition: Exposition, at: Instant) -> Self {
        Self {
            at,
            exposition,
            steps: VecDeque::new(),
        }
    }

    fn look(&mut self, exposition: Exposition, at: Instant, pace: Pace) {
        let elapsed = at.saturating_duration_since(self.at);
        // Nothing is lost: the next step begins where the last one ended.
        if elapsed.is_zero() || elapsed < pace.shortest_step() {
            return;
        }
        if elapsed > pace.longest_step() {
            *self = Self::new(exposition, at);
            return;
        }
        self.steps.push_back(Step {
            begin: self.at,
            elapsed,
            increases: increases(&self.exposition, &exposition),
        });
        self.steps
            .retain(|step| at.saturating_duration_since(step.begin) <= pace.window() + pace.shortest_step());
        self.at = at;
        self.exposition = exposition;
    }

    fn sample(&self, wall: Timestamp) -> PodSample {
        let has_requests = self.exposition.counters.keys().any(|(part, _)| *part == Part::Requests);
        let queries = self.share(Part::QuerySeconds);
        let connections = self.exposition.connections_used;
        PodSample {
            rate: self.steps.back().and_then(|step| step.rate(Part::Requests)),
            up: Some(1.0),
            // As in Prometheus: of a pod that serves no such series there is no sample.
            sampled: has_requests.then(|| wall.as_duration().as_secs_f64()),
            durations: self.durations(),
            postgres: queries.into_iter().chain(connections).reduce(f64::max),
            redis: self.share(Part::RedisSeconds),
        }
    }

    // Means over the steps in which the part is known.
    fn durations(&self) -> Vec<Bucket> {
        let mut sums: BTreeMap<Part, (f64, f64)> = BTreeMap::new();
        for step in &self.steps {
            for (part, increase) in &step.increases {
                if matches!(part, Part::Bucket(_)) && increase.is_finite() {
                    let (requests, seconds) = sums.entry(*part).or_default();
                    *requests += increase;
                    *seconds += step.elapsed.as_secs_f64();
                }
            }
        }
        let buckets = sums.into_iter().filter_map(|(part, (requests, seconds))| match part {
            Part::Bucket(bound) => Some(Bucket {
                le: bound.seconds(),
                rate: requests / seconds,
            }),
            Part::Requests | Part::RequestSeconds | Part::QuerySeconds | Part::RedisSeconds => None,
        });
        buckets.filter(|bucket| bucket.rate.is_finite()).collect()
    }

    // How much of the requests' time the part took.
    fn share(&self, part: Part) -> Option<f64> {
        let (mut seconds, mut of) = (0.0, 0.0);
        for step in &self.steps {
            if let (Some(increase), Some(requests)) = (step.known(part), step.known(Part::RequestSeconds)) {
                seconds += increase;
                of += requests;
            }
        }
        let share = seconds / of;
        // Without requests there is none; queries that run side by side take longer than their request.
        share.is_finite().then(|| share.clamp(0.0, 1.0))
    }
}

impl Step {
    fn known(&self, part: Part) -> Option<f64> {
        self.increases
            .get(&part)
            .copied()
            .filter(|increase| increase.is_finite())
    }

    fn rate(&self, part: Part) -> Option<f64> {
        let rate = self.known(part)? / self.elapsed.as_secs_f64();
        rate.is_finite().then_some(rate)
    }
}

fn increases(before: &Exposition, after: &Exposition) -> BTreeMap<Part, f64> {
    let mut sums = BTreeMap::new();
    for (key @ (part, _), value) in &after.counters {
        // A series that was not there is one that nobody had counted on: libraries create series when first used.
        let before = before.counters.get(key).copied().unwrap_or(0.0);
        *sums.entry(*part).or_insert(0.0) += increase(before, *value);
    }
    sums
}

// https://prometheus.io/docs/prometheus/latest/querying/functions/#increase: a fall is a reset to 0.
fn increase(before: f64, after: f64) -> f64 {
    if after < before { after } else { after - before }
}

#[cfg(test)]
mod tests;
