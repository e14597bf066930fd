//! From the largest proposal to the size written: stabilisation, rate limits and bounds, with the memory they need.
//!
//! Follows `pkg/controller/podautoscaler/horizontal.go`, both ways through it: with `spec.behavior` and without. Knows
//! replicas and times; what a proposal was made of is none of its business.

use std::cmp::Ordering;
use std::collections::VecDeque;

use super::behavior::{Behavior, Policy, PolicyKind, Rules, Select};
use crate::sim::peers::{is_after, whole};

/// `--horizontal-pod-autoscaler-downscale-stabilization`.
const DOWNSCALE_STABILIZATION_SECONDS: u32 = 300;

/// What one pass wants.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask {
    pub(super) now: f64,
    pub(super) current: u32,
    pub(super) desired: u32,
    pub(super) min: u32,
    pub(super) max: u32,
}

/// What the controller remembers of one HPA, in its own memory: a restart loses it.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    recommendations: VecDeque<Recommendation>,
    ups: Vec<Event>,
    downs: Vec<Event>,
}

#[derive(Clone, Copy, Debug)]
struct Recommendation {
    at: f64,
    replicas: u32,
}

#[derive(Clone, Copy, Debug)]
struct Event {
    at: f64,
    change: u32,
    outdated: bool,
}

impl History {
    /// `recordInitialRecommendation`: the first pass ever counts the present size as recommended.
    pub(super) fn seed(&mut self, now: f64, current: u32) {
        if self.recommendations.is_empty() {
            self.recommend(now, current);
        }
    }

    /// `storeScaleEvent`: an outdated event is overwritten, as in the original, so memory stays with the longest period.
    pub(super) fn store_change(&mut self, behavior: &Behavior, now: f64, from: u32, to: u32) {
        let (events, rules) = if to > from {
            (&mut self.ups, &behavior.scale_up)
        } else {
            (&mut self.downs, &behavior.scale_down)
        };
        let cutoff = now - f64::from(rules.policies.longest_period_seconds());
        for event in events.iter_mut() {
            event.outdated |= !is_after(event.at, cutoff);
        }
        let event = Event {
            at: now,
            change: to.abs_diff(from),
            outdated: false,
        };
        match events.iter_mut().rfind(|event| event.outdated) {
            Some(outdated) => *outdated = event,
            None => events.push(event),
        }
    }

    fn recommend(&mut self, at: f64, replicas: u32) {
        self.recommendations.push_back(Recommendation { at, replicas });
    }

    /// Recommendations younger than the window. One of exactly the window's age is out: real passes lie a little more than
    /// one period apart, so it would be out there as well.
    fn recent(&self, now: f64, window_seconds: u32) -> impl Iterator<Item = u32> {
        let cutoff = now - f64::from(window_seconds);
        self.recommendations
            .iter()
            .filter(move |recommendation| is_after(recommendation.at, cutoff))
            .map(|recommendation| recommendation.replicas)
    }

    fn forget(&mut self, now: f64, window_seconds: u32) {
        let cutoff = now - f64::from(window_seconds);
        while self
            .recommendations
            .front()
            .is_some_and(|oldest| !is_after(oldest.at, cutoff))
        {
            self.recommendations.pop_front();
        }
    }

    /// Replicas at the start of a policy's period.
    fn at_period_start(&self, ask: &Ask, policy: &Policy) -> i64 {
        let cutoff = ask.now - f64::from(policy.period_seconds);
        let changed = |events: &[Event]| -> i64 {
            let recent = events.iter().filter(|event| is_after(event.at, cutoff));
            recent.map(|event| i64::from(event.change)).sum()
        };
        i64::from(ask.current) - changed(&self.ups) + changed(&self.downs)
    }
}

/// Without `spec.behavior`: `clamp(max(desired, recommendations of 300 s), min, min(max, max(2 x current, 4)))`.
pub(super) fn plain(history: &mut History, ask: &Ask) -> u32 {
    history.forget(ask.now, DOWNSCALE_STABILIZATION_SECONDS);
    let recent = history.recent(ask.now, DOWNSCALE_STABILIZATION_SECONDS);
    let stabilized = recent.fold(ask.desired, u32::max);
    history.recommend(ask.now, ask.desired);
    let most = ask.max.min(ask.current.saturating_mul(2).max(4));
    // In this order: a floor above the rate limit wins.
    if stabilized < ask.min {
        ask.min
    } else {
        stabilized.min(most)
    }
}

/// With `spec.behavior`: stabilised towards the present size, then limited by the direction's policies and the bounds.
pub(super) fn by_behavior(history: &mut History, behavior: &Behavior, ask: &Ask) -> u32 {
    let stabilized = stabilized(history, behavior, ask);
    match stabilized.cmp(&ask.current) {
        Ordering::Greater => {
            let limit = up_limit(history, &behavior.scale_up, ask).max(i64::from(ask.current));
            stabilized.min(ask.max).min(count(limit))
        }
        Ordering::Less => {
            let limit = down_limit(history, &behavior.scale_down, ask).min(i64::from(ask.current));
            stabilized.max(ask.min).max(count(limit))
        }
        Ordering::Equal => stabilized,
    }
}

/// The present size, raised to the smallest recommendation of the up window, lowered to the largest of the down window.
/// What is remembered is what was asked, not what came out.
fn stabilized(history: &mut History, behavior: &Behavior, ask: &Ask) -> u32 {
    let up_window = behavior.scale_up.stabilization_seconds;
    let down_window = behavior.scale_down.stabilization_seconds;
    history.forget(ask.now, up_window.max(down_window));
    let up = history.recent(ask.now, up_window).fold(ask.desired, u32::min);
    let down = history.recent(ask.now, down_window).fold(ask.desired, u32::max);
    history.recommend(ask.now, ask.desired);
    ask.current.max(up).min(down)
}

/// `start + value`, or `ceil(start x (1 + value / 100))`: rounded up, or one replica could never grow by percent.
fn up_limit(history: &History, rules: &Rules, ask: &Ask) -> i64 {
    let limits = rules.policies.iter().map(|policy| {
        let start = history.at_period_start(ask, &policy);
        match policy.kind {
            PolicyKind::Pods => start + i64::from(policy.value),
            PolicyKind::Percent => percent_of(start, 1.0 + f64::from(policy.value) / 100.0, f64::ceil),
        }
    });
    match rules.select {
        Select::Max => limits.max().unwrap_or(i64::MIN),
        Select::Min => limits.min().unwrap_or(i64::MAX),
        Select::Disabled => i64::from(ask.current),
    }
}

/// `start - value`, or `trunc(start x (1 - value / 100))`.
fn down_limit(history: &History, rules: &Rules, ask: &Ask) -> i64 {
    let limits = rules.policies.iter().map(|policy| {
        let start = history.at_period_start(ask, &policy);
        match policy.kind {
            PolicyKind::Pods => start - i64::from(policy.value),
            PolicyKind::Percent => percent_of(start, 1.0 - f64::from(policy.value) / 100.0, f64::trunc),
        }
    });
    match rules.select {
        Select::Max => limits.min().unwrap_or(i64::MAX),
        Select::Min => limits.max().unwrap_or(i64::MIN),
        Select::Disabled => i64::from(ask.current),
    }
}

/// A start below zero (somebody else took the replicas away) allows nothing, whichever way it is rounded.
fn percent_of(start: i64, factor: f64, round: fn(f64) -> f64) -> i64 {
    i64::from(whole(round(f64::from(count(start)) * factor)))
}

/// A number of replicas from a limit that may lie outside all bounds.
fn count(limit: i64) -> u32 {
    u32::try_from(limit.max(0)).unwrap_or(u32::MAX)
}

#[cfg(test)]
impl History {
    /// How many recommendations and events are remembered.
    pub(super) fn held(&self) -> (usize, usize) {
        (self.recommendations.len(), self.ups.len() + self.downs.len())
    }
}
