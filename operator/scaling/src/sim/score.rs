//! What a run is judged by: violations, replica-hours, and the elasticity figures of SPEC RG ("Ready for Rain?", 2016).
//!
//! Knows outcomes, not policies.

use crate::sim::{
    load::Load,
    plant::{Plant, SATURATION, WAIT_SECONDS},
};

/// The figures of one run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Share of requests over the latency target, 0 to 1.
    pub violation_share: f64,
    /// Replica-hours that were ordered.
    pub replica_hours: f64,
    /// Under-provisioning: 100/T x sum of max(d - s, 0) / d, in percent.
    pub theta_u: f64,
    /// Over-provisioning: 100/T x sum of max(s - d, 0) / d, in percent.
    pub theta_o: f64,
    /// Share of time under-provisioned, in percent.
    pub tau_u: f64,
    /// Share of time over-provisioned, in percent.
    pub tau_o: f64,
    /// Share of time in which supply and demand moved differently, in percent.
    pub upsilon: f64,
    /// Changes of the ordered replicas per hour.
    pub changes_per_hour: f64,
    /// Changes of direction of the ordered replicas per hour.
    pub reversals_per_hour: f64,
    /// The longest time that fewer replicas were ready than needed, in seconds.
    pub seconds_to_safe: f64,
}

/// The fewest pods that keep every request of each second within the target: for windows of 1, 2 and 5 s that contain it,
/// what arrived within the window must be served within it and the longest wait.
pub fn demand(load: &Load) -> Vec<u16> {
    let mut needs = vec![1_u16; load.arrivals().len()];
    for window in [1_u32, 2, 5] {
        let served_by_one = (f64::from(window) + WAIT_SECONDS) * SATURATION;
        for (index, from) in (0..i64::from(load.seconds()) + 1 - i64::from(window)).enumerate() {
            let arrived = load.counted(from + i64::from(window)) - load.counted(from);
            let pods = pods(arrived / served_by_one);
            for need in needs.iter_mut().skip(index).take(window as usize) {
                *need = pods.max(*need);
            }
        }
    }
    needs
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
fn pods(quotient: f64) -> u16 {
    quotient.ceil() as u16
}

/// Adds up a run.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Scorer {
    seconds: u64,
    arrived: f64,
    violated: f64,
    pod_seconds: u64,
    under: f64,
    over: f64,
    under_seconds: u64,
    over_seconds: u64,
    unlike_seconds: u64,
    changes: u32,
    reversals: u32,
    direction: i8,
    last: Option<(u32, u32)>,
    unsafe_for: u64,
    longest_unsafe: u64,
}

impl Scorer {
    pub(crate) fn ordered(&mut self, from: u32, to: u32) {
        let direction = match to.cmp(&from) {
            std::cmp::Ordering::Less => -1,
            std::cmp::Ordering::Equal => return,
            std::cmp::Ordering::Greater => 1,
        };
        self.changes += 1;
        self.reversals += u32::from(self.direction == -direction);
        self.direction = direction;
    }

    pub(crate) fn take(&mut self, plant: &Plant, arrived: f64, violated: f64, need: u32) {
        let ready = plant.ready();
        self.seconds += 1;
        self.arrived += arrived;
        self.violated += violated;
        self.pod_seconds += u64::from(plant.ordered());
        if ready < need {
            self.under += f64::from(need - ready) / f64::from(need);
            self.under_seconds += 1;
            self.unsafe_for += 1;
            self.longest_unsafe = self.longest_unsafe.max(self.unsafe_for);
        } else {
            self.over += f64::from(ready - need) / f64::from(need);
            self.over_seconds += u64::from(ready > need);
            self.unsafe_for = 0;
        }
        if let Some((supply, demand)) = self.last {
            self.unlike_seconds += u64::from(ready.cmp(&supply) != need.cmp(&demand));
        }
        self.last = Some((ready, need));
    }

    pub(crate) fn outcome(&self) -> Outcome {
        let seconds = float(self.seconds.max(1));
        let percent = |sum: f64| 100.0 * sum / seconds;
        let hours = seconds / 3600.0;
        Outcome {
            violation_share: if self.arrived > 0.0 {
                self.violated / self.arrived
            } else {
                0.0
            },
            replica_hours: float(self.pod_seconds) / 3600.0,
            theta_u: percent(self.under),
            theta_o: percent(self.over),
            tau_u: percent(float(self.under_seconds)),
            tau_o: percent(float(self.over_seconds)),
            upsilon: percent(float(self.unlike_seconds)),
            changes_per_hour: f64::from(self.changes) / hours,
            reversals_per_hour: f64::from(self.reversals) / hours,
            seconds_to_safe: float(self.longest_unsafe),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "seconds and pods of some months")]
fn float(count: u64) -> f64 {
    count as f64
}
