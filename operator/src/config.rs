//! Command line and environment to a configuration that cannot be wrong.
//!
//! IO shell: reads the endpoints file once at start. Every flag is also an environment variable `PATHFINDER_*`.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Parser, ValueEnum};
use reqwest::Url;
use serde::Deserialize;

/// The controller of PathfinderCluster.
#[derive(Debug, Parser)]
#[command(name = "pathfinder-operator", version)]
pub struct Args {
    /// Namespace that this operator runs in: its Lease lives there.
    #[arg(long, env = "POD_NAMESPACE", default_value = "pathfinder-system")]
    pub namespace: String,
    /// Name of this replica, unique among all: its pod name.
    #[arg(long, env = "POD_NAME")]
    pub identity: String,
    /// Namespaces to watch, comma-separated. Empty: the whole cluster.
    #[arg(long, env = "PATHFINDER_WATCH_NAMESPACES", value_delimiter = ',')]
    pub watch_namespaces: Vec<String>,
    /// YAML file of Prometheus endpoints: a map from name to `{url: ..., scrapeIntervalSeconds: 15}`.
    #[arg(long, env = "PATHFINDER_PROMETHEUS_ENDPOINTS")]
    pub prometheus_endpoints: Option<PathBuf>,
    /// Address of /healthz, /readyz, /metrics and /decisions.
    #[arg(long, env = "PATHFINDER_LISTEN", default_value = "0.0.0.0:8080")]
    pub listen: SocketAddr,
    /// How log lines are written.
    #[arg(long, env = "PATHFINDER_LOG_FORMAT", value_enum, default_value = "json")]
    pub log_format: LogFormat,
    /// Resources that are reconciled at the same time, at most.
    #[arg(long, env = "PATHFINDER_MAX_CONCURRENT_RECONCILES", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub max_concurrent_reconciles: u16,
    /// Seconds between two scale decisions, 1 to 5: a decrease needs samples that are at most 15 s apart.
    #[arg(long, env = "PATHFINDER_SCALE_INTERVAL_SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=5))]
    pub scale_interval_seconds: u64,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object per line.
    Json,
    /// For people.
    Text,
}

/// The operator's configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Namespace of the leader Lease.
    pub namespace: String,
    /// Name of this replica.
    pub identity: String,
    /// What is watched.
    pub scope: Scope,
    /// Prometheus endpoints by name, defined by the administrator alone.
    pub endpoints: BTreeMap<String, Endpoint>,
    /// Address of the admin server.
    pub listen: SocketAddr,
    /// Bound on concurrent reconciles.
    pub max_concurrent_reconciles: u16,
    /// Time between two scale decisions.
    pub scale_interval: Duration,
}

/// Which namespaces are watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All of them.
    Cluster,
    /// These, with Roles in each.
    Namespaces(Vec<String>),
}

/// The configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The endpoints file is not there.
    #[error("reading the Prometheus endpoints file {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: std::io::Error,
    },
    /// The endpoints file is not what it should be.
    #[error("the Prometheus endpoints file {path} must be a map from name to {{url: http://...}}: {source}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: serde_yaml::Error,
    },
    /// An endpoint's URL cannot be used.
    #[error("Prometheus endpoint {name}: {url} is not an http or https URL")]
    Url {
        /// Name of the endpoint.
        name: String,
        /// What was written.
        url: String,
    },
}

/// A Prometheus endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Where its API is: `http://prometheus.monitoring.svc:9090`.
    pub url: Url,
    /// How often it scrapes the API pods: tells how old a sample may be.
    pub scrape_interval: Duration,
}

// Prometheus's own examples and most charts scrape this often.
const DEFAULT_SCRAPE_SECONDS: u64 = 15;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct WrittenEndpoint {
    url: String,
    scrape_interval_seconds: Option<u64>,
}

impl Args {
    /// Reads what the flags point to.
    ///
    /// # Errors
    /// When the endpoints file is missing or wrong, naming the file and the entry.
    pub fn load(self) -> Result<Config, Error> {
        let endpoints = match self.prometheus_endpoints {
            None => BTreeMap::new(),
            Some(path) => {
                let text = std::fs::read_to_string(&path).map_err(|source| Error::Read {
                    path: path.clone(),
                    source,
                })?;
                parse_endpoints(&text).map_err(|error| error.at(path))?
            }
        };
        let namespaces: Vec<String> = self
            .watch_namespaces
            .into_iter()
            .filter(|name| !name.is_empty())
            .collect();
        Ok(Config {
            namespace: self.namespace,
            identity: self.identity,
            scope: if namespaces.is_empty() {
                Scope::Cluster
            } else {
                Scope::Namespaces(namespaces)
            },
            endpoints,
            listen: self.listen,
            max_concurrent_reconciles: self.max_concurrent_reconciles,
            scale_interval: Duration::from_secs(self.scale_interval_seconds),
        })
    }
}

enum EndpointsError {
    Yaml(serde_yaml::Error),
    Url { name: String, url: String },
}

impl EndpointsError {
    fn at(self, path: PathBuf) -> Error {
        match self {
            Self::Yaml(source) => Error::Parse { path, source },
            Self::Url { name, url } => Error::Url { name, url },
        }
    }
}

fn parse_endpoints(text: &str) -> Result<BTreeMap<String, Endpoint>, EndpointsError> {
    let written: BTreeMap<String, WrittenEndpoint> = serde_yaml::from_str(text).map_err(EndpointsError::Yaml)?;
    written
        .into_iter()
        .map(|(name, endpoint)| match Url::parse(&endpoint.url) {
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => {
                let seconds = endpoint
                    .scrape_interval_seconds
                    .unwrap_or(DEFAULT_SCRAPE_SECONDS)
                    .clamp(1, 300);
                Ok((
                    name,
                    Endpoint {
                        url,
                        scrape_interval: Duration::from_secs(seconds),
                    },
                ))
            }
            Ok(_) | Err(_) => Err(EndpointsError::Url {
                name,
                url: endpoint.url,
            }),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_a_map_from_name_to_url() {
        let endpoints = parse_endpoints("default: {url: http://prometheus.monitoring.svc:9090}\n")
            .ok()
            .unwrap();
        assert_eq!(endpoints["default"].url.port(), Some(9090));
        assert_eq!(
            endpoints["default"].scrape_interval,
            Duration::from_secs(DEFAULT_SCRAPE_SECONDS)
        );
    }

    #[test]
    fn an_endpoint_that_is_no_http_url_is_named() {
        let Err(EndpointsError::Url { name, .. }) = parse_endpoints("east: {url: file:///etc/passwd}\n") else {
            panic!("a file URL must be refused");
        };
        assert_eq!(name, "east");
    }

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Args::command().debug_assert();
    }
}
