//! The closed loop beside the engine: what other autoscalers would have done with the same load.
//!
//! Only behind the feature `sim`. Nothing here decides for a cluster, and the engine must not know that it exists.

pub mod peers;
