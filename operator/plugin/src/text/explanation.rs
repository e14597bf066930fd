//! The text of `explain`: the sentence first, then where it comes from, the signals, the limits, the replicas.
//!
//! Pure. A fallback to the last change is told in the second line, with the reason and the age: it may be long ago.

use jiff::Timestamp;
use pathfinder_crds::ScalingMode;

use crate::{
    model::{
        decision::Decision,
        explanation::{Explanation, Source},
    },
    text::{age, figure, lines, notes, replicas, signals},
};

/// The text at `now`.
pub(crate) fn render(explanation: &Explanation, now: Timestamp) -> String {
    [
        format!("{}: {}\n", explanation.name, explanation.sentence),
        format!("({})\n\n", source(explanation, now)),
        format!("Scaling: {}\n", explanation.scaling),
        explanation
            .decision
            .as_ref()
            .map(|it| decision(it, explanation.mode))
            .unwrap_or_default(),
        format!("\nReplicas now: {} ready\n", figure(explanation.replicas_ready)),
        explanation.replicas.as_ref().map(replicas::render).unwrap_or_default(),
        notes(&explanation.notes),
    ]
    .concat()
}

fn decision(decision: &Decision, mode: ScalingMode) -> String {
    [
        format!("Result: {}\n", result(decision, mode)),
        told("Because", decision.because.as_ref()),
        told("Capacity", decision.capacity.as_ref()),
        told("Latency", decision.latency_not_scalable.as_ref()),
        "\n".to_owned(),
        signals::render("", &decision.signals),
        limits(&decision.limits),
    ]
    .concat()
}

fn told(title: &str, words: Option<&String>) -> String {
    words.map_or_else(String::new, |words| format!("{title}: {words}\n"))
}

fn source(explanation: &Explanation, now: Timestamp) -> String {
    let age = age(explanation.decision.as_ref().map(|decision| decision.time), now);
    match &explanation.source {
        Source::Live { leader } => format!("live record of {leader}, decided {age} ago"),
        Source::LastChange { because } => {
            format!("live record not available: {because}; showing the last change, {age} ago")
        }
        Source::Nothing { because } => format!("live record not available: {because}; no change is recorded either"),
    }
}

fn result(decision: &Decision, mode: ScalingMode) -> String {
    let Decision { replicas, previous, .. } = decision;
    let step = if replicas == previous {
        format!("{replicas} replicas, as before")
    } else {
        format!("{replicas} replicas, {previous} before")
    };
    match mode {
        ScalingMode::Auto => step,
        ScalingMode::Observe | ScalingMode::Paused => format!("{step}; not written, mode is {mode:?}"),
    }
}

fn limits(limits: &[String]) -> String {
    if limits.is_empty() {
        return "\nLimited by: nothing\n".to_owned();
    }
    format!(
        "\nLimited by:\n{}",
        lines(limits.iter().map(|limit| format!("  - {limit}")))
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        fixtures,
        model::explanation::{Explanation, Live},
    };

    fn live(live: Live) -> String {
        let hpa = fixtures::hpa("shop", 6, [6, 6], Some([20, 10]));
        let explanation = Explanation::new(&fixtures::scaled("shop"), Ok(live), Ok(Some(hpa)), fixtures::now());
        render(&explanation, fixtures::now())
    }

    #[test]
    fn a_fresh_record_answers_in_its_first_line_and_then_shows_why() {
        let expected = "\
shop: 6 replicas: 590 requests/s need 6 at 100 per replica
(live record of pathfinder-operator-1, decided 2s ago)

Scaling: mode Auto, 2 to 10 replicas, 100 requests/s per replica
Result: 6 replicas, as before
Because: the load needs it
Capacity: one replica serves 100 requests/s as far as is known; 590 requests/s now, ready for 590

SIGNAL               VALUE           AGE   VERDICT  ASKS FOR
requests per second  590 requests/s  3.2s  fresh    6

Limited by: nothing

Replicas now: 6 ready
  HPA shop-api: floor 6, maximum 10, current 6, desired 6
  the floor (6) asked for it; the HPA's own metrics ask for 2 (cpu, estimate)
    HPA METRIC  VALUE  TARGET  ASKS FOR (ESTIMATE)
    cpu         20%    70%     2
    memory      10%    80%     1
";
        assert_eq!(live(fixtures::live()), expected);
    }

    #[test]
    fn a_stale_signal_has_an_age_and_no_value() {
        let row = json!({"name": "requestsPerSecond", "verdict": "Stale", "ageSeconds": 75.0});
        let text = live(fixtures::live_with(&json!([{"kind": "Freshness"}]), &row));
        let expected = "\
SIGNAL               VALUE  AGE    VERDICT  ASKS FOR
requests per second  -      1m15s  too old  -

Limited by:
  - no usable data, and without it nothing is lowered
";
        assert!(text.contains(expected), "{text}");
    }

    #[test]
    fn missing_data_says_what_is_missing() {
        let row = json!({"name": "requestsPerSecond", "verdict": "Missing", "because": "NotScraped"});
        let text = live(fixtures::live_with(&json!([]), &row));
        assert!(
            text.contains("requests per second  -      -    missing: the pods are not scraped  -\n"),
            "{text}"
        );
    }

    #[test]
    fn a_limit_says_when_it_ends() {
        let limits = json!([
            {"kind": "MaxReplicas", "replicas": 10},
            {"kind": "ScaleDownCooldown", "until": "2026-01-01T12:04:12Z"},
        ]);
        let row =
            json!({"name": "requestsPerSecond", "verdict": "Fresh", "value": 0.125, "ageSeconds": 0.0, "asked": 1});
        let text = live(fixtures::live_with(&limits, &row));
        let expected = "\
Limited by:
  - maxReplicas is 10
  - scaleDown.cooldownSeconds since the last routine increase, until 2026-01-01 12:04:12 UTC (in 4m12s)
";
        assert!(text.contains(expected), "{text}");
    }

    #[test]
    fn a_schedule_and_a_slow_database_are_said_with_name_end_and_figures() {
        let mut record = serde_json::to_value(&fixtures::live().body.record).unwrap();
        record["signals"] = json!([
            {"name": "latency", "verdict": "Fresh", "value": 3.0, "ageSeconds": 3.2},
            {"name": "schedule", "verdict": "Fresh", "asked": 6},
        ]);
        record["reason"] =
            json!({"kind": "Schedule", "name": "office-hours", "replicas": 6, "until": "2026-01-01T18:00:00Z"});
        record["latencyNotScalable"] =
            json!({"latency": 3.0, "target": 0.5, "suspect": {"kind": "Postgres", "saturation": 0.97}});
        let mut given = fixtures::live();
        given.body.record = serde_json::from_value(record).unwrap();
        let expected = "\
Because: schedule office-hours asks for 6 until 2026-01-01 18:00:00 UTC (in 6h)
Latency: 3000 ms, and should be 500 ms at most; more replicas would not help: PostgreSQL is at 97 %

SIGNAL                 VALUE    AGE   VERDICT   ASKS FOR
latency                3000 ms  3.2s  fresh     -
schedule office-hours  -        -     in force  6
";
        let text = live(given);
        assert!(text.contains(expected), "{text}");
    }

    #[test]
    fn the_fallback_says_why_and_how_old_it_is() {
        let live = Err("forbidden: pods is forbidden".to_owned());
        let explanation = Explanation::new(&fixtures::scaled("shop"), live, Ok(None), fixtures::now());
        let expected = "\
shop: 590 requests/s need 6 at 100 per replica
(live record not available: forbidden: pods is forbidden; showing the last change, 4m12s ago)

Scaling: mode Auto, 2 to 10 replicas, 100 requests/s per replica
Result: 6 replicas, 2 before

SIGNAL               VALUE           AGE   VERDICT  ASKS FOR
requests per second  590 requests/s  3.2s  fresh    6

Limited by: nothing

Replicas now: 6 ready
";
        assert_eq!(render(&explanation, fixtures::now()), expected);
    }

    #[test]
    fn before_the_first_decision_there_is_still_an_answer() {
        let live = Err("the operator has no leader at the moment".to_owned());
        let explanation = Explanation::new(&fixtures::cluster("shop"), live, Ok(None), fixtures::now());
        let expected = "\
shop: nothing is decided yet for shop
(live record not available: the operator has no leader at the moment; no change is recorded either)

Scaling: mode Auto, 2 to 10 replicas, 100 requests/s per replica

Replicas now: - ready

Note: the operator has not reported yet: is it running?
";
        assert_eq!(render(&explanation, fixtures::now()), expected);
    }

    #[test]
    fn a_result_that_is_not_written_says_so() {
        let mut cluster = fixtures::scaled("shop");
        cluster.spec.scaling.mode = ScalingMode::Observe;
        let explanation = Explanation::new(&cluster, Ok(fixtures::live()), Ok(None), fixtures::now());
        let text = render(&explanation, fixtures::now());
        assert!(
            text.contains("Result: 6 replicas, as before; not written, mode is Observe\n"),
            "{text}"
        );
    }

    #[test]
    fn as_a_document_it_carries_the_record_as_it_came() {
        let explanation = Explanation::new(
            &fixtures::scaled("shop"),
            Ok(fixtures::live()),
            Ok(None),
            fixtures::now(),
        );
        let document = serde_json::to_value(&explanation).unwrap();
        assert_eq!(
            document["source"],
            json!({"kind": "Live", "leader": "pathfinder-operator-1"})
        );
        assert_eq!(document["record"]["reason"]["kind"], "Demand");
        assert_eq!(document["decision"]["signals"][0]["asked"], 6);
        assert_eq!(document["replicas"], json!(null));
    }
}
