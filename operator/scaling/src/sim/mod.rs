//! The closed-loop simulator: the same `decide` as in the cluster, and the peers, over a trace.
//!
//! Feature `sim`. Everything is deterministic: the same trace, seed and settings give the same figures. The rules (plant,
//! arrivals, scores, ties, interpolation) are in `docs/SCALING.md`.

pub mod bench;
pub mod clairvoyant;
pub mod contenders;
pub mod faults;
pub mod goals;
pub mod load;
pub mod ours;
pub mod peers;
pub mod plant;
pub mod reaction;
pub mod replay;
pub mod run;
pub mod score;
pub mod sensors;
pub mod synthetic;
pub mod trace;
