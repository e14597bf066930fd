//! What pods say, as several libraries write it, and what is refused.

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
