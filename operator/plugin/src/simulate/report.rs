//! What a simulation found, as a table and as a document.
//!
//! Pure. Figures are as the simulator gives them; only the text rounds.

use pathfinder_scaling::sim::plant;
use serde::Serialize;

use crate::{
    simulate::{
        contest::{Contest, Entry, Plan},
        source::Subject,
    },
    span,
    text::{notes, table::table},
};

/// The answer.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    /// What was played.
    pub(crate) load: LoadSummary,
    /// On what.
    pub(crate) setup: SetupSummary,
    /// What everybody did, in the order asked for.
    pub(crate) policies: Vec<PolicyOutcome>,
    /// What is compared by which rules.
    pub(crate) rules: String,
    /// What has to be known about the data.
    pub(crate) notes: Vec<String>,
    /// Where the page was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) page: Option<String>,
}

/// A load in figures.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LoadSummary {
    /// Its name.
    pub(crate) name: String,
    /// Its length.
    pub(crate) seconds: u32,
    /// Mean, in requests/s.
    pub(crate) mean_requests_per_second: f64,
    /// Highest, in requests/s.
    pub(crate) peak_requests_per_second: f64,
    /// What the recorded rates were multiplied by.
    pub(crate) scale: f64,
    /// The most replicas that a second needs.
    pub(crate) most_replicas_needed: u32,
}

/// What it was played on.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SetupSummary {
    /// Requests/s that one replica serves well.
    pub(crate) per_replica: f64,
    /// Bound of every policy.
    pub(crate) min_replicas: u32,
    /// Bound of every policy.
    pub(crate) max_replicas: u32,
    /// Seconds from an order to ready.
    pub(crate) pod_start_seconds: u32,
    /// Where these were written.
    pub(crate) spec: String,
}

/// What one policy did.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PolicyOutcome {
    /// Its name.
    pub(crate) policy: &'static str,
    /// Its setting in words.
    pub(crate) setting: String,
    /// Share of requests over the latency target, 0 to 1.
    pub(crate) violation_share: f64,
    /// Replica-hours ordered.
    pub(crate) replica_hours: f64,
    /// Changes of the ordered replicas per hour.
    pub(crate) changes_per_hour: f64,
    /// Changes of direction per hour.
    pub(crate) reversals_per_hour: f64,
    /// The longest time with fewer ready than needed, in seconds.
    pub(crate) seconds_to_safe: f64,
}

impl Report {
    /// Puts the figures together.
    pub(crate) fn of(subject: &Subject, plan: &Plan, contest: &Contest) -> Self {
        let most_replicas_needed = contest.most_needed();
        let mut notes = subject.history.notes.clone();
        if most_replicas_needed > plan.bounds.max {
            notes.push(format!(
                "the busiest second needs {most_replicas_needed} replicas and maxReplicas is {}: no policy can serve it; pass --spec FILE \
                 with another maxReplicas",
                plan.bounds.max
            ));
        }
        Self {
            load: LoadSummary {
                name: subject.history.trace.name().to_owned(),
                seconds: contest.seconds,
                mean_requests_per_second: contest.mean_rate,
                peak_requests_per_second: contest.peak_rate,
                scale: contest.scale,
                most_replicas_needed,
            },
            setup: SetupSummary {
                per_replica: plan.per_replica,
                min_replicas: plan.bounds.min,
                max_replicas: plan.bounds.max,
                pod_start_seconds: plan.pod_start_seconds,
                spec: subject.spec_of.clone(),
            },
            policies: contest.entries.iter().map(PolicyOutcome::of).collect(),
            rules: rules(plan),
            notes,
            page: None,
        }
    }
}

impl PolicyOutcome {
    fn of(entry: &Entry) -> Self {
        let outcome = entry.replay.outcome;
        Self {
            policy: entry.policy,
            setting: entry.setting.clone(),
            violation_share: outcome.violation_share,
            replica_hours: outcome.replica_hours,
            changes_per_hour: outcome.changes_per_hour,
            reversals_per_hour: outcome.reversals_per_hour,
            seconds_to_safe: outcome.seconds_to_safe,
        }
    }
}

fn rules(plan: &Plan) -> String {
    let saturation = plan.per_replica * plant::SATURATION / plant::PER_REPLICA;
    format!(
        "Everybody meets the same requests on the same simulated pods (docs/SCALING.md): a pod serves {} requests/s well and \
         saturates at {}; a violation is a response after more than {} ms; replica-hours count what is ordered. The peers are \
         their published algorithms with their own defaults, told the same perReplica. It is a model and not your API.",
        rate(plan.per_replica),
        rate(saturation),
        plant::TARGET_SECONDS * 1000.0
    )
}

/// The load and what it was played on, in words.
pub(crate) fn facts(report: &Report) -> [String; 2] {
    let (load, setup) = (&report.load, &report.setup);
    let scaled = if (load.scale - 1.0).abs() > 1e-9 {
        format!(" (recorded rates times {})", rate(load.scale))
    } else {
        String::new()
    };
    [
        format!(
            "{}: {}, mean {} and peak {} requests/s{scaled}; its busiest second needs at least {} replicas",
            load.name,
            span::seconds(load.seconds.into()),
            rate(load.mean_requests_per_second),
            rate(load.peak_requests_per_second),
            load.most_replicas_needed,
        ),
        format!(
            "{} to {} replicas, {} requests/s per replica, a pod is ready {} after its order (spec: {})",
            setup.min_replicas,
            setup.max_replicas,
            rate(setup.per_replica),
            span::seconds(setup.pod_start_seconds.into()),
            setup.spec,
        ),
    ]
}

/// The table, after what was played and before by which rules.
pub(crate) fn render(report: &Report) -> String {
    let titles = [
        "POLICY",
        "SETTING",
        "VIOLATIONS",
        "REPLICA-HOURS",
        "CHANGES/H",
        "LONGEST UNSAFE",
    ];
    let rows: Vec<_> = report.policies.iter().map(cells).collect();
    let [load, setup] = facts(report);
    let page = report.page.iter().map(|file| format!("\nPage: {file}\n"));
    format!("{load}\n{setup}\n\n")
        + &table("", titles, &rows)
        + &format!("\n{}\n", report.rules)
        + &notes(&report.notes)
        + &page.collect::<String>()
}

/// One policy's figures as text.
pub(crate) fn cells(policy: &PolicyOutcome) -> [String; 6] {
    [
        policy.policy.to_owned(),
        policy.setting.clone(),
        percent(policy.violation_share),
        format!("{:.1}", policy.replica_hours),
        format!("{:.1}", policy.changes_per_hour),
        span::seconds(whole(policy.seconds_to_safe)),
    ]
}

/// A share as percent, with more digits the smaller it is; what is not zero never reads as zero.
pub(crate) fn percent(share: f64) -> String {
    match 100.0 * share {
        percent if percent <= 0.0 => "0 %".to_owned(),
        percent if percent < 0.001 => "<0.001 %".to_owned(),
        percent if percent < 1.0 => format!("{percent:.3} %"),
        percent if percent < 10.0 => format!("{percent:.2} %"),
        percent => format!("{percent:.1} %"),
    }
}

/// A figure with about three digits.
pub(crate) fn rate(value: f64) -> String {
    let text = match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.1 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    };
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[expect(clippy::cast_possible_truncation, reason = "`as` saturates")]
fn whole(seconds: f64) -> i64 {
    seconds as i64
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0.0, "0 %")]
    #[case(0.000_000_1, "<0.001 %")]
    #[case(0.001_234, "0.123 %")]
    #[case(0.056_78, "5.68 %")]
    #[case(0.5, "50.0 %")]
    fn a_small_share_is_not_rounded_to_none(#[case] share: f64, #[case] expected: &str) {
        assert_eq!(percent(share), expected);
    }

    #[rstest]
    #[case(0.0, "0")]
    #[case(0.0123, "0.0123")]
    #[case(0.5, "0.5")]
    #[case(12.34, "12.3")]
    #[case(100.0, "100")]
    #[case(1234.5, "1234")]
    fn a_rate_has_about_three_digits(#[case] value: f64, #[case] expected: &str) {
        assert_eq!(rate(value), expected);
    }
}
