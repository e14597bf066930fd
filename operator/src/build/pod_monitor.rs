//! The PodMonitor of the API: how a Prometheus that the prometheus-operator runs finds the API's pods.
//!
//! Pure. The kind is not one of Kubernetes': its types are here, and they hold the fields that we write and no others.
//! Samples get the two labels by which the operator joins them to pods, whatever that Prometheus is set to elsewhere.

use std::{collections::BTreeMap, time::Duration};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use serde::{Deserialize, Serialize};

use super::meta;
use crate::{
    cluster::Cluster,
    config::endpoint::Labels,
    names::{self, Component},
};

/// The API group of the prometheus-operator, with the version that we write.
pub const API_VERSION: &str = "monitoring.coreos.com/v1";
/// The plural by which the API server lists the kind.
pub const PLURAL: &str = "podmonitors";

/// Which pods are scraped, and how.
#[derive(kube::CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "monitoring.coreos.com",
    version = "v1",
    kind = "PodMonitor",
    plural = "podmonitors",
    namespaced,
    schema = "disabled",
    derive = "PartialEq",
    doc = "Tells a Prometheus of the prometheus-operator which pods to scrape."
)]
// Everything may be absent in what somebody else edited: the watch must be able to read it.
#[serde(rename_all = "camelCase", default)]
pub struct PodMonitorSpec {
    /// The pods.
    pub selector: LabelSelector,
    /// What of each pod is scraped.
    pub pod_metrics_endpoints: Vec<PodMetricsEndpoint>,
}

/// One port of a pod that is scraped.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodMetricsEndpoint {
    /// Name of the container's port.
    pub port: String,
    /// Path of the metrics.
    pub path: String,
    /// Time between two scrapes, for example `15s`.
    pub interval: String,
    /// Which labels the samples get.
    pub relabelings: Vec<Relabeling>,
}

/// A label that is copied from what Prometheus knows of the pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Relabeling {
    /// Always `replace`.
    pub action: String,
    /// Where it comes from.
    pub source_labels: Vec<String>,
    /// What it is called.
    pub target_label: String,
}

/// How the pods of a cluster are scraped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scrape {
    /// Time between two scrapes, as the endpoint's other settings believe it.
    pub interval: Duration,
    /// What the labels are called that tell pods apart.
    pub labels: Labels,
    /// Labels of the PodMonitor itself, by which a Prometheus selects it.
    pub selected_by: BTreeMap<String, String>,
}

/// The PodMonitor of the API.
pub(super) fn build(cluster: &Cluster, scrape: &Scrape) -> PodMonitor {
    let mut metadata = meta::owned(
        cluster,
        Component::Api,
        names::component(&cluster.id.name, Component::Api),
    );
    let mut labels = scrape.selected_by.clone();
    // Ours win: by them the object is found again.
    labels.extend(metadata.labels.take().unwrap_or_default());
    metadata.labels = Some(labels);
    PodMonitor {
        metadata,
        spec: PodMonitorSpec {
            selector: meta::selector(cluster, Component::Api),
            pod_metrics_endpoints: vec![endpoint(scrape)],
        },
    }
}

fn endpoint(scrape: &Scrape) -> PodMetricsEndpoint {
    let Labels { namespace, pod } = &scrape.labels;
    PodMetricsEndpoint {
        port: names::HTTP_PORT_NAME.to_owned(),
        path: names::METRICS_PATH.to_owned(),
        interval: format!("{}s", scrape.interval.as_secs().max(1)),
        relabelings: vec![
            copied("__meta_kubernetes_namespace", namespace.as_str()),
            copied("__meta_kubernetes_pod_name", pod.as_str()),
        ],
    }
}

fn copied(from: &str, to: &str) -> Relabeling {
    Relabeling {
        action: "replace".to_owned(),
        source_labels: vec![from.to_owned()],
        target_label: to.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use kube::api::ApiResource;

    use super::*;
    use crate::build::fixtures;

    #[test]
    fn it_is_called_what_the_api_server_is_asked_for() {
        let kind = ApiResource::erase::<PodMonitor>(&());
        assert_eq!((kind.api_version.as_str(), kind.plural.as_str()), (API_VERSION, PLURAL));
    }

    #[test]
    fn samples_get_the_labels_that_the_endpoint_is_asked_by() {
        let endpoints = crate::config::endpoint::parse(
            "a: {url: http://a, scrapeIntervalSeconds: 7, labels: {namespace: k8s_ns, pod: k8s_pod}}",
        );
        let asked = endpoints.expect("it is valid").remove("a").expect("it is there");
        let scrape = Scrape {
            interval: asked.scrape_interval,
            labels: asked.labels,
            ..fixtures::scrape()
        };
        let mut scraped = build(&fixtures::minimal(), &scrape).spec.pod_metrics_endpoints;
        let scraped = scraped.pop().expect("one port");
        assert_eq!(scraped.interval, "7s");
        let targets: Vec<_> = scraped.relabelings.iter().map(|it| it.target_label.as_str()).collect();
        assert_eq!(targets, ["k8s_ns", "k8s_pod"]);
    }

    #[test]
    fn what_selects_it_cannot_take_our_own_labels_away() {
        let mut scrape = fixtures::scrape();
        let others = [
            ("release", "monitoring"),
            (names::LABEL_PART_OF, "theirs"),
            (names::LABEL_MANAGED_BY, "theirs"),
        ];
        scrape.selected_by = others.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let labels = build(&fixtures::minimal(), &scrape).metadata.labels.expect("labels");
        assert_eq!(labels["release"], "monitoring");
        assert_eq!(labels[names::LABEL_PART_OF], "shop");
        assert_eq!(labels[names::LABEL_MANAGED_BY], names::MANAGED_BY);
    }

    #[test]
    fn one_that_somebody_emptied_can_still_be_read() {
        let emptied = r#"{"apiVersion": "monitoring.coreos.com/v1", "kind": "PodMonitor",
            "metadata": {"name": "shop-api"}, "spec": {"podMetricsEndpoints": [{}]}}"#;
        let read: PodMonitor = serde_json::from_str(emptied).expect("it is read");
        assert_eq!(read.spec.pod_metrics_endpoints, [PodMetricsEndpoint::default()]);
    }
}
