//! What one pod takes of a quota.
//!
//! Pure. The effective request of a pod (KEP-753): its containers run together, its init containers one after the other
//! before them, and those of them that never end (sidecars) run beside all that follow. What the pod states for itself
//! counts instead, and the overhead of its runtime comes on top. A request that is not given is the limit.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::{
    api::core::v1::{Container, PodSpec, ResourceRequirements},
    apimachinery::pkg::api::resource::Quantity,
};

use crate::scale::facts::amount::amount;

type Amounts = BTreeMap<String, f64>;

/// What one pod asks for, by resource.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Needs {
    requests: Amounts,
    limits: Amounts,
}

impl Needs {
    pub(super) fn of(pod: &PodSpec) -> Self {
        Self {
            requests: effective(pod, requests),
            limits: effective(pod, |resources| read(resources.limits.as_ref())),
        }
    }

    /// How much of a quota's entry one pod takes; `None` for entries that are not about pods.
    pub(super) fn counted_as(&self, entry: &str) -> Option<f64> {
        if matches!(entry, "pods" | "count/pods") {
            return Some(1.0);
        }
        if let Some(resource) = entry.strip_prefix("limits.") {
            return self.limits.get(resource).copied();
        }
        let resource = entry.strip_prefix("requests.").unwrap_or(entry);
        self.requests.get(resource).copied()
    }

    /// Whether it asks for no CPU and no memory: the quality of service BestEffort.
    pub(super) fn nothing(&self) -> bool {
        let asked = |of: &Amounts| {
            ["cpu", "memory"]
                .iter()
                .any(|name| of.get(*name).is_some_and(|it| *it > 0.0))
        };
        !asked(&self.requests) && !asked(&self.limits)
    }
}

fn requests(resources: &ResourceRequirements) -> Amounts {
    let mut requests = read(resources.limits.as_ref());
    requests.extend(read(resources.requests.as_ref()));
    requests
}

fn read(of: Option<&BTreeMap<String, Quantity>>) -> Amounts {
    let amounts = of.into_iter().flatten();
    amounts
        .filter_map(|(name, quantity)| Some((name.clone(), amount(quantity)?)))
        .collect()
}

fn effective(pod: &PodSpec, of: impl Fn(&ResourceRequirements) -> Amounts) -> Amounts {
    let of_container = |container: &Container| container.resources.as_ref().map(&of).unwrap_or_default();
    let mut sidecars = Amounts::new();
    let mut most = Amounts::new();
    for container in pod.init_containers.iter().flatten() {
        let own = of_container(container);
        if container.restart_policy.as_deref() == Some("Always") {
            sidecars = joined(&sidecars, &own, |one, other| one + other);
            most = joined(&most, &sidecars, f64::max);
        } else {
            let beside = joined(&sidecars, &own, |one, other| one + other);
            most = joined(&most, &beside, f64::max);
        }
    }
    let together = pod.containers.iter().fold(sidecars, |sum, container| {
        joined(&sum, &of_container(container), |one, other| one + other)
    });
    let mut needs = joined(&most, &together, f64::max);
    needs.extend(pod.resources.as_ref().map(&of).unwrap_or_default());
    let overhead = read(pod.overhead.as_ref());
    // A runtime's overhead comes on top of what is asked for, and is no limit where none is set.
    let asked: BTreeSet<&String> = needs.keys().collect();
    let on_top = overhead.iter().filter(|(name, _)| asked.contains(name));
    let on_top: Amounts = on_top.map(|(name, extra)| (name.clone(), *extra)).collect();
    joined(&needs, &on_top, |one, other| one + other)
}

fn joined(one: &Amounts, other: &Amounts, by: impl Fn(f64, f64) -> f64) -> Amounts {
    let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    let of = |amounts: &Amounts, name: &String| amounts.get(name).copied().unwrap_or(0.0);
    names
        .into_iter()
        .map(|name| (name.clone(), by(of(one, name), of(other, name))))
        .collect()
}
