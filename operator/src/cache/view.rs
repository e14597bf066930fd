//! What is in the cluster at one moment, found by whose it is.
//!
//! A look at every resource passes over all pods and HPAs once, and not once per resource: with a thousand of them that would be
//! millions of comparisons per tick.

use std::{collections::HashMap, sync::Arc};

use k8s_openapi::api::{
    autoscaling::v2::HorizontalPodAutoscaler,
    core::v1::{Pod, ResourceQuota},
};
use kube::Resource;
use kube_runtime::reflector::Store;

use crate::{
    cluster::ClusterId,
    names::{self, Component},
};

/// Pods, HPAs and quotas, as they were when it was made.
#[derive(Default)]
pub struct View {
    // By namespace, and by instance within it.
    pods: HashMap<String, HashMap<String, Vec<Arc<Pod>>>>,
    autoscalers: HashMap<String, Vec<Arc<HorizontalPodAutoscaler>>>,
    quotas: HashMap<String, Vec<Arc<ResourceQuota>>>,
}

impl View {
    pub(super) fn of(
        pods: &[Store<Pod>],
        autoscalers: &[Store<HorizontalPodAutoscaler>],
        quotas: &[Store<ResourceQuota>],
    ) -> Self {
        let mut view = Self {
            pods: HashMap::new(),
            autoscalers: by_namespace(autoscalers),
            quotas: by_namespace(quotas),
        };
        for pod in pods.iter().flat_map(Store::state) {
            let instance = pod
                .metadata
                .labels
                .as_ref()
                .and_then(|it| it.get(names::LABEL_INSTANCE));
            if let (Some(namespace), Some(instance)) = (&pod.metadata.namespace, instance) {
                let there = view.pods.entry(namespace.clone()).or_default();
                there.entry(instance.clone()).or_default().push(pod.clone());
            }
        }
        view
    }

    /// The API pods of one resource.
    pub fn api_pods(&self, id: &ClusterId) -> &[Arc<Pod>] {
        let instance = names::component(&id.name, Component::Api);
        let there = self.pods.get(&id.namespace);
        there.and_then(|there| there.get(&instance)).map_or(&[], Vec::as_slice)
    }

    /// Every HPA of a namespace, also those of others.
    pub fn autoscalers(&self, namespace: &str) -> &[Arc<HorizontalPodAutoscaler>] {
        self.autoscalers.get(namespace).map_or(&[], Vec::as_slice)
    }

    /// The quotas of a namespace.
    pub fn quotas(&self, namespace: &str) -> &[Arc<ResourceQuota>] {
        self.quotas.get(namespace).map_or(&[], Vec::as_slice)
    }
}

fn by_namespace<K>(stores: &[Store<K>]) -> HashMap<String, Vec<Arc<K>>>
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    let mut all: HashMap<String, Vec<Arc<K>>> = HashMap::new();
    for object in stores.iter().flat_map(Store::state) {
        if let Some(namespace) = object.meta().namespace.clone() {
            all.entry(namespace).or_default().push(object);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::{Caches, Objects};

    fn pod(namespace: &str, (cluster, of): (&str, Component), name: &str) -> Pod {
        let mut pod = Pod::default();
        pod.metadata.name = Some(name.into());
        pod.metadata.namespace = Some(namespace.into());
        pod.metadata.labels = Some(names::labels(cluster, of));
        pod
    }

    #[test]
    fn each_resource_has_its_own_api_pods_and_no_others() {
        let mine = ("shop", Component::Api);
        let caches = Caches::of(Objects {
            pods: vec![
                pod("blue", mine, "one"),
                pod("blue", mine, "two"),
                pod("blue", ("shop", Component::Postgres), "its-database"),
                pod("blue", ("shop-api", Component::Api), "named-alike"),
                pod("green", mine, "elsewhere"),
            ],
            ..Objects::default()
        });
        let id = ClusterId {
            namespace: "blue".into(),
            name: "shop".into(),
        };
        let view = caches.view();
        let mut found: Vec<_> = view
            .api_pods(&id)
            .iter()
            .filter_map(|it| it.metadata.name.clone())
            .collect();
        found.sort();
        assert_eq!(found, ["one", "two"]);
        assert!(view.autoscalers("blue").is_empty() && view.quotas("green").is_empty());
    }
}
