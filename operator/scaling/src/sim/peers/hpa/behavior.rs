//! `spec.behavior` of an `autoscaling/v2` HorizontalPodAutoscaler: windows and rate policies per direction.
//!
//! Data only, with the API server's defaults. How it is applied stands in `normalize`.

/// Policies that one direction can hold here; the API has no limit, but nobody writes more.
pub const MOST_POLICIES: usize = 4;

/// Both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Behavior {
    /// Rules for more replicas.
    pub scale_up: Rules,
    /// Rules for fewer replicas.
    pub scale_down: Rules,
}

/// One direction (`HPAScalingRules`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Recommendations this recent hold a change back, in seconds, at most 3600.
    pub stabilization_seconds: u32,
    /// What may change per period.
    pub policies: Policies,
    /// Which policy counts where several give a limit.
    pub select: Select,
}

/// Which of several policies limits the change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Select {
    /// The one that allows the largest change.
    Max,
    /// The one that allows the smallest change.
    Min,
    /// No change in this direction at all.
    Disabled,
}

/// A limit of change per period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// What `value` counts.
    pub kind: PolicyKind,
    /// Pods or percent.
    pub value: u32,
    /// The period in seconds, 1 to 1800.
    pub period_seconds: u32,
}

/// The unit of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyKind {
    /// A number of pods.
    Pods,
    /// A percentage of the replicas at the start of the period.
    Percent,
}

/// Up to [`MOST_POLICIES`] policies, without a heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policies([Option<Policy>; MOST_POLICIES]);

impl Policies {
    /// These policies; more than [`MOST_POLICIES`] do not compile.
    pub fn of<const COUNT: usize>(policies: [Policy; COUNT]) -> Self {
        const { assert!(COUNT <= MOST_POLICIES) };
        let mut slots = [None; MOST_POLICIES];
        for (slot, policy) in slots.iter_mut().zip(policies) {
            *slot = Some(policy);
        }
        Self(slots)
    }

    /// In the order written.
    pub fn iter(&self) -> impl Iterator<Item = Policy> {
        self.0.into_iter().flatten()
    }

    /// The longest period in seconds; 0 without policies.
    pub fn longest_period_seconds(&self) -> u32 {
        self.iter().map(|policy| policy.period_seconds).max().unwrap_or(0)
    }
}

impl Policy {
    /// At most `value` pods per `period_seconds`.
    pub const fn pods(value: u32, period_seconds: u32) -> Self {
        Self {
            kind: PolicyKind::Pods,
            value,
            period_seconds,
        }
    }

    /// At most `value` percent per `period_seconds`.
    pub const fn percent(value: u32, period_seconds: u32) -> Self {
        Self {
            kind: PolicyKind::Percent,
            value,
            period_seconds,
        }
    }
}

/// What the API server fills in where `behavior` is written with holes (`pkg/apis/autoscaling/v2/defaults.go`), and the
/// controller's 300 s for the way down. An HPA that has no `behavior` at all obeys other rules:
/// [`Hpa::without_behavior`](super::Hpa::without_behavior).
impl Default for Behavior {
    fn default() -> Self {
        Self {
            scale_up: Rules {
                stabilization_seconds: 0,
                policies: Policies::of([Policy::pods(4, 15), Policy::percent(100, 15)]),
                select: Select::Max,
            },
            scale_down: Rules {
                stabilization_seconds: 300,
                policies: Policies::of([Policy::percent(100, 15)]),
                select: Select::Max,
            },
        }
    }
}
