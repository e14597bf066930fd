//! What an endpoint is asked per tick, for all clusters together: three questions, whatever the number of clusters.
//!
//! Pure. Load (the request rate of each pod, whether its target is up, when it was last sampled), durations, and stores
//! (how full PostgreSQL and Redis are). They are asked side by side: what goes wrong with one leaves the others as they
//! are. Parts of one question are told apart by the label `signal`. Only checked names and our own text become PromQL.

use std::{collections::BTreeSet, time::Duration};

use crate::config::endpoint::{Endpoint, Histograms};

/// The label that tells the parts apart.
pub const SIGNAL_LABEL: &str = "signal";
/// The label that holds the bound of a bucket.
pub const BOUND_LABEL: &str = "le";
/// Part of load: requests per second by pod.
pub const RATE: &str = "rate";
/// Part of load: 1 while the pod's target answers scrapes, 0 while it does not.
pub const UP: &str = "up";
/// Part of load: Unix time of the newest sample, by pod.
pub const SAMPLED: &str = "sampled";
/// Part of stores: share of the connections that are in use, of the pool that is fullest.
pub const CONNECTIONS: &str = "connections";
/// Part of stores: share of the requests' time that is spent in PostgreSQL.
pub const POSTGRES: &str = "postgres";
/// Part of stores: share of the requests' time that is spent in Redis.
pub const REDIS: &str = "redis";

/// Seconds that native histograms are cut at, so that they read like classic ones; dense around the usual target of 0.5.
pub const NATIVE_BOUNDS: [&str; 12] = [
    "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "0.75", "1", "2.5", "5", "10",
];

// Every scrape job has its own series of a pod. A pod that two jobs scrape (by PodMonitor and by annotation) has one load.
const JOB: &str = "job";
// Names of the API's pods: `NAME-api-...`. Keeps other targets out of the answer.
const PODS: &str = ".+-api-.+";
const SHORTEST_WINDOW: Duration = Duration::from_secs(30);
// With more namespaces than this they are not named: most of what is there is asked for then, and questions stay short.
const MOST_NAMED: usize = 100;

/// The three questions of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Questions {
    /// Rate, up, sampled.
    pub load: String,
    /// Buckets: cumulative rates for classic histograms, shares and one rate for native ones.
    pub durations: String,
    /// Saturation.
    pub stores: String,
}

/// Whose pods an endpoint is asked about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope<'a> {
    /// Where they are; empty for anywhere. A Prometheus may know the pods of a whole company.
    pub namespaces: BTreeSet<&'a str>,
    /// How many they are, at most: bounds the answer.
    pub pods: usize,
}

/// The questions for an endpoint.
pub fn questions(endpoint: &Endpoint, scope: &Scope<'_>) -> Questions {
    let names = Names::of(endpoint, scope);
    Questions {
        load: names.load(),
        durations: match endpoint.histograms {
            Histograms::Classic => names.classic(),
            Histograms::Native => names.native(),
        },
        stores: names.stores(endpoint.histograms),
    }
}

/// The summed requests per second of the API pods of one cluster: for a look into the past at steps of `step`.
pub fn of_cluster(endpoint: &Endpoint, (namespace, name): (&str, &str), step: Duration) -> String {
    let labels = &endpoint.labels;
    let pod = &labels.pod;
    // Two words behind `api`, the ReplicaSet's and the pod's: a cluster `shop-api-x` has pods that begin like those of `shop`.
    let pods = format!("{}-api-[a-z0-9]+-[a-z0-9]+", literal(name));
    format!(
        "sum(max by ({pod}) (sum by ({pod}, {JOB}) (rate({}{{{}={},{pod}=~{}}}[{}s]))))",
        endpoint.metrics.requests,
        labels.namespace,
        string(namespace),
        string(&pods),
        step.max(endpoint.scrape_interval * 4).as_secs()
    )
}

struct Names<'a> {
    endpoint: &'a Endpoint,
    pods: String,
    by: String,
    // `irate` takes the last two samples: after a step it tells the whole truth one scrape earlier than any window, and
    // its window only bounds how old they may be.
    last_two: String,
    // A quantile needs many requests, so durations are summed over longer.
    window: String,
}

impl<'a> Names<'a> {
    fn of(endpoint: &'a Endpoint, scope: &Scope<'_>) -> Self {
        let labels = &endpoint.labels;
        let named: Vec<String> = scope.namespaces.iter().map(|name| literal(name)).collect();
        let within = if (1..=MOST_NAMED).contains(&named.len()) {
            format!("{}=~{},", labels.namespace, string(&named.join("|")))
        } else {
            String::new()
        };
        let four_scrapes = endpoint.scrape_interval.max(Duration::from_secs(1)) * 4;
        Self {
            endpoint,
            pods: format!("{{{within}{}=~\"{PODS}\"}}", labels.pod),
            by: format!("by ({}, {})", labels.namespace, labels.pod),
            last_two: format!("[{}s]", four_scrapes.as_secs()),
            window: format!("[{}s]", four_scrapes.max(SHORTEST_WINDOW).as_secs()),
        }
    }

    fn load(&self) -> String {
        let Self { pods, by, last_two, .. } = self;
        let labels = &self.endpoint.labels;
        let by_job = format!("by ({}, {}, {JOB})", labels.namespace, labels.pod);
        let requests = &self.endpoint.metrics.requests;
        any(&[
            part(
                RATE,
                &format!("max {by} (sum {by_job} (irate({requests}{pods}{last_two})))"),
            ),
            part(UP, &format!("max {by} (up{pods})")),
            part(SAMPLED, &format!("max {by} (timestamp({requests}{pods}))")),
        ])
    }

    fn classic(&self) -> String {
        let Self { pods, window, .. } = self;
        let (labels, durations) = (&self.endpoint.labels, &self.endpoint.metrics.durations);
        let (namespace, pod) = (&labels.namespace, &labels.pod);
        format!("sum by ({namespace}, {pod}, {BOUND_LABEL}) (rate({durations}_bucket{pods}{window}))")
    }

    // Shares, which become rates with the count beside them: half the work of `share * count` in each part.
    fn native(&self) -> String {
        let all = self.histogram();
        let share = |bound: &&str| labelled((BOUND_LABEL, bound), &format!("histogram_fraction(0, {bound}, {all})"));
        let mut parts: Vec<String> = NATIVE_BOUNDS.iter().map(share).collect();
        parts.push(labelled((BOUND_LABEL, "+Inf"), &format!("histogram_count({all})")));
        any(&parts)
    }

    fn stores(&self, histograms: Histograms) -> String {
        let Self { pods, by, window, .. } = self;
        let sum = |metric: &str| format!("sum {by} (rate({metric}_sum{pods}{window}))");
        let requests = match histograms {
            Histograms::Classic => sum(&self.endpoint.metrics.durations.to_string()),
            Histograms::Native => format!("histogram_sum({})", self.histogram()),
        };
        // Without requests, or without a pool, there is no share: absent, and not 0/0.
        let share = |metric: &str| format!("{} / ({requests} > 0)", sum(metric));
        let pools = format!("database_connections_active{pods} / (database_connections_max{pods} > 0)");
        any(&[
            part(CONNECTIONS, &format!("max {by} ({pools})")),
            part(POSTGRES, &share("database_query_duration_seconds")),
            part(REDIS, &share("redis_command_duration_seconds")),
        ])
    }

    fn histogram(&self) -> String {
        let Self { pods, by, window, .. } = self;
        format!("sum {by} (rate({}{pods}{window}))", self.endpoint.metrics.durations)
    }
}

fn any(parts: &[String]) -> String {
    parts.join(" or ")
}

fn part(name: &str, expression: &str) -> String {
    labelled((SIGNAL_LABEL, name), expression)
}

fn labelled((label, value): (&str, &str), expression: &str) -> String {
    format!(r#"label_replace({expression}, "{label}", "{value}", "", "")"#)
}

// Text that stands for itself in a regular expression.
fn literal(text: &str) -> String {
    let escaped = |c: char| match c {
        c if c.is_ascii_alphanumeric() || c == '-' || c == '_' => c.to_string(),
        c => format!("\\{c}"),
    };
    text.chars().map(escaped).collect()
}

// A PromQL string, which is read like one of Go.
fn string(text: &str) -> String {
    let escaped = |c: char| match c {
        '\\' => "\\\\".to_owned(),
        '"' => "\\\"".to_owned(),
        '\n' => "\\n".to_owned(),
        c => c.to_string(),
    };
    format!("\"{}\"", text.chars().map(escaped).collect::<String>())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::config::endpoint;

    fn endpoint(settings: &str) -> Endpoint {
        let text = format!("a: {{url: http://a, {settings}}}");
        endpoint::parse(&text).unwrap().remove("a").unwrap()
    }

    // irate: four scrapes. Durations: four scrapes, and not less than 30 s.
    #[rstest]
    #[case(1, 4, 30)]
    #[case(5, 20, 30)]
    #[case(15, 60, 60)]
    #[case(60, 240, 240)]
    fn windows_hold_at_least_two_samples(#[case] scrape: u64, #[case] last_two: u64, #[case] window: u64) {
        let asked = questions(
            &endpoint(&format!("scrapeIntervalSeconds: {scrape}")),
            &Scope::default(),
        );
        assert!(asked.load.contains(&format!("[{last_two}s]")), "{}", asked.load);
        assert!(asked.durations.contains(&format!("[{window}s]")), "{}", asked.durations);
        assert!(asked.stores.contains(&format!("[{window}s]")), "{}", asked.stores);
    }

    #[test]
    fn every_part_is_in_its_question() {
        let asked = questions(&endpoint(""), &Scope::default());
        for (text, names) in [
            (&asked.load, [RATE, UP, SAMPLED]),
            (&asked.stores, [CONNECTIONS, POSTGRES, REDIS]),
        ] {
            for name in names {
                assert!(
                    text.contains(&format!(r#""signal", "{name}""#)),
                    "{name} is missing in {text}"
                );
            }
        }
    }

    #[rstest]
    #[case("Classic")]
    #[case("Native")]
    fn the_endpoints_own_names_are_used_everywhere(#[case] histograms: &str) {
        let settings = format!(
            "histograms: {histograms}, labels: {{namespace: k8s_ns, pod: k8s_pod}}, metrics: {{requests: app_total, durations: app_seconds}}"
        );
        let asked = questions(&endpoint(&settings), &Scope::default());
        for text in [&asked.load, &asked.durations, &asked.stores] {
            assert!(
                text.contains("(k8s_ns, k8s_pod") && text.contains("k8s_pod=~"),
                "{text}"
            );
            assert!(!text.contains("{pod=~") && !text.contains("http_request"), "{text}");
        }
    }

    fn within(namespaces: &[&str]) -> String {
        let scope = Scope {
            namespaces: namespaces.iter().copied().collect(),
            pods: 0,
        };
        questions(&endpoint(""), &scope).durations
    }

    #[test]
    fn the_pods_of_other_namespaces_are_not_asked_for_unless_there_are_too_many_to_be_named() {
        let text = within(&["blue", "a.b"]);
        assert!(text.contains(r#"{namespace=~"a\\.b|blue",pod=~".+-api-.+"}"#), "{text}");
        let names: Vec<String> = (0..=MOST_NAMED).map(|number| format!("n{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert!(within(&names[1..]).contains("namespace=~"));
        assert!(!within(&names).contains("namespace=~"));
    }

    #[test]
    fn a_native_histogram_is_cut_at_every_bound_and_counted_once() {
        let text = questions(&endpoint("histograms: Native"), &Scope::default()).durations;
        assert_eq!(text.matches("histogram_fraction(").count(), NATIVE_BOUNDS.len());
        assert_eq!(text.matches("histogram_count(").count(), 1);
        let bounds: Vec<f64> = NATIVE_BOUNDS.iter().map(|bound| bound.parse().unwrap()).collect();
        assert!(bounds.is_sorted());
    }

    #[test]
    fn a_cluster_is_asked_for_by_its_own_pods_alone() {
        let text = of_cluster(
            &endpoint("scrapeIntervalSeconds: 15"),
            ("blue", "shop.v1"),
            Duration::from_secs(30),
        );
        // The dot is escaped for the regular expression, and its backslash for the string; 4 * 15 s is longer than the step.
        let expected = r#"sum(max by (pod) (sum by (pod, job) (rate(http_requests_total{namespace="blue",pod=~"shop\\.v1-api-[a-z0-9]+-[a-z0-9]+"}[60s]))))"#;
        assert_eq!(text, expected);
    }

    #[test]
    fn no_name_ends_a_string() {
        let text = of_cluster(&endpoint(""), ("a\"} or vector(1) #", "b"), Duration::from_secs(60));
        assert!(text.contains(r#"namespace="a\"} or vector(1) #""#), "{text}");
    }
}
