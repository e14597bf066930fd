//! Where the load and the spec of a simulation come from: a file, a resource of the cluster, Prometheus.
//!
//! IO. Every way ends in the same two values, [`History`] and [`ScalingSpec`].

use std::{
    fs,
    io::{self, Read},
    path::Path,
};

use jiff::Timestamp;
use kube::ResourceExt;
use pathfinder_crds::{PathfinderCluster, ScalingSpec};
use pathfinder_scaling::sim::trace::Trace;

use crate::{
    args::Connection,
    failure::{Failure, choices},
    fetch::{self, Scope},
    names,
    session::Session,
    simulate::{
        args::{Seconds, SimulateArguments},
        prometheus::Prometheus,
        samples, spec,
        trouble::Trouble,
    },
    span,
};

/// A load of the past.
#[derive(Clone, Debug)]
pub(crate) struct History {
    /// Its rates.
    pub(crate) trace: Trace,
    /// When it began, where that is known.
    pub(crate) begin: Option<Timestamp>,
    /// What has to be told about it.
    pub(crate) notes: Vec<String>,
}

/// What is simulated.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    /// The load.
    pub(crate) history: History,
    /// How the API scales.
    pub(crate) spec: ScalingSpec,
    /// Where that is written, in words.
    pub(crate) spec_of: String,
}

/// Reads both.
pub(crate) async fn subject(
    arguments: &SimulateArguments,
    connection: &Connection,
    now: Timestamp,
) -> Result<Subject, Failure> {
    let file = arguments.spec.as_deref();
    let from_file = file
        .map(|path| spec_file(path, arguments.name.as_deref()))
        .transpose()?;
    let source = &arguments.source;
    let (history, resource) = match (source.from_prometheus, &source.prometheus_url) {
        (None, _) => (
            trace_file(source.trace.as_deref())?,
            named(arguments, connection).await?,
        ),
        (Some(range), Some(url)) => (by_url(arguments, connection, (url, range), now).await?, None),
        (Some(range), None) => {
            let (history, cluster) = by_service(arguments, connection, range, now).await?;
            (history, Some(cluster))
        }
    };
    let (spec, spec_of) = match (from_file, resource) {
        (Some(cluster), _) => (cluster.spec.scaling, file.map_or_else(String::new, words)),
        (None, Some(cluster)) => (
            cluster.spec.scaling.clone(),
            format!("PathfinderCluster {}", cluster.name_any()),
        ),
        (None, None) => (ScalingSpec::default(), "the defaults of every field".to_owned()),
    };
    Ok(Subject { history, spec, spec_of })
}

fn words(path: &Path) -> String {
    path.display().to_string()
}

/// The resource that is named beside a trace, when its spec is not in a file.
async fn named(arguments: &SimulateArguments, connection: &Connection) -> Result<Option<PathfinderCluster>, Failure> {
    match (&arguments.name, &arguments.spec) {
        (Some(name), None) => Ok(Some(fetch::cluster(&Session::open(connection).await?, name).await?)),
        (None, _) | (Some(_), Some(_)) => Ok(None),
    }
}

fn read(path: &Path) -> Result<(String, String), Trouble> {
    let (file, text) = if path == Path::new("-") {
        let mut text = String::new();
        let read = io::stdin().read_to_string(&mut text);
        ("stdin".to_owned(), read.map(|_| text))
    } else {
        (words(path), fs::read_to_string(path))
    };
    match text {
        Ok(text) => Ok((file, text)),
        Err(cause) => Err(Trouble::NotRead { file, cause }),
    }
}

fn trace_file(path: Option<&Path>) -> Result<History, Trouble> {
    let path = path.unwrap_or_else(|| Path::new("-"));
    let (file, text) = read(path)?;
    let name = path
        .file_stem()
        .map_or_else(|| file.clone(), |name| name.to_string_lossy().into_owned());
    let name = if name == "-" { file.clone() } else { name };
    let trace = Trace::parse(&name, &text).map_err(|cause| Trouble::NoTrace { file, cause })?;
    Ok(History {
        trace,
        begin: None,
        notes: Vec::new(),
    })
}

fn spec_file(path: &Path, name: Option<&str>) -> Result<PathfinderCluster, Trouble> {
    let (file, text) = read(path)?;
    spec::parse(&text, name).map_err(|cause| Trouble::NoSpec { file, cause })
}

async fn by_service(
    arguments: &SimulateArguments,
    connection: &Connection,
    range: Seconds,
    now: Timestamp,
) -> Result<(History, PathfinderCluster), Failure> {
    let session = Session::open(connection).await?;
    let cluster = match &arguments.name {
        Some(name) => fetch::cluster(&session, name).await?,
        None => only(&session).await?,
    };
    let api = Api {
        namespace: session.namespace.clone(),
        name: cluster.name_any(),
    };
    let prometheus = Prometheus::behind(session, &arguments.source.prometheus_service);
    Ok((api.history(&prometheus, range, now).await?, cluster))
}

async fn by_url(
    arguments: &SimulateArguments,
    connection: &Connection,
    (url, range): (&str, Seconds),
    now: Timestamp,
) -> Result<History, Failure> {
    let namespace = match &connection.namespace {
        Some(namespace) => namespace.clone(),
        None => Session::open(connection).await?.namespace,
    };
    let session = Session::direct(url, connection).map_err(|cause| Trouble::NoPrometheus {
        at: url.to_owned(),
        cause,
    })?;
    let api = Api {
        namespace,
        name: arguments.name.clone().unwrap_or_default(),
    };
    api.history(&Prometheus::at(session, url), range, now).await
}

/// The only resource of the namespace.
async fn only(session: &Session) -> Result<PathfinderCluster, Failure> {
    let mut clusters = fetch::clusters(session, Scope::Namespace(&session.namespace)).await?;
    let names: Vec<String> = clusters.iter().map(ResourceExt::name_any).collect();
    match (clusters.pop(), clusters.is_empty()) {
        (Some(only), true) => Ok(only),
        (None, _) | (Some(_), false) => Err(Trouble::NameNeeded {
            namespace: session.namespace.clone(),
            there: choices(&names),
        }
        .into()),
    }
}

/// Whose requests are counted.
struct Api {
    namespace: String,
    name: String,
}

impl Api {
    /// The rate of a minute: what scrapes of up to 30 s can tell.
    fn query(&self) -> String {
        // A namespace of a kubeconfig is text like any other.
        let namespace = self.namespace.replace('\\', "\\\\").replace('"', "\\\"");
        let pods = names::api(&self.name);
        let requests = format!(r#"http_requests_total{{namespace="{namespace}", pod=~"{pods}-[a-z0-9]+-[a-z0-9]+"}}"#);
        // A pod that two jobs scrape has every series twice, and one load.
        format!("sum(max by (pod) (sum by (pod, job) (rate({requests}[1m]))))")
    }

    async fn history(
        &self,
        prometheus: &Prometheus,
        Seconds(range): Seconds,
        now: Timestamp,
    ) -> Result<History, Failure> {
        let step = step(range);
        let end = now.as_second() / step * step;
        let values = prometheus
            .values(&self.query(), end - i64::from(range)..=end, step)
            .await?;
        let samples = samples::rates(values)?;
        let (bins, mut notes) = samples::bins(&samples, step)?;
        let [first, .., last] = samples.as_slice() else {
            return Err(Trouble::NoSamples {
                name: self.name.clone(),
                namespace: self.namespace.clone(),
                range: span::seconds(range.into()),
            }
            .into());
        };
        // A sample of the range's first minute is the beginning; what is later was missing.
        if first.at > end - i64::from(range) + 60 {
            let there = span::seconds(last.at - first.at);
            notes.push(format!(
                "Prometheus has data only since {}: {there} instead of {}",
                samples::moment(first.at),
                span::seconds(range.into())
            ));
        }
        if last.at < end - 300 {
            notes.push(format!("Prometheus's data end at {}", samples::moment(last.at)));
        }
        let trace = Trace::of(&self.name, bins).map_err(|cause| Trouble::NoTrace {
            file: format!("Prometheus's rates of {}", self.name),
            cause,
        })?;
        Ok(History {
            trace,
            // A point is the mean of the minute before it, so the middle of its bin is half a minute earlier.
            begin: Some(samples::moment(first.at - 30 - step / 2)),
            notes,
        })
    }
}

/// Seconds between two points: finer for short ranges, where a minute would be coarse.
fn step(range: u32) -> i64 {
    match range {
        0..=3600 => 5,
        3601..=21_600 => 15,
        _ => 60,
    }
}
