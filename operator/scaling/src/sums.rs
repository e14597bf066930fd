//! The demand law's sum in words: the load, what to be ready for and why, and what that needs.
//!
//! Figures are given with as many decimals as it takes to see that the sum is right, and no more. Knows the law's rounding
//! for that, and nothing else of it.

use std::time::Duration;

use crate::demand;
use crate::record::Need;
use crate::units::{Replicas, RequestsPerSecond};
use crate::words::percent;

/// Below this much more, what to be ready for is the load itself.
const NO_MORE: f64 = 1.005;

/// Shares that have a name, and the name.
const NAMED: [(f64, &str); 6] = [
    (0.1, "a tenth more"),
    (0.2, "a fifth more"),
    (0.25, "a quarter more"),
    (1.0 / 3.0, "a third more"),
    (0.5, "half as much again"),
    (1.0, "twice as much"),
];

/// How near a share must be to one with a name.
const NEAR: f64 = 0.02;

/// The sum, for example `590 requests/s now, ready for 760 (a quarter more within 40 s was seen); 760 need 8 at 100 per
/// replica`.
pub(crate) fn sum(need: Need) -> String {
    let need = Need {
        per_replica: rounded(need),
        ..need
    };
    let (present, ready_for) = (need.requests_per_second, need.prepared_for);
    let each = format!("{} at {} per replica", need.replicas, need.per_replica);
    if ready_for.get() <= present.get() * NO_MORE {
        return format!("{} requests/s need {each}", exact(need, ready_for));
    }
    let (now, ready) = (figure(present), exact(need, ready_for));
    format!(
        "{now} requests/s now, ready for {ready} ({}); {ready} need {each}",
        growth(need)
    )
}

/// Why it is ready for more than the present load: what was seen of growth, of the present load or of an earlier one.
fn growth(need: Need) -> String {
    let in_mind = need.prepared_for.get() / need.margin.max(1.0);
    let more = more(need.margin - 1.0);
    let within = lasting(seconds(need.within_seconds));
    if in_mind <= need.requests_per_second.get() * NO_MORE {
        return format!("{more} within {within} was seen");
    }
    let in_mind = figure(RequestsPerSecond::saturating(in_mind));
    let hold = lasting(seconds(need.hold_seconds));
    if need.margin < NO_MORE {
        format!("{in_mind} were seen within {hold}")
    } else {
        format!("{in_mind} were seen within {hold}, and {more} within {within}")
    }
}

fn more(share: f64) -> String {
    let named = NAMED.iter().find(|(named, _)| (share - named).abs() < NEAR);
    named.map_or_else(|| format!("{} more", percent(share)), |(_, name)| (*name).to_owned())
}

/// A load as a person would say it.
fn figure(load: RequestsPerSecond) -> String {
    if load.get() >= 10.0 {
        format!("{load:.0}")
    } else {
        format!("{load:.1}")
    }
}

/// The load with as few decimals as it takes to see that it needs what it needs: at 100 per replica, `600.04` needs 7, and
/// `600` would look like a mistake.
fn exact(need: Need, load: RequestsPerSecond) -> String {
    let shown = (0..=6).map(|digits| format!("{load:.digits$}")).find(|text| {
        let read = text.parse().ok().and_then(|raw| RequestsPerSecond::new(raw).ok());
        read.is_some_and(|read| needs_as_many(read, need.per_replica, need.replicas))
    });
    shown.unwrap_or_else(|| load.get().to_string())
}

/// What one replica serves with as few decimals as the sum allows: it is learned, and nobody reads `139.995187`.
fn rounded(need: Need) -> RequestsPerSecond {
    let read = |digits: usize| {
        let raw = format!("{:.digits$}", need.per_replica).parse().ok()?;
        RequestsPerSecond::new(raw).ok()
    };
    let keeps_the_sum =
        |each: &RequestsPerSecond| each.get() > 0.0 && needs_as_many(need.prepared_for, *each, need.replicas);
    (0..=6).filter_map(read).find(keeps_the_sum).unwrap_or(need.per_replica)
}

fn needs_as_many(load: RequestsPerSecond, per_replica: RequestsPerSecond, replicas: Replicas) -> bool {
    demand::replicas(load, per_replica) == replicas
}

fn seconds(raw: f64) -> Duration {
    Duration::try_from_secs_f64(raw).unwrap_or(Duration::MAX)
}

/// A duration in its largest sensible unit: `42 s`, `10 min`, `3 h`.
pub(crate) fn lasting(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3600),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn need(load: f64, prepared_for: f64, margin: f64) -> Need {
        let rate = |raw| RequestsPerSecond::new(raw).unwrap();
        Need {
            requests_per_second: rate(load),
            prepared_for: rate(prepared_for),
            per_replica: rate(100.0),
            replicas: demand::replicas(rate(prepared_for), rate(100.0)),
            margin,
            within_seconds: 40.0,
            hold_seconds: 300.0,
        }
    }

    fn learned(load: f64, per_replica: f64) -> Need {
        let rate = |raw| RequestsPerSecond::new(raw).unwrap();
        Need {
            per_replica: rate(per_replica),
            replicas: demand::replicas(rate(load), rate(per_replica)),
            ..need(load, load, 1.0)
        }
    }

    #[rstest]
    #[case::plain(need(590.0, 590.0, 1.0), "590 requests/s need 6 at 100 per replica")]
    #[case::just_over(need(600.04, 600.04, 1.0), "600.04 requests/s need 7 at 100 per replica")]
    #[case::with_a_margin(
        need(590.0, 737.5, 1.25),
        "590 requests/s now, ready for 738 (a quarter more within 40 s was seen); 738 need 8 at 100 per replica"
    )]
    #[case::a_margin_without_a_name(
        need(100.0, 142.0, 1.42),
        "100 requests/s now, ready for 142 (42 % more within 40 s was seen); 142 need 2 at 100 per replica"
    )]
    #[case::of_an_earlier_load(
        need(120.0, 500.0, 1.25),
        "120 requests/s now, ready for 500 (400 were seen within 5 min, and a quarter more within 40 s); 500 need 5 at 100 per replica"
    )]
    #[case::of_an_earlier_load_alone(
        need(120.0, 400.0, 1.0),
        "120 requests/s now, ready for 400 (400 were seen within 5 min); 400 need 4 at 100 per replica"
    )]
    // 2807 / 139.995 = 20.05 and 2807 / 140 = 20.05; but 2795 / 139.6 = 20.02 and 2795 / 140 = 19.96.
    #[case::a_capacity_that_was_learned(learned(2807.0, 139.995_187), "2807 requests/s need 21 at 140 per replica")]
    #[case::one_whose_digits_matter(learned(2795.0, 139.6), "2795 requests/s need 21 at 139.6 per replica")]
    fn the_sum_can_be_followed(#[case] need: Need, #[case] words: &str) {
        assert_eq!(sum(need), words);
    }
}
