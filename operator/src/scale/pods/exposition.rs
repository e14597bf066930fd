//! From the text at `/metrics` to the few series that scaling asks for.
//!
//! Pure, and total on any bytes. A text that is wrong anywhere is refused as a whole: half of its series would be a load
//! that is too low. Counters stay apart by series, because a sum over them cannot tell a restart from a series that is
//! no longer there. What has grown between two texts is for `counters`.

use std::{cmp::Ordering, collections::BTreeMap, str};

use super::line::{self, Malformed, Sample};

// Bounds the memory per pod to less than a megabyte; an API with 100 routes, 5 statuses and 15 buckets has 9,000.
const MOST_SERIES: usize = 16_384;
// Of a line that is quoted in an error.
const MOST_LETTERS: usize = 80;

/// How the metrics are called that scaling asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricNames {
    /// Counter of answered requests.
    pub requests: String,
    /// Histogram of how long requests took, in seconds, without `_bucket` and `_sum`.
    pub durations: String,
    /// Counter of the seconds that queries took.
    pub query_seconds: String,
    /// Gauge of the connections in use, by pool.
    pub connections_active: String,
    /// Gauge of the connections that a pool may open, with the labels of `connections_active`.
    pub connections_max: String,
    /// Counter of the seconds that Redis commands took.
    pub redis_seconds: String,
}

impl Default for MetricNames {
    fn default() -> Self {
        Self {
            requests: "http_requests_total".to_owned(),
            durations: "http_request_duration_seconds".to_owned(),
            query_seconds: "database_query_duration_seconds_sum".to_owned(),
            connections_active: "database_connections_active".to_owned(),
            connections_max: "database_connections_max".to_owned(),
            redis_seconds: "redis_command_duration_seconds_sum".to_owned(),
        }
    }
}

/// What a counter counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Answered requests.
    Requests,
    /// Seconds that requests took.
    RequestSeconds,
    /// Seconds that queries took.
    QuerySeconds,
    /// Seconds that Redis commands took.
    RedisSeconds,
    /// Requests that took at most so long.
    Bucket(UpperBound),
}

/// The longest duration of a bucket in seconds, never NaN.
#[derive(Clone, Copy, Debug)]
pub struct UpperBound(f64);

impl UpperBound {
    /// Seconds; positive infinity in the last bucket.
    pub fn seconds(self) -> f64 {
        self.0
    }
}

impl Ord for UpperBound {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for UpperBound {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for UpperBound {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for UpperBound {}

/// What one text says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exposition {
    /// Each series of a counter since the process began; NaN if what was written cannot be a count. The key is the same
    /// in every text of the same process: what it counts, and a hash of its labels.
    pub counters: BTreeMap<(Part, u64), f64>,
    /// The fullest pool's share of connections in use, 0 to 1; absent without a pool that may open any.
    pub connections_used: Option<f64>,
}

/// Why a text is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpositionError {
    /// It is no text.
    #[error("line {line} is not UTF-8: /metrics must answer in the Prometheus text format or in OpenMetrics")]
    NotText {
        /// From 1.
        line: usize,
    },
    /// A line is neither a sample nor a comment.
    #[error("line {line} is no Prometheus exposition, {wrong}: {text:?}")]
    Malformed {
        /// From 1.
        line: usize,
        /// What is wrong with it.
        wrong: Malformed,
        /// How it begins.
        text: String,
    },
    /// A bucket without an upper bound that is a number.
    #[error("line {line} is a bucket whose label le is no number")]
    UpperBound {
        /// From 1.
        line: usize,
    },
    /// The last line does not end: the rest of it may be missing.
    #[error("line {line} is cut off: the last line must end with a line feed")]
    CutOff {
        /// From 1.
        line: usize,
    },
    /// No series at all, not even of other metrics.
    #[error("it has no series")]
    Empty,
    /// More series than are kept for a pod.
    #[error("it has more than {MOST_SERIES} series of the metrics that scaling reads: give them fewer labels")]
    TooManySeries,
}

/// Reads a whole text.
///
/// # Errors
/// When it is no exposition, naming the line.
pub fn read(body: &[u8], names: &MetricNames) -> Result<Exposition, ExpositionError> {
    let text = str::from_utf8(body).map_err(|error| ExpositionError::NotText {
        line: lines_before(body, error.valid_up_to()) + 1,
    })?;
    let mut reading = Reading::new(names);
    for (at, line) in text.lines().enumerate() {
        let sample = line::read(line).map_err(|wrong| ExpositionError::Malformed {
            line: at + 1,
            wrong,
            text: line.chars().take(MOST_LETTERS).collect(),
        })?;
        if let Some(sample) = sample {
            reading.add(&sample, at + 1)?;
        }
    }
    // Checked last: of an HTML page without a last line feed the first line is the telling one.
    if !text.is_empty() && !text.ends_with('\n') {
        let line = text.lines().count();
        return Err(ExpositionError::CutOff { line });
    }
    reading.finish()
}

fn lines_before(body: &[u8], end: usize) -> usize {
    body.iter().take(end).filter(|&&byte| byte == b'\n').count()
}

#[derive(Default)]
struct Pool {
    active: Option<f64>,
    max: Option<f64>,
}

struct Reading<'n> {
    names: &'n MetricNames,
    heard: bool,
    counters: BTreeMap<(Part, u64), f64>,
    pools: BTreeMap<u64, Pool>,
}

impl<'n> Reading<'n> {
    fn new(names: &'n MetricNames) -> Self {
        Self {
            names,
            heard: false,
            counters: BTreeMap::new(),
            pools: BTreeMap::new(),
        }
    }

    fn add(&mut self, sample: &Sample<'_>, line: usize) -> Result<(), ExpositionError> {
        self.heard = true;
        let names = self.names;
        let name = sample.name;
        if name == names.connections_active {
            self.pools.entry(sample.labels).or_default().active = Some(sample.value);
        } else if name == names.connections_max {
            self.pools.entry(sample.labels).or_default().max = Some(sample.value);
        } else if let Some(part) = part(names, sample, line)? {
            self.count(part, sample);
        }
        if self.counters.len() > MOST_SERIES || self.pools.len() > MOST_SERIES {
            return Err(ExpositionError::TooManySeries);
        }
        Ok(())
    }

    fn count(&mut self, part: Part, sample: &Sample<'_>) {
        let value = if sample.value >= 0.0 && sample.value.is_finite() {
            sample.value
        } else {
            f64::NAN
        };
        self.counters
            .entry((part, sample.labels))
            .and_modify(|same| *same += value)
            .or_insert(value);
    }

    fn finish(self) -> Result<Exposition, ExpositionError> {
        if !self.heard {
            return Err(ExpositionError::Empty);
        }
        let used = self.pools.values().filter_map(used);
        Ok(Exposition {
            connections_used: used.reduce(f64::max),
            counters: self.counters,
        })
    }
}

fn part(names: &MetricNames, sample: &Sample<'_>, line: usize) -> Result<Option<Part>, ExpositionError> {
    let name = sample.name;
    for (counter, part) in [
        (&names.requests, Part::Requests),
        (&names.query_seconds, Part::QuerySeconds),
        (&names.redis_seconds, Part::RedisSeconds),
    ] {
        if name == counter {
            return Ok(Some(part));
        }
    }
    match name.strip_prefix(names.durations.as_str()) {
        Some("_sum") => Ok(Some(Part::RequestSeconds)),
        Some("_bucket") => {
            let bound: Option<f64> = sample.upper_bound.and_then(|le| le.parse().ok());
            let bound = bound.filter(|it| !it.is_nan());
            bound
                .map(|it| Some(Part::Bucket(UpperBound(it))))
                .ok_or(ExpositionError::UpperBound { line })
        }
        Some(_) | None => Ok(None),
    }
}

// A pool that may open no connection is not in use: an API without a read replica says so.
fn used(pool: &Pool) -> Option<f64> {
    let max = pool.max.filter(|max| *max > 0.0)?;
    let share = pool.active? / max;
    share.is_finite().then(|| share.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests;
