//! The scaling loop over clusters that are in memory alone, asking a real Prometheus: seconds per tick, and share of a core.
//!
//! `cargo dev bench tick` starts the Prometheus and what it scrapes, runs this and shows what it prints, one JSON document.
//! Everything between the question and the decision is the operator's own; only the API server is made up. It takes every
//! write and is asked for next to none, because the load is what the floor is made for.
#![allow(clippy::print_stdout, reason = "a bench prints")]

use std::{
    convert::Infallible,
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use axum::http::{Request, Response};
use clap::Parser;
use k8s_openapi::{
    api::{
        apps::v1::DeploymentStatus,
        core::v1::{Pod, PodCondition, PodStatus},
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{
    Client,
    client::Body,
    runtime::events::{Recorder, Reporter},
};
use pathfinder_crds::PathfinderCluster;
use pathfinder_operator::{
    build,
    cache::{Caches, Objects},
    client::Writer,
    cluster::Cluster,
    config::endpoint,
    credentials::Credentials,
    metrics::Metrics,
    names::{self, Component},
    scale::{
        past::Archive,
        prometheus::Endpoints,
        rounds::{CarriedAll, Scaler},
        state::Known,
    },
    validate::validate,
};
use pathfinder_scaling::{SignalName, Verdict};
use serde_json::json;
use tokio_util::sync::CancellationToken;

/// Ticks over clusters `shop-I` in namespaces `team-J`, ten in each, with pods `shop-I-api-7d9f-p1` to `-p3`.
#[derive(Debug, Parser)]
struct Args {
    /// URL of the Prometheus that scrapes their pods every 5 s.
    #[arg(long)]
    prometheus: String,
    /// How many clusters.
    #[arg(long)]
    clusters: usize,
    /// Seconds before the first tick that counts: the past is asked for meanwhile.
    #[arg(long, default_value_t = 60)]
    warm_seconds: u64,
    /// Seconds that count.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// What cargo adds by itself.
    #[arg(long, hide = true)]
    bench: bool,
}

const REPLICAS: i32 = 3;
const TICK: Duration = Duration::from_secs(5);
// Often enough that no two ticks are taken for one.
const LOOK: Duration = Duration::from_millis(250);
// Of /proc; the same on every Linux.
const JIFFIES_PER_SECOND: f64 = 100.0;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let args = Args::parse();
    let resources: Vec<PathfinderCluster> = (0..args.clusters).map(resource).collect::<Result<_, _>>()?;
    let ids: Vec<_> = resources
        .iter()
        .map(validate)
        .collect::<Result<Vec<Cluster>, _>>()?
        .into_iter()
        .map(|cluster| cluster.id)
        .collect();
    let known = Arc::new(Known::default());
    let metrics = Metrics::new();
    let scaler = scaler(&args.prometheus, resources, (metrics.clone(), known.clone()))?;
    let stop = CancellationToken::new();
    let running = tokio::spawn(scaler.run(TICK, stop.clone()));
    tokio::time::sleep(Duration::from_secs(args.warm_seconds)).await;

    let (begin, cpu) = (Instant::now(), cpu_seconds()?);
    let ticks = ticks(&metrics, Duration::from_secs(args.seconds)).await?;
    let (elapsed, cpu) = (begin.elapsed().as_secs_f64(), cpu_seconds()? - cpu);
    let sees = |name: SignalName| {
        let fresh = |id| {
            let record = known.live(id).map(|live| live.record);
            record.is_some_and(|record| {
                record
                    .signals
                    .iter()
                    .any(|row| row.name == name && row.verdict == Verdict::Fresh)
            })
        };
        ids.iter().filter(|id| fresh(id)).count()
    };
    println!(
        "{}",
        json!({
            "tickSeconds": ticks,
            "coreShare": cpu / elapsed,
            "clustersWithLoad": sees(SignalName::RequestsPerSecond),
            "clustersWithLatency": sees(SignalName::Latency),
        })
    );
    stop.cancel();
    running.await??;
    Ok(())
}

fn resource(number: usize) -> anyhow::Result<PathfinderCluster> {
    let resource = json!({
        "apiVersion": "pathfinder.dev/v1alpha1",
        "kind": "PathfinderCluster",
        "metadata": {
            "name": format!("shop-{number}"),
            "namespace": format!("team-{}", number / 10),
            "uid": format!("uid-{number}"),
            "generation": 1,
        },
        "spec": {"api": {"image": "shop:1"}, "scaling": {"minReplicas": REPLICAS}, "postgres": {}, "redis": {}},
    });
    Ok(serde_json::from_value(resource)?)
}

fn scaler(
    prometheus: &str,
    resources: Vec<PathfinderCluster>,
    (metrics, known): (Metrics, Arc<Known>),
) -> anyhow::Result<Scaler> {
    let endpoints = format!("default: {{url: '{prometheus}', scrapeIntervalSeconds: 5}}");
    let endpoints = Arc::new(Endpoints::new(&endpoint::parse(&endpoints)?, "/nonexistent".as_ref()));
    let client = api_server(&resources)?;
    let reporter = Reporter {
        controller: "pathfinder-operator".to_owned(),
        instance: None,
    };
    Ok(Scaler {
        writer: Writer::new(client.clone(), metrics.clone()),
        recorder: Recorder::new(client, reporter),
        metrics,
        caches: Arc::new(Caches::of(objects(resources)?)),
        archive: Archive::new(endpoints.clone()),
        endpoints,
        known,
        settled: Arc::default(),
        carried: CarriedAll::default(),
    })
}

// What the structural loop would have made, as it is when all is well.
fn objects(clusters: Vec<PathfinderCluster>) -> anyhow::Result<Objects> {
    let mut objects = Objects::default();
    for resource in &clusters {
        let cluster = validate(resource)?;
        let built = build::build(&cluster, &Credentials::default(), None);
        let (mut deployment, mut autoscaler) = (built.deployment, built.autoscaler);
        if let Some(spec) = &mut deployment.spec {
            spec.replicas = Some(REPLICAS);
        }
        deployment.metadata.generation = Some(1);
        deployment.status = Some(DeploymentStatus {
            observed_generation: Some(1),
            replicas: Some(REPLICAS),
            updated_replicas: Some(REPLICAS),
            ready_replicas: Some(REPLICAS),
            available_replicas: Some(REPLICAS),
            ..DeploymentStatus::default()
        });
        autoscaler.metadata.uid = cluster.owner.uid.clone().into();
        objects.deployments.push(deployment);
        objects.autoscalers.push(autoscaler);
        objects.pods.extend((1..=REPLICAS).map(|number| pod(&cluster, number)));
    }
    objects.clusters = clusters;
    Ok(objects)
}

fn pod(cluster: &Cluster, number: i32) -> Pod {
    Pod {
        metadata: ObjectMeta {
            name: Some(format!("{}-api-7d9f-p{number}", cluster.id.name)),
            namespace: Some(cluster.id.namespace.clone()),
            labels: Some(names::labels(&cluster.id.name, Component::Api)),
            ..ObjectMeta::default()
        },
        status: Some(PodStatus {
            phase: Some("Running".to_owned()),
            conditions: Some(vec![PodCondition {
                type_: "Ready".to_owned(),
                status: "True".to_owned(),
                ..PodCondition::default()
            }]),
            ..PodStatus::default()
        }),
        ..Pod::default()
    }
}

// Takes every write. The status of a resource is answered with the resource, anything else with what was sent.
fn api_server(resources: &[PathfinderCluster]) -> anyhow::Result<Client> {
    let known: Arc<std::collections::HashMap<String, Vec<u8>>> = Arc::new(
        resources
            .iter()
            .map(|resource| {
                let name = resource.metadata.name.clone().unwrap_or_default();
                Ok((name, serde_json::to_vec(resource)?))
            })
            .collect::<anyhow::Result<_>>()?,
    );
    let service = tower::service_fn(move |request: Request<Body>| {
        let known = known.clone();
        async move {
            let mut words = request.uri().path().rsplit('/').skip(1);
            let resource = words.next().and_then(|name| known.get(name)).cloned();
            let body = match resource {
                Some(resource) => resource,
                None => request.into_body().collect_bytes().await.unwrap_or_default().to_vec(),
            };
            Ok::<_, Infallible>(Response::new(Body::from(body)))
        }
    });
    Ok(Client::new(service, "default"))
}

// The seconds of every tick that ends within `period`.
async fn ticks(metrics: &Metrics, period: Duration) -> anyhow::Result<Vec<f64>> {
    let begin = Instant::now();
    let (mut count, mut sum) = counted(metrics)?;
    let mut seconds = Vec::new();
    while begin.elapsed() < period {
        tokio::time::sleep(LOOK).await;
        let (now, all) = counted(metrics)?;
        if now > count {
            seconds.push((all - sum) / (now - count));
            (count, sum) = (now, all);
        }
    }
    Ok(seconds)
}

fn counted(metrics: &Metrics) -> anyhow::Result<(f64, f64)> {
    let text = metrics.render()?;
    let value = |suffix: &str| {
        let name = format!("pathfinder_scale_tick_duration_seconds_{suffix} ");
        let line = text.lines().find_map(|line| line.strip_prefix(&name));
        line.and_then(|value| value.parse().ok())
            .with_context(|| format!("the metrics have no {name}"))
    };
    Ok((value("count")?, value("sum")?))
}

fn cpu_seconds() -> anyhow::Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The name in brackets may hold anything; utime and stime are the twelfth and thirteenth word behind it.
    let words: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let jiffies = |at: usize| words.get(at).and_then(|word| word.parse::<f64>().ok());
    let (user, system) = (jiffies(11), jiffies(12));
    Ok((user.context("utime")? + system.context("stime")?) / JIFFIES_PER_SECOND)
}
