//! The engine in the closed loop: pods that start, queue and fail, sensors that lie, and the HPA above the floor.
//!
//! `faults` is what must not happen when something goes wrong, `golden` is the course of a few runs, kept to be read. What
//! the engine alone does is in `scenarios`.

#![expect(
    clippy::unwrap_used,
    reason = "the fixtures of a test may panic like the test itself"
)]

mod course;
mod faults;
mod golden;
