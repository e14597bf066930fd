//! From the text at `/metrics` to the few series that scaling asks for.
//!
//! Pure, and total on any bytes. A text that is wrong anywhere is refused as a whole: half of its series would be a load
//! that is too low. Counters stay apart by series, because a sum over them cannot tell a restart from a series that is
//! no longer there. What has grown between two texts is for `counters`.

use std::{cmp::Ordering, collections::BTreeMap, str};

use super::line::{self, Malformed, Sample};

// Bounds the memory per pod to less than a megabyte; an API with 100 routes, 5 statuses and 15 buckets has 9,000.
const MOST_SERIES: usize = 16_384;
// Of a line that is quoted in an error.
const MOST_LETTERS: usize = 80;

/// How the metrics are called that scaling asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricNames {
    /// Counter of answered requests.
    pub requests: String,
    /// Histogram of how long requests took, in seconds, without `_bucket` and `_sum`.
    pub durations: String,
    /// Counter of the seconds that queries took.
    pub query_seconds: String,
    /// Gauge of the connections in use, by pool.
    pub connections_active: String,
    /// Gauge of the connections that a pool may open, with the labels of `connections_active`.
    pub connections_max: String,
    /// Counter of the seconds that Redis commands took.
    pub redis_seconds: String,
}

impl Default for MetricNames {
    fn default() -> Self {
        Self {
            requests: "http_requests_total".to_owned(),
            durations: "http_request_duration_seconds".to_owned(),
            query_seconds: "database_query_duration_seconds_sum".to_owned(),
            connections_active: "database_connections_active".to_owned(),
            connections_max: "database_connections_max".to_owned(),
            redis_seconds: "redis_command_duration_seconds_sum".to_owned(),
        }
    }
}

/// What a counter counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Answered requests.
    Requests,
    /// Seconds that requests took.
    RequestSeconds,
    /// Seconds that queries took.
    QuerySeconds,
    /// Seconds that Redis commands took.
    RedisSeconds,
    /// Requests that took at most so long.
    Bucket(UpperBound),
}

/// The longest duration of a bucket in seconds, never NaN.
#[derive(Clone, Copy, Debug)]
pub struct UpperBound(f64);

impl UpperBound {
    /// Seconds; positive infinity in the last bucket.
    pub fn seconds(self) -> f64 {
        self.0
    }
}

impl Ord for UpperBound {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for UpperBound {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for UpperBound {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for UpperBound {}

/// What one text says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exposition {
    /// Each series of a counter since the process began; NaN if what was written cannot be a count. The key is the same
    /// in every text of the same process: what it counts, and a hash of its labels.
    pub counters: BTreeMap<(Part, u64), f64>,
    /// The fullest pool's share of connections in use, 0 to 1; absent without a pool that may open any.
    pub connections_used: Option<f64>,
}

/// Why a text is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpositionError {
    /// It is no text.
    #[error("line {line} is not UTF-8: /metrics must answer in the Prometheus text format or in OpenMetrics")]
    NotText {
        /// From 1.
        line: usize,
    },
    /// A line is neither a sample nor a comment.
    #[error("line {line} is no Prometheus exposition, {wrong}: {text:?}")]
    Malformed {
        /// From 1.
        line: usize,
        /// What is wrong with it.
        wrong: Malformed,
        /// How it begins.
        text: String,
    },
    /// A bucket without an upper bound that is a number.
    #[error("line {line} is a bucket whose label le is no number")]
    UpperBound {
        /// From 1.
        line: usize,
    },
    /// The last line does not end: the rest of it may be missing.
    #[error("line {line} is cut off: the last line must end with a line feed")]
    CutOff {
        /// From 1.
        line: usize,
    },
    /// No series at all, not even of other metrics.
    #[error("it has no series")]
    Empty,
    /// More series than are kept for a pod.
    #[error("it has more than {MOST_SERIES} series of the metrics that scaling reads: give them fewer labels")]
    TooManySeries,
}

/// Reads a whole text.
///
/// # Errors
/// When it is no exposition, naming the line.
pub fn read(body: &[u8], names: &MetricNames) -> Result<Exposition, ExpositionError> {
    let text = str::from_utf8(body).map_err(|error| ExpositionError::NotText {
        line: lines_before(body, error.valid_up_to()) + 1,
    })?;
    let mut reading = Reading::new(names);
    for (at, line) in text.lines().enumerate() {
        let sample = line::read(line).map_err(|wrong| ExpositionError::Malformed {
            line: at + 1,
            wrong,
            text: line.chars().take(MOST_LETTERS).collect(),
        })?;
        if let Some(sample) = sample {
            reading.add(&sample, at + 1)?;
        }
    }
    // Checked last: of an HTML page without a last line feed the first line is the telling one.
    if !text.is_empty() && !text.ends_with('\n') {
        let line = text.lines().count();
        return Err(ExpositionError::CutOff { line });
    }
    reading.finish()
}

fn lines_before(body: &[u8], end: usize) -> usize {
    body.iter().take(end).filter(|&&byte| byte == b'\n').count()
}

#[derive(Default)]
struct Pool {
    active: Option<f64>,
    max: Option<f64>,
}

struct Reading<'n> {
    names: &'n MetricNames,
    heard: bool,
    counters: BTreeMap<(Part, u64), f64>,
    pools: BTreeMap<u64, Pool>,
}

impl<'n> Reading<'n> {
    fn new(names: &'n MetricNames) -> Self {
        Self {
            names,
            heard: false,
            counters: BTreeMap::new(),
            pools: BTreeMap::new(),
        }
    }

    fn add(&mut self, sample: &Sample<'_>, line: usize) -> Result<(), ExpositionError> {
        self.heard = true;
        let names = self.names;
        let name = sample.name;
        if name == names.connections_active {
            self.pools.entry(sample.labels).or_default().active = Some(sample.value);
        } else if name == names.connections_max {
            self.pools.entry(sample.labels).or_default().max = Some(sample.value);
        } else if let Some(part) = part(names, sample, line)? {
            self.count(part, sample);
        }
        if self.counters.len() > MOST_SERIES || self.pools.len() > MOST_SERIES {
            return Err(ExpositionError::TooManySeries);
        }
        Ok(())
    }

    fn count(&mut self, part: Part, sample: &Sample<'_>) {
        let value = if sample.value >= 0.0 && sample.value.is_finite() {
            sample.value
        } else {
            f64::NAN
        };
        self.counters
            .entry((part, sample.labels))
            .and_modify(|same| *same += value)
            .or_insert(value);
    }

    fn finish(self) -> Result<Exposition, ExpositionError> {
        if !self.heard {
            return Err(ExpositionError::Empty);
        }
        let used = self.pools.values().filter_map(used);
        Ok(Exposition {
            connections_used: used.reduce(f64::max),
            counters: self.counters,
        })
    }
}

fn part(names: &MetricNames, sample: &Sample<'_>, line: usize) -> Result<Option<Part>, ExpositionError> {
    let name = sample.name;
    for (counter, part) in [
        (&names.requests, Part::Requests),
        (&names.query_seconds, Part::QuerySeconds),
        (&names.redis_seconds, Part::RedisSeconds),
    ] {
        if name == counter {
            return Ok(Some(part));
        }
    }
    match name.strip_prefix(names.durations.as_str()) {
        Some("_sum") => Ok(Some(Part::RequestSeconds)),
        Some("_bucket") => {
            let bound: Option<f64> = sample.upper_bound.and_then(|le| le.parse().ok());
            let bound = bound.filter(|it| !it.is_nan());
            bound
                .map(|it| Some(Part::Bucket(UpperBound(it))))
                .ok_or(ExpositionError::UpperBound { line })
        }
        Some(_) | None => Ok(None),
    }
}

// A pool that may open no connection is not in use: an API without a read replica says so.
fn used(pool: &Pool) -> Option<f64> {
    let max = pool.max.filter(|max| *max > 0.0)?;
    let share = pool.active? / max;
    share.is_finite().then(|| share.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use prometheus_client::{
        encoding::text,
        metrics::{counter::Counter, exemplar::HistogramWithExemplars, family::Family},
        registry::Registry,
    };
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn parsed(text: &str) -> Exposition {
        read(text.as_bytes(), &MetricNames::default()).unwrap()
    }

    fn sum(exposition: &Exposition, part: Part) -> Option<f64> {
        let mine = exposition.counters.iter().filter(|((of, _), _)| *of == part);
        mine.map(|(_, value)| *value).reduce(|sum, value| sum + value)
    }

    fn bucket(bound: f64) -> Part {
        Part::Bucket(UpperBound(bound))
    }

    const API: &str = r#"# HELP http_requests Requests answered.
# TYPE http_requests counter
http_requests_total{method="GET",route="/api/tournaments",status_code="200"} 40
http_requests_total{method="GET",route="/api/tournaments/{id}",status_code="404"} 2
# TYPE http_request_duration_seconds histogram
http_request_duration_seconds_sum{method="GET",route="/api/tournaments",status_code="200"} 8.5
http_request_duration_seconds_count{method="GET",route="/api/tournaments",status_code="200"} 40
http_request_duration_seconds_bucket{le="0.5",method="GET",route="/api/tournaments",status_code="200"} 30 # {trace_id="a"} 0.4
http_request_duration_seconds_bucket{le="+Inf",method="GET",route="/api/tournaments",status_code="200"} 40
http_request_duration_seconds_sum{method="GET",route="/api/tournaments/{id}",status_code="404"} 0.5
http_request_duration_seconds_bucket{le="0.5",method="GET",route="/api/tournaments/{id}",status_code="404"} 1
http_request_duration_seconds_bucket{le="+Inf",method="GET",route="/api/tournaments/{id}",status_code="404"} 2
database_query_duration_seconds_sum{query_type="list"} 3.0
database_query_duration_seconds_sum{query_type="get"} 1.25
database_query_duration_seconds_bucket{le="0.5",query_type="get"} 7
database_connections_active{pool="primary"} 4
database_connections_active{pool="replica"} 6
database_connections_max{pool="primary"} 10
database_connections_max{pool="replica"} 8
cache_hit_rate NaN
# EOF
"#;

    #[test]
    fn the_metrics_of_the_api_are_summed_over_their_labels() {
        let api = parsed(API);
        // 40 + 2, 8.5 + 0.5, 3 + 1.25, 30 + 1, 40 + 2 and the larger of 4 / 10 and 6 / 8.
        assert_eq!(sum(&api, Part::Requests), Some(42.0));
        assert_eq!(sum(&api, Part::RequestSeconds), Some(9.0));
        assert_eq!(sum(&api, Part::QuerySeconds), Some(4.25));
        assert_eq!(sum(&api, bucket(0.5)), Some(31.0));
        assert_eq!(sum(&api, bucket(f64::INFINITY)), Some(42.0));
        assert_eq!(api.connections_used, Some(0.75));
        assert_eq!(sum(&api, Part::RedisSeconds), None, "absent is not zero");
    }

    type Labels = Vec<(String, String)>;

    fn labels(name: &str, value: &str) -> Labels {
        vec![(name.to_owned(), value.to_owned())]
    }

    #[test]
    fn what_a_client_library_writes_is_read_exemplars_and_odd_labels_included() {
        let mut registry = Registry::default();
        let requests = Family::<Labels, Counter>::default();
        requests.get_or_create(&labels("route", "/items/{id}")).inc_by(3);
        requests.get_or_create(&labels("route", "\"}\\ 9\n#")).inc_by(4);
        registry.register("http_requests", "Requests, {all} of \"them\"", requests);
        let durations = HistogramWithExemplars::<Labels>::new([0.5, 1.0].into_iter());
        durations.observe(0.25, Some(labels("trace", "a} 7 #")), None);
        durations.observe(4.0, Some(labels("trace", "b")), None);
        registry.register("http_request_duration_seconds", "Durations", durations);
        let mut body = String::new();
        text::encode(&mut body, &registry).unwrap();

        let read = parsed(&body);
        // 3 + 4 requests; 0.25 s + 4 s, of which one is within 0.5 s and both are within any time.
        assert_eq!(sum(&read, Part::Requests), Some(7.0), "{body}");
        assert_eq!(sum(&read, Part::RequestSeconds), Some(4.25), "{body}");
        assert_eq!(sum(&read, bucket(0.5)), Some(1.0), "{body}");
        assert_eq!(sum(&read, bucket(f64::INFINITY)), Some(2.0), "{body}");
        assert!(body.contains("trace"), "it has exemplars: {body}");
    }

    #[test]
    fn other_names_are_read_when_they_are_given() {
        let names = MetricNames {
            requests: "app_requests_total".to_owned(),
            ..MetricNames::default()
        };
        let text = "http_requests_total 7\napp_requests_total 5\n";
        assert_eq!(sum(&read(text.as_bytes(), &names).unwrap(), Part::Requests), Some(5.0));
    }

    #[rstest]
    #[case::not_a_number("NaN")]
    #[case::infinite("+Inf")]
    #[case::negative("-1")]
    fn what_cannot_be_a_count_makes_its_part_unknown_and_not_smaller(#[case] value: &str) {
        let text = format!("http_requests_total{{a=\"1\"}} 5\nhttp_requests_total{{a=\"2\"}} {value}\n");
        assert!(sum(&parsed(&text), Part::Requests).unwrap().is_nan());
    }

    #[rstest]
    #[case::no_pool("http_requests_total 1\n", None)]
    #[case::a_pool_that_may_open_none("database_connections_active 0\ndatabase_connections_max 0\n", None)]
    #[case::no_maximum("database_connections_active 3\n", None)]
    #[case::more_than_the_maximum("database_connections_active 9\ndatabase_connections_max 6\n", Some(1.0))]
    #[case::nonsense("database_connections_active NaN\ndatabase_connections_max 6\n", None)]
    fn the_share_of_connections_is_between_0_and_1_or_absent(#[case] text: &str, #[case] share: Option<f64>) {
        assert_eq!(parsed(text).connections_used, share);
    }

    #[rstest]
    #[case::html("<html>\n<body>Sign in</body>", "line 1 is no Prometheus exposition")]
    #[case::html_behind_a_sample("a 1\n<html>\n", "line 2 is no Prometheus exposition")]
    #[case::cut_off("a 1\nhttp_requests_total 123", "line 2 is cut off")]
    #[case::bound("http_request_duration_seconds_bucket{le=\"x\"} 1\n", "line 1 is a bucket")]
    #[case::no_bound("http_request_duration_seconds_bucket 1\n", "line 1 is a bucket")]
    #[case::nothing("", "no series")]
    #[case::comments_only("# EOF\n", "no series")]
    fn what_is_no_exposition_is_refused_with_its_line(#[case] text: &str, #[case] says: &str) {
        let error = read(text.as_bytes(), &MetricNames::default()).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }

    #[test]
    fn bytes_that_are_no_text_are_refused_with_their_line() {
        let error = read(b"a 1\nb \xff 2\n", &MetricNames::default()).unwrap_err();
        assert_eq!(error, ExpositionError::NotText { line: 2 });
    }

    #[test]
    fn a_pod_with_endless_labels_is_refused_before_it_fills_the_memory() {
        let text: String = (0..=MOST_SERIES)
            .map(|client| format!("http_requests_total{{c=\"{client}\"}} 1\n"))
            .collect();
        assert_eq!(
            read(text.as_bytes(), &MetricNames::default()),
            Err(ExpositionError::TooManySeries)
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = read(&body, &MetricNames::default());
        }

        #[test]
        fn a_text_that_was_cut_anywhere_is_refused_or_loses_whole_lines(at in 0..API.len()) {
            let whole = parsed(API);
            if let Ok(part) = read(&API.as_bytes()[..at], &MetricNames::default()) {
                prop_assert!(part.counters.iter().all(|(key, value)| whole.counters.get(key) == Some(value)));
            }
        }
    }
}
