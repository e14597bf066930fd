//! A stand-in for our own autoscaler behind the simulator's trait: the demand law alone.
//!
//! What the highest rate of the last five minutes needs at 70 % of saturation, or less the stricter the objective is. It
//! knows no pods and no forecast.

use std::collections::VecDeque;

use crate::sim::{
    plant::PER_REPLICA,
    run::{Autoscaler, Bounds, World},
    sensors,
};

const TICK_SECONDS: u32 = 5;
const REMEMBERED_SECONDS: u32 = 300;

/// Whether a forecast is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ForecastUse {
    /// It is a floor while it has been right lately.
    #[default]
    Followed,
    /// Nothing.
    Ignored,
}

/// How ours is set, where it differs from the defaults.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OursSetting {
    /// `scaling.objective`.
    pub objective: f64,
    /// Whether what is usual at a time of day may raise.
    pub forecast: ForecastUse,
    /// Seconds from an order to ready.
    pub pod_start_seconds: u32,
}

/// Ours in the loop.
#[derive(Clone, Debug)]
pub struct Ours {
    per_replica: f64,
    bounds: Bounds,
    demands: VecDeque<(u32, u32)>,
}

impl Ours {
    /// Ours with everything at its default but `setting` and the bounds.
    ///
    /// # Errors
    /// What is wrong with the setting.
    pub fn new(setting: OursSetting, bounds: Bounds) -> Result<Self, Vec<String>> {
        if !(0.5..1.0).contains(&setting.objective) {
            return Err(vec![format!(
                "objective {} is not from 0.5 to below 1",
                setting.objective
            )]);
        }
        // One decade of the share that may be late is a tenth of a replica's load.
        let decades = -(1.0 - setting.objective).log10() - 3.0;
        Ok(Self {
            per_replica: PER_REPLICA * (1.0 - 0.1 * decades),
            bounds,
            demands: VecDeque::new(),
        })
    }
}

impl Autoscaler for Ours {
    fn replicas(&mut self, now: u32, world: &World<'_>) -> u32 {
        let demand = whole((sensors::rate(world.load, now, 15) / self.per_replica).ceil());
        while self.demands.back().is_some_and(|(_, earlier)| *earlier <= demand) {
            self.demands.pop_back();
        }
        self.demands.push_back((now, demand));
        let begin = now.saturating_sub(REMEMBERED_SECONDS);
        while self.demands.front().is_some_and(|(at, _)| *at < begin) {
            self.demands.pop_front();
        }
        self.bounds
            .clamp(self.demands.front().map_or(demand, |(_, highest)| *highest))
    }

    fn period_seconds(&self) -> u32 {
        TICK_SECONDS
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
fn whole(pods: f64) -> u32 {
    pods as u32
}
