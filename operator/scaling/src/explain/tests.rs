//! The sentences of decisions.

use rstest::rstest;

use super::*;
use crate::record::{Limits, Need, SignalRow, SignalRows, Suspect};
use crate::signal::{InvalidReason, MissingReason};
use crate::units::{Ratio, RequestsPerSecond};

const SUM: &str = "120 requests/s need 2 at 100 per replica";

fn noon() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

fn in_seconds(seconds: u64) -> Timestamp {
    span::after(noon(), Duration::from_secs(seconds))
}

fn count(replicas: u32) -> Replicas {
    Replicas::new(replicas)
}

fn seconds(raw: f64) -> Seconds {
    Seconds::new(raw).unwrap()
}

/// Two replicas for a load without a margin.
fn need() -> Need {
    let load = RequestsPerSecond::new(120.0).unwrap();
    Need {
        requests_per_second: load,
        prepared_for: load,
        per_replica: RequestsPerSecond::new(100.0).unwrap(),
        replicas: count(2),
        margin: 1.0,
        within_seconds: 40.0,
        hold_seconds: 300.0,
    }
}

fn record(previous: u32, result: u32, reason: Reason, limits: &[Limit]) -> Record {
    Record {
        at: noon(),
        signals: SignalRows::new(),
        limits: limits.iter().copied().collect::<Limits>(),
        result: count(result),
        previous: count(previous),
        reason,
        latency_not_scalable: None,
    }
}

#[rstest]
#[case::plain(2, &[], "2 replicas")]
#[case::one(1, &[], "1 replica")]
#[case::at_the_maximum(10, &[Limit::MaxReplicas { replicas: count(10) }], "10 replicas (maxReplicas)")]
#[case::at_the_minimum(2, &[Limit::MinReplicas { replicas: count(2) }], "2 replicas (minReplicas)")]
#[case::at_once(4, &[Limit::StepUp { replicas: count(4) }], "4 replicas (scaleUp.maxPercent at once)")]
#[case::quota(4, &[Limit::Quota { replicas: count(4) }], "4 replicas (the quota has no room for more)")]
fn demand_is_said_with_its_bound_and_its_sum(#[case] result: u32, #[case] limits: &[Limit], #[case] stands: &str) {
    let sentence = record(3, result, Reason::Demand(need()), limits).sentence();
    assert_eq!(sentence, format!("{stands}: {SUM}"));
}

#[rstest]
#[case(Limit::ScaleDownCooldown { until: in_seconds(190) }, "until 12:03:10 UTC by scaleDown.cooldownSeconds")]
#[case(Limit::RecentDemand { replicas: count(6), until: in_seconds(190) }, "until 12:03:10 UTC after a burst")]
#[case(
    Limit::WindowNotFull { until: in_seconds(190) },
    "until 12:03:10 UTC because a decrease needs a full window of data without a gap"
)]
#[case(
    Limit::StepDown { until: in_seconds(30) },
    "until 12:00:30 UTC by scaleDown.maxPercent, one step after the other"
)]
#[case(Limit::ChangeBudget { until: in_seconds(24 * 3600) }, "until 2026-03-02 12:00:00 UTC by changeBudgetPerHour")]
#[case(Limit::Rollout, "while a rollout is in progress")]
#[case(Limit::Hysteresis { replicas: count(6) }, "because a tenth more load would need 6 again")]
#[case(Limit::WouldBreach { replicas: count(2) }, "because 2 would miss the latency target at once")]
#[case(Limit::SignalRequired { signal: SignalName::Latency }, "because latency is Required and cannot be used")]
#[case(Limit::Paused { direction: Direction::Down }, "because decreases are paused")]
fn a_decrease_that_waits_says_for_what(#[case] limit: Limit, #[case] why: &str) {
    let sentence = record(6, 6, Reason::Held(need()), &[limit]).sentence();
    assert_eq!(sentence, format!("held at 6 {why}: {SUM}"));
}

#[test]
fn of_several_limits_the_one_that_lasts_longest_is_named() {
    let limits = [
        Limit::WindowNotFull { until: in_seconds(300) },
        Limit::ScaleDownCooldown { until: in_seconds(60) },
    ];
    let sentence = record(6, 6, Reason::Held(need()), &limits).sentence();
    assert!(
        sentence.starts_with("held at 6 until 12:05:00 UTC because"),
        "{sentence}"
    );
    let with_endless = [limits[0], Limit::Hysteresis { replicas: count(6) }, Limit::Rollout];
    let sentence = record(6, 6, Reason::Held(need()), &with_endless).sentence();
    assert!(sentence.starts_with("held at 6 while a rollout"), "{sentence}");
}

#[test]
fn a_decrease_that_goes_part_of_the_way_is_not_called_held() {
    let limit = Limit::StepDown { until: in_seconds(30) };
    let sentence = record(8, 4, Reason::Held(need()), &[limit]).sentence();
    assert!(
        sentence.starts_with("4 replicas, held there until 12:00:30 UTC by scaleDown.maxPercent"),
        "{sentence}"
    );
}

#[rstest]
#[case::now(2, format!("6 replicas for a burst: {SUM}"))]
#[case::a_while_ago(6, format!("6 replicas, kept until 12:05:00 UTC after a burst: {SUM}"))]
fn a_burst_says_how_long_it_is_kept(#[case] previous: u32, #[case] sentence: String) {
    let reason = Reason::Burst {
        need: need(),
        until: in_seconds(300),
    };
    assert_eq!(record(previous, 6, reason, &[]).sentence(), sentence);
}

#[rstest]
#[case::over(Some(0.9), "it is 0.9 s and should be 0.5 s")]
#[case::not_any_more(Some(0.2), "it was over its target of 0.5 s lately")]
#[case::unknown(None, "it was over its target of 0.5 s lately")]
fn more_for_latency_says_what_latency_is(#[case] latency: Option<f64>, #[case] words: &str) {
    let reason = Reason::Latency {
        need: need(),
        latency: latency.map(seconds),
        target: seconds(0.5),
    };
    let sentence = record(2, 3, reason, &[]).sentence();
    assert_eq!(sentence, format!("3 replicas for latency: {words}; {SUM}"));
}

#[rstest]
#[case(
    Limit::LatencyWait { until: in_seconds(60) },
    "; latency is over its target, and more for it come at 12:01:00 UTC at the earliest"
)]
#[case(
    Limit::CrashLooping { replicas: count(3) },
    "; latency is over its target, but 3 replicas crash again and again, and latency adds none to them"
)]
fn a_step_for_latency_that_waits_says_for_what(#[case] limit: Limit, #[case] words: &str) {
    let sentence = record(2, 2, Reason::Demand(need()), &[limit]).sentence();
    assert_eq!(sentence, format!("2 replicas: {SUM}{words}"));
}

#[rstest]
#[case(Suspect::Redis { saturation: Ratio::new(0.93).unwrap() }, "Redis is at 93 %")]
#[case(Suspect::Unknown, "look at what the API waits for")]
fn a_latency_that_replicas_cannot_help_is_said_with_its_suspect(#[case] suspect: Suspect, #[case] words: &str) {
    let record = Record {
        latency_not_scalable: Some(LatencyNotScalable {
            latency: seconds(0.9),
            target: seconds(0.5),
            suspect,
        }),
        ..record(2, 2, Reason::Demand(need()), &[])
    };
    assert_eq!(
        record.sentence(),
        format!("2 replicas: {SUM}; latency is 0.9 s and should be 0.5 s, but more replicas would not help: {words}")
    );
}

#[rstest]
#[case(
    Verdict::Missing(MissingReason::SourceUnreachable),
    None,
    "the metrics endpoint does not answer"
)]
#[case(Verdict::Missing(MissingReason::TargetDown), None, "the pods cannot be scraped")]
#[case(Verdict::Invalid(InvalidReason::NotANumber), None, "the answer is not a number")]
#[case(Verdict::Stale, Some(95.0), "the last sample is 95 s old")]
#[case(Verdict::Stale, Some(600.0), "the last sample is 10 min old")]
fn no_data_is_said_with_its_cause_and_its_length(
    #[case] cause: Verdict,
    #[case] age_seconds: Option<f64>,
    #[case] why: &str,
) {
    let since = span::before(noon(), Duration::from_secs(42));
    let row = SignalRow {
        name: SignalName::RequestsPerSecond,
        verdict: cause,
        value: None,
        age_seconds,
        asked: None,
    };
    let record = Record {
        signals: SignalRows::from_iter([row]),
        ..record(6, 6, Reason::NoData { cause, since }, &[Limit::Freshness])
    };
    assert_eq!(
        record.sentence(),
        format!("held at 6: no usable data for 42 s, {why} (no data is not no load)")
    );
}

#[test]
fn a_mode_that_writes_nothing_turns_it_into_a_condition() {
    let limits = [Limit::Mode { mode: Mode::Observe }];
    let sentence = record(2, 6, Reason::Demand(need()), &limits).sentence();
    assert!(
        sentence.starts_with("would be 6 replicas: 120 requests/s"),
        "{sentence}"
    );
    assert!(sentence.contains("mode Observe"), "{sentence}");
}
