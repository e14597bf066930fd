//! Every default of the resource: one constant, one sentence why.
//!
//! The schema carries them, so `kubectl get -o yaml` shows what is in force. They never change within v1alpha1.

/// Where the API listens: what the shipped API server and most small frameworks use.
pub const API_PORT: i32 = 5000;
/// Port of the API's Service: plain HTTP, so that in-cluster callers write no port.
pub const SERVICE_PORT: i32 = 80;
/// CPU request of an API pod: a quarter core serves a few hundred small requests per second.
pub const API_CPU_REQUEST: &str = "250m";
/// Memory request of an API pod.
pub const API_MEMORY_REQUEST: &str = "256Mi";
/// CPU limit of an API pod: room for start-up and short peaks.
pub const API_CPU_LIMIT: &str = "500m";
/// Memory limit of an API pod: twice the request, so a leak ends in one pod.
pub const API_MEMORY_LIMIT: &str = "512Mi";
/// Two replicas, so that one pod or one node may go.
pub const MIN_REPLICAS: i32 = 2;
/// Ten replicas: a bound that a small cluster can pay for.
pub const MAX_REPLICAS: i32 = 10;
/// Average CPU utilisation (percent of the request) that the HPA aims at.
pub const CPU_UTILIZATION: i32 = 70;
/// Average memory utilisation (percent of the request) that the HPA aims at.
pub const MEMORY_UTILIZATION: i32 = 80;
/// Requests per second that one replica is trusted with until it has been measured.
pub const REQUESTS_PER_SECOND_PER_REPLICA: f64 = 100.0;
/// Seconds between two routine increases; present demand never waits for it.
pub const SCALE_UP_COOLDOWN_SECONDS: i32 = 300;
/// The most percent that come on top at once: a tenfold step in one go.
pub const SCALE_UP_MAX_PERCENT: i32 = 900;
/// The most percent that go at once: half, then look.
pub const SCALE_DOWN_MAX_PERCENT: i32 = 50;
/// The quantile of latency that most objectives are written for.
pub const LATENCY_QUANTILE: f64 = 0.95;
/// Half a second: where people begin to notice.
pub const LATENCY_TARGET: &str = "500ms";
/// One request in a thousand may be slower than the target.
pub const OBJECTIVE: f64 = 0.999;
/// A schedule without a zone means UTC, whatever the machine's zone is.
pub const SCHEDULE_TIME_ZONE: &str = "UTC";
/// Five minutes: pods, and a node if one has to be added.
pub const SCHEDULE_LEAD_SECONDS: i32 = 300;
/// Three minutes without data are no slow scrape any more.
pub const FALLBACK_AFTER_SECONDS: i32 = 180;
/// Seconds between two looks at the pods themselves.
pub const PODS_INTERVAL_SECONDS: i32 = 2;
/// Name of the Prometheus endpoint that the administrator's chart values define.
pub const METRICS_ENDPOINT: &str = "default";
/// The project's PostgreSQL image: the official server with pgBackRest beside it.
pub const POSTGRES_IMAGE: &str = "ghcr.io/pathfinder/postgres:17";
/// Volume of one PostgreSQL member.
pub const POSTGRES_STORAGE: &str = "10Gi";
/// The project's Redis image.
pub const REDIS_IMAGE: &str = "ghcr.io/pathfinder/redis:8";
/// Volume of one Redis member.
pub const REDIS_STORAGE: &str = "1Gi";
