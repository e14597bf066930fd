//! Rows of the bench: what was measured, what was wanted, and whether the one meets the other.

use anyhow::Context;
use pathfinder_bench::report::{Mixed, Spectators};
use serde::Serialize;

use super::{
    load::{Compared, Subject},
    metrics,
};
use crate::bench::tables::Table;

const MEBIBYTE: f64 = 1024.0 * 1024.0;

/// One figure of ours, and the peer's where there is one.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Row {
    what: String,
    unit: &'static str,
    ours: f64,
    peer: Option<f64>,
    ratio: Option<f64>,
    goal: String,
    verdict: &'static str,
}

// What is wanted of a row.
#[derive(Clone, Copy, Debug)]
enum Goal {
    None,
    Ratio(f64),
    // Wanted, and what is required at least.
    AtMost(f64, f64),
    AtLeast(f64, f64),
}

impl Goal {
    fn words(self) -> String {
        let required = |wanted: f64, required: f64, word: &str| {
            if (wanted - required).abs() < f64::EPSILON {
                format!("{word} {wanted}")
            } else {
                format!("{word} {wanted} (required: {required})")
            }
        };
        match self {
            Self::None => String::new(),
            Self::Ratio(ratio) => format!("at least {ratio}x"),
            Self::AtMost(wanted, bound) => required(wanted, bound, "at most"),
            Self::AtLeast(wanted, bound) => required(wanted, bound, "at least"),
        }
    }

    fn verdict(self, ours: f64, ratio: Option<f64>) -> &'static str {
        let of = |wanted: bool, required: bool| match (wanted, required) {
            (true, _) => "met",
            (false, true) => "required met",
            (false, false) => "missed",
        };
        match self {
            Self::None => "",
            Self::Ratio(least) => {
                let met = ratio.is_some_and(|ratio| ratio >= least);
                of(met, met)
            }
            Self::AtMost(wanted, required) => of(ours <= wanted, ours <= required),
            Self::AtLeast(wanted, required) => of(ours >= wanted, ours >= required),
        }
    }
}

fn row(what: impl Into<String>, unit: &'static str, (ours, peer): (f64, Option<f64>), goal: Goal) -> Row {
    let ratio = peer.filter(|peer| *peer > 0.0).map(|peer| ours / peer);
    Row {
        what: what.into(),
        unit,
        ours,
        peer,
        ratio,
        goal: goal.words(),
        verdict: goal.verdict(ours, ratio),
    }
}

/// Requests per second, and per second of the server's core.
pub(super) fn of_subject(subject: Subject, found: &Compared) -> Vec<Row> {
    let goal = match subject {
        Subject::CachedRead => 8.0,
        Subject::UncachedRead => 5.0,
        Subject::Login => 1.0,
        Subject::Registration => 3.0,
    };
    let (name, ours, peer) = (subject.name(), found.ours, found.peer);
    let per_core = format!("{name}, per second of the server's core");
    let mut rows = vec![
        row(name, "requests/s", (ours.rate, Some(peer.rate)), Goal::Ratio(goal)),
        row(
            per_core,
            "requests/s",
            (ours.rate_per_core, Some(peer.rate_per_core)),
            Goal::None,
        ),
    ];
    if let Some(bare) = found.bare {
        let what = format!("{name}, against a bare axum handler");
        rows.push(row(what, "requests/s", (ours.rate, Some(bare.rate)), Goal::Ratio(0.6)));
    }
    rows
}

/// The mixed load.
pub(super) fn of_mixed((ours, memory): &(Mixed, u64), (peer, peer_memory): &(Mixed, u64)) -> anyhow::Result<Vec<Row>> {
    let errors = |mixed: &Mixed| count(mixed.errors.values().sum());
    let hits = metrics::hit_rate_percent(&ours.before, &ours.after).context("no cache metrics")?;
    let database = metrics::database_p95_ms(&ours.before, &ours.after).context("no database metrics")?;
    for (error, times) in &ours.errors {
        eprintln!("  mixed load: {times} times {error}");
    }
    let name = |what: &str| format!("mixed load, {:.0} requests/s: {what}", ours.rate);
    let mut rows = vec![
        row(
            name("p95"),
            "ms",
            (ours.all.p95_ms, Some(peer.all.p95_ms)),
            Goal::AtMost(50.0, 200.0),
        ),
        row(name("p99"), "ms", (ours.all.p99_ms, Some(peer.all.p99_ms)), Goal::None),
        row(
            name("errors"),
            "",
            (errors(ours), Some(errors(peer))),
            Goal::AtMost(0.0, 0.0),
        ),
        row(name("cache hit rate"), "%", (hits, None), Goal::AtLeast(90.0, 70.0)),
        row(
            name("database time p95"),
            "ms",
            (database, None),
            Goal::AtMost(10.0, 50.0),
        ),
    ];
    let what = format!("memory with {} connections", ours.connections);
    rows.push(row(
        what,
        "MiB",
        (mebibytes(*memory), Some(mebibytes(*peer_memory))),
        Goal::AtMost(64.0, 64.0),
    ));
    Ok(rows)
}

/// The spectators.
pub(super) fn of_spectators((found, memory): &(Spectators, u64)) -> Vec<Row> {
    let due = count(found.scores) * count(found.open as u64);
    let name = |what: &str| format!("{} WebSockets: {what}", found.open);
    vec![
        row(
            name("memory"),
            "MiB",
            (mebibytes(*memory), None),
            Goal::AtMost(200.0, 200.0),
        ),
        row(
            name("scores heard"),
            "%",
            (100.0 * count(found.heard) / due.max(1.0), None),
            Goal::None,
        ),
        row(
            name("a score heard, p95"),
            "ms",
            (found.latency.p95_ms, None),
            Goal::None,
        ),
    ]
}

#[allow(
    clippy::cast_precision_loss,
    reason = "counts of requests and bytes are far below 2^52"
)]
fn count(count: u64) -> f64 {
    count as f64
}

fn mebibytes(bytes: u64) -> f64 {
    count(bytes) / MEBIBYTE
}

/// As a table.
pub(super) fn table(rows: &[Row]) -> Table {
    let cells = rows.iter().map(|row| {
        vec![
            row.what.clone(),
            row.unit.to_owned(),
            figure(row.ours),
            row.peer.map(figure).unwrap_or_default(),
            row.ratio.map(|ratio| format!("{ratio:.2}x")).unwrap_or_default(),
            row.goal.clone(),
            row.verdict.to_owned(),
        ]
    });
    let header = vec!["what", "unit", "ours", "peer", "ratio", "goal", "verdict"];
    Table::new(header, cells.collect(), 2)
}

// Three digits or so: more would be noise.
fn figure(value: f64) -> String {
    if value >= 100.0 || value == 0.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.1}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_met_by_a_ratio_or_a_figure_and_says_what_is_required() {
        let fast = row("read", "requests/s", (900.0, Some(100.0)), Goal::Ratio(8.0));
        assert_eq!(
            (fast.ratio, fast.verdict, &*fast.goal),
            (Some(9.0), "met", "at least 8x")
        );
        let slow = row("p95", "ms", (120.0, None), Goal::AtMost(50.0, 200.0));
        assert_eq!(
            (slow.verdict, &*slow.goal),
            ("required met", "at most 50 (required: 200)")
        );
        assert_eq!(row("errors", "", (1.0, None), Goal::AtMost(0.0, 0.0)).verdict, "missed");
    }
}
