//! Fourth verb: the objects of a stack.
//!
//! Pure and infallible: a `Cluster` cannot be wrong, so neither can what is built from it. One file per kind of object.
//! Values are written as the API server returns them, with its defaults spelled out where we depend on them, and nothing
//! is ever null or empty: what was applied can then be compared with what is there, field by field.

use std::{fmt, marker::PhantomData};

use k8s_openapi::api::{
    apps::v1::{Deployment, StatefulSet},
    autoscaling::v2::HorizontalPodAutoscaler,
    core::v1::{ConfigMap, Secret, Service, ServiceAccount},
    networking::v1::NetworkPolicy,
    policy::v1::PodDisruptionBudget,
};
use kube::Resource;

use crate::{
    build::pod_monitor::{PodMonitor, Scrape},
    cluster::Cluster,
    credentials::Credentials,
};

mod api;
mod config;
#[cfg(test)]
mod fixtures;
pub mod flows;
pub mod hpa;
mod meta;
mod network;
mod pod;
pub mod pod_monitor;
mod postgres;
#[cfg(test)]
mod processes;
mod redis;
mod secret;
mod service;
mod stateful_set;

/// State of [`Resources`]: built, not applied yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Desired;

/// Every object of a stack. Take it apart without `..`, so that a new field cannot be forgotten.
#[derive(Clone, PartialEq)]
pub struct Resources<State> {
    /// The identity that API pods run under; it may do nothing.
    pub service_accounts: Vec<ServiceAccount>,
    /// Passwords and URLs. They carry no owner reference: they stay with the volumes.
    pub secrets: Vec<Secret>,
    /// Configuration and scripts of the stores.
    pub config_maps: Vec<ConfigMap>,
    /// Who may talk to whom; empty unless asked for.
    pub network_policies: Vec<NetworkPolicy>,
    /// The API's Service, and for each store one for its clients and one that names its members.
    pub services: Vec<Service>,
    /// How many API pods may be evicted at once.
    pub disruption_budgets: Vec<PodDisruptionBudget>,
    /// The stores.
    pub stateful_sets: Vec<StatefulSet>,
    /// The API. Without `replicas`: the HPA owns them.
    pub deployment: Deployment,
    /// The API's HPA. Its bounds are those of the policy, for its creation only.
    pub autoscaler: HorizontalPodAutoscaler,
    /// How the API's pods are found by a Prometheus of the prometheus-operator; empty where there is none.
    pub pod_monitors: Vec<PodMonitor>,
    pub(crate) state: PhantomData<State>,
}

/// The objects of `cluster`.
///
/// A store whose credentials are absent gets neither Secret nor StatefulSet: it could only start with a password that
/// nobody recorded. Without a `scrape` there is no PodMonitor.
pub fn build(cluster: &Cluster, credentials: &Credentials, scrape: Option<&Scrape>) -> Resources<Desired> {
    let config_maps = config::build(cluster);
    Resources {
        service_accounts: vec![api::service_account(cluster)],
        secrets: secret::build(cluster, credentials),
        network_policies: network::build(cluster),
        services: service::build(cluster),
        disruption_budgets: vec![api::disruption_budget(cluster)],
        stateful_sets: [
            postgres::build(cluster, credentials),
            redis::build(cluster, credentials),
        ]
        .into_iter()
        .flatten()
        .collect(),
        deployment: api::deployment(cluster),
        autoscaler: hpa::build(cluster),
        pod_monitors: scrape
            .map(|scrape| pod_monitor::build(cluster, scrape))
            .into_iter()
            .collect(),
        config_maps,
        state: PhantomData,
    }
}

// Names alone: the Debug of a Secret prints what it holds.
impl<State> fmt::Debug for Resources<State> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            service_accounts,
            secrets,
            config_maps,
            network_policies,
            services,
            disruption_budgets,
            stateful_sets,
            deployment,
            autoscaler,
            pod_monitors,
            state: _,
        } = self;
        f.debug_struct("Resources")
            .field("service_accounts", &names_of(service_accounts))
            .field("secrets", &names_of(secrets))
            .field("config_maps", &names_of(config_maps))
            .field("network_policies", &names_of(network_policies))
            .field("services", &names_of(services))
            .field("disruption_budgets", &names_of(disruption_budgets))
            .field("stateful_sets", &names_of(stateful_sets))
            .field("deployment", &names_of([deployment]))
            .field("autoscaler", &names_of([autoscaler]))
            .field("pod_monitors", &names_of(pod_monitors))
            .finish()
    }
}

fn names_of<'a, K: Resource + 'a>(objects: impl IntoIterator<Item = &'a K>) -> Vec<&'a str> {
    objects
        .into_iter()
        .filter_map(|object| object.meta().name.as_deref())
        .collect()
}

#[cfg(test)]
mod tests;
