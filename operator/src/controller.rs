//! Puts the parts together: election, watches, the structural loop, the scaling loop, and an orderly end.
//!
//! IO shell. Only the leader runs the loops; when the Lease is lost the process ends, so nothing of it can write later.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use futures::StreamExt;
use kube::{Api, Client};
use kube_runtime::{
    Controller,
    controller::Config as ControllerConfig,
    events::{Recorder, Reporter},
    watcher,
};
use pathfinder_crds::PathfinderCluster;
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
    task::{JoinError, JoinSet},
};
use tokio_util::sync::CancellationToken;

use crate::{
    admin::{self, Admin, Readiness},
    cache::{self, Caches, Watched},
    client::{Writer, call},
    config::Config,
    lease::{Election, Kept, Won},
    metrics::Metrics,
    monitoring::Monitoring,
    reconcile::{self, Context},
    scale::{
        past::Archive,
        prometheus::Endpoints,
        rounds::{CarriedAll, Scaler},
        state::Known,
    },
};

const LOST: &str = "the leader Lease was lost";
// Changes that come in a burst (a rollout, a start) are one pass.
const DEBOUNCE: Duration = Duration::from_millis(500);
// The longest that running passes may take to end.
const DRAIN: Duration = Duration::from_secs(20);
// A connection that is silent for longer is dead: watches end by themselves after 290 s.
const SILENT: Duration = Duration::from_secs(295);

/// Runs until `stop`, or until the Lease is lost.
///
/// # Errors
/// When the API server cannot be reached, the admin address cannot be bound, an endpoint cannot be used, the Lease was lost,
/// or a loop ended by itself.
pub async fn run(config: Config, stop: CancellationToken) -> anyhow::Result<()> {
    let client = client().await?;
    let metrics = Metrics::new();
    let known = Arc::new(Known::default());
    // A wrong endpoint ends the process here, before it holds a Lease that others would have to wait for.
    let endpoints = Endpoints::new(&config.endpoints, &config.credentials_dir);
    let (readiness, receiver) = watch::channel(Readiness::Starting);
    let admin = Admin {
        metrics: metrics.clone(),
        known: known.clone(),
        readiness: receiver,
    };
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("--listen {}", config.listen))?;
    // Answers until the very end, so that the kubelet sees why.
    let closed = CancellationToken::new();
    let server = tokio::spawn(admin::serve(listener, admin, closed.clone()));

    let version = call(|| "asking for its version".to_owned(), client.apiserver_version()).await?;
    tracing::info!(version = version.git_version, identity = config.identity, "connected");
    readiness.send_replace(Readiness::Standby);
    let mut election = Election::new(client.clone(), &config.namespace, &config.identity);
    let outcome = match election.win(&stop).await {
        Won::Stopped => Ok(()),
        Won::Leading => {
            tracing::info!(identity = config.identity, "leading");
            readiness.send_replace(Readiness::Leading);
            metrics.leader.set(1);
            lead(
                (&config, endpoints),
                (client, metrics, known),
                (&mut election, &readiness),
                &stop,
            )
            .await
        }
    };
    readiness.send_replace(Readiness::Stopping);
    closed.cancel();
    server.await??;
    outcome
}

async fn client() -> anyhow::Result<Client> {
    let mut config = kube::Config::infer().await?;
    // Our calls have deadlines and our loops try again; a client that retries inside them would only hide it.
    config.default_retry = false;
    config.connect_timeout = Some(Duration::from_secs(5));
    config.read_timeout = Some(SILENT);
    Ok(Client::try_from(config)?)
}

// The Lease is renewed from the first moment on and until the last pass has ended, whatever else takes its time.
async fn lead(
    (config, endpoints): (&Config, Endpoints),
    parts: (Client, Metrics, Arc<Known>),
    (election, readiness): (&mut Election, &watch::Sender<Readiness>),
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let ended = CancellationToken::new();
    let mut keeping = Box::pin(election.keep(&ended));
    let outcome = tokio::select! {
        // Whoever leads now may already write: what runs is dropped, and nothing of it ends.
        _ = &mut keeping => anyhow::bail!(LOST),
        outcome = work((config, endpoints), parts, readiness, stop) => outcome,
    };
    if let Err(error) = &outcome {
        tracing::error!(error = format!("{error:#}"), "a loop ended; the Lease is given up");
    }
    ended.cancel();
    anyhow::ensure!(keeping.await == Kept::Stopped, LOST);
    election.release().await?;
    tracing::info!("released the leader Lease");
    outcome
}

// All loops, until `stop`, or until one of them ends by itself.
async fn work(
    (config, endpoints): (&Config, Endpoints),
    (client, metrics, known): (Client, Metrics, Arc<Known>),
    readiness: &watch::Sender<Readiness>,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let mut tasks = JoinSet::new();
    let (caches, watched) = cache::start(&client, &config.scope, &metrics, &mut tasks);
    let caches = Arc::new(caches);
    let places = watched.iter().map(|part| part.place.clone()).collect();
    let monitoring = Monitoring::start(config, &client, (places, &caches), &mut tasks).await;
    let writer = Writer::new(client.clone(), metrics.clone());
    let reporter = Reporter {
        controller: "pathfinder-operator".to_owned(),
        instance: Some(config.identity.clone()),
    };
    let recorder = Recorder::new(client.clone(), reporter);
    let settled = Arc::new(reconcile::apply::Settled::default());
    let context = Arc::new(Context {
        writer: writer.clone(),
        recorder: recorder.clone(),
        metrics: metrics.clone(),
        settled: settled.clone(),
        known: known.clone(),
        monitoring,
        failures: std::sync::Mutex::default(),
        places: Semaphore::new(usize::from(config.max_concurrent_reconciles)),
    });
    let endpoints = Arc::new(endpoints);
    let scaler = Scaler {
        writer,
        recorder,
        metrics,
        caches: caches.clone(),
        archive: Archive::new(endpoints.clone()),
        endpoints,
        known,
        settled,
        carried: CarriedAll::default(),
    };
    let stopping = CancellationToken::new();
    let mut loops = JoinSet::new();
    for part in watched {
        loops.spawn(structural(
            client.clone(),
            part,
            (config.max_concurrent_reconciles, context.clone()),
            stopping.clone(),
        ));
    }
    loops.spawn(scaling(scaler, caches, config.scale_interval, stopping.clone()));

    let outcome = tokio::select! {
        () = stop.cancelled() => Ok(()),
        Some(ended) = loops.join_next() => too_early(ended),
    };
    readiness.send_replace(Readiness::Stopping);
    tracing::info!("stopping: running passes may end");
    stopping.cancel();
    let drained = async { while loops.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN, drained).await.is_err() {
        tracing::warn!(seconds = DRAIN.as_secs(), "some passes did not end in time");
        loops.shutdown().await;
    }
    tasks.shutdown().await;
    outcome
}

// Without one of its loops an operator would lead and do half of its work: the next process has all of them.
fn too_early(ended: Result<anyhow::Result<()>, JoinError>) -> anyhow::Result<()> {
    ended.context("a loop failed")??;
    anyhow::bail!("a loop ended before it was stopped")
}

async fn structural(
    client: Client,
    part: Watched,
    (concurrency, context): (u16, Arc<Context>),
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let api: Api<PathfinderCluster> = match part.place.namespace() {
        Some(namespace) => Api::namespaced(client, namespace),
        None => Api::all(client),
    };
    Controller::new(api, watcher::Config::default())
        .with_config(ControllerConfig::default().debounce(DEBOUNCE).concurrency(concurrency))
        .reconcile_on(part.triggers)
        .graceful_shutdown_on(stop.cancelled_owned())
        .run(reconcile::reconcile, reconcile::error_policy, context)
        .for_each(|result| {
            // Errors of passes were told where they happened.
            if let Err(error) = result {
                tracing::debug!(%error, "a pass or a trigger failed");
            }
            std::future::ready(())
        })
        .await;
    Ok(())
}

async fn scaling(
    scaler: Scaler,
    caches: Arc<Caches>,
    interval: Duration,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    tokio::select! {
        () = stop.cancelled() => return Ok(()),
        () = caches.ready() => {}
    }
    scaler.run(interval, stop).await.context("scaling cannot go on")
}
