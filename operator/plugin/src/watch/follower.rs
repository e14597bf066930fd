//! What to print of each look of `explain --watch`: everything when the decision changed, a row otherwise.
//!
//! Pure. A decision changed when its result, its mode, what limits it, a verdict or its source did; ends of limits, ages and
//! values move at every look and are the rows' business.

use std::time::Duration;

use jiff::Timestamp;
use pathfinder_crds::ScalingMode;
use pathfinder_scaling::Limit;

use crate::{
    answer::{one_line, print},
    args::Format,
    failure::Failure,
    model::explanation::{Explanation, Source},
    text::{explanation, heartbeat},
};

/// What to print after a look.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// For stdout.
    pub(crate) answer: String,
    /// For stderr.
    pub(crate) trouble: String,
}

/// Remembers what was said.
pub(crate) struct Follower {
    format: Format,
    interval: Duration,
    last: Option<Key>,
    connection: Connection,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Connection {
    Held,
    Lost,
}

/// What must change for a new document.
#[derive(PartialEq)]
struct Key {
    mode: ScalingMode,
    source: &'static str,
    replicas: Option<i64>,
    limits: Vec<String>,
    verdicts: Vec<(String, &'static str, Option<String>)>,
    suspect: Option<&'static str>,
}

impl Key {
    fn of(explanation: &Explanation) -> Self {
        let decision = explanation.decision.as_ref();
        let record = explanation.record.as_ref();
        let limits = match (record, decision) {
            (Some(record), _) => record
                .limits
                .iter()
                .copied()
                .map(Limit::name)
                .map(str::to_owned)
                .collect(),
            (None, Some(decision)) => decision.limits.clone(),
            (None, None) => vec![],
        };
        let signals = decision.map_or(&[][..], |decision| &decision.signals);
        Self {
            mode: explanation.mode,
            source: match explanation.source {
                Source::Live { .. } => "live",
                Source::LastChange { .. } => "last change",
                Source::Nothing { .. } => "nothing",
            },
            replicas: decision.map(|decision| decision.replicas),
            limits,
            verdicts: signals
                .iter()
                .map(|signal| (signal.name.clone(), signal.verdict, signal.because.clone()))
                .collect(),
            suspect: record
                .and_then(|record| record.latency_not_scalable)
                .map(|found| found.suspect.name()),
        }
    }
}

impl Follower {
    /// Has heard nothing yet. `interval` is the time between two looks.
    pub(crate) fn new(format: Format, interval: Duration) -> Self {
        Self {
            format,
            interval,
            last: None,
            connection: Connection::Held,
        }
    }

    /// What to print of a look at `now`. An error that does not pass, or that is the first answer, is the end.
    pub(crate) fn hear(&mut self, seen: Result<Explanation, Failure>, now: Timestamp) -> Result<Said, Failure> {
        match seen {
            Ok(explanation) => self.seen(&explanation, now),
            Err(failure) if failure.passes() && self.last.is_some() => Ok(self.lost(&failure)),
            Err(failure) => Err(failure),
        }
    }

    fn lost(&mut self, failure: &Failure) -> Said {
        let before = std::mem::replace(&mut self.connection, Connection::Lost);
        let trouble = match before {
            Connection::Held => format!("connection lost: {failure} (looking again every {:?})\n", self.interval),
            Connection::Lost => String::new(),
        };
        Said {
            trouble,
            ..Said::default()
        }
    }

    fn seen(&mut self, explanation: &Explanation, now: Timestamp) -> Result<Said, Failure> {
        let trouble = match std::mem::replace(&mut self.connection, Connection::Held) {
            Connection::Held => String::new(),
            Connection::Lost => "connected again\n".to_owned(),
        };
        let key = Key::of(explanation);
        let first = self.last.is_none();
        let changed = self.last.as_ref() != Some(&key);
        self.last = Some(key);
        let answer = match self.format {
            Format::Table if changed => block(explanation, now, first),
            Format::Table => heartbeat::row(explanation, now),
            Format::Json if changed => one_line(explanation)?,
            Format::Yaml if changed => "---\n".to_owned() + &print(Format::Yaml, explanation, |_| String::new())?,
            Format::Json | Format::Yaml => String::new(),
        };
        Ok(Said { answer, trouble })
    }
}

/// Rows follow, so their titles end it.
fn block(explanation: &Explanation, now: Timestamp, first: bool) -> String {
    let before = if first { "" } else { "\n" };
    let text = explanation::render(explanation, now);
    format!(
        "{before}{text}\n{}{}",
        heartbeat::titles(),
        heartbeat::row(explanation, now)
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::fixtures;

    fn now() -> Timestamp {
        fixtures::now()
    }

    fn follower(format: Format) -> Follower {
        Follower::new(format, Duration::from_secs(2))
    }

    fn seen(limits: &Value, signal: &Value) -> Explanation {
        let live = fixtures::live_with(limits, signal);
        Explanation::new(&fixtures::scaled("shop"), Ok(live), Ok(None), now())
    }

    fn load(value: f64) -> Value {
        json!({"name": "requestsPerSecond", "verdict": "Fresh", "value": value, "ageSeconds": 3.2, "asked": 6})
    }

    fn gone() -> Failure {
        Failure::Unreachable {
            server: "https://x".into(),
            cause: "refused".into(),
        }
    }

    fn answers(format: Format, looks: Vec<Explanation>) -> Vec<String> {
        let mut follower = follower(format);
        looks
            .into_iter()
            .map(|look| follower.hear(Ok(look), now()).unwrap().answer)
            .collect()
    }

    #[test]
    fn another_value_is_a_row_and_another_limit_is_a_block() {
        let cooldown = |until: &str| json!([{"kind": "ScaleDownCooldown", "until": until}]);
        let said = answers(
            Format::Table,
            vec![
                seen(&json!([]), &load(590.0)),
                seen(&json!([]), &load(580.0)),
                seen(&cooldown("2026-01-01T12:04:12Z"), &load(580.0)),
                seen(&cooldown("2026-01-01T12:04:14Z"), &load(580.0)),
            ],
        );
        assert!(said[0].starts_with("shop: "), "{}", said[0]);
        assert!(
            said[1].starts_with("12:00:00    580 ") && said[1].lines().count() == 1,
            "{}",
            said[1]
        );
        assert!(said[2].starts_with("\nshop: "), "{}", said[2]);
        assert_eq!(
            said[3].lines().count(),
            1,
            "an end that moves is no change: {}",
            said[3]
        );
    }

    #[test]
    fn as_json_there_is_one_line_per_change_and_nothing_between() {
        let stale = json!({"name": "requestsPerSecond", "verdict": "Stale", "ageSeconds": 75.0});
        let looks = vec![
            seen(&json!([]), &load(590.0)),
            seen(&json!([]), &load(580.0)),
            seen(&json!([]), &stale),
        ];
        let said = answers(Format::Json, looks);
        let lines: Vec<usize> = said.iter().map(|text| text.lines().count()).collect();
        assert_eq!(lines, [1, 0, 1]);
        let document: Value = serde_json::from_str(&said[2]).unwrap();
        assert_eq!(document["decision"]["signals"][0]["verdict"], "Stale");
    }

    #[test]
    fn losing_the_live_record_is_a_change() {
        let fallback = Explanation::new(&fixtures::scaled("shop"), Err("no leader".into()), Ok(None), now());
        let said = answers(Format::Table, vec![seen(&json!([]), &load(590.0)), fallback]);
        assert!(said[1].contains("live record not available: no leader"), "{}", said[1]);
    }

    #[test]
    fn a_lost_connection_is_said_once_and_its_return_too() {
        let mut follower = follower(Format::Json);
        let mut heard = |look| follower.hear(look, now()).unwrap();
        heard(Ok(seen(&json!([]), &load(590.0))));
        let lost = heard(Err(gone()));
        assert!(
            lost.trouble.starts_with("connection lost: cannot reach the API server"),
            "{}",
            lost.trouble
        );
        assert_eq!(heard(Err(gone())), Said::default());
        let back = heard(Ok(seen(&json!([]), &load(590.0))));
        assert_eq!((back.trouble.as_str(), back.answer.as_str()), ("connected again\n", ""));
    }

    #[test]
    fn the_first_look_must_succeed_and_what_does_not_pass_is_the_end() {
        assert!(follower(Format::Table).hear(Err(gone()), now()).is_err());
        let mut follower = follower(Format::Table);
        follower.hear(Ok(seen(&json!([]), &load(590.0))), now()).unwrap();
        assert!(follower.hear(Err(Failure::Unauthorized), now()).is_err());
    }
}
