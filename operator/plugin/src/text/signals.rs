//! The signals of a decision as a table, in words and with units.
//!
//! Pure. Names and verdicts are those of the spec and the status in documents, and words here; a signal of a newer operator,
//! which this version does not know, keeps its name and has no unit.

use crate::{
    model::{
        decision::Signal,
        reason::{milliseconds, short},
    },
    span,
    text::{NONE, figure, table::table},
};

/// One row per signal, each line after `indent`.
pub(crate) fn render(indent: &str, signals: &[Signal]) -> String {
    let rows: Vec<_> = signals.iter().map(cells).collect();
    table(indent, ["SIGNAL", "VALUE", "AGE", "VERDICT", "ASKS FOR"], &rows)
}

fn cells(signal: &Signal) -> [String; 5] {
    [
        label(signal),
        signal.value.map_or_else(|| NONE.to_owned(), |raw| value(signal, raw)),
        signal
            .age_seconds
            .and_then(span::sample)
            .unwrap_or_else(|| NONE.to_owned()),
        verdict(signal),
        figure(signal.asked),
    ]
}

fn label(signal: &Signal) -> String {
    let label = match signal.name.as_str() {
        "requestsPerSecond" => "requests per second",
        other => other,
    };
    match &signal.schedule {
        Some(schedule) => format!("{label} {schedule}"),
        None => label.to_owned(),
    }
}

/// A value with its unit.
pub(crate) fn value(signal: &Signal, raw: f64) -> String {
    match signal.name.as_str() {
        "requestsPerSecond" | "forecast" | "schedule" | "fallback" => format!("{} requests/s", short(raw)),
        "latency" => milliseconds(raw),
        _ => short(raw),
    }
}

fn verdict(signal: &Signal) -> String {
    let measured = signal.value.is_some() || signal.age_seconds.is_some();
    let verdict = match signal.verdict {
        // What follows from the spec and the time alone is not measured, so it has no age to be fresh by.
        "Fresh" if !measured => "in force",
        "Fresh" => "fresh",
        "Stale" => "too old",
        "Missing" => "missing",
        _ => "invalid",
    };
    match &signal.because {
        Some(because) => format!("{verdict}: {because}"),
        None => verdict.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signal(name: &str) -> Signal {
        Signal {
            name: name.to_owned(),
            schedule: None,
            value: None,
            age_seconds: None,
            verdict: "Fresh",
            because: None,
            asked: Some(8),
        }
    }

    #[test]
    fn every_signal_has_words_and_its_unit() {
        let measured = |name, value| Signal {
            value: Some(value),
            age_seconds: Some(3.2),
            ..signal(name)
        };
        let office = Signal {
            schedule: Some("office-hours".into()),
            ..signal("schedule")
        };
        let rows = [
            measured("requestsPerSecond", 590.0),
            measured("latency", 0.61),
            office,
            signal("forecast"),
            signal("fallback"),
        ];
        let expected = "\
SIGNAL                 VALUE           AGE   VERDICT   ASKS FOR
requests per second    590 requests/s  3.2s  fresh     8
latency                610 ms          3.2s  fresh     8
schedule office-hours  -               -     in force  8
forecast               -               -     in force  8
fallback               -               -     in force  8
";
        assert_eq!(render("", &rows), expected);
    }

    #[test]
    fn a_signal_of_tomorrow_is_shown_as_it_is() {
        let row = Signal {
            value: Some(0.5),
            ..signal("queueLength")
        };
        assert!(render("", &[row]).contains("queueLength  0.5 "));
    }
}
