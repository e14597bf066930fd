//! What holds for every history, not only for the stories that somebody thought of.
//!
//! Histories are random: loads, latencies, silences, bad samples, rollouts, crashing pods, ceilings, clocks that jump either
//! way. Each property is one that a person relies on.

#![expect(
    clippy::unwrap_used,
    reason = "the fixtures of a test may panic like the test itself"
)]

mod decreases;
mod generators;
mod history;
mod memory;
mod results;
