//! What the server's own metrics say of a while: two texts of `/metrics`, before and after.

use std::collections::BTreeMap;

/// Share of cacheable reads that the cache answered, in percent.
pub(super) fn hit_rate_percent(before: &str, after: &str) -> Option<f64> {
    let outcomes = grown(before, after, ("cache_requests_total", "outcome"));
    let all: f64 = outcomes.values().sum();
    let answered = |outcome: &&String| outcome.contains("hit") || outcome.contains("stale");
    let hits: f64 = outcomes
        .iter()
        .filter(|(outcome, _)| answered(outcome))
        .map(|(_, count)| count)
        .sum();
    (all > 0.0).then(|| 100.0 * hits / all)
}

/// The 95th percentile of the time of database queries, milliseconds, over all of them.
pub(super) fn database_p95_ms(before: &str, after: &str) -> Option<f64> {
    let buckets = grown(before, after, ("database_query_duration_seconds_bucket", "le"));
    let mut buckets: Vec<(f64, f64)> = buckets
        .iter()
        .map(|(bound, count)| (bound.parse().unwrap_or(f64::INFINITY), *count))
        .collect();
    buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
    quantile(&buckets, 0.95).map(|seconds| seconds * 1000.0)
}

// By the value of one label, summed over the others: how much each counter grew.
fn grown(before: &str, after: &str, (name, label): (&str, &str)) -> BTreeMap<String, f64> {
    let mut counts = counters(after, (name, label));
    for (value, count) in counters(before, (name, label)) {
        *counts.entry(value).or_default() -= count;
    }
    counts
}

fn counters(text: &str, (name, label): (&str, &str)) -> BTreeMap<String, f64> {
    let mut counts = BTreeMap::new();
    for line in text.lines() {
        let Some(rest) = line.strip_prefix(name).and_then(|rest| rest.strip_prefix('{')) else {
            continue;
        };
        let Some((labels, count)) = rest.split_once('}') else {
            continue;
        };
        let value = labels
            .split(',')
            .find_map(|pair| pair.strip_prefix(label)?.strip_prefix('='));
        let (Some(value), Ok(count)) = (value, count.trim().parse::<f64>()) else {
            continue;
        };
        *counts.entry(value.trim_matches('"').to_owned()).or_default() += count;
    }
    counts
}

// As Prometheus has it: linear within the bucket; beyond the last bound, that bound.
fn quantile(buckets: &[(f64, f64)], share: f64) -> Option<f64> {
    let all = buckets.last().map(|(_, count)| *count).filter(|count| *count > 0.0)?;
    let wanted = share * all;
    let (mut low, mut below) = (0.0, 0.0);
    for (bound, count) in buckets {
        if *count >= wanted {
            let within = if *count > below {
                (wanted - below) / (count - below)
            } else {
                1.0
            };
            return Some(if bound.is_finite() {
                low + (bound - low) * within
            } else {
                low
            });
        }
        (low, below) = (*bound, *count);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hit_rate_is_of_the_while_between_and_not_of_all_time() {
        let text = |hits: u32, misses: u32| {
            format!(
                "# HELP x\ncache_requests_total{{outcome=\"hit\"}} {hits}\ncache_requests_total{{outcome=\"miss\"}} {misses}\n"
            )
        };
        assert_eq!(hit_rate_percent(&text(0, 100), &text(90, 110)), Some(90.0));
        assert_eq!(hit_rate_percent("", ""), None);
    }

    #[test]
    fn the_quantile_is_taken_over_all_queries() {
        let text = "database_query_duration_seconds_bucket{le=\"0.01\",query_type=\"a\"} 50\n\
                    database_query_duration_seconds_bucket{le=\"0.02\",query_type=\"a\"} 50\n\
                    database_query_duration_seconds_bucket{le=\"+Inf\",query_type=\"a\"} 50\n\
                    database_query_duration_seconds_bucket{le=\"0.01\",query_type=\"b\"} 40\n\
                    database_query_duration_seconds_bucket{le=\"0.02\",query_type=\"b\"} 50\n\
                    database_query_duration_seconds_bucket{le=\"+Inf\",query_type=\"b\"} 50\n";
        let p95 = database_p95_ms("", text).unwrap();
        assert!((p95 - 15.0).abs() < 1e-9, "{p95}");
    }
}
