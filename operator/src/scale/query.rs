//! The one question that an endpoint is asked per tick, for all clusters together.
//!
//! Pure. Three parts in one expression, told apart by the label `signal`: the request rate of each pod, whether its target
//! is up, and when it was last sampled. `rate()` hides the age of samples, so the age is asked beside it.

use std::time::Duration;

/// The label that tells the parts apart.
pub const SIGNAL_LABEL: &str = "signal";
/// Part: requests per second by pod.
pub const RATE: &str = "rate";
/// Part: 1 while the pod's target answers scrapes, 0 while it does not.
pub const UP: &str = "up";
/// Part: Unix time of the newest sample, by pod.
pub const SAMPLED: &str = "sampled";

/// Names of the API's pods: `NAME-api-...`. Keeps other targets out of the answer.
const PODS: &str = r#"pod=~".+-api-.+""#;

/// The grouped expression for an endpoint that is scraped every `scrape_interval`.
///
/// `irate` takes the last two samples: after a step it tells the whole truth one scrape earlier than any window, and
/// its window only bounds how old they may be (four scrapes).
pub fn grouped(scrape_interval: Duration) -> String {
    let window = scrape_interval.as_secs().max(1) * 4;
    [
        part(
            RATE,
            &format!("sum by (namespace, pod) (irate(http_requests_total{{{PODS}}}[{window}s]))"),
        ),
        part(UP, &format!("max by (namespace, pod) (up{{{PODS}}})")),
        part(
            SAMPLED,
            &format!("max by (namespace, pod) (timestamp(http_requests_total{{{PODS}}}))"),
        ),
    ]
    .join(" or ")
}

fn part(name: &str, expression: &str) -> String {
    format!(r#"label_replace({expression}, "{SIGNAL_LABEL}", "{name}", "", "")"#)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_holds_at_least_two_samples_whatever_the_interval() {
        for seconds in [1, 5, 15, 30, 60] {
            let text = grouped(Duration::from_secs(seconds));
            assert!(text.contains(&format!("[{}s]", seconds * 4)), "{text}");
        }
    }

    #[test]
    fn one_expression_asks_for_all_three_parts() {
        let text = grouped(Duration::from_secs(5));
        for name in [RATE, UP, SAMPLED] {
            assert!(text.contains(&format!(r#""{name}""#)), "{name} is missing in {text}");
        }
    }
}
