//! Every metric of this process. All series that usually occur exist from the start at zero, so that a rate over the
//! first request is right and an absent series means an absent process. Label values are closed sets: no client can add
//! a series. The text format appends `_total` to counters by itself, so counters are registered without it.
//!
//! Per request: `http_requests_total`, `http_request_duration_seconds`, `http_requests_in_flight`. Per process: the rest.

pub mod edge;
pub mod labels;

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use edge::EdgeMetrics;
use labels::{CacheLabels, CacheOutcome, HttpLabels, Pool, PoolLabels, QueryLabels, QueryType, USUAL_RESPONSES};

/// Upper bounds in seconds; dense around 0.5, the usual latency target.
const REQUEST_BUCKETS: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0,
];
/// Upper bounds in seconds; reaches the default statement timeout.
const QUERY_BUCKETS: [f64; 12] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0,
];

type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

/// The metrics of one process.
pub struct Metrics {
    registry: Registry,
    requests: Family<HttpLabels, Counter>,
    request_seconds: Histograms<HttpLabels>,
    in_flight: Gauge,
    query_seconds: Histograms<QueryLabels>,
    replica_fallbacks: Counter,
    cache_requests: Family<CacheLabels, Counter>,
    cache_hit_rate: Gauge<f64, AtomicU64>,
    pools: PoolGauges,
    /// Of the edge.
    pub edge: EdgeMetrics,
}

/// How the connections of one pool are used at this moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PoolUse {
    /// Connections that run something.
    pub active: u32,
    /// Connections that wait for something to run.
    pub idle: u32,
    /// Most connections that the pool may open.
    pub max: u32,
    /// Requests that wait for a connection.
    pub waiting: u32,
}

#[derive(Debug, Default)]
struct PoolGauges {
    active: Family<PoolLabels, Gauge>,
    idle: Family<PoolLabels, Gauge>,
    max: Family<PoolLabels, Gauge>,
    waiting: Family<PoolLabels, Gauge>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::default(),
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(|| Histogram::new(REQUEST_BUCKETS)),
            in_flight: Gauge::default(),
            query_seconds: Family::new_with_constructor(|| Histogram::new(QUERY_BUCKETS)),
            replica_fallbacks: Counter::default(),
            cache_requests: Family::default(),
            cache_hit_rate: Gauge::default(),
            pools: PoolGauges::default(),
            edge: EdgeMetrics::default(),
        };
        metrics.register();
        metrics.create_series();
        metrics
    }
}

impl Metrics {
    /// Counts an answered request. `elapsed` runs from its arrival to the head of its answer.
    pub fn request(&self, labels: &HttpLabels, elapsed: Duration) {
        self.requests.get_or_create(labels).inc();
        self.request_seconds
            .get_or_create(labels)
            .observe(elapsed.as_secs_f64());
    }

    /// Counts a request as in flight until the guard is dropped, also when its client goes away.
    pub fn in_flight(&self) -> InFlight<'_> {
        self.in_flight.inc();
        InFlight(&self.in_flight)
    }

    /// Requests in flight at this moment.
    pub fn in_flight_now(&self) -> i64 {
        self.in_flight.get()
    }

    /// Times a query until the guard is dropped, also when it fails or is abandoned.
    pub fn time_query(&self, query_type: QueryType) -> QueryTimer<'_> {
        QueryTimer {
            metrics: self,
            query_type,
            started: Instant::now(),
        }
    }

    /// Counts a read that went to the primary because the replica did not answer.
    pub fn replica_fallback(&self) {
        self.replica_fallbacks.inc();
    }

    /// Counts a read that could have been answered by the cache.
    pub fn cache(&self, outcome: CacheOutcome) {
        self.cache_requests.get_or_create(&CacheLabels { outcome }).inc();
    }

    /// Everything, in the OpenMetrics text format, with the pools as they are now.
    ///
    /// # Errors
    /// None that can happen: writing to a string does not fail.
    pub fn encode(&self, pools: &[(Pool, PoolUse)]) -> Result<String, fmt::Error> {
        for (pool, usage) in pools {
            self.pools.set(*pool, *usage);
        }
        self.cache_hit_rate.set(self.hit_rate());
        let mut body = String::with_capacity(32 * 1024);
        text::encode(&mut body, &self.registry)?;
        Ok(body)
    }

    /// Share of the cacheable reads since the start that the cache answered; 0 before the first one.
    fn hit_rate(&self) -> f64 {
        let count = |outcome| self.cache_requests.get_or_create(&CacheLabels { outcome }).get();
        let total: u64 = CacheOutcome::ALL.into_iter().map(count).sum();
        ratio(count(CacheOutcome::Hit), total)
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        self.edge.register(registry);
        registry.register("http_requests", "Requests answered", self.requests.clone());
        registry.register(
            "http_request_duration_seconds",
            "Time to answer a request",
            self.request_seconds.clone(),
        );
        registry.register(
            "http_requests_in_flight",
            "Requests being answered now",
            self.in_flight.clone(),
        );
        registry.register(
            "database_query_duration_seconds",
            "Time of a query",
            self.query_seconds.clone(),
        );
        registry.register(
            "database_replica_fallbacks",
            "Reads that went to the primary because the replica did not answer",
            self.replica_fallbacks.clone(),
        );
        registry.register(
            "cache_requests",
            "Cacheable reads by outcome",
            self.cache_requests.clone(),
        );
        registry.register(
            "cache_hit_rate",
            "Share of the cacheable reads since the start that the cache answered",
            self.cache_hit_rate.clone(),
        );
        let PoolGauges {
            active,
            idle,
            max,
            waiting,
        } = &self.pools;
        registry.register("database_connections_active", "Connections in use", active.clone());
        registry.register("database_connections_idle", "Connections open and unused", idle.clone());
        registry.register(
            "database_connections_max",
            "Connections that the pool may open",
            max.clone(),
        );
        registry.register(
            "database_connections_waiting",
            "Requests waiting for a connection",
            waiting.clone(),
        );
    }

    fn create_series(&self) {
        for (method, route, status_codes) in USUAL_RESPONSES {
            for &status_code in *status_codes {
                let labels = HttpLabels {
                    method: *method,
                    route: *route,
                    status_code,
                };
                let _created = self.requests.get_or_create(&labels);
                let _created = self.request_seconds.get_or_create(&labels);
            }
        }
        for query_type in QueryType::ALL {
            let _created = self.query_seconds.get_or_create(&QueryLabels { query_type });
        }
        for outcome in CacheOutcome::ALL {
            let _created = self.cache_requests.get_or_create(&CacheLabels { outcome });
        }
        for pool in Pool::ALL {
            self.pools.set(pool, PoolUse::default());
        }
    }
}

impl PoolGauges {
    fn set(&self, pool: Pool, usage: PoolUse) {
        let PoolUse {
            active,
            idle,
            max,
            waiting,
        } = usage;
        for (family, value) in [
            (&self.active, active),
            (&self.idle, idle),
            (&self.max, max),
            (&self.waiting, waiting),
        ] {
            family.get_or_create(&PoolLabels { pool }).set(i64::from(value));
        }
    }
}

/// A request in flight.
#[derive(Debug)]
pub struct InFlight<'a>(&'a Gauge);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// A query that runs.
#[derive(Debug)]
pub struct QueryTimer<'a> {
    metrics: &'a Metrics,
    query_type: QueryType,
    started: Instant,
}

impl Drop for QueryTimer<'_> {
    fn drop(&mut self) {
        let labels = QueryLabels {
            query_type: self.query_type,
        };
        self.metrics
            .query_seconds
            .get_or_create(&labels)
            .observe(self.started.elapsed().as_secs_f64());
    }
}

/// Counts stay far below 2^52, where a float holds every whole number.
#[allow(clippy::cast_precision_loss)]
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::labels::{Method, Route};
    use super::*;

    fn encoded(metrics: &Metrics) -> String {
        metrics.encode(&[]).expect("a string takes everything")
    }

    #[test]
    fn every_usual_series_exists_at_zero_before_the_first_request() {
        let text = encoded(&Metrics::default());
        for series in [
            r#"http_requests_total{method="GET",route="/api/tournaments",status_code="200"} 0"#,
            r#"http_requests_total{method="POST",route="/api/tournaments",status_code="201"} 0"#,
            r#"http_requests_total{method="GET",route="/api/tournaments/{id}",status_code="404"} 0"#,
            r#"http_request_duration_seconds_count{method="GET",route="/api/tournaments",status_code="200"} 0"#,
            r#"http_request_duration_seconds_bucket{le="0.005",method="GET",route="/api/tournaments",status_code="200"} 0"#,
            r#"http_request_duration_seconds_bucket{le="10.0",method="GET",route="/api/tournaments",status_code="200"} 0"#,
            r#"database_query_duration_seconds_count{query_type="list_tournaments"} 0"#,
            r#"database_connections_active{pool="primary"} 0"#,
            r#"database_connections_max{pool="replica"} 0"#,
            r#"cache_requests_total{outcome="hit"} 0"#,
            "cache_hit_rate 0.0",
            "database_replica_fallbacks_total 0",
            "http_requests_in_flight 0",
        ] {
            assert!(
                text.lines().any(|line| line == series),
                "no line `{series}` in:\n{text}"
            );
        }
    }

    #[test]
    fn no_counter_gets_its_suffix_twice() {
        assert!(!encoded(&Metrics::default()).contains("_total_total"));
    }

    #[test]
    fn a_request_is_counted_and_timed_under_its_own_labels() {
        let metrics = Metrics::default();
        let labels = HttpLabels {
            method: Method::Get,
            route: Route::Tournaments,
            status_code: 200,
        };
        metrics.request(&labels, Duration::from_millis(30));
        let text = encoded(&metrics);
        let series = r#"method="GET",route="/api/tournaments",status_code="200"}"#;
        assert!(text.contains(&format!("http_requests_total{{{series} 1\n")), "{text}");
        assert!(
            text.contains(&format!(
                "http_request_duration_seconds_bucket{{le=\"0.025\",{series} 0\n"
            )),
            "{text}"
        );
        assert!(
            text.contains(&format!(
                "http_request_duration_seconds_bucket{{le=\"0.05\",{series} 1\n"
            )),
            "{text}"
        );
    }

    #[test]
    fn a_query_is_timed_even_when_it_is_abandoned() {
        let metrics = Metrics::default();
        drop(metrics.time_query(QueryType::GetTournament));
        assert!(encoded(&metrics).contains(r#"database_query_duration_seconds_count{query_type="get_tournament"} 1"#));
    }

    #[test]
    fn the_hit_rate_counts_reads_that_bypassed_the_cache_as_not_hit() {
        let metrics = Metrics::default();
        for outcome in [
            CacheOutcome::Hit,
            CacheOutcome::Hit,
            CacheOutcome::Miss,
            CacheOutcome::Bypass,
        ] {
            metrics.cache(outcome);
        }
        assert!(encoded(&metrics).contains("\ncache_hit_rate 0.5\n"));
    }

    #[test]
    fn a_request_is_in_flight_until_its_guard_goes() {
        let metrics = Metrics::default();
        let guard = metrics.in_flight();
        assert_eq!(metrics.in_flight_now(), 1);
        drop(guard);
        assert_eq!(metrics.in_flight_now(), 0);
    }
}
