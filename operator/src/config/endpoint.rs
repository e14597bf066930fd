//! The Prometheus endpoints that the administrator defined: where, how they scrape, what their series are called, and which
//! Secrets open them.
//!
//! Pure: settings that were checked already. It must not know what is in a Secret.

pub mod names;
pub mod written;

use std::time::Duration;

use reqwest::Url;
use serde::Deserialize;

pub use names::{LabelName, MetricName, SecretKey};
pub use written::{DEFAULT_SCRAPE_SECONDS, Error, parse};

/// A Prometheus endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Where its API is: `http://prometheus.monitoring.svc:9090`. Without credentials.
    pub url: Url,
    /// How often it scrapes the API pods: tells how old a sample may be.
    pub scrape_interval: Duration,
    /// What tells pods apart there.
    pub labels: Labels,
    /// What the API's series are called there.
    pub metrics: MetricNames,
    /// How it stores durations.
    pub histograms: Histograms,
    /// Whether queries that users wrote may be sent to it.
    pub user_queries: UserQueries,
    /// What it wants to see of us, beside the client certificate.
    pub auth: Option<Auth>,
    /// Whom we trust to be it, and who we are.
    pub tls: Tls,
}

/// Names of the labels that tell pods apart.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Labels {
    /// The label that holds the namespace of a pod.
    pub namespace: LabelName,
    /// The label that holds the name of a pod.
    pub pod: LabelName,
}

/// Names of the API's series.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MetricNames {
    /// Counter of requests.
    pub requests: MetricName,
    /// Histogram of the seconds that requests took, without `_bucket`, `_sum` or `_count`.
    pub durations: MetricName,
}

/// How an endpoint stores histograms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Histograms {
    /// One series per bucket.
    #[default]
    Classic,
    /// One series per histogram.
    Native,
}

/// Whether users may ask an endpoint for anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum UserQueries {
    /// A query sees every series of the Prometheus, also those of other namespaces.
    #[default]
    Forbidden,
    /// The administrator says that this is no harm.
    Allowed,
}

/// How we say who we are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// `Authorization: Bearer`.
    Bearer(SecretKey),
    /// `Authorization: Basic`.
    Basic {
        /// Where the user name is.
        username: SecretKey,
        /// Where the password is.
        password: SecretKey,
    },
}

/// Certificates. All absent: the system's roots, no certificate of our own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// PEM of the only authorities that are trusted.
    pub ca: Option<SecretKey>,
    /// PEM of our own certificate (`tls.crt`) and its key (`tls.key`).
    pub client: Option<(SecretKey, SecretKey)>,
    /// The name that the certificate must be of, where it is not the host of the URL.
    pub server_name: Option<String>,
}

impl Endpoint {
    /// An endpoint with every other setting as it usually is.
    pub fn new(url: Url, scrape_interval: Duration) -> Self {
        Self {
            url,
            scrape_interval,
            labels: Labels::default(),
            metrics: MetricNames::default(),
            histograms: Histograms::default(),
            user_queries: UserQueries::default(),
            auth: None,
            tls: Tls::default(),
        }
    }

    /// Every value of a Secret that this endpoint needs.
    pub fn secrets(&self) -> Vec<&SecretKey> {
        let auth = match &self.auth {
            None => vec![],
            Some(Auth::Bearer(token)) => vec![token],
            Some(Auth::Basic { username, password }) => vec![username, password],
        };
        let own = self.tls.client.iter().flat_map(|(cert, key)| [cert, key]);
        auth.into_iter().chain(&self.tls.ca).chain(own).collect()
    }
}

impl Default for Labels {
    fn default() -> Self {
        Self {
            namespace: LabelName::known("namespace"),
            pod: LabelName::known("pod"),
        }
    }
}

impl Default for MetricNames {
    fn default() -> Self {
        Self {
            requests: MetricName::known("http_requests_total"),
            durations: MetricName::known("http_request_duration_seconds"),
        }
    }
}
