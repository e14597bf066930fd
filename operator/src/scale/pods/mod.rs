//! Direct scrape: the metrics of the API's pods, read from the pods themselves.
//!
//! The source of `metrics.source: Pods`, and what is left while Prometheus is down. It gives the same samples as
//! Prometheus does, so that what stands behind them need not know the source. `line`, `exposition`, `counters` and
//! `target` are pure; `scrape` does the IO. It knows nothing of clusters, policies or decisions.

pub mod counters;
pub mod exposition;
mod line;
pub mod scrape;
pub mod target;

pub use counters::Pace;
pub use exposition::MetricNames;
pub use scrape::{Limits, Scraper};
pub use target::Target;
