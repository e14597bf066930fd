//! Watches: the operator's view of the cluster, and what wakes the structural loop.
//!
//! IO. One watch per kind and watched namespace. A change of an object that carries our labels becomes a trigger for its
//! resource, but only when something that we look at changed.

use std::{
    collections::{HashMap, HashSet, hash_map::DefaultHasher},
    fmt::Debug,
    hash::{Hash, Hasher},
    sync::Arc,
};

use futures::{StreamExt, channel::mpsc};
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::{Deployment, StatefulSet},
        autoscaling::v2::HorizontalPodAutoscaler,
        core::v1::{ConfigMap, Pod, ResourceQuota, Service, ServiceAccount},
        networking::v1::NetworkPolicy,
        policy::v1::PodDisruptionBudget,
    },
    apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry,
};
use kube::{Api, Client, Resource, ResourceExt};
use kube_runtime::{
    WatchStreamExt,
    reflector::{self, ObjectRef, Store},
    watcher,
};
use pathfinder_crds::PathfinderCluster;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::{
    cluster::ClusterId,
    config::Scope,
    metrics::Metrics,
    names::{self, Component},
};

/// The triggers of one watched namespace (or of the whole cluster).
pub type Triggers = mpsc::UnboundedReceiver<ObjectRef<PathfinderCluster>>;
type Sender = mpsc::UnboundedSender<ObjectRef<PathfinderCluster>>;

/// What is in the cluster, as the watches saw it last.
#[derive(Default)]
pub struct Caches {
    clusters: Vec<Store<PathfinderCluster>>,
    deployments: Vec<Store<Deployment>>,
    autoscalers: Vec<Store<HorizontalPodAutoscaler>>,
    pods: Vec<Store<Pod>>,
    quotas: Vec<Store<ResourceQuota>>,
}

/// A watched part of the cluster: its resources, and what wakes them.
pub struct Watched {
    /// Namespace, or `None` for all.
    pub namespace: Option<String>,
    /// Changes of what belongs to a resource.
    pub triggers: Triggers,
}

/// Starts every watch as a task of `tasks`.
pub fn start(client: &Client, scope: &Scope, metrics: &Metrics, tasks: &mut JoinSet<()>) -> (Caches, Vec<Watched>) {
    let namespaces: Vec<Option<String>> = match scope {
        Scope::Cluster => vec![None],
        Scope::Namespaces(names) => names.iter().cloned().map(Some).collect(),
    };
    let mut caches = Caches::default();
    let mut watched = Vec::new();
    for namespace in namespaces {
        let (sender, triggers) = mpsc::unbounded();
        let place = Place {
            client,
            namespace: namespace.as_deref(),
            sender,
            metrics,
        };
        caches
            .clusters
            .push(place.watch(tasks, watcher::Config::default(), |_| None));
        caches.deployments.push(place.ours(tasks));
        // Those of others too: a second one on the same Deployment is a conflict.
        caches
            .autoscalers
            .push(place.watch(tasks, watcher::Config::default(), of_ours));
        caches
            .quotas
            .push(place.watch(tasks, watcher::Config::default(), |_| None));
        caches.pods.push(place.ours(tasks));
        let _: Store<StatefulSet> = place.ours(tasks);
        let _: Store<Service> = place.ours(tasks);
        let _: Store<ServiceAccount> = place.ours(tasks);
        let _: Store<ConfigMap> = place.ours(tasks);
        let _: Store<PodDisruptionBudget> = place.ours(tasks);
        let _: Store<NetworkPolicy> = place.ours(tasks);
        watched.push(Watched { namespace, triggers });
    }
    (caches, watched)
}

struct Place<'a> {
    client: &'a Client,
    namespace: Option<&'a str>,
    sender: Sender,
    metrics: &'a Metrics,
}

impl Place<'_> {
    // Objects that carry our labels; each change wakes the resource that they are part of.
    fn ours<K>(&self, tasks: &mut JoinSet<()>) -> Store<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + Debug
            + Serialize
            + DeserializeOwned
            + Send
            + Sync
            + 'static,
    {
        let selector = format!("{}={}", names::LABEL_MANAGED_BY, names::MANAGED_BY);
        self.watch(tasks, watcher::Config::default().labels(&selector), owner_of)
    }

    fn watch<K>(
        &self,
        tasks: &mut JoinSet<()>,
        config: watcher::Config,
        wakes: fn(&K) -> Option<ObjectRef<PathfinderCluster>>,
    ) -> Store<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + Debug
            + Serialize
            + DeserializeOwned
            + Send
            + Sync
            + 'static,
    {
        let api: Api<K> = match self.namespace {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        };
        let (store, writer) = reflector::store();
        let (sender, metrics) = (self.sender.clone(), self.metrics.clone());
        tasks.spawn(async move {
            let mut wake = Wake {
                sender,
                metrics,
                last: HashMap::new(),
                listed: HashSet::new(),
            };
            let events = watcher(api, config)
                .default_backoff()
                .modify(|object| object.managed_fields_mut().retain(is_about_scale));
            let mut events = std::pin::pin!(reflector::reflector(writer, events));
            while let Some(event) = events.next().await {
                match event {
                    Ok(event) => wake.on(event, wakes),
                    Err(error) => tracing::warn!(kind = %K::kind(&()), %error, "a watch failed and is tried again"),
                }
            }
        });
        store
    }
}

// Turns the events of one watch into triggers: one per change that matters.
struct Wake {
    sender: Sender,
    metrics: Metrics,
    last: HashMap<String, (u64, Option<ObjectRef<PathfinderCluster>>)>,
    listed: HashSet<String>,
}

impl Wake {
    fn on<K>(&mut self, event: watcher::Event<K>, wakes: fn(&K) -> Option<ObjectRef<PathfinderCluster>>)
    where
        K: Resource<DynamicType = ()> + Serialize,
    {
        match event {
            watcher::Event::Init => self.listed.clear(),
            watcher::Event::InitApply(object) => {
                self.listed.insert(key(&object));
                self.changed(&object, wakes);
            }
            watcher::Event::InitDone => self.lost(),
            watcher::Event::Apply(object) => self.changed(&object, wakes),
            watcher::Event::Delete(object) => self.gone(&key(&object)),
        }
    }

    fn changed<K>(&mut self, object: &K, wakes: fn(&K) -> Option<ObjectRef<PathfinderCluster>>)
    where
        K: Resource<DynamicType = ()> + Serialize,
    {
        let look = look(object);
        let trigger = wakes(object);
        let before = self.last.insert(key(object), (look, trigger.clone()));
        if before.map(|(look, _)| look) != Some(look) {
            self.send(trigger);
        }
    }

    // What a fresh list does not hold was deleted while nobody watched.
    fn lost(&mut self) {
        let gone: Vec<String> = self
            .last
            .keys()
            .filter(|key| !self.listed.contains(*key))
            .cloned()
            .collect();
        for key in gone {
            self.gone(&key);
        }
    }

    fn gone(&mut self, key: &str) {
        if let Some((_, trigger)) = self.last.remove(key) {
            self.send(trigger);
        }
    }

    fn send(&self, trigger: Option<ObjectRef<PathfinderCluster>>) {
        if let Some(trigger) = trigger {
            let namespace = trigger.namespace.clone().unwrap_or_default();
            self.metrics.queued(ClusterId {
                namespace,
                name: trigger.name.clone(),
            });
            // The receiver is gone only while everything stops.
            let _ = self.sender.unbounded_send(trigger);
        }
    }
}

fn key<K: Resource>(object: &K) -> String {
    format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any())
}

// Who wrote how many replicas is all that is kept of managed fields: it names another writer.
fn is_about_scale(entry: &ManagedFieldsEntry) -> bool {
    let spec = entry.fields_v1.as_ref().and_then(|fields| fields.0.get("f:spec"));
    spec.is_some_and(|spec| {
        ["f:replicas", "f:minReplicas", "f:maxReplicas"]
            .iter()
            .any(|field| spec.get(field).is_some())
    })
}

fn of_ours<K: Resource>(object: &K) -> Option<ObjectRef<PathfinderCluster>> {
    let ours = object.labels().get(names::LABEL_MANAGED_BY)? == names::MANAGED_BY;
    ours.then(|| owner_of(object)).flatten()
}

fn owner_of<K: Resource>(object: &K) -> Option<ObjectRef<PathfinderCluster>> {
    let name = object.labels().get(names::LABEL_PART_OF)?;
    Some(ObjectRef::new(name).within(&object.namespace()?))
}

// A hash of what we look at. An HPA's status changes every 15 s and is nothing to the structural loop.
fn look<K: Resource<DynamicType = ()> + Serialize>(object: &K) -> u64 {
    let mut value = serde_json::to_value(object).unwrap_or_default();
    if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("resourceVersion");
        metadata.remove("managedFields");
    }
    if K::kind(&()) == "HorizontalPodAutoscaler"
        && let Some(fields) = value.as_object_mut()
    {
        fields.remove("status");
    }
    let mut hasher = DefaultHasher::new();
    value.to_string().hash(&mut hasher);
    hasher.finish()
}

impl Caches {
    /// Every resource.
    pub fn clusters(&self) -> Vec<Arc<PathfinderCluster>> {
        self.clusters.iter().flat_map(Store::state).collect()
    }

    /// A Deployment of ours.
    pub fn deployment(&self, namespace: &str, name: &str) -> Option<Arc<Deployment>> {
        find(&self.deployments, namespace, name)
    }

    /// An HPA of ours.
    pub fn autoscaler(&self, namespace: &str, name: &str) -> Option<Arc<HorizontalPodAutoscaler>> {
        find(&self.autoscalers, namespace, name)
    }

    /// Every HPA of a namespace, also those of others.
    pub fn autoscalers(&self, namespace: &str) -> Vec<Arc<HorizontalPodAutoscaler>> {
        within(&self.autoscalers, namespace)
    }

    /// The quotas of a namespace.
    pub fn quotas(&self, namespace: &str) -> Vec<Arc<ResourceQuota>> {
        within(&self.quotas, namespace)
    }

    /// The API pods of one resource.
    pub fn api_pods(&self, id: &ClusterId) -> Vec<Arc<Pod>> {
        let instance = names::component(&id.name, Component::Api);
        let mine = |pod: &Pod| {
            pod.namespace().as_deref() == Some(&id.namespace)
                && pod.labels().get(names::LABEL_INSTANCE) == Some(&instance)
        };
        self.pods.iter().flat_map(|store| store.state_filter(mine)).collect()
    }

    /// Returns when every watch that decisions depend on has listed once.
    pub async fn ready(&self) {
        for store in &self.clusters {
            let _ = store.wait_until_ready().await;
        }
        for store in &self.deployments {
            let _ = store.wait_until_ready().await;
        }
        for store in &self.autoscalers {
            let _ = store.wait_until_ready().await;
        }
        for store in &self.pods {
            let _ = store.wait_until_ready().await;
        }
        for store in &self.quotas {
            let _ = store.wait_until_ready().await;
        }
    }
}

fn within<K>(stores: &[Store<K>], namespace: &str) -> Vec<Arc<K>>
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    let inside = |object: &K| object.namespace().as_deref() == Some(namespace);
    stores.iter().flat_map(|store| store.state_filter(inside)).collect()
}

fn find<K>(stores: &[Store<K>], namespace: &str, name: &str) -> Option<Arc<K>>
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    let key = ObjectRef::new(name).within(namespace);
    stores.iter().find_map(|store| store.get(&key))
}
