//! What limited a decision, in words.
//!
//! Pure. The engine's own words carry absolute times; a person also wants to know how long that is from now.

use jiff::Timestamp;
use pathfinder_scaling::Limit;

use crate::span;

/// `limit` in words, at `now`.
pub(crate) fn words(limit: Limit, now: Timestamp) -> String {
    match limit.until() {
        Some(until) => format!("{limit} (in {})", span::between(now, until)),
        None => limit.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use pathfinder_scaling::Replicas;
    use serde_json::json;

    use super::*;

    const NOON: &str = "2026-01-01T12:00:00Z";

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_limit_with_an_end_says_how_far_that_is_from_now() {
        let limit = Limit::ScaleDownCooldown {
            until: at("2026-01-01T12:04:12Z"),
        };
        assert_eq!(words(limit, at(NOON)), format!("{limit} (in 4m12s)"));
    }

    #[test]
    fn an_end_that_has_passed_is_now() {
        let limit = Limit::WindowNotFull {
            until: at("2026-01-01T11:00:00Z"),
        };
        assert_eq!(words(limit, at(NOON)), format!("{limit} (in 0s)"));
    }

    #[test]
    fn every_limit_is_a_sentence_and_not_the_name_of_a_variant() {
        let until = json!("2026-01-01T12:04:12Z");
        let kinds = [
            "MinReplicas",
            "MaxReplicas",
            "ScaleDownCooldown",
            "ScaleUpCooldown",
            "RecentDemand",
            "WindowNotFull",
            "Freshness",
            "SignalRequired",
            "Rollout",
            "StepUp",
            "StepDown",
            "Hysteresis",
            "WouldBreach",
            "ChangeBudget",
            "DatabaseConnections",
            "Quota",
            "CrashLooping",
            "LatencyWait",
            "Paused",
            "Mode",
        ];
        for kind in kinds {
            let limit: Limit = serde_json::from_value(json!({
                "kind": kind, "until": until, "replicas": 6, "signal": "latency", "direction": "Up", "mode": "Paused",
            }))
            .unwrap();
            let words = words(limit, at(NOON));
            assert!(!words.contains(kind) || kind == "Mode", "{words}");
            assert!(words.contains(' '), "{kind}: {words}");
            assert_eq!(limit.until().is_some(), words.ends_with("(in 4m12s)"), "{words}");
        }
    }

    #[test]
    fn a_bound_has_no_end() {
        let limit = Limit::MaxReplicas {
            replicas: Replicas::new(10),
        };
        assert_eq!(words(limit, at(NOON)), limit.to_string());
    }
}
