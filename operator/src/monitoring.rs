//! Whether the prometheus-operator is in the cluster, and how its Prometheus is to scrape the API's pods.
//!
//! IO. Absence is the usual case and no error: then nothing is watched, listed or said. It is looked at again every half
//! minute, because the prometheus-operator may be installed or removed at any time. What is built stands in `build`.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, ListParams},
};
use tokio::task::JoinSet;

use crate::{
    build::pod_monitor::{API_VERSION, PLURAL, PodMonitor, Scrape},
    cache::{Caches, Place},
    client::{CallError, call},
    config::{
        Config, Endpoint, PodMonitors,
        endpoint::{DEFAULT_SCRAPE_SECONDS, Labels},
    },
};

// A request that is answered from memory.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// Whether the API server knows PodMonitors, and we may list them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Served {
    /// It does.
    Yes,
    /// It does not, or not to us.
    #[default]
    No,
}

/// What was found at a look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Found {
    /// The kind, and the right to list it.
    Kind,
    /// No such kind.
    #[default]
    Nothing,
    /// The kind, without the right.
    Closed,
}

/// Whether and how PodMonitors are made.
pub struct Monitoring {
    wish: PodMonitors,
    endpoints: BTreeMap<String, Endpoint>,
    found: Mutex<Found>,
}

impl Monitoring {
    // Nothing was looked at yet: nobody serves them.
    fn new(wish: PodMonitors, endpoints: BTreeMap<String, Endpoint>) -> Self {
        Self {
            wish,
            endpoints,
            found: Mutex::default(),
        }
    }

    /// What the last look found.
    pub fn served(&self) -> Served {
        match *self.found.lock().unwrap_or_else(PoisonError::into_inner) {
            Found::Kind => Served::Yes,
            Found::Nothing | Found::Closed => Served::No,
        }
    }

    /// How the pods of a cluster that uses this endpoint are scraped; `None` where no PodMonitor is to be.
    pub fn scrape(&self, endpoint: &str, served: Served) -> Option<Scrape> {
        let PodMonitors::Auto { labels: selected_by } = &self.wish else {
            return None;
        };
        if served == Served::No {
            return None;
        }
        let endpoint = self.endpoints.get(endpoint);
        Some(Scrape {
            // What the operator believes of it must be true.
            interval: endpoint.map_or(Duration::from_secs(DEFAULT_SCRAPE_SECONDS), |it| it.scrape_interval),
            labels: endpoint.map_or_else(Labels::default, |it| it.labels.clone()),
            selected_by: selected_by.clone(),
        })
    }

    /// Looks once, before anything is reconciled, and again and again as a task of `tasks`.
    pub async fn start(
        config: &Config,
        client: &Client,
        (places, caches): (Vec<Place>, &Arc<Caches>),
        tasks: &mut JoinSet<()>,
    ) -> Arc<Self> {
        let monitoring = Arc::new(Self::new(config.pod_monitors.clone(), config.endpoints.clone()));
        monitoring.look(client, &places).await;
        let (followed, client, caches) = (monitoring.clone(), client.clone(), caches.clone());
        tasks.spawn(async move { followed.follow(client, places, caches).await });
        monitoring
    }

    // An API server that does not answer is told of by whoever needs it.
    async fn look(&self, client: &Client, places: &[Place]) {
        match find(client, places).await {
            Ok(found) => self.turn(found),
            Err(error) => tracing::debug!(%error, "nobody knows whether PodMonitors are served"),
        }
    }

    // While PodMonitors are served, ours are watched; when that begins or ends, every resource is looked at.
    async fn follow(&self, client: Client, places: Vec<Place>, caches: Arc<Caches>) {
        let mut watches = JoinSet::new();
        let mut before = self.served();
        loop {
            if self.served() == Served::Yes && watches.is_empty() {
                self.watch(&places, &mut watches);
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_AGAIN) => self.look(&client, &places).await,
                // A watch ends when the kind is gone.
                Some(_) = watches.join_next() => self.turn(Found::Nothing),
            }
            if self.served() == Served::No {
                watches.shutdown().await;
            }
            if self.served() != before {
                before = self.served();
                let clusters = caches.clusters();
                for place in &places {
                    place.wake_all(&clusters);
                }
            }
        }
    }

    // Those that nobody wants are found at the next pass; nothing is put back, so nothing is watched.
    fn watch(&self, places: &[Place], watches: &mut JoinSet<()>) {
        if matches!(self.wish, PodMonitors::Auto { .. }) {
            for place in places {
                let place = place.clone();
                watches.spawn(async move { place.pod_monitors().await });
            }
        }
    }

    fn turn(&self, found: Found) {
        let mut last = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::replace(&mut *last, found) == found {
            return;
        }
        match found {
            Found::Kind => tracing::info!(wish = ?self.wish, "PodMonitors are served"),
            Found::Nothing => tracing::info!("PodMonitors are not served any more"),
            Found::Closed => tracing::warn!(
                "PodMonitors are served and may not be listed, so none is made: the operator's role lacks podmonitors"
            ),
        }
    }
}

async fn find(client: &Client, places: &[Place]) -> Result<Found, CallError> {
    let doing = || format!("looking for {API_VERSION}");
    let kinds = match call(doing, client.list_api_group_resources(API_VERSION)).await {
        Ok(kinds) => kinds.resources,
        Err(error) if error.code() == Some(404) => return Ok(Found::Nothing),
        Err(error) => return Err(error),
    };
    if !kinds.iter().any(|kind| kind.name == PLURAL) {
        return Ok(Found::Nothing);
    }
    for place in places {
        match list_one(client, place.namespace()).await {
            Ok(()) => {}
            Err(error) if error.code() == Some(404) => return Ok(Found::Nothing),
            Err(error) if matches!(error.code(), Some(401 | 403)) => return Ok(Found::Closed),
            Err(error) => return Err(error),
        }
    }
    Ok(Found::Kind)
}

// Roles that an administrator made by hand may be older than this operator: that must not stop its passes.
async fn list_one(client: &Client, namespace: Option<&str>) -> Result<(), CallError> {
    let kind = ApiResource::erase::<PodMonitor>(&());
    let api: Api<DynamicObject> = match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &kind),
        None => Api::all_with(client.clone(), &kind),
    };
    let doing = || "listing one PodMonitor".to_owned();
    call(doing, api.list(&ListParams::default().limit(1))).await.map(drop)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::endpoint;

    fn auto() -> PodMonitors {
        PodMonitors::Auto {
            labels: BTreeMap::from([("release".to_owned(), "monitoring".to_owned())]),
        }
    }

    #[test]
    fn a_cluster_is_scraped_as_its_endpoint_is_believed_to_scrape() {
        let endpoints =
            endpoint::parse("a: {url: http://a, scrapeIntervalSeconds: 5, labels: {pod: k8s_pod}}").unwrap();
        let monitoring = Monitoring::new(auto(), endpoints);
        let scrape = monitoring.scrape("a", Served::Yes).unwrap();
        assert_eq!(scrape.interval, Duration::from_secs(5));
        assert_eq!(scrape.labels.pod.as_str(), "k8s_pod");
        assert_eq!(scrape.selected_by["release"], "monitoring");
        let unknown = monitoring.scrape("b", Served::Yes).unwrap();
        assert_eq!(
            (unknown.interval, unknown.labels),
            (Duration::from_secs(15), Labels::default())
        );
    }

    #[test]
    fn there_is_none_where_nobody_serves_the_kind_or_the_administrator_wants_none() {
        let endpoints = BTreeMap::new();
        assert_eq!(Monitoring::new(auto(), endpoints.clone()).scrape("a", Served::No), None);
        assert_eq!(
            Monitoring::new(PodMonitors::Disabled, endpoints).scrape("a", Served::Yes),
            None
        );
    }
}
