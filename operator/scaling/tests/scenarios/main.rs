//! Stories over time: what an operator on call would see, tick by tick.
//!
//! `story` is the operator and the cluster in miniature; the other modules are stories: of routine days, of latency, and of
//! everything that goes wrong.

#![expect(
    clippy::unwrap_used,
    reason = "the fixtures of a test may panic like the test itself"
)]

mod ceilings;
mod faults;
mod latency;
mod routine;
mod story;
