//! The load of a simulation: how many requests arrive in every second, and the noise of their service.
//!
//! Made once per trace and shared by every policy, so that all of them meet the same requests. Everything is drawn from a
//! seed by generators whose numbers do not change between versions or machines.

use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use rand_distr::{Distribution, Poisson, StandardNormal};

use crate::sim::trace::Trace;

/// Arrivals by the second.
#[derive(Clone, Debug)]
pub struct Load {
    name: String,
    rate: Vec<f32>,
    arrivals: Vec<f32>,
    // Arrivals before each second; one longer than the others.
    before: Vec<f64>,
    noise: Vec<f32>,
    factor: f64,
}

impl Load {
    /// Joins the bins of `trace`, scales them so that the largest second has `peak` requests/s, and draws Poisson arrivals.
    pub fn of(trace: &Trace, peak: f64, seed: u64) -> Self {
        let joined = trace.joined();
        let factor = peak / joined.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
        Self::from_rates(trace.name(), joined.iter().map(|rate| rate * factor), seed).scaled_by(factor)
    }

    /// Draws Poisson arrivals of these rates, one per second.
    pub fn from_rates(name: &str, rates: impl IntoIterator<Item = f64>, seed: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let rate: Vec<f32> = rates.into_iter().map(narrow).collect();
        let arrivals: Vec<f32> = rate.iter().map(|rate| drawn(*rate, &mut random)).collect();
        let noise = rate.iter().map(|_| StandardNormal.sample(&mut random)).collect();
        let mut sum = 0.0;
        let before = std::iter::once(0.0)
            .chain(arrivals.iter().map(|count| {
                sum += f64::from(*count);
                sum
            }))
            .collect();
        Self {
            name: name.to_owned(),
            rate,
            arrivals,
            before,
            noise,
            factor: 1.0,
        }
    }

    fn scaled_by(self, factor: f64) -> Self {
        Self { factor, ..self }
    }

    /// Name of the trace.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the rates of the trace were multiplied by.
    pub fn factor(&self) -> f64 {
        self.factor
    }

    /// How long it lasts.
    pub fn seconds(&self) -> u32 {
        u32::try_from(self.arrivals.len()).unwrap_or(u32::MAX)
    }

    /// The rate of each second, before chance, in requests/s.
    pub fn rates(&self) -> &[f32] {
        &self.rate
    }

    /// Requests that arrive in each second.
    pub fn arrivals(&self) -> &[f32] {
        &self.arrivals
    }

    /// A standard normal number for each second.
    pub fn noise(&self) -> &[f32] {
        &self.noise
    }

    /// Requests that arrived before the beginning of `second`: what a counter shows then. Before the trace began, the load
    /// of its first second had lasted for ever.
    pub fn counted(&self, second: i64) -> f64 {
        match usize::try_from(second) {
            Ok(index) => self
                .before
                .get(index)
                .or(self.before.last())
                .copied()
                .unwrap_or_default(),
            Err(_) => f64::from(self.rate.first().copied().unwrap_or_default()) * seconds(second),
        }
    }

    /// Mean rate between two seconds in requests/s; 0 where there is nothing between.
    pub fn mean(&self, from: i64, to: i64) -> f64 {
        if to > from {
            (self.counted(to) - self.counted(from)) / seconds(to - from)
        } else {
            0.0
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "seconds of at most some months")]
fn seconds(count: i64) -> f64 {
    count as f64
}

#[expect(clippy::cast_possible_truncation, reason = "seven digits are enough for a rate")]
fn narrow(rate: f64) -> f32 {
    rate as f32
}

fn drawn(rate: f32, random: &mut ChaCha8Rng) -> f32 {
    Poisson::new(rate).map_or(0.0, |law| law.sample(random))
}
