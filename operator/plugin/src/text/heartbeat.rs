//! One row per look of `explain --watch`: the time, what is measured, what runs, and why.
//!
//! Pure. Rows come one by one, so the columns have fixed widths, wide enough for the usual; times are UTC as everywhere.

use jiff::Timestamp;

use crate::{
    model::{
        decision::Decision,
        explanation::{Explanation, Source},
        reason::{milliseconds, short},
    },
    span,
    text::{NONE, figure},
};

/// The titles of the rows.
pub(crate) fn titles() -> String {
    line(["TIME (UTC)", "REQUESTS/S", "LATENCY", "WANTED/READY", "WHY"].map(str::to_owned))
}

/// The row at `now`.
pub(crate) fn row(explanation: &Explanation, now: Timestamp) -> String {
    let decision = explanation.decision.as_ref();
    line([
        now.strftime("%H:%M:%S").to_string(),
        cell(decision, "requestsPerSecond", short),
        cell(decision, "latency", milliseconds),
        format!("{}/{}", wanted(explanation), figure(explanation.replicas_ready)),
        why(explanation, now),
    ])
}

fn wanted(explanation: &Explanation) -> String {
    let decided = explanation.decision.as_ref().map(|decision| decision.replicas);
    figure(
        explanation
            .replicas
            .as_ref()
            .map_or(decided, |replicas| Some(replicas.wanted())),
    )
}

fn cell(decision: Option<&Decision>, name: &str, words: fn(f64) -> String) -> String {
    let signal = decision.and_then(|decision| decision.signals.iter().find(|signal| signal.name == name));
    let Some(signal) = signal else { return NONE.to_owned() };
    match (signal.value, signal.age_seconds.and_then(span::sample)) {
        (Some(value), _) => words(value),
        (None, Some(age)) => format!("{age} old"),
        (None, None) => NONE.to_owned(),
    }
}

fn why(explanation: &Explanation, now: Timestamp) -> String {
    let sentence = &explanation.sentence;
    match (&explanation.source, &explanation.decision) {
        (Source::LastChange { .. }, Some(decision)) => {
            format!("(not live, of {} ago) {sentence}", span::between(decision.time, now))
        }
        (Source::LastChange { .. } | Source::Live { .. } | Source::Nothing { .. }, _) => sentence.clone(),
    }
}

fn line([time, load, latency, replicas, why]: [String; 5]) -> String {
    format!("{time:<10}  {load:<10}  {latency:<9}  {replicas:<12}  {why}\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixtures;

    #[test]
    fn a_row_stands_under_its_titles_with_what_is_wanted_and_ready() {
        let hpa = fixtures::hpa("shop", 6, [6, 8], None);
        let explanation = Explanation::new(
            &fixtures::scaled("shop"),
            Ok(fixtures::live()),
            Ok(Some(hpa)),
            fixtures::now(),
        );
        let expected = "\
TIME (UTC)  REQUESTS/S  LATENCY    WANTED/READY  WHY
12:00:00    590         -          8/6           6 replicas: 590 requests/s need 6 at 100 per replica
";
        assert_eq!(titles() + &row(&explanation, fixtures::now()), expected);
    }

    #[test]
    fn what_is_not_live_says_how_old_it_is() {
        let explanation = Explanation::new(
            &fixtures::scaled("shop"),
            Err("no leader".into()),
            Ok(None),
            fixtures::now(),
        );
        let text = row(&explanation, fixtures::now());
        assert!(
            text.ends_with("(not live, of 4m12s ago) 590 requests/s need 6 at 100 per replica\n"),
            "{text}"
        );
    }

    #[test]
    fn a_sample_that_is_too_old_shows_its_age_in_place_of_a_value() {
        let stale = json!({"name": "latency", "verdict": "Stale", "ageSeconds": 75.0});
        let live = fixtures::live_with(&json!([]), &stale);
        let explanation = Explanation::new(&fixtures::scaled("shop"), Ok(live), Ok(None), fixtures::now());
        let text = row(&explanation, fixtures::now());
        assert!(text.starts_with("12:00:00    -           1m15s old  6/6"), "{text}");
    }
}
