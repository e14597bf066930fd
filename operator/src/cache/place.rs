//! One watched part of the cluster: a watch per kind, and which change wakes which resource.
//!
//! IO. It keeps nothing but hashes of what was seen last. What is done with a kind's objects is the business of whoever
//! asked for the watch.

use std::{
    collections::{HashMap, HashSet, hash_map::DefaultHasher},
    fmt::Debug,
    future::ready,
    hash::{Hash, Hasher},
    sync::Arc,
};

use futures::{Stream, StreamExt, TryStreamExt, channel::mpsc};
use k8s_openapi::{NamespaceResourceScope, apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry};
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

use crate::{build::pod_monitor::PodMonitor, cluster::ClusterId, metrics::Metrics, names};

/// The triggers of one watched namespace (or of the whole cluster).
pub type Triggers = mpsc::UnboundedReceiver<ObjectRef<PathfinderCluster>>;
pub(super) type Sender = mpsc::UnboundedSender<ObjectRef<PathfinderCluster>>;

/// A namespace, or the whole cluster, and how its resources are woken.
#[derive(Clone)]
pub struct Place {
    client: Client,
    namespace: Option<String>,
    sender: Sender,
    metrics: Metrics,
}

/// The resource that a change of an object wakes.
type Wakes<K> = fn(&K) -> Option<ObjectRef<PathfinderCluster>>;

/// What can be watched: any kind of Kubernetes' own or of ours.
pub(super) trait Watchable:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + Clone
    + Debug
    + Serialize
    + DeserializeOwned
    + Send
    + Sync
    + 'static
{
}

impl<K> Watchable for K where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + Serialize
        + DeserializeOwned
        + Send
        + Sync
        + 'static
{
}

impl Place {
    pub(super) fn new(client: &Client, namespace: Option<String>, sender: Sender, metrics: &Metrics) -> Self {
        Self {
            client: client.clone(),
            namespace,
            sender,
            metrics: metrics.clone(),
        }
    }

    /// Its name, or `None` for the whole cluster.
    pub fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    /// Wakes every resource in it.
    pub fn wake_all(&self, clusters: &[Arc<PathfinderCluster>]) {
        let mine = |cluster: &&Arc<PathfinderCluster>| {
            self.namespace.is_none() || self.namespace == cluster.metadata.namespace
        };
        for cluster in clusters.iter().filter(mine) {
            self.wake(ObjectRef::from_obj(cluster.as_ref()));
        }
    }

    /// Watches our PodMonitors until nobody serves them any more.
    pub async fn pod_monitors(&self) {
        let (_, errors) = self.follow::<PodMonitor, _>((ours(), owner_of), |_| ());
        errors
            .take_while(|error| ready(!is_gone(error)))
            .for_each(|error| {
                failed::<PodMonitor>(&error);
                ready(())
            })
            .await;
    }

    // Objects that carry our labels; each change wakes the resource that they are part of.
    pub(super) fn ours<K: Watchable>(&self, tasks: &mut JoinSet<()>) -> Store<K> {
        self.ours_noting(tasks, |_| ())
    }

    // The same, and every event is noted before it is in the store.
    pub(super) fn ours_noting<K: Watchable>(
        &self,
        tasks: &mut JoinSet<()>,
        note: impl Fn(&watcher::Event<K>) + Send + 'static,
    ) -> Store<K> {
        let (store, errors) = self.follow((ours(), owner_of), note);
        spawn::<K>(tasks, errors);
        store
    }

    pub(super) fn watch<K: Watchable>(
        &self,
        tasks: &mut JoinSet<()>,
        config: watcher::Config,
        wakes: Wakes<K>,
    ) -> Store<K> {
        let (store, errors) = self.follow((config, wakes), |_| ());
        spawn::<K>(tasks, errors);
        store
    }

    // What is there, and the errors of the watch: whoever takes them drives it.
    fn follow<K: Watchable, F: Fn(&watcher::Event<K>) + Send + 'static>(
        &self,
        (config, wakes): (watcher::Config, Wakes<K>),
        note: F,
    ) -> (Store<K>, impl Stream<Item = watcher::Error> + Send + use<K, F>) {
        let api: Api<K> = match &self.namespace {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        };
        let (store, writer) = reflector::store();
        let mut wake = Wake {
            place: self.clone(),
            last: HashMap::new(),
            listed: HashSet::new(),
        };
        let events = watcher(api, config)
            .default_backoff()
            .modify(|object| object.managed_fields_mut().retain(is_about_scale))
            .inspect_ok(move |event| note(event));
        let errors = reflector::reflector(writer, events).filter_map(move |event| {
            ready(match event {
                Ok(event) => {
                    wake.on(event, wakes);
                    None
                }
                Err(error) => Some(error),
            })
        });
        (store, errors)
    }

    fn wake(&self, trigger: ObjectRef<PathfinderCluster>) {
        let namespace = trigger.namespace.clone().unwrap_or_default();
        self.metrics.queued(ClusterId {
            namespace,
            name: trigger.name.clone(),
        });
        // The receiver is gone only while everything stops.
        let _ = self.sender.unbounded_send(trigger);
    }
}

fn ours() -> watcher::Config {
    let selector = format!("{}={}", names::LABEL_MANAGED_BY, names::MANAGED_BY);
    watcher::Config::default().labels(&selector)
}

fn spawn<K: Watchable>(tasks: &mut JoinSet<()>, errors: impl Stream<Item = watcher::Error> + Send + 'static) {
    tasks.spawn(errors.for_each(|error| {
        failed::<K>(&error);
        ready(())
    }));
}

fn failed<K: Watchable>(error: &watcher::Error) {
    tracing::warn!(kind = %K::kind(&()), %error, "a watch failed and is tried again");
}

fn is_gone(error: &watcher::Error) -> bool {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status)) => status.code == 404,
        _ => false,
    }
}

// Turns the events of one watch into triggers: one per change that matters.
struct Wake {
    place: Place,
    last: HashMap<String, (u64, Option<ObjectRef<PathfinderCluster>>)>,
    listed: HashSet<String>,
}

impl Wake {
    fn on<K>(&mut self, event: watcher::Event<K>, wakes: Wakes<K>)
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

    fn changed<K>(&mut self, object: &K, wakes: Wakes<K>)
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
            self.place.wake(trigger);
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

pub(super) fn of_ours<K: Resource>(object: &K) -> Option<ObjectRef<PathfinderCluster>> {
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
