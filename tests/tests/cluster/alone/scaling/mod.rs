//! Scaling while something that all share is broken: one test at a time.

mod burst;
mod endpoints;
mod latency;
mod outage;
mod replay;
