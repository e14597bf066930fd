//! What autoscalers can know of a simulation: Prometheus's rates, the metrics server's usage, Knative's averages.
//!
//! Requests are counted when they arrive (at the balancer or as in-flight requests), not when they are answered: an
//! overloaded API would otherwise hide its own load. Nobody sees what has not been scraped yet.

use crate::sim::{load::Load, plant::SATURATION, run::World};

/// Seconds between two scrapes of Prometheus: the same for everybody who asks it.
pub const SCRAPE_SECONDS: i64 = 5;

/// When scrapes happen within their interval; ticks of autoscalers happen at its beginning, so samples are 2 s old.
const SCRAPE_PHASE: i64 = 3;

/// `sum(rate(...[window]))` at the beginning of second `now`, in requests/s: the slope between the first and the last
/// scrape within the window.
pub fn rate(load: &Load, now: u32, window_seconds: i64) -> f64 {
    let now = i64::from(now);
    let (last, first) = (
        scrape_before(now),
        scrape_before(now - window_seconds - 1) + SCRAPE_SECONDS,
    );
    load.mean(first.min(last - SCRAPE_SECONDS), last)
}

/// The age of the last scrape at `now` in seconds.
pub fn age(now: u32) -> u32 {
    u32::try_from(i64::from(now) - scrape_before(i64::from(now))).unwrap_or_default()
}

fn scrape_before(time: i64) -> i64 {
    (time - SCRAPE_PHASE).div_euclid(SCRAPE_SECONDS) * SCRAPE_SECONDS + SCRAPE_PHASE
}

/// Mean rate of the last whole seconds, as Knative's one-second scrapes give it.
pub fn mean(load: &Load, now: u32, window_seconds: u32) -> f64 {
    load.mean(i64::from(now) - i64::from(window_seconds), i64::from(now))
}

/// CPU used by all pods over the metrics server's last 15 s, in pods that are saturated (one such pod uses its request).
pub fn cpu(world: &World<'_>, now: u32) -> Option<f64> {
    let end = now / 15 * 15;
    let start = end.checked_sub(15)?;
    Some((world.past.served_before(end) - world.past.served_before(start)) / 15.0 / SATURATION)
}
