//! The API: its Deployment, its ServiceAccount and its PodDisruptionBudget.
//!
//! Pure. It never writes `replicas`: the HPA owns them. It knows nothing of the image but where it listens and the paths
//! that it answers.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::{
        apps::v1::{Deployment, DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment},
        core::v1::{Container, ContainerPort, EnvFromSource, EnvVar, PodSpec, PodTemplateSpec, ServiceAccount},
        policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec},
    },
    apimachinery::pkg::util::intstr::IntOrString,
};

use super::{
    meta,
    pod::{self, Patience},
};
use crate::{
    cluster::{Api, Cluster},
    credentials::{KEY_REPLICA_URL, KEY_URL},
    names::{self, Component},
};

// `nonroot` of the usual base images; no file of any image belongs to it by accident.
const API_UID: i64 = 65_532;
// What the API image may count on between SIGTERM and SIGKILL.
const GRACE_SECONDS: i64 = 30;
const TMP_VOLUME: &str = "tmp";

// Asked every second, so that a pod takes traffic as soon as it can; two minutes for migrations at the first start.
const STARTUP: Patience = Patience {
    period_seconds: 1,
    timeout_seconds: 2,
    failures: 120,
};
// A minute of silence: a pod that is only slow under load must not be killed for it.
const LIVENESS: Patience = Patience {
    period_seconds: 10,
    timeout_seconds: 5,
    failures: 6,
};
const READINESS: Patience = Patience {
    period_seconds: 2,
    timeout_seconds: 2,
    failures: 3,
};

/// The Deployment of the API, without `replicas`.
pub(super) fn deployment(cluster: &Cluster) -> Deployment {
    Deployment {
        metadata: meta::owned(cluster, Component::Api, name(cluster)),
        spec: Some(DeploymentSpec {
            selector: meta::selector(cluster, Component::Api),
            strategy: Some(never_fewer_pods()),
            revision_history_limit: Some(pod::REVISION_HISTORY_LIMIT),
            progress_deadline_seconds: Some(600),
            template: PodTemplateSpec {
                metadata: Some(meta::pod_template(cluster, Component::Api, scrape(cluster.api.port))),
                spec: Some(pod_spec(cluster)),
            },
            ..DeploymentSpec::default()
        }),
        ..Deployment::default()
    }
}

/// What API pods run under. It has no rights, and no token is mounted.
pub(super) fn service_account(cluster: &Cluster) -> ServiceAccount {
    ServiceAccount {
        metadata: meta::owned(cluster, Component::Api, name(cluster)),
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    }
}

/// Evictions take one pod at a time; a pod that is broken anyway never blocks a drain.
pub(super) fn disruption_budget(cluster: &Cluster) -> PodDisruptionBudget {
    PodDisruptionBudget {
        metadata: meta::owned(cluster, Component::Api, name(cluster)),
        spec: Some(PodDisruptionBudgetSpec {
            max_unavailable: Some(IntOrString::Int(1)),
            unhealthy_pod_eviction_policy: Some("AlwaysAllow".to_owned()),
            selector: Some(meta::selector(cluster, Component::Api)),
            ..PodDisruptionBudgetSpec::default()
        }),
        ..PodDisruptionBudget::default()
    }
}

fn name(cluster: &Cluster) -> String {
    names::component(&cluster.id.name, Component::Api)
}

// No pod leaves before its successor is ready. The surge is a share, because one pod at a time would make a rollout of
// fifty pods last for an hour.
fn never_fewer_pods() -> DeploymentStrategy {
    DeploymentStrategy {
        type_: Some("RollingUpdate".to_owned()),
        rolling_update: Some(RollingUpdateDeployment {
            max_unavailable: Some(IntOrString::Int(0)),
            max_surge: Some(IntOrString::String("25%".to_owned())),
        }),
    }
}

// The annotations that the usual scrape configuration of Prometheus looks for.
fn scrape(port: u16) -> BTreeMap<String, String> {
    BTreeMap::from([
        ("prometheus.io/scrape".to_owned(), "true".to_owned()),
        ("prometheus.io/port".to_owned(), port.to_string()),
        ("prometheus.io/path".to_owned(), names::METRICS_PATH.to_owned()),
    ])
}

fn pod_spec(cluster: &Cluster) -> PodSpec {
    PodSpec {
        service_account_name: Some(name(cluster)),
        automount_service_account_token: Some(false),
        // Variables like SHOP_API_PORT of every Service of the namespace would clash with the API's own.
        enable_service_links: Some(false),
        security_context: Some(pod::security(API_UID)),
        termination_grace_period_seconds: Some(GRACE_SECONDS),
        tolerations: Some(pod::leave_a_lost_node()),
        topology_spread_constraints: Some(vec![pod::spread_over_nodes(meta::selector(cluster, Component::Api))]),
        containers: vec![container(cluster)],
        volumes: Some(vec![pod::scratch(TMP_VOLUME, "1Gi")]),
        ..PodSpec::default()
    }
}

fn container(cluster: &Cluster) -> Container {
    let api = &cluster.api;
    Container {
        name: names::API_CONTAINER.to_owned(),
        image: Some(api.image.clone()),
        image_pull_policy: Some(pod::PULL_POLICY.to_owned()),
        ports: Some(vec![ContainerPort {
            name: Some(names::HTTP_PORT_NAME.to_owned()),
            container_port: i32::from(api.port),
            protocol: Some("TCP".to_owned()),
            ..ContainerPort::default()
        }]),
        env: Some(variables(cluster)),
        env_from: sources(api),
        resources: Some(api.resources.clone()),
        security_context: Some(pod::container_security()),
        startup_probe: Some(pod::probe_http("/health", STARTUP)),
        liveness_probe: Some(pod::probe_http("/health", LIVENESS)),
        readiness_probe: Some(pod::probe_http("/ready", READINESS)),
        volume_mounts: Some(vec![pod::mount(TMP_VOLUME, "/tmp")]),
        ..Container::default()
    }
}

// Ours come first, so that the user's may refer to them: `$(DATABASE_URL)`.
fn variables(cluster: &Cluster) -> Vec<EnvVar> {
    let mut variables = vec![pod::env("PORT", cluster.api.port.to_string())];
    if cluster.postgres.is_some() {
        let secret = names::component(&cluster.id.name, Component::Postgres);
        variables.push(pod::env_from_secret("DATABASE_URL", &secret, KEY_URL));
        variables.push(pod::env_from_secret("DATABASE_REPLICA_URL", &secret, KEY_REPLICA_URL));
    }
    if cluster.redis.is_some() {
        let secret = names::component(&cluster.id.name, Component::Redis);
        variables.push(pod::env_from_secret("REDIS_URL", &secret, KEY_URL));
    }
    // The server drops an empty value, which means the same as none.
    variables.extend(cluster.api.env.iter().cloned().map(|variable| EnvVar {
        value: variable.value.filter(|value| !value.is_empty()),
        ..variable
    }));
    variables
}

fn sources(api: &Api) -> Option<Vec<EnvFromSource>> {
    let sources: Vec<_> = api
        .env_from
        .iter()
        .cloned()
        .map(|source| EnvFromSource {
            prefix: source.prefix.filter(|prefix| !prefix.is_empty()),
            ..source
        })
        .collect();
    (!sources.is_empty()).then_some(sources)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::fixtures;

    fn names_of_variables(cluster: &Cluster) -> Vec<String> {
        variables(cluster).into_iter().map(|variable| variable.name).collect()
    }

    #[test]
    fn the_deployment_leaves_replicas_to_the_hpa() {
        for cluster in fixtures::all() {
            assert_eq!(deployment(&cluster).spec.expect("it has a spec").replicas, None);
        }
    }

    #[test]
    fn urls_are_given_for_managed_stores_only() {
        assert_eq!(names_of_variables(&fixtures::api_only()), ["PORT"]);
        assert_eq!(
            names_of_variables(&fixtures::minimal()),
            ["PORT", "DATABASE_URL", "DATABASE_REPLICA_URL", "REDIS_URL"]
        );
    }

    #[test]
    fn the_users_variables_come_after_ours_so_that_they_can_refer_to_them() {
        let cluster = fixtures::full();
        let users: Vec<_> = cluster.api.env.iter().map(|variable| variable.name.clone()).collect();
        assert!(!users.is_empty());
        assert!(names_of_variables(&cluster).ends_with(&users));
    }

    #[test]
    fn values_that_the_server_would_drop_are_not_sent() {
        let mut cluster = fixtures::full();
        cluster.api.env.push(pod::env("EMPTY", ""));
        cluster
            .api
            .env_from
            .iter_mut()
            .for_each(|source| source.prefix = Some(String::new()));
        assert_eq!(
            variables(&cluster).last().and_then(|variable| variable.value.clone()),
            None
        );
        assert!(
            sources(&cluster.api)
                .expect("there are some")
                .iter()
                .all(|source| source.prefix.is_none())
        );
        assert_eq!(sources(&fixtures::minimal().api), None);
    }

    #[test]
    fn the_scraped_port_is_the_one_that_the_api_listens_on() {
        let mut cluster = fixtures::minimal();
        cluster.api.port = 8081;
        let template = deployment(&cluster).spec.expect("it has a spec").template;
        let annotations = template
            .metadata
            .and_then(|meta| meta.annotations)
            .expect("it has annotations");
        assert_eq!(annotations["prometheus.io/port"], "8081");
        assert!(variables(&cluster).contains(&pod::env("PORT", "8081")));
    }
}
