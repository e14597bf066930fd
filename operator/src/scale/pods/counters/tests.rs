//! What rates must be, told as scrapes of one pod at given seconds.

use proptest::prelude::*;
use rstest::rstest;

use super::{
    super::exposition::{self, MetricNames},
    *,
};

const POD: &str = "u1";

struct Watch {
    counters: Counters,
    start: Instant,
}

impl Watch {
    fn new() -> Self {
        Self {
            counters: Counters::new(Pace::every(Duration::from_secs(2))),
            start: Instant::now(),
        }
    }

    fn at(&self, seconds: f64) -> Moment {
        Moment {
            monotonic: self.start + Duration::from_secs_f64(seconds),
            wall: wall(seconds),
        }
    }

    fn scrape(&mut self, seconds: f64, text: &str) -> PodSample {
        let moment = self.at(seconds);
        self.counters.scraped(POD, parsed(text), moment)
    }

    fn requests(&mut self, seconds: f64, total: f64) -> PodSample {
        self.scrape(seconds, &format!("http_requests_total {total}\n"))
    }
}

fn wall(seconds: f64) -> Timestamp {
    Timestamp::from_second(1_000_000).unwrap() + jiff::SignedDuration::from_secs_f64(seconds)
}

fn parsed(text: &str) -> Exposition {
    exposition::read(text.as_bytes(), &MetricNames::default()).unwrap()
}

#[test]
fn a_first_look_gives_no_rate_and_not_zero() {
    let sample = Watch::new().requests(0.0, 500.0);
    assert_eq!(sample.rate, None);
    assert_eq!(sample.up, Some(1.0));
    assert_eq!(sample.sampled, Some(1_000_000.0));
    assert_eq!(sample.durations, []);
}

#[test]
fn samples_go_stale_after_three_looks_and_windows_hold_five_or_ten_seconds() {
    let windows = [1, 2, 5].map(|interval| {
        let pace = Pace::every(Duration::from_secs(interval));
        (pace.max_age().as_secs(), pace.window().as_secs())
    });
    assert_eq!(windows, [(3, 10), (6, 10), (15, 25)]);
}

// Each scrape is (seconds, total); the rate is that after the last one.
#[rstest]
// (700 - 500) / 2
#[case::steady(&[(0.0, 500.0), (2.0, 700.0)], Some(100.0))]
#[case::idle(&[(0.0, 500.0), (2.0, 500.0)], Some(0.0))]
// Only the last two: (1900 - 700) / 2
#[case::a_step(&[(0.0, 500.0), (2.0, 700.0), (4.0, 1900.0)], Some(600.0))]
// (900 - 500) / 4: one look failed
#[case::a_look_was_missed(&[(0.0, 500.0), (4.0, 900.0)], Some(100.0))]
// Began anew: 60 / 2
#[case::reset(&[(0.0, 500.0), (2.0, 60.0)], Some(30.0))]
#[case::reset_to_zero(&[(0.0, 500.0), (2.0, 0.0)], Some(0.0))]
// (160 - 60) / 2
#[case::after_a_reset(&[(0.0, 500.0), (2.0, 60.0), (4.0, 160.0)], Some(50.0))]
#[case::a_gap_of_more_than_four_looks(&[(0.0, 500.0), (9.0, 900.0)], None)]
// A first look at 9 s, then (1000 - 900) / 2
#[case::after_a_gap(&[(0.0, 500.0), (9.0, 900.0), (11.0, 1000.0)], Some(50.0))]
// The look after 0.1 s is passed over, so (700 - 500) / 2
#[case::twice_in_a_moment(&[(0.0, 500.0), (0.1, 530.0), (2.0, 700.0)], Some(100.0))]
// The last step stays what it was: (700 - 500) / 2
#[case::again_at_once(&[(0.0, 500.0), (2.0, 700.0), (2.0, 700.0)], Some(100.0))]
#[case::not_a_number(&[(0.0, 500.0), (2.0, f64::NAN)], None)]
#[case::was_not_a_number(&[(0.0, 500.0), (2.0, f64::NAN), (4.0, 700.0)], None)]
#[case::is_a_number_again(&[(0.0, f64::NAN), (2.0, 700.0), (4.0, 900.0)], Some(100.0))]
#[case::infinite(&[(0.0, 500.0), (2.0, f64::INFINITY)], None)]
#[case::negative(&[(0.0, 500.0), (2.0, -3.0)], None)]
fn the_rate_is_what_grew_between_the_last_two_looks(#[case] scrapes: &[(f64, f64)], #[case] rate: Option<f64>) {
    let mut watch = Watch::new();
    let mut last = PodSample::default();
    for (seconds, total) in scrapes {
        last = watch.requests(*seconds, *total);
    }
    assert_eq!(last.rate, rate);
}

#[test]
fn a_wall_clock_that_is_set_back_bends_no_rate() {
    let mut watch = Watch::new();
    watch.requests(0.0, 500.0);
    let set_back = Moment {
        wall: wall(-3600.0),
        ..watch.at(2.0)
    };
    let sample = watch
        .counters
        .scraped(POD, parsed("http_requests_total 700\n"), set_back);
    assert_eq!(sample.rate, Some(100.0));
    assert_eq!(sample.sampled, Some(996_400.0));
}

#[test]
fn a_monotonic_moment_that_is_earlier_changes_nothing() {
    let mut watch = Watch::new();
    watch.requests(10.0, 500.0);
    watch.requests(12.0, 700.0);
    assert_eq!(watch.requests(11.0, 600.0).rate, Some(100.0));
    // (1100 - 700) / 2
    assert_eq!(watch.requests(14.0, 1100.0).rate, Some(200.0));
}

#[test]
fn a_series_that_vanishes_is_no_restart_of_the_others() {
    let mut watch = Watch::new();
    watch.scrape(
        0.0,
        "http_requests_total{a=\"1\"} 1000000\nhttp_requests_total{a=\"2\"} 900\n",
    );
    // 100 / 2; a fall of the sum taken for a restart would be 500,050 per second.
    let sample = watch.scrape(2.0, "http_requests_total{a=\"1\"} 1000100\n");
    assert_eq!(sample.rate, Some(50.0));
}

#[test]
fn a_series_that_appears_counts_from_zero() {
    let mut watch = Watch::new();
    watch.scrape(0.0, "http_requests_total{code=\"200\"} 100\n");
    // (120 - 100 + 40) / 2
    let sample = watch.scrape(
        2.0,
        "http_requests_total{code=\"503\"} 40\nhttp_requests_total{code=\"200\"} 120\n",
    );
    assert_eq!(sample.rate, Some(30.0));
}

#[test]
fn a_pod_that_counts_no_requests_is_up_and_has_no_sample() {
    let mut watch = Watch::new();
    watch.scrape(0.0, "other 1\n");
    let sample = watch.scrape(2.0, "other 1\n");
    let quiet = PodSample {
        up: Some(1.0),
        ..PodSample::default()
    };
    assert_eq!(sample, quiet);
}

#[test]
fn a_pod_of_another_uid_is_another_pod() {
    let mut watch = Watch::new();
    watch.requests(0.0, 500.0);
    let moment = watch.at(2.0);
    let sample = watch
        .counters
        .scraped("u2", parsed("http_requests_total 700\n"), moment);
    assert_eq!(sample.rate, None);
}

#[test]
fn pods_that_are_gone_are_forgotten_and_the_others_are_not() {
    let mut watch = Watch::new();
    for pod in 0..100 {
        let moment = watch.at(0.0);
        watch
            .counters
            .scraped(&format!("gone{pod}"), parsed("http_requests_total 1\n"), moment);
    }
    watch.requests(8.0, 1.0);
    watch.counters.forget_silent(watch.at(8.5).monotonic);
    assert_eq!(watch.counters.pods.len(), 1);
    assert!(watch.counters.knows(POD));
}

fn latencies(fast: f64, all: f64) -> String {
    format!(
        "http_request_duration_seconds_bucket{{le=\"0.5\"}} {fast}\nhttp_request_duration_seconds_bucket{{le=\"+Inf\"}} {all}\n"
    )
}

#[test]
fn durations_are_means_over_the_window_with_the_longest_last() {
    let mut watch = Watch::new();
    let mut last = PodSample::default();
    // The first 20 s have 50 requests per second that are all fast, the last 10 s 100 of which 30 are slow.
    for look in 0..=15_u32 {
        let seconds = f64::from(look) * 2.0;
        let (before, after) = (seconds.min(20.0), (seconds - 20.0).max(0.0));
        let text = latencies(before * 50.0 + after * 70.0, before * 50.0 + after * 100.0);
        last = watch.scrape(seconds, &text);
    }
    let expected = [
        Bucket { le: 0.5, rate: 70.0 },
        Bucket {
            le: f64::INFINITY,
            rate: 100.0,
        },
    ];
    assert_eq!(last.durations, expected);
}

#[test]
fn durations_outlive_a_reset() {
    let mut watch = Watch::new();
    watch.scrape(0.0, &latencies(1000.0, 2000.0));
    watch.scrape(2.0, &latencies(1100.0, 2200.0));
    // Over 4 s: 100 + 20 fast ones, 200 + 40 in all.
    let sample = watch.scrape(4.0, &latencies(20.0, 40.0));
    let rates: Vec<f64> = sample.durations.iter().map(|bucket| bucket.rate).collect();
    assert_eq!(rates, [30.0, 60.0]);
}

#[test]
fn without_requests_all_buckets_are_zero_and_present() {
    let mut watch = Watch::new();
    watch.scrape(0.0, &latencies(10.0, 10.0));
    let sample = watch.scrape(2.0, &latencies(10.0, 10.0));
    let rates: Vec<f64> = sample.durations.iter().map(|bucket| bucket.rate).collect();
    assert_eq!(rates, [0.0, 0.0]);
}

fn stores(requests: f64, queries: f64, connections: Option<f64>) -> String {
    let gauges =
        connections.map(|active| format!("database_connections_active {active}\ndatabase_connections_max 10\n"));
    format!(
        "http_request_duration_seconds_sum {requests}\ndatabase_query_duration_seconds_sum {queries}\n{}",
        gauges.unwrap_or_default()
    )
}

#[rstest]
// 3 s of queries in 4 s of requests
#[case::queries((4.0, 3.0), None, Some(0.75))]
#[case::the_fuller_of_both((4.0, 3.0), Some(9.0), Some(0.9))]
#[case::the_slower_of_both((4.0, 3.0), Some(2.0), Some(0.75))]
#[case::side_by_side((4.0, 7.0), None, Some(1.0))]
#[case::no_requests((0.0, 0.0), None, None)]
#[case::no_requests_and_full((0.0, 0.0), Some(10.0), Some(1.0))]
fn postgres_is_as_full_as_its_queries_and_connections_say(
    #[case] (requests, queries): (f64, f64),
    #[case] connections: Option<f64>,
    #[case] saturation: Option<f64>,
) {
    let mut watch = Watch::new();
    watch.scrape(0.0, &stores(100.0, 50.0, connections));
    let sample = watch.scrape(2.0, &stores(100.0 + requests, 50.0 + queries, connections));
    assert_eq!(sample.postgres, saturation);
    assert_eq!(sample.redis, None);
}

#[test]
fn redis_is_as_full_as_its_commands_say() {
    let text = |requests, commands| {
        format!("http_request_duration_seconds_sum {requests}\nredis_command_duration_seconds_sum {commands}\n")
    };
    let mut watch = Watch::new();
    watch.scrape(0.0, &text(0.0, 0.0));
    // 1 s of commands in 8 s of requests
    let sample = watch.scrape(2.0, &text(8.0, 1.0));
    assert_eq!((sample.redis, sample.postgres), (Some(0.125), None));
}

fn scrapes() -> impl Strategy<Value = Vec<(u32, Vec<f64>)>> {
    let value = prop_oneof![0.0..1e6, any::<f64>()];
    prop::collection::vec((0..12_000_u32, prop::collection::vec(value, 0..4)), 0..60)
}

fn is_rate(value: f64) -> bool {
    value.is_finite() && value >= 0.0
}

proptest! {
    #[test]
    fn no_rate_is_ever_negative_or_not_a_number_and_memory_is_bounded(scrapes in scrapes()) {
        let mut watch = Watch::new();
        for (millis, values) in scrapes {
            let seconds = f64::from(millis) / 1000.0;
            let series = values.iter().enumerate().map(|(at, value)| {
                let (requests, durations) = ("http_requests_total", "http_request_duration_seconds");
                format!("{requests}{{a=\"{at}\"}} {value}\n{durations}_sum{{a=\"{at}\"}} {value}\n")
                    + &format!("{durations}_bucket{{le=\"{at}\"}} {value}\ndatabase_query_duration_seconds_sum {value}\n")
            });
            let text = series.collect::<String>() + "up 1\n";
            let sample = watch.scrape(seconds, &text);
            prop_assert!(sample.rate.is_none_or(is_rate));
            prop_assert!(sample.postgres.is_none_or(|share| (0.0..=1.0).contains(&share)));
            prop_assert!(sample.durations.iter().all(|bucket| is_rate(bucket.rate)));
            // A window of 10 s and steps of half a second at least.
            prop_assert!(watch.counters.pods[POD].steps.len() <= 21);
        }
    }

    #[test]
    fn after_a_step_the_second_look_tells_the_whole_truth_wherever_it_falls_between_looks(phase in 0.0..2.0) {
        let mut watch = Watch::new();
        // 50 requests per second until the step, 600 after it; looks at 0, 2, 4 and 6 s, the step between 2 and 4 s.
        let step = 2.0 + phase;
        let total = |seconds: f64| 50.0 * seconds.min(step) + 600.0 * (seconds - step).max(0.0);
        let rates = [0.0, 2.0, 4.0, 6.0].map(|seconds| watch.requests(seconds, total(seconds)).rate);
        // Of the look in which the step falls, only what is behind the step is of the new load.
        let share = (4.0 - step) / 2.0;
        let mixed = 50.0 + 550.0 * share;
        prop_assert_eq!(rates[0], None);
        for (rate, truth) in rates.into_iter().skip(1).zip([50.0, mixed, 600.0]) {
            prop_assert!((rate.unwrap() - truth).abs() < 1e-6, "{:?} {}", rate, truth);
        }
    }

    #[test]
    fn with_resets_anywhere_the_rates_add_up_to_what_was_counted_since(counted in prop::collection::vec((0..1000_u32, any::<bool>()), 1..40)) {
        let mut watch = Watch::new();
        watch.requests(0.0, 0.0);
        let (mut total, mut seen, mut truth) = (0_u32, 0.0, 0.0);
        for (look, (grown, restarted)) in counted.into_iter().enumerate() {
            let before = total;
            total = if restarted { grown } else { total + grown };
            // A process that counted more than before its restart hides what was counted before.
            truth += f64::from(if total >= before { total - before } else { total });
            let seconds = f64::from(u32::try_from(look).unwrap() + 1) * 2.0;
            seen += watch.requests(seconds, f64::from(total)).rate.unwrap() * 2.0;
        }
        prop_assert!((seen - truth).abs() < 1e-6);
    }
}
