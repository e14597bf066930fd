//! `simulate` as a person runs it: files, a loopback Prometheus, and the page in a real browser.
//!
//! Proves what only the whole program shows: requests, refusals, exit codes, and that a browser draws the plots. What the
//! figures mean is tested in the simulator.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests stop at the first surprise")]

#[cfg(test)]
mod page;
#[cfg(test)]
mod past;
#[cfg(test)]
mod support;
#[cfg(test)]
mod trace;
