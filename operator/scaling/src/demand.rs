//! The demand law: replicas = ceil(load to be ready for / capacity of one replica).
//!
//! No bounds, no gates. Load is the sum over all pods, never a figure per ready pod, so pods that are ordered but not ready,
//! or that fail under the load, do not change what is needed. The load to be ready for comes from `learning`, the capacity
//! from `capacity`.

use crate::learning::Prepared;
use crate::record::Need;
use crate::situation::Situation;
use crate::units::{Replicas, RequestsPerSecond};

/// The part of the quotient that is taken for noise: one in a million.
///
/// A load of six replicas exactly, measured as 600.0000001 because a rate is a sum of quotients of floats, must not order
/// a seventh. Errors of such sums are near 1e-12 and of printed decimals near 1e-9, both far below; an overload of one in a
/// million is far below what a replica notices. Relative, so that it means the same at 1 and at 10 000 requests/s, and
/// never hides the first request: any load above zero asks for one replica.
const NOISE: f64 = 1e-6;

/// A fresh load, and what is made of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Demand {
    /// The load now.
    pub(crate) load: RequestsPerSecond,
    /// What it needs now, without margin or hold.
    pub(crate) present: Replicas,
    /// What to be ready for.
    pub(crate) prepared: Prepared,
    /// What that needs.
    pub(crate) need: Need,
}

/// What `load` asks for where `prepared` is what to be ready for.
pub(crate) fn demand(situation: &Situation<'_>, load: RequestsPerSecond, prepared: Prepared) -> Demand {
    let capacity = situation.capacity;
    // The law of the seam is another's: what it must not get wrong is made sure of here.
    let ready_for = if prepared.load > load { prepared.load } else { load };
    Demand {
        load,
        present: replicas(load, capacity),
        prepared: Prepared {
            load: ready_for,
            ..prepared
        },
        need: Need {
            requests_per_second: load,
            prepared_for: ready_for,
            per_replica: capacity,
            replicas: replicas(ready_for, capacity),
            margin: prepared.margin,
            within_seconds: situation.horizon().as_secs_f64(),
            hold_seconds: prepared.hold.as_secs_f64(),
        },
    }
}

/// The replicas that serve `load` when each serves `per_replica` (more than 0). More load never gives fewer; too many to
/// count gives `u32::MAX`.
pub(crate) fn replicas(load: RequestsPerSecond, per_replica: RequestsPerSecond) -> Replicas {
    let quotient = load.get() / per_replica.get();
    Replicas::new(count((quotient * (1.0 - NOISE)).ceil()))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, and a whole number of replicas that is too large is wanted as the largest"
)]
const fn count(whole: f64) -> u32 {
    whole as u32
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn rate(raw: f64) -> RequestsPerSecond {
        RequestsPerSecond::new(raw).unwrap()
    }

    #[rstest]
    #[case::nothing(0.0, 100.0, 0)]
    #[case::the_first_request(1e-9, 100.0, 1)]
    #[case::below_a_multiple(590.0, 100.0, 6)]
    #[case::an_exact_multiple(600.0, 100.0, 6)]
    #[case::noise_above_a_multiple(600.000_000_1, 100.0, 6)]
    #[case::noise_below_a_multiple(599.999_999_9, 100.0, 6)]
    #[case::really_above_a_multiple(600.01, 100.0, 7)]
    #[case::a_multiple_that_floats_miss(0.3, 0.1, 3)]
    #[case::large(1_000_000.0, 100.0, 10_000)]
    #[case::more_than_can_be_counted(f64::MAX, 1.0, u32::MAX)]
    #[case::an_infinite_quotient(f64::MAX, f64::MIN_POSITIVE, u32::MAX)]
    fn replicas_are_the_load_over_the_capacity_rounded_up(
        #[case] load: f64,
        #[case] per_replica: f64,
        #[case] needed: u32,
    ) {
        assert_eq!(replicas(rate(load), rate(per_replica)), Replicas::new(needed));
    }
}
