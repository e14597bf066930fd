//! Why a decision is what it is, and what latency says where replicas cannot help, in words with units.
//!
//! Pure. One line per law of the engine; times say how far they are from the present one, which is a parameter. The sums
//! behind a load are in the record's sentence, which stands beside these words.

use jiff::Timestamp;
use pathfinder_scaling::{LatencyNotScalable, Need, Reason, Record, Verdict};

use crate::span;

/// Why the result is what it is.
pub(crate) fn words(record: &Record, now: Timestamp) -> String {
    match record.reason {
        Reason::Demand(_) => "the load needs it".to_owned(),
        Reason::Held(need) => format!("the load needs {}, and fewer are not allowed yet", need.replicas),
        Reason::Burst { need, until } => format!(
            "the load jumped; what it needed decays to {} {}",
            need.replicas,
            until_in_words(until, now)
        ),
        Reason::Latency {
            latency: Some(latency),
            target,
            ..
        } if latency > target => {
            let (latency, target) = (milliseconds(latency.get()), milliseconds(target.get()));
            format!("latency is {latency} and should be {target} at most, and more replicas help")
        }
        Reason::Latency { target, .. } => {
            let target = milliseconds(target.get());
            format!("latency was over its target of {target} lately, and what was added for it is kept")
        }
        Reason::Schedule(scheduled) => format!(
            "schedule {} asks for {} {}",
            scheduled.name,
            scheduled.replicas,
            until_in_words(scheduled.until, now)
        ),
        Reason::Forecast(forecast) => format!("{} are usual at {}", forecast.replicas, moment(forecast.at)),
        Reason::Fallback { cause, since, replicas } => format!(
            "fallback.replicas is {replicas}, without usable data {}: {}",
            since_in_words(since, now),
            silence(cause)
        ),
        Reason::NoData { cause, since } => format!(
            "without usable data {} nothing changes: {}",
            since_in_words(since, now),
            silence(cause)
        ),
    }
}

/// What one replica serves and what it is prepared for, where the load decides.
pub(crate) fn capacity(record: &Record) -> Option<String> {
    let need = match record.reason {
        Reason::Demand(need) | Reason::Held(need) | Reason::Burst { need, .. } | Reason::Latency { need, .. } => need,
        Reason::Schedule(_) | Reason::Forecast(_) | Reason::Fallback { .. } | Reason::NoData { .. } => return None,
    };
    let Need {
        requests_per_second: now,
        prepared_for,
        per_replica,
        ..
    } = need;
    Some(format!(
        "one replica serves {per_replica} requests/s as far as is known; {now} requests/s now, ready for {prepared_for}"
    ))
}

/// Latency is over its target, and something else than replicas is missing.
pub(crate) fn not_scalable(found: LatencyNotScalable) -> String {
    let LatencyNotScalable {
        latency,
        target,
        suspect,
    } = found;
    let (latency, target) = (milliseconds(latency.get()), milliseconds(target.get()));
    format!("{latency}, and should be {target} at most; more replicas would not help: {suspect}")
}

/// Seconds of latency as people say them: `610 ms`, `2.5 ms`; from ten seconds on in seconds.
pub(crate) fn milliseconds(seconds: f64) -> String {
    let millis = seconds * 1000.0;
    if millis < 10.0 {
        return format!("{} ms", short(millis));
    }
    if seconds < 10.0 {
        return format!("{millis:.0} ms");
    }
    format!("{} s", short(seconds))
}

/// Two decimals at most: what a measured figure is good for.
pub(crate) fn short(raw: f64) -> String {
    let digits = format!("{raw:.2}");
    digits.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn silence(cause: Verdict) -> String {
    match cause {
        Verdict::Fresh | Verdict::Stale => "the last sample is too old".to_owned(),
        Verdict::Missing(reason) => reason.to_string(),
        Verdict::Invalid(reason) => reason.to_string(),
    }
}

fn until_in_words(until: Timestamp, now: Timestamp) -> String {
    format!("until {} (in {})", moment(until), span::between(now, until))
}

fn since_in_words(since: Timestamp, now: Timestamp) -> String {
    format!("since {} ({} ago)", moment(since), span::between(since, now))
}

fn moment(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;
    use crate::fixtures;

    fn said(reason: Value) -> String {
        let mut record = serde_json::to_value(&fixtures::live().body.record).unwrap();
        record["reason"] = reason;
        words(&serde_json::from_value(record).unwrap(), fixtures::now())
    }

    fn need(kind: &str, more: Value) -> Value {
        let mut reason = json!({
            "kind": kind, "requestsPerSecond": 590.0, "preparedFor": 760.0, "perReplica": 100.0, "replicas": 8,
            "margin": 1.0, "withinSeconds": 40.0, "holdSeconds": 300.0,
        });
        if !more.is_null() {
            let inner = reason.clone();
            reason = more;
            reason["kind"] = json!(kind);
            reason["need"] = inner;
        }
        reason
    }

    // The present time of the fixtures is 2026-01-01 12:00:00 UTC.
    #[rstest]
    #[case(need("Demand", Value::Null), "the load needs it")]
    #[case(need("Held", Value::Null), "the load needs 8, and fewer are not allowed yet")]
    #[case(
        need("Burst", json!({"until": "2026-01-01T12:01:40Z"})),
        "the load jumped; what it needed decays to 8 until 2026-01-01 12:01:40 UTC (in 1m40s)"
    )]
    #[case(
        need("Latency", json!({"latency": 0.61, "target": 0.5})),
        "latency is 610 ms and should be 500 ms at most, and more replicas help"
    )]
    #[case(
        need("Latency", json!({"latency": null, "target": 0.5})),
        "latency was over its target of 500 ms lately, and what was added for it is kept"
    )]
    #[case(
        json!({"kind": "Schedule", "name": "office-hours", "replicas": 8, "until": "2026-01-01T18:00:00Z"}),
        "schedule office-hours asks for 8 until 2026-01-01 18:00:00 UTC (in 6h)"
    )]
    #[case(
        json!({"kind": "Forecast", "replicas": 8, "at": "2026-01-01T12:05:00Z"}),
        "8 are usual at 2026-01-01 12:05:00 UTC"
    )]
    #[case(
        json!({"kind": "Fallback", "replicas": 6, "since": "2026-01-01T11:57:00Z", "cause": {"verdict": "Stale"}}),
        "fallback.replicas is 6, without usable data since 2026-01-01 11:57:00 UTC (3m ago): the last sample is too old"
    )]
    #[case(
        json!({"kind": "NoData", "since": "2026-01-01T11:57:00Z", "cause": {"verdict": "Missing", "because": "NotScraped"}}),
        "without usable data since 2026-01-01 11:57:00 UTC (3m ago) nothing changes: the pods are not scraped"
    )]
    fn every_reason_has_its_own_words(#[case] reason: Value, #[case] expected: &str) {
        assert_eq!(said(reason), expected);
    }

    #[rstest]
    #[case(json!({"kind": "Postgres", "saturation": 0.97}), "PostgreSQL is at 97 %")]
    #[case(json!({"kind": "Redis", "saturation": 0.9}), "Redis is at 90 %")]
    #[case(json!({"kind": "SlowPod", "share": 0.2}), "one pod, with 20 % of the requests, is far slower than the others")]
    #[case(json!({"kind": "Unknown"}), "look at what the API waits for")]
    fn latency_that_replicas_cannot_help_names_its_suspect(#[case] suspect: Value, #[case] named: &str) {
        let found = serde_json::from_value(json!({"latency": 3.0, "target": 0.5, "suspect": suspect})).unwrap();
        assert_eq!(
            not_scalable(found),
            format!("3000 ms, and should be 500 ms at most; more replicas would not help: {named}")
        );
    }

    #[rstest]
    #[case(0.0025, "2.5 ms")]
    #[case(0.61, "610 ms")]
    #[case(9.0, "9000 ms")]
    #[case(12.5, "12.5 s")]
    fn latency_is_in_milliseconds_up_to_ten_seconds(#[case] seconds: f64, #[case] expected: &str) {
        assert_eq!(milliseconds(seconds), expected);
    }
}
