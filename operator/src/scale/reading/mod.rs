//! From what a source said of each pod to the signals of a cluster.
//!
//! Pure. One file per signal; each joins the samples to the cluster's pods by itself, because what a silent pod means is
//! another thing for a load, for a latency and for a store.

mod requests;

pub use requests::requests_per_second;
