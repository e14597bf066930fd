//! The fewest and the most replicas that a Deployment was ordered between two looks.
//!
//! The HPA puts back what somebody took or added within seconds, often before the next tick: the watch has seen it all the same.

use std::{
    collections::HashMap,
    ops::RangeInclusive,
    sync::{Arc, Mutex, PoisonError},
};

use k8s_openapi::api::apps::v1::Deployment;
use kube_runtime::{reflector::ObjectRef, watcher::Event};

/// What every watch of Deployments noted since the last look at each.
#[derive(Clone, Debug, Default)]
pub(super) struct Noted(Arc<Mutex<HashMap<ObjectRef<Deployment>, RangeInclusive<i32>>>>);

impl Noted {
    /// Notes one event of a watch.
    pub(super) fn note(&self, event: &Event<Deployment>) {
        match event {
            Event::Apply(deployment) | Event::InitApply(deployment) => {
                if let Some(ordered) = deployment.spec.as_ref().and_then(|spec| spec.replicas) {
                    self.with(|noted| {
                        let range = noted
                            .entry(ObjectRef::from_obj(deployment))
                            .or_insert(ordered..=ordered);
                        *range = ordered.min(*range.start())..=ordered.max(*range.end());
                    });
                }
            }
            Event::Delete(deployment) => {
                self.with(|noted| noted.remove(&ObjectRef::from_obj(deployment)));
            }
            Event::Init | Event::InitDone => {}
        }
    }

    /// From the fewest to the most since the last time; `None` when nothing changed.
    pub(super) fn take(&self, deployment: &ObjectRef<Deployment>) -> Option<RangeInclusive<i32>> {
        self.with(|noted| noted.remove(deployment))
    }

    fn with<T>(&self, work: impl FnOnce(&mut HashMap<ObjectRef<Deployment>, RangeInclusive<i32>>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::{api::apps::v1::DeploymentSpec, apimachinery::pkg::apis::meta::v1::ObjectMeta};

    use super::*;

    fn ordered(replicas: i32) -> Deployment {
        Deployment {
            metadata: ObjectMeta {
                name: Some("shop-api".into()),
                namespace: Some("prod".into()),
                ..ObjectMeta::default()
            },
            spec: Some(DeploymentSpec {
                replicas: Some(replicas),
                ..DeploymentSpec::default()
            }),
            ..Deployment::default()
        }
    }

    fn shop() -> ObjectRef<Deployment> {
        ObjectRef::new("shop-api").within("prod")
    }

    #[test]
    fn what_was_put_back_between_two_looks_is_told_once() {
        let noted = Noted::default();
        for replicas in [2, 1, 5, 2] {
            noted.note(&Event::Apply(ordered(replicas)));
        }
        assert_eq!([noted.take(&shop()), noted.take(&shop())], [Some(1..=5), None]);
    }

    #[test]
    fn a_deployment_that_is_gone_leaves_nothing() {
        let noted = Noted::default();
        noted.note(&Event::InitApply(ordered(1)));
        noted.note(&Event::Delete(ordered(1)));
        assert_eq!(noted.take(&shop()), None);
    }
}
