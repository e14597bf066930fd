//! The flags of what stands between the network and the handlers, and of live events, posters and payments; and what they
//! mean together.

use std::path::PathBuf;
use std::time::Duration;

use axum::http::HeaderValue;
use clap::Args;
use secrecy::SecretString;

use super::args::{positive, secret};
use super::{ConfigError, is_set};
use crate::accept::ConnectionLimits;
use crate::address::TrustedProxies;
use crate::edge::{EdgeConfig, Origins};
use crate::live::LiveConfig;
use crate::payments::PaymentConfig;
use crate::posters::PosterConfig;
use crate::rate_limit::Rate;

/// Whether requests are traced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tracing {
    /// No collector sees them.
    Off,
    /// A collector sees a share of them.
    On,
}

/// Flags of the edge.
#[derive(Debug, Clone, Args)]
pub struct EdgeArgs {
    /// Close a connection that brings no complete request head for this long, be it idle or slow.
    #[arg(long, env = "HEAD_TIMEOUT_SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    pub head_timeout_seconds: u64,
    /// Close a connection whose client takes no byte of an answer for this long; who reads slowly but reads is served.
    #[arg(long, env = "WRITE_TIMEOUT_SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    pub write_timeout_seconds: u64,
    /// Most connections at a time, without WebSockets; more are closed at once.
    #[arg(long, env = "MAX_CONNECTIONS", default_value_t = 10_000, value_parser = positive())]
    pub max_connections: u32,
    /// Most connections of one client address; more are closed at once; 0 is no limit. Loopback and trusted proxies are not
    /// limited: behind a proxy set --trusted-proxies too.
    #[arg(long, env = "MAX_CONNECTIONS_PER_ADDRESS", default_value_t = 5000)]
    pub max_connections_per_address: u32,
    /// Most requests in flight; more are answered 503 at once.
    #[arg(long, env = "MAX_IN_FLIGHT", default_value_t = 1024, value_parser = positive())]
    pub max_in_flight: u32,
    /// Requests per second of one client address, with bursts of twice as many; 0 is no limit. Loopback is not limited.
    /// Behind a proxy set --trusted-proxies too, or all its clients share one budget.
    #[arg(long, env = "RATE_LIMIT_PER_ADDRESS", default_value_t = 1000)]
    pub rate_limit_per_address: u32,
    /// Requests per second of one user, with bursts of twice as many; 0 is no limit.
    #[arg(long, env = "RATE_LIMIT_PER_USER", default_value_t = 50)]
    pub rate_limit_per_user: u32,
    /// Wrong passwords per minute for one account from one client address; 0 is no limit. Loopback is not limited. Who signs
    /// in with the right one loses nothing, and other addresses may still try.
    #[arg(long, env = "RATE_LIMIT_WRONG_PASSWORDS", default_value_t = 30)]
    pub rate_limit_wrong_passwords: u32,
    /// Networks of proxies whose X-Forwarded-For is believed, like `10.0.0.0/8,192.0.2.7`.
    #[arg(long, env = "TRUSTED_PROXIES", default_value = "")]
    pub trusted_proxies: TrustedProxies,
    /// Sites whose pages may use the API from a browser, like `https://play.example.com`, or `*` for all.
    #[arg(long, env = "CORS_ORIGINS", default_value = "")]
    pub cors_origins: String,
    /// Most WebSockets at a time; more are answered 503.
    #[arg(long, env = "LIVE_MAX_CONNECTIONS", default_value_t = 10_000, value_parser = positive())]
    pub live_max_connections: u32,
    /// Ask each WebSocket for a sign of life this often.
    #[arg(long, env = "LIVE_PING_SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    pub live_ping_seconds: u64,
    /// Where posters are kept.
    #[command(flatten)]
    pub posters: PosterArgs,
    /// Entry fees.
    #[command(flatten)]
    pub payments: PaymentArgs,
    /// Traces.
    #[command(flatten)]
    pub traces: TraceArgs,
}

/// Flags of traces.
#[derive(Debug, Clone, Args)]
pub struct TraceArgs {
    /// An OpenTelemetry collector that takes traces over HTTP, as `http://HOST:4318`. Without it nothing is traced.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", default_value = "")]
    pub otlp_endpoint: String,
    /// The share of requests that are traced, unless their caller decides.
    #[arg(long, env = "OTEL_TRACES_SAMPLER_ARG", default_value_t = 0.1)]
    pub trace_ratio: f64,
}

impl TraceArgs {
    /// Whether there is a collector.
    pub fn tracing(&self) -> Tracing {
        if self.otlp_endpoint.trim().is_empty() {
            Tracing::Off
        } else {
            Tracing::On
        }
    }
}

/// Flags of posters.
#[derive(Debug, Clone, Args)]
pub struct PosterArgs {
    /// Keep posters in this bucket of S3; credentials and region as for every client of AWS (AWS_ACCESS_KEY_ID,
    /// AWS_SECRET_ACCESS_KEY, AWS_REGION, or the pod's identity).
    #[arg(long, env = "S3_BUCKET", default_value = "")]
    pub s3_bucket: String,
    /// A server that speaks like S3, as `https://HOST`; Amazon's when not set.
    #[arg(long, env = "S3_ENDPOINT", default_value = "")]
    pub s3_endpoint: String,
    /// Without a bucket, keep posters in this directory. Servers that share it must share --upload-key too.
    #[arg(long, env = "POSTERS_DIRECTORY", default_value = "/tmp/pathfinder-posters")]
    pub posters_directory: PathBuf,
    /// Signs the addresses of uploads into the directory; one of this process' own when not set.
    #[arg(long, env = "UPLOAD_KEY", hide_env_values = true, value_parser = secret())]
    pub upload_key: Option<SecretString>,
}

/// Flags of payments.
#[derive(Debug, Clone, Args)]
pub struct PaymentArgs {
    /// The public half of the payment gateway's credentials. Without it tournaments cannot have an entry fee.
    #[arg(long, env = "PAYMENTS_KEY_ID", default_value = "")]
    pub payments_key_id: String,
    /// The secret half.
    #[arg(long, env = "PAYMENTS_KEY_SECRET", hide_env_values = true, value_parser = secret())]
    pub payments_key_secret: Option<SecretString>,
    /// Signs the gateway's messages to /api/payments/webhook.
    #[arg(long, env = "PAYMENTS_WEBHOOK_SECRET", hide_env_values = true, value_parser = secret())]
    pub payments_webhook_secret: Option<SecretString>,
    /// The gateway's API.
    #[arg(long, env = "PAYMENTS_URL", default_value = "https://api.razorpay.com")]
    pub payments_url: String,
    /// Requests per second to the gateway, of all servers together.
    #[arg(long, env = "PAYMENTS_PER_SECOND", default_value_t = 20, value_parser = positive())]
    pub payments_per_second: u32,
    /// A seat is kept for this long until its fee is paid.
    #[arg(long, env = "PAYMENTS_WINDOW_SECONDS", default_value_t = 900, value_parser = clap::value_parser!(u64).range(1..))]
    pub payments_window_seconds: u64,
    /// Give up on one answer of the gateway after this long, and ask again later.
    #[arg(long, env = "PAYMENTS_TIMEOUT_MILLIS", default_value_t = 5000, value_parser = clap::value_parser!(u64).range(1..))]
    pub payments_timeout_millis: u64,
}

/// What the flags of the edge mean.
pub(super) fn edge(args: &EdgeArgs) -> Result<EdgeConfig, ConfigError> {
    Ok(EdgeConfig {
        connections: ConnectionLimits {
            head_timeout: Duration::from_secs(args.head_timeout_seconds),
            write_timeout: Duration::from_secs(args.write_timeout_seconds),
            max_connections: count(args.max_connections),
            max_per_address: Some(count(args.max_connections_per_address)).filter(|most| *most > 0),
        },
        max_in_flight: count(args.max_in_flight),
        per_address: per_second(args.rate_limit_per_address),
        per_user: per_second(args.rate_limit_per_user),
        wrong_passwords: rate(
            (args.rate_limit_wrong_passwords, Duration::from_secs(60)),
            args.rate_limit_wrong_passwords,
        ),
        trusted_proxies: args.trusted_proxies.clone(),
        origins: origins(&args.cors_origins)?,
        tracing: args.traces.tracing(),
    })
}

/// What the flags of live events mean.
pub(super) fn live(args: &EdgeArgs) -> LiveConfig {
    LiveConfig {
        max_connections: count(args.live_max_connections),
        ping_every: Duration::from_secs(args.live_ping_seconds),
    }
}

/// What the flags of posters mean.
pub(super) fn posters(args: PosterArgs) -> PosterConfig {
    let bucket = args.s3_bucket.trim();
    if bucket.is_empty() {
        // Without a key nobody else can know one: addresses of uploads end with this process.
        let own = || uuid::Uuid::new_v4().to_string() + &uuid::Uuid::new_v4().to_string();
        return PosterConfig::Directory {
            path: args.posters_directory,
            secret: args.upload_key.filter(is_set).unwrap_or_else(|| own().into()),
        };
    }
    PosterConfig::S3 {
        bucket: bucket.to_owned(),
        endpoint: Some(args.s3_endpoint.trim().to_owned()).filter(|endpoint| !endpoint.is_empty()),
    }
}

/// What the flags of payments mean; `None` without credentials.
pub(super) fn payments(args: PaymentArgs) -> Result<Option<PaymentConfig>, ConfigError> {
    if args.payments_key_id.trim().is_empty() {
        return Ok(None);
    }
    let needed =
        |secret: Option<SecretString>, variable| secret.filter(is_set).ok_or(ConfigError::PaymentSecret { variable });
    let is_url = reqwest::Url::parse(&args.payments_url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    if !is_url {
        return Err(ConfigError::PaymentUrl);
    }
    Ok(Some(PaymentConfig {
        url: args.payments_url,
        key_id: args.payments_key_id,
        key_secret: needed(args.payments_key_secret, "PAYMENTS_KEY_SECRET")?,
        webhook_secret: needed(args.payments_webhook_secret, "PAYMENTS_WEBHOOK_SECRET")?,
        per_second: args.payments_per_second,
        window: Duration::from_secs(args.payments_window_seconds),
        timeout: Duration::from_millis(args.payments_timeout_millis),
    }))
}

fn per_second(count: u32) -> Option<Rate> {
    rate((count, Duration::from_secs(1)), count.saturating_mul(2))
}

/// So many in this time; none is no limit.
fn rate((count, time): (u32, Duration), burst: u32) -> Option<Rate> {
    let every = time.checked_div(count)?;
    Some(Rate { every, burst })
}

fn origins(list: &str) -> Result<Origins, ConfigError> {
    let list = list.trim();
    if list.is_empty() {
        return Ok(Origins::None);
    }
    if list == "*" {
        return Ok(Origins::Any);
    }
    let one = |origin: &str| {
        // What a browser sends is the shortest way to write it.
        let is_origin = reqwest::Url::parse(origin).is_ok_and(|url| url.origin().ascii_serialization() == origin);
        let value = HeaderValue::from_str(origin).ok().filter(|_| is_origin);
        value.ok_or_else(|| ConfigError::Origin {
            origin: origin.to_owned(),
        })
    };
    list.split(',')
        .map(|origin| one(origin.trim()))
        .collect::<Result<_, _>>()
        .map(Origins::Listed)
}

fn count(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::{Config, serve_args};
    use super::*;

    fn parse(flags: &[&str]) -> Result<Config, ConfigError> {
        Config::try_from(serve_args(flags))
    }

    #[test]
    fn without_flags_clients_have_budgets_and_nobody_is_trusted() {
        let edge = parse(&[]).expect("defaults fit together").edge;
        assert!(edge.per_address.is_some() && edge.per_user.is_some() && edge.wrong_passwords.is_some());
        assert_eq!(edge.trusted_proxies, TrustedProxies::default());
        assert_eq!((edge.origins, edge.tracing), (Origins::None, Tracing::Off));
    }

    #[test]
    fn a_budget_of_zero_is_none() {
        let flags = ["per-address", "per-user", "wrong-passwords"].map(|of| format!("--rate-limit-{of}=0"));
        let edge = parse(&flags.each_ref().map(String::as_str)).expect("fits").edge;
        assert!(edge.per_address.is_none() && edge.per_user.is_none() && edge.wrong_passwords.is_none());
    }

    #[test]
    fn an_origin_that_no_browser_sends_is_refused() {
        for origin in ["play.example.com", "https://play.example.com/", "https://a b"] {
            let flags = ["--cors-origins", origin];
            assert!(matches!(parse(&flags), Err(ConfigError::Origin { .. })), "{origin}");
        }
        let two = parse(&["--cors-origins", "https://a.example, http://localhost:3000"]).expect("fits");
        assert!(matches!(two.edge.origins, Origins::Listed(origins) if origins.len() == 2));
    }

    #[test]
    fn payments_need_all_their_secrets_and_show_none() {
        let error = parse(&["--payments-key-id", "rzp"]).expect_err("no secret");
        assert!(error.to_string().contains("PAYMENTS_KEY_SECRET"), "{error}");
        let flags = [
            "--payments-key-id",
            "rzp",
            "--payments-key-secret",
            "hunter2",
            "--payments-webhook-secret",
            "hunter3",
        ];
        let config = parse(&flags).expect("fits");
        assert!(config.payments.is_some());
        assert!(!format!("{config:?}").contains("hunter"));
    }

    #[test]
    fn a_collector_turns_traces_on() {
        assert_eq!(
            parse(&["--otlp-endpoint", "http://c:4318"]).expect("fits").edge.tracing,
            Tracing::On
        );
    }
}
