//! Puts the parts together: election, watches, the structural loop, the scaling loop, and an orderly end.
//!
//! IO shell. Only the leader runs the loops; when the Lease is lost the process ends, so nothing of it can write later.

use std::{sync::Arc, time::Duration};

use futures::StreamExt;
use kube::{Api, Client};
use kube_runtime::{
    Controller,
    controller::Config as ControllerConfig,
    events::{Recorder, Reporter},
    watcher,
};
use pathfinder_crds::PathfinderCluster;
use tokio::{sync::watch, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{
    admin::{self, Admin, Readiness},
    cache::{self, Caches, Watched},
    client::Writer,
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

// Changes that come in a burst (a rollout, a start) are one pass.
const DEBOUNCE: Duration = Duration::from_millis(500);
// The longest that running passes may take to end.
const DRAIN: Duration = Duration::from_secs(20);

/// Runs until `stop`, or until the Lease is lost.
///
/// # Errors
/// When the API server cannot be reached, the admin address cannot be bound, an endpoint cannot be used, or the Lease
/// was lost.
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
    // Answers until the very end, so that the kubelet sees why.
    let closed = CancellationToken::new();
    let server = tokio::spawn(admin::serve(config.listen, admin, closed.clone()));

    let version = client.apiserver_version().await?;
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
    Ok(Client::try_from(config)?)
}

async fn lead(
    (config, endpoints): (&Config, Endpoints),
    (client, metrics, known): (Client, Metrics, Arc<Known>),
    (election, readiness): (&mut Election, &watch::Sender<Readiness>),
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let mut tasks = JoinSet::new();
    let (caches, watched) = cache::start(&client, &config.scope, &metrics, &mut tasks);
    let caches = Arc::new(caches);
    let places = watched.iter().map(|part| part.place.clone()).collect();
    let monitoring = Monitoring::start(config, &client, (places, &caches), &mut tasks).await;
    let loops = CancellationToken::new();
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
    let mut work = JoinSet::new();
    for part in watched {
        work.spawn(structural(
            client.clone(),
            part,
            (config.max_concurrent_reconciles, context.clone()),
            loops.clone(),
        ));
    }
    work.spawn(scaling(scaler, caches, config.scale_interval, loops.clone()));

    let kept = election.keep(stop).await;
    readiness.send_replace(Readiness::Stopping);
    if kept == Kept::Lost {
        // Whoever leads now may already write: end at once, finish nothing.
        anyhow::bail!("the leader Lease was lost");
    }
    tracing::info!("stopping: running passes may end");
    loops.cancel();
    let drained = async { while work.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN, drained).await.is_err() {
        tracing::warn!(seconds = DRAIN.as_secs(), "some passes did not end in time");
        work.shutdown().await;
    }
    tasks.shutdown().await;
    election.release().await?;
    tracing::info!("released the leader Lease");
    Ok(())
}

async fn structural(
    client: Client,
    part: Watched,
    (concurrency, context): (u16, Arc<Context>),
    stop: CancellationToken,
) {
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
}

async fn scaling(scaler: Scaler, caches: Arc<Caches>, interval: Duration, stop: CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => return,
        () = caches.ready() => {}
    }
    if let Err(error) = scaler.run(interval, stop).await {
        tracing::error!(%error, "scaling cannot begin");
    }
}
