//! From a decision to what is written: the HPA's bounds, and replicas on an increase.
//!
//! Pure. The decision is a floor under the HPA. `minReplicas` and `maxReplicas` move together in one write; replicas are
//! ordered directly only upwards, because an edited HPA is looked at again only after up to 15 s.

use pathfinder_scaling::{Mode, Policy, Replicas};

use crate::cluster::Autoscaler;

/// What is there now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// `hpa.spec.minReplicas`.
    pub min: Replicas,
    /// `hpa.spec.maxReplicas`.
    pub max: Replicas,
    /// `deployment.spec.replicas`.
    pub ordered: Replicas,
}

/// The HPA's bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The floor.
    pub min: Replicas,
    /// The bound.
    pub max: Replicas,
}

/// What the HPA does above the floor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Above {
    /// It scales by targets of its own, up to `maxReplicas`.
    Scales,
    /// It has no target, and its bounds are one number.
    Follows,
}

impl From<Autoscaler> for Above {
    fn from(autoscaler: Autoscaler) -> Self {
        if autoscaler.follows() {
            Self::Follows
        } else {
            Self::Scales
        }
    }
}

/// What to write. Nothing while nothing changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Orders {
    /// New bounds of the HPA.
    pub bounds: Option<Bounds>,
    /// Raise the Deployment to this number.
    pub raise_to: Option<Replicas>,
}

/// What `floor`, decided under `policy`, means for what is there.
///
/// Observe keeps the floor at `minReplicas`, Paused keeps the floor that it found: neither is driven by a signal.
pub fn orders(policy: &Policy, above: Above, (floor, seen): (Replicas, Seen)) -> Orders {
    let min = match policy.mode() {
        Mode::Auto => policy.clamp(floor),
        Mode::Observe => policy.min_replicas(),
        Mode::Paused => policy.clamp(seen.min),
    };
    let wanted = Bounds {
        min,
        max: match above {
            Above::Scales => policy.max_replicas(),
            Above::Follows => min,
        },
    };
    let bounds = (wanted
        != Bounds {
            min: seen.min,
            max: seen.max,
        })
    .then_some(wanted);
    let raise_to = (policy.mode() == Mode::Auto && seen.ordered < min).then_some(min);
    Orders { bounds, raise_to }
}

#[cfg(test)]
mod tests {
    use pathfinder_scaling::PolicyInput;
    use rstest::rstest;

    use super::*;

    fn policy(mode: Mode) -> Policy {
        Policy::parse(PolicyInput {
            min_replicas: 2,
            max_replicas: 10,
            mode,
            ..PolicyInput::default()
        })
        .unwrap()
    }

    fn seen(min: u32, ordered: u32) -> Seen {
        Seen {
            min: Replicas::new(min),
            max: Replicas::new(10),
            ordered: Replicas::new(ordered),
        }
    }

    #[rstest]
    #[case::a_raise_moves_both(Mode::Auto, 6, seen(2, 2), Some(6), Some(6))]
    #[case::a_decrease_moves_only_the_floor(Mode::Auto, 2, seen(6, 6), Some(2), None)]
    #[case::the_hpa_above_the_floor_is_left_alone(Mode::Auto, 6, seen(6, 8), None, None)]
    #[case::replicas_below_the_floor_are_raised(Mode::Auto, 6, seen(6, 4), None, Some(6))]
    #[case::nothing_changes_nothing_is_written(Mode::Auto, 6, seen(6, 6), None, None)]
    #[case::observe_writes_the_minimum_once(Mode::Observe, 6, seen(6, 6), Some(2), None)]
    #[case::observe_then_writes_nothing(Mode::Observe, 6, seen(2, 2), None, None)]
    #[case::paused_keeps_the_floor_that_it_found(Mode::Paused, 9, seen(6, 6), None, None)]
    #[case::paused_still_obeys_new_bounds(Mode::Paused, 9, seen(1, 1), Some(2), None)]
    fn a_decision_becomes_the_fewest_writes(
        #[case] mode: Mode,
        #[case] floor: u32,
        #[case] seen: Seen,
        #[case] min: Option<u32>,
        #[case] raise_to: Option<u32>,
    ) {
        let orders = orders(&policy(mode), Above::Scales, (Replicas::new(floor), seen));
        assert_eq!(orders.bounds.map(|bounds| bounds.min.get()), min);
        assert_eq!(orders.raise_to.map(Replicas::get), raise_to);
    }

    #[test]
    fn a_new_maximum_is_written_with_the_floor_in_one_write() {
        let seen = Seen {
            max: Replicas::new(20),
            ..seen(6, 6)
        };
        let orders = orders(&policy(Mode::Auto), Above::Scales, (Replicas::new(6), seen));
        assert_eq!(
            orders.bounds,
            Some(Bounds {
                min: Replicas::new(6),
                max: Replicas::new(10)
            })
        );
    }

    #[test]
    fn an_hpa_without_a_target_gets_one_number_as_both_bounds() {
        let orders = orders(&policy(Mode::Auto), Above::Follows, (Replicas::new(6), seen(2, 2)));
        let six = Bounds {
            min: Replicas::new(6),
            max: Replicas::new(6),
        };
        assert_eq!((orders.bounds, orders.raise_to), (Some(six), Some(Replicas::new(6))));
    }
}
