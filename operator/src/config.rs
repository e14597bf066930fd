//! Command line and environment to a configuration that cannot be wrong.
//!
//! IO shell: reads the endpoints file once at start. Every flag is also an environment variable `PATHFINDER_*`.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Parser, ValueEnum};

pub mod endpoint;

pub use endpoint::Endpoint;

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
    /// YAML file of Prometheus endpoints: a map from name to `{url: ..., scrapeIntervalSeconds: 15, ...}`.
    #[arg(long, env = "PATHFINDER_PROMETHEUS_ENDPOINTS")]
    pub prometheus_endpoints: Option<PathBuf>,
    /// Folder with a file SECRET/KEY for every Secret that the endpoints file names.
    #[arg(
        long,
        env = "PATHFINDER_CREDENTIALS_DIR",
        default_value = "/var/run/pathfinder/credentials"
    )]
    pub credentials_dir: PathBuf,
    /// Whether API pods are scraped through PodMonitors where the prometheus-operator is.
    #[arg(long, env = "PATHFINDER_POD_MONITORS", value_enum, default_value = "Auto")]
    pub pod_monitors: PodMonitorMode,
    /// Labels of the PodMonitors, KEY=VALUE, comma-separated: those by which a Prometheus selects them.
    #[arg(long, env = "PATHFINDER_POD_MONITOR_LABELS", value_delimiter = ',', value_parser = label)]
    pub pod_monitor_labels: Vec<(String, String)>,
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

/// Whether PodMonitors are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "PascalCase")]
pub enum PodMonitorMode {
    /// Where the API server serves the kind.
    Auto,
    /// Nowhere; those that were made before are removed.
    Disabled,
}

// Kubernetes checks them when they are applied; here only that both are there.
fn label(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .filter(|(key, _)| !key.is_empty())
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .ok_or_else(|| format!("{text:?} is no label: write KEY=VALUE, as in release=monitoring"))
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
    /// Folder of the Secrets that endpoints name.
    pub credentials_dir: PathBuf,
    /// Whether PodMonitors are made.
    pub pod_monitors: PodMonitors,
    /// Address of the admin server.
    pub listen: SocketAddr,
    /// Bound on concurrent reconciles.
    pub max_concurrent_reconciles: u16,
    /// Time between two scale decisions.
    pub scale_interval: Duration,
}

/// Whether PodMonitors are made, and how a Prometheus selects them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PodMonitors {
    /// One per cluster, where the API server serves the kind.
    Auto {
        /// Labels of each, beside ours.
        labels: BTreeMap<String, String>,
    },
    /// None.
    Disabled,
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
    #[error("the Prometheus endpoints file {path}: {source}")]
    Endpoints {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: endpoint::Error,
    },
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
                endpoint::parse(&text).map_err(|source| Error::Endpoints { path, source })?
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
            credentials_dir: self.credentials_dir,
            pod_monitors: match self.pod_monitors {
                PodMonitorMode::Auto => PodMonitors::Auto {
                    labels: self.pod_monitor_labels.into_iter().collect(),
                },
                PodMonitorMode::Disabled => PodMonitors::Disabled,
            },
            listen: self.listen,
            max_concurrent_reconciles: self.max_concurrent_reconciles,
            scale_interval: Duration::from_secs(self.scale_interval_seconds),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Args::command().debug_assert();
    }

    #[test]
    fn labels_of_pod_monitors_are_pairs() {
        let words = [
            "operator",
            "--identity=a",
            "--pod-monitor-labels=release=monitoring,team=a",
        ];
        let config = Args::parse_from(words).load().unwrap();
        let labels = [("release", "monitoring"), ("team", "a")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(config.pod_monitors, PodMonitors::Auto { labels: labels.into() });
        assert!(Args::try_parse_from(["operator", "--identity=a", "--pod-monitor-labels=release"]).is_err());
        let none = ["operator", "--identity=a", "--pod-monitors=Disabled"];
        assert_eq!(
            Args::parse_from(none).load().unwrap().pod_monitors,
            PodMonitors::Disabled
        );
    }
}
