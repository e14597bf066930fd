//! What a person may type after `simulate`: where the load comes from, who is compared, and where the page goes.
//!
//! Parses and bounds, nothing else.

use std::{fmt, path::PathBuf, str::FromStr};

use clap::{Args, ValueEnum};

use crate::args::{dns_label, resource_name};

/// What `simulate` takes.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    kubectl pathfinder simulate --trace day.csv                          the defaults of a PathfinderCluster\n  \
    kubectl pathfinder simulate --trace day.csv --spec shop.yaml --html day.html\n  \
    kubectl pathfinder simulate --trace day.csv --peak-replicas 40       the same shape, as high as 40 replicas serve\n  \
    kubectl pathfinder simulate shop -n prod --from-prometheus 7d        the last week of a running API\n  \
    kubectl pathfinder simulate shop -n prod --from-prometheus 24h --prometheus-url http://localhost:9090\n\n\
    A trace has the header `seconds,requests_per_second` and one row per bin of 1 to 300 s; a rate holds until the next row.\n\
    Rules, plant and peers: docs/SCALING.md. Nothing is written to the cluster.")]
pub(crate) struct SimulateArguments {
    /// Name of a PathfinderCluster: whose history is read, and whose spec is simulated
    /// [default with --from-prometheus: the only one of the namespace]
    #[arg(value_name = "NAME", value_parser = resource_name)]
    pub(crate) name: Option<String>,
    /// Where the load comes from.
    #[command(flatten)]
    pub(crate) source: SourceArguments,
    /// Policies to compare
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        value_name = "POLICY,...",
        default_value = "ours,hpa,keda,kpa"
    )]
    pub(crate) policy: Vec<Policy>,
    /// Time from an order of a pod until it is ready
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = pod_start)]
    pub(crate) pod_start: Seconds,
    /// YAML file with a PathfinderCluster to simulate [default: NAME's spec, else the defaults of every field]
    #[arg(long, value_name = "FILE")]
    pub(crate) spec: Option<PathBuf>,
    /// Scale the load so that its peak needs this many replicas [default: the load as it is]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) peak_replicas: Option<u32>,
    /// Write a page with plots here; it needs nothing but a browser
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
}

/// Where the load comes from: a file or Prometheus.
#[derive(Args, Debug)]
pub(crate) struct SourceArguments {
    /// CSV file with a trace; `-` reads stdin
    #[arg(long, value_name = "FILE", required_unless_present = "from_prometheus")]
    pub(crate) trace: Option<PathBuf>,
    /// How far back to read the requests per second from Prometheus: 30m, 24h, 7d
    #[arg(long, value_name = "TIME", conflicts_with = "trace", value_parser = range)]
    pub(crate) from_prometheus: Option<Seconds>,
    /// Prometheus's Service, reached through the API server
    #[arg(
        long,
        value_name = "NAMESPACE/NAME:PORT",
        default_value = "monitoring/prometheus:9090",
        conflicts_with = "prometheus_url"
    )]
    pub(crate) prometheus_service: Service,
    /// Prometheus's own address instead; the cluster is not asked then, so NAME must be given
    #[arg(long, value_name = "URL", requires = "from_prometheus", requires = "name", value_parser = http_url)]
    pub(crate) prometheus_url: Option<String>,
}

/// Who can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Policy {
    /// Pathfinder
    Ours,
    /// The HorizontalPodAutoscaler on CPU
    Hpa,
    /// KEDA on requests per second from Prometheus
    Keda,
    /// The Knative pod autoscaler
    Kpa,
}

/// A time in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seconds(pub(crate) u32);

/// A Service and its port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Service {
    /// Its namespace.
    pub(crate) namespace: String,
    /// Its name.
    pub(crate) name: String,
    /// Number or name of its port.
    pub(crate) port: String,
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}:{}", self.namespace, self.name, self.port)
    }
}

impl FromStr for Service {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || "write NAMESPACE/NAME:PORT, for example monitoring/prometheus:9090".to_owned();
        let (namespace, rest) = text.split_once('/').ok_or_else(form)?;
        let (name, port) = rest.split_once(':').ok_or_else(form)?;
        let label = |text: &str| dns_label(text).map_err(|_| form());
        Ok(Self {
            namespace: label(namespace)?,
            name: label(name)?,
            port: label(port)?,
        })
    }
}

/// `30s`, `24h`, `7d`: one number and one unit.
fn seconds(text: &str) -> Option<u32> {
    let (number, factor) = [('s', 1), ('m', 60), ('h', 3600), ('d', 86_400)]
        .into_iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor)))?;
    number.parse::<u32>().ok()?.checked_mul(factor)
}

fn range(text: &str) -> Result<Seconds, String> {
    seconds(text)
        .filter(|seconds| (600..=60 * 86_400).contains(seconds))
        .map(Seconds)
        .ok_or_else(|| "write a time of 10m to 60d, for example 30m, 24h or 7d".to_owned())
}

fn pod_start(text: &str) -> Result<Seconds, String> {
    seconds(text)
        .filter(|seconds| (1..=3600).contains(seconds))
        .map(Seconds)
        .ok_or_else(|| "write a time of 1s to 1h, for example 30s or 2m".to_owned())
}

fn http_url(text: &str) -> Result<String, String> {
    if text.starts_with("http://") || text.starts_with("https://") {
        Ok(text.trim_end_matches('/').to_owned())
    } else {
        Err("write http://HOST:PORT or https://HOST".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use clap::{Parser, error::ErrorKind};
    use rstest::rstest;

    use super::*;
    use crate::args::{Arguments, Command};

    fn parse(line: &str) -> Result<SimulateArguments, clap::Error> {
        let words = ["kubectl-pathfinder", "simulate"]
            .into_iter()
            .chain(line.split_whitespace());
        match Arguments::try_parse_from(words)?.command {
            Command::Simulate(arguments) => Ok(*arguments),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn without_flags_everybody_is_compared_with_pods_of_30_seconds() {
        let arguments = parse("--trace F.csv").unwrap();
        assert_eq!(arguments.policy, [Policy::Ours, Policy::Hpa, Policy::Keda, Policy::Kpa]);
        assert_eq!(arguments.pod_start, Seconds(30));
        assert_eq!(
            arguments.source.prometheus_service.to_string(),
            "monitoring/prometheus:9090"
        );
        assert_eq!(arguments.peak_replicas, None);
    }

    #[rstest]
    #[case("30s", Some(30))]
    #[case("30m", Some(1800))]
    #[case("24h", Some(86_400))]
    #[case("7d", Some(604_800))]
    #[case("7", None)]
    #[case("d", None)]
    #[case("-1d", None)]
    #[case("1h30m", None)]
    #[case("99999d", None)]
    fn a_time_is_a_number_and_a_unit(#[case] text: &str, #[case] expected: Option<u32>) {
        assert_eq!(seconds(text), expected);
    }

    #[rstest]
    #[case("", ErrorKind::MissingRequiredArgument)]
    #[case("--trace F.csv --from-prometheus 7d", ErrorKind::ArgumentConflict)]
    #[case("--trace F.csv --policy vpa", ErrorKind::InvalidValue)]
    #[case("--trace F.csv --pod-start 0s", ErrorKind::ValueValidation)]
    #[case("--trace F.csv --peak-replicas 0", ErrorKind::ValueValidation)]
    #[case("--from-prometheus 5m", ErrorKind::ValueValidation)]
    #[case("--from-prometheus 61d", ErrorKind::ValueValidation)]
    #[case("--from-prometheus 7d --prometheus-service prometheus", ErrorKind::ValueValidation)]
    #[case("--from-prometheus 7d --prometheus-service a/b/../c:80", ErrorKind::ValueValidation)]
    #[case(
        "--from-prometheus 7d --prometheus-url http://x:9090",
        ErrorKind::MissingRequiredArgument
    )]
    #[case("shop --from-prometheus 7d --prometheus-url x:9090", ErrorKind::ValueValidation)]
    #[case(
        "shop --from-prometheus 7d --prometheus-url http://x --prometheus-service a/b:80",
        ErrorKind::ArgumentConflict
    )]
    fn wrong_usage_is_refused(#[case] line: &str, #[case] kind: ErrorKind) {
        let error = parse(line).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
    }
}
