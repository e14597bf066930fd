//! The autoscalers that ours is compared with, as state machines: the HPA, KEDA and the Knative autoscaler.
//!
//! Each follows its original rule by rule, faults included, because a peer made weaker than it is proves nothing. Time
//! comes in as seconds from any origin and never goes back; equal inputs give equal outputs; memory is bounded by the
//! windows. They must not know the plant, the scrape, the trace or our own engine.

pub mod hpa;
pub mod keda;
pub mod kpa;

/// Times closer than this are one instant: it absorbs the rounding of `phase + n x period`, nothing else.
const INSTANT_SECONDS: f64 = 1e-6;

/// Whether `time` lies truly after `limit`, both in seconds.
fn is_after(time: f64, limit: f64) -> bool {
    time > limit + INSTANT_SECONDS
}

/// Whether `time` has reached `limit`, both in seconds.
fn has_reached(time: f64, limit: f64) -> bool {
    time >= limit - INSTANT_SECONDS
}

/// The whole part of a number of pods or seconds; what is below zero or not a number is 0, what is too large the maximum.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates, which is the rule stated above"
)]
fn whole(number: f64) -> u32 {
    number as u32
}
