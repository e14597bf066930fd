//! One row of the bench: where, who, how set, and the figures.

use serde::Serialize;

use crate::sim::{bench::READ_DIRECTLY, score::Outcome};

/// Who scaled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// The engine of this project.
    Ours,
    /// The HPA on CPU.
    Hpa,
    /// KEDA on requests per second.
    Keda,
    /// Knative's pod autoscaler.
    Kpa,
    /// A constant size; its default is the smallest that violates no more than ours at its default.
    Static,
    /// Knows the whole load; with no more violations than ours at its default.
    Clairvoyant,
}

impl Policy {
    /// All of them, in the order of rows.
    pub const ALL: [Self; 6] = [
        Self::Ours,
        Self::Hpa,
        Self::Keda,
        Self::Kpa,
        Self::Static,
        Self::Clairvoyant,
    ];

    /// Those that scale a workload in a cluster elsewhere.
    pub const PEERS: [Self; 3] = [Self::Hpa, Self::Keda, Self::Kpa];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Hpa => "hpa",
            Self::Keda => "keda",
            Self::Kpa => "kpa",
            Self::Static => "static",
            Self::Clairvoyant => "clairvoyant",
        }
    }
}

/// The figures of one policy at one setting in one cell (trace and pod start); units as in [`Outcome`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Name of the trace.
    pub trace: String,
    /// Seconds from an order to ready.
    pub pod_start_seconds: u32,
    /// Who scaled.
    pub policy: Policy,
    /// `default`, or what differs from it.
    pub setting: String,
    /// Share of requests over the latency target, 0 to 1.
    pub violation_share: f64,
    /// Replica-hours that were ordered.
    pub replica_hours: f64,
    /// Under-provisioning in percent.
    pub theta_u: f64,
    /// Over-provisioning in percent.
    pub theta_o: f64,
    /// Share of time under-provisioned in percent.
    pub tau_u: f64,
    /// Share of time over-provisioned in percent.
    pub tau_o: f64,
    /// Share of time in which supply and demand moved differently in percent.
    pub upsilon: f64,
    /// Changes of the ordered replicas per hour.
    pub changes_per_hour: f64,
    /// The longest time that fewer replicas were ready than needed, in seconds.
    pub seconds_to_safe: f64,
    /// Changes of direction of the ordered replicas per hour.
    pub reversals_per_hour: f64,
}

impl Row {
    /// The row of an outcome; `place` is the trace's name and the pod start in seconds.
    pub fn of(place: (&str, u32), policy: Policy, setting: String, outcome: &Outcome) -> Self {
        Self {
            trace: place.0.to_owned(),
            pod_start_seconds: place.1,
            policy,
            setting,
            violation_share: outcome.violation_share,
            replica_hours: outcome.replica_hours,
            theta_u: outcome.theta_u,
            theta_o: outcome.theta_o,
            tau_u: outcome.tau_u,
            tau_o: outcome.tau_o,
            upsilon: outcome.upsilon,
            changes_per_hour: outcome.changes_per_hour,
            seconds_to_safe: outcome.seconds_to_safe,
            reversals_per_hour: outcome.reversals_per_hour,
        }
    }

    /// Whether it is ours with its forecast at one of its objectives: a point of the sweep.
    pub fn is_of_the_sweep(&self) -> bool {
        let is_other = self.setting.ends_with("forecast=off") || self.setting == READ_DIRECTLY;
        self.policy == Policy::Ours && !is_other
    }

    /// Whether it is the default of `policy`.
    pub fn is_default(&self, policy: Policy) -> bool {
        self.policy == policy && self.setting == "default"
    }
}

/// Names the best constant size of a cell `default`: the smallest that violates no more than ours at its default, or the
/// largest there is.
pub(super) fn with_best_size(cell: &mut [Row]) {
    let Some(most) = cell
        .iter()
        .find(|row| row.is_default(Policy::Ours))
        .map(|row| row.violation_share)
    else {
        return;
    };
    let sizes = || (0..cell.len()).filter(|index| cell[*index].policy == Policy::Static);
    let hours = |index: &usize, other: &usize| cell[*index].replica_hours.total_cmp(&cell[*other].replica_hours);
    let best = sizes()
        .filter(|index| cell[*index].violation_share <= most)
        .min_by(hours)
        .or_else(|| sizes().max_by(hours));
    if let Some(row) = best.and_then(|index| cell.get_mut(index)) {
        "default".clone_into(&mut row.setting);
    }
}
