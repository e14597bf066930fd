//! The leader's live decisions, as its admin server gives them out: each tick's record, and what the engine was told.
//!
//! Read through the API server's proxy, like `explain` does.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, Client};
use pathfinder_scaling::{Observation, Record};
use serde::Deserialize;
use tokio::{
    sync::Mutex,
    task::JoinHandle,
    time::{MissedTickBehavior, interval},
};

const NAMESPACE: &str = "pathfinder-system";
const LEASE: &str = "pathfinder-operator";
// Several looks for each tick, so that none is missed.
const LOOK: Duration = Duration::from_millis(500);

/// One tick of one cluster.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Live {
    /// What was decided.
    pub record: Record,
    /// What it was made of.
    pub observation: Observation,
}

/// The newest decision; `None` before the first.
///
/// # Errors
/// When there is no leader, or it gives out something else.
pub async fn live(client: &Client, (namespace, name): (&str, &str)) -> anyhow::Result<Option<Live>> {
    let leases: Api<Lease> = Api::namespaced(client.clone(), NAMESPACE);
    let lease = leases.get(LEASE).await?;
    let leader = lease.spec.and_then(|spec| spec.holder_identity).context("no leader")?;
    let path = format!("/api/v1/namespaces/{NAMESPACE}/pods/{leader}:8080/proxy/decisions/{namespace}/{name}");
    let request = http::Request::get(path).body(Vec::new())?;
    match client.request(request).await {
        Ok(live) => Ok(Some(live)),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Writes down every decision about one cluster, from its first on. It ends when this is dropped.
pub struct Recorder {
    written: Arc<Mutex<Vec<Live>>>,
    task: JoinHandle<()>,
}

impl Recorder {
    /// Begins; the resource need not be there yet.
    pub fn start(client: &Client, namespace: &str, name: &str) -> Self {
        let written = Arc::new(Mutex::new(Vec::<Live>::new()));
        let (client, namespace, name) = (client.clone(), namespace.to_owned(), name.to_owned());
        let into = written.clone();
        let task = tokio::spawn(async move {
            let mut looks = interval(LOOK);
            looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                looks.tick().await;
                // A look that fails is made again; a tick that was missed thereby is found by its time.
                if let Ok(Some(live)) = live(&client, (&namespace, &name)).await {
                    let mut written = into.lock().await;
                    if written.last().is_none_or(|last| last.record.at < live.record.at) {
                        written.push(live);
                    }
                }
            }
        });
        Self { written, task }
    }

    /// What was decided so far, in order.
    pub async fn written(&self) -> Vec<Live> {
        self.written.lock().await.clone()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.task.abort();
    }
}
