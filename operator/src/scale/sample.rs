//! What a source of metrics says of one pod, whichever source it is: Prometheus, or the pod itself.
//!
//! Plain data, raw: NaN and nonsense are kept, and a part that was not there is absent. What it means is for `reading` to say.

use std::{collections::HashMap, time::Duration};

use crate::scale::why::Why;

/// What a source says of one pod. A part that it did not return is `None` or empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PodSample {
    /// Requests per second, raw.
    pub rate: Option<f64>,
    /// 1 up, 0 down.
    pub up: Option<f64>,
    /// Unix seconds of the newest sample.
    pub sampled: Option<f64>,
    /// How long its requests took.
    pub durations: Vec<Bucket>,
    /// Saturation of PostgreSQL as this pod feels it, 1 where it is fully used.
    pub postgres: Option<f64>,
    /// Saturation of Redis as this pod feels it, 1 where it is fully used.
    pub redis: Option<f64>,
}

/// The requests of one bucket of a histogram and of all buckets below it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// The longest duration of the bucket in seconds; positive infinity in the last one.
    pub le: f64,
    /// Requests per second that took at most so long, raw.
    pub rate: f64,
}

/// All pods of one answer, by (namespace, pod).
pub type Samples = HashMap<(String, String), PodSample>;

/// What one look at a source gave.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// It answered.
    Samples(Samples),
    /// It did not, in time or in form.
    Unreachable(Why),
    /// The administrator did not define it.
    Unknown,
}

/// What a source says beside the load. A part that it did not tell has the reason, and is absent from every sample.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Beside {
    /// Durations and stores, without the load.
    pub samples: Samples,
    /// Why there are no durations.
    pub durations: Option<Why>,
    /// Why nobody knows how full the stores are.
    pub stores: Option<Why>,
}

/// An answer about the load, and what is missing beside it.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    /// Load, with as much of the rest as came.
    pub answer: Answer,
    /// Why no sample has durations, where the source did not tell them.
    pub durations: Option<Why>,
    /// Why no sample knows how full the stores are, where the source did not tell it.
    pub stores: Option<Why>,
    /// How long ago durations and stores were asked for. Zero: together with the load.
    pub beside_age: Duration,
}

impl Look {
    /// The answer, and nothing that went wrong with one signal alone.
    pub fn only(answer: Answer) -> Self {
        Self {
            answer,
            durations: None,
            stores: None,
            beside_age: Duration::ZERO,
        }
    }
}
