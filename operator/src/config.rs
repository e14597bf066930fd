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
    /// Folder of the Secrets that endpoints name.
    pub credentials_dir: PathBuf,
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
}
