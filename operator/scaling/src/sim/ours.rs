//! Our own policy behind the simulator's trait: the demand law alone, with a window of maxima.
//!
//! What it sees are the sensors of everybody else; what it orders is what the highest rate of the last minutes needs.

use std::collections::VecDeque;

use crate::sim::{
    plant::PER_REPLICA,
    run::{Autoscaler, Bounds, World},
    sensors,
};

/// Seconds of load that a rate is taken over.
const RATE_SECONDS: i64 = 15;

/// How we are set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OursSetting {
    /// The share of requests to be within the latency target, 0 to 1.
    pub objective: f64,
    /// Seconds that the highest demand is remembered.
    pub scale_down_cooldown_seconds: u32,
}

impl Default for OursSetting {
    fn default() -> Self {
        Self {
            objective: 0.999,
            scale_down_cooldown_seconds: 300,
        }
    }
}

/// Ours.
#[derive(Clone, Debug)]
pub struct Ours {
    setting: OursSetting,
    bounds: Bounds,
    demands: VecDeque<(u32, u32)>,
}

impl Ours {
    /// Within `bounds`.
    pub fn new(setting: OursSetting, bounds: Bounds) -> Self {
        Self {
            setting,
            bounds,
            demands: VecDeque::new(),
        }
    }
}

impl Autoscaler for Ours {
    fn replicas(&mut self, now: u32, world: &World<'_>) -> u32 {
        let demand = whole((sensors::rate(world.load, now, RATE_SECONDS) / PER_REPLICA).ceil());
        // Decreasing, so that the first is the highest of the window.
        while self.demands.back().is_some_and(|(_, earlier)| *earlier <= demand) {
            self.demands.pop_back();
        }
        self.demands.push_back((now, demand));
        let begin = now.saturating_sub(self.setting.scale_down_cooldown_seconds);
        while self.demands.front().is_some_and(|(at, _)| *at < begin) {
            self.demands.pop_front();
        }
        self.bounds
            .clamp(self.demands.front().map_or(demand, |(_, highest)| *highest))
    }

    fn period_seconds(&self) -> u32 {
        5
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
fn whole(pods: f64) -> u32 {
    pods as u32
}
