//! Stacks for the tests of builders: the published examples, and one with everything that an example leaves out.
//!
//! They come out of `validate`, as every stack does. All are called `shop`, in the namespace `market`.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, PodSpec, SecurityContext, Volume};
use pathfinder_crds as crds;
use pathfinder_crds::PathfinderCluster;

use crate::{
    build::pod_monitor::Scrape,
    cluster::Cluster,
    config::endpoint::Labels,
    credentials::{Credentials, PostgresCredentials, RedisCredentials},
    validate::validate,
};

/// What every password of [`credentials`] begins with.
pub(super) const PASSWORD_PREFIX: &str = "hunter";

/// The smallest example.
pub(super) fn minimal() -> Cluster {
    cluster(&resource(include_str!("../../../crds/examples/minimal.yaml")))
}

/// An API without stores.
pub(super) fn api_only() -> Cluster {
    let mut resource = resource(include_str!("../../../crds/examples/minimal.yaml"));
    resource.spec.postgres = None;
    resource.spec.redis = None;
    cluster(&resource)
}

/// The example with every field, and every kind of variable, a NodePort, no CPU limit, a StorageClass, and policies.
pub(super) fn full() -> Cluster {
    let mut resource = resource(include_str!("../../../crds/examples/full.yaml"));
    let api = &mut resource.spec.api;
    api.resources.limits.cpu = None;
    api.service = crds::ServiceSpec {
        type_: crds::ServiceType::NodePort,
        port: 8080,
    };
    let key = |name: &str, key: &str, optional| crds::KeySelector {
        name: name.into(),
        key: key.into(),
        optional,
    };
    api.env = vec![
        variable("PLAIN", Some("value"), None),
        variable("COMPOSED", Some("$(DATABASE_URL)&options=x"), None),
        variable(
            "FROM_SECRET",
            None,
            Some((Some(key("payments", "api-key", Some(true))), None)),
        ),
        variable(
            "FROM_CONFIG_MAP",
            None,
            Some((None, Some(key("settings", "region", None)))),
        ),
    ];
    api.env_from = vec![
        crds::EnvFromSource {
            prefix: Some("PAY_".into()),
            secret_ref: Some(crds::SecretEnvSource {
                name: "payments".into(),
                optional: Some(false),
            }),
            config_map_ref: None,
        },
        crds::EnvFromSource {
            prefix: None,
            secret_ref: None,
            config_map_ref: Some(crds::ConfigMapEnvSource {
                name: "settings".into(),
                optional: None,
            }),
        },
    ];
    if let Some(postgres) = &mut resource.spec.postgres {
        postgres.storage.storage_class_name = Some("fast".into());
    }
    resource.spec.network_policies = crds::NetworkPolicies::Enabled;
    cluster(&resource)
}

/// Every stack above.
pub(super) fn all() -> [Cluster; 3] {
    [minimal(), full(), api_only()]
}

/// Passwords that are easy to find where they must not be.
pub(super) fn credentials() -> Credentials {
    let made = |text: &str| format!("{PASSWORD_PREFIX}{text}");
    Credentials {
        postgres: Some(PostgresCredentials {
            identity: "identity-of-postgres".into(),
            password: made("1").into(),
            superuser_password: made("2").into(),
        }),
        redis: Some(RedisCredentials {
            identity: "identity-of-redis".into(),
            password: made("3").into(),
        }),
    }
}

/// A Prometheus of the prometheus-operator that scrapes every 15 s and selects by a label.
pub(super) fn scrape() -> Scrape {
    Scrape {
        interval: Duration::from_secs(15),
        labels: Labels::default(),
        selected_by: [("release".to_owned(), "monitoring".to_owned())].into(),
    }
}

fn resource(yaml: &str) -> PathfinderCluster {
    let mut resource: PathfinderCluster = serde_yaml::from_str(yaml).expect("the example is a resource");
    resource.metadata.name = Some("shop".into());
    resource.metadata.namespace = Some("market".into());
    resource.metadata.uid = Some("11111111-2222-3333-4444-555555555555".into());
    resource.metadata.generation = Some(1);
    resource
}

fn cluster(resource: &PathfinderCluster) -> Cluster {
    validate(resource).expect("the fixture is valid")
}

type Source = (Option<crds::KeySelector>, Option<crds::KeySelector>);

fn variable(name: &str, value: Option<&str>, from: Option<Source>) -> crds::EnvVar {
    crds::EnvVar {
        name: name.into(),
        value: value.map(str::to_owned),
        value_from: from.map(|(secret_key_ref, config_map_key_ref)| crds::EnvVarSource {
            secret_key_ref,
            config_map_key_ref,
        }),
    }
}

/// What a pod violates of the Pod Security profile `restricted`, and of our own stricter rules (no token, nothing of the
/// image writable, a numeric user). After the published profile, kubernetes.io/docs/concepts/security/pod-security-standards.
pub(super) fn restricted_violations(pod: &PodSpec) -> Vec<String> {
    let mut violations = Vec::new();
    let mut expect = |holds: bool, what: &str| {
        if !holds {
            violations.push(what.to_owned());
        }
    };
    let security = pod.security_context.clone().unwrap_or_default();
    expect(security.run_as_non_root == Some(true), "runAsNonRoot");
    expect(security.run_as_user.is_some_and(|uid| uid > 0), "runAsUser");
    expect(
        security
            .seccomp_profile
            .is_some_and(|profile| profile.type_ == "RuntimeDefault"),
        "seccompProfile",
    );
    expect(security.sysctls.is_none(), "sysctls");
    expect(
        [pod.host_network, pod.host_pid, pod.host_ipc]
            .iter()
            .all(Option::is_none),
        "host namespaces",
    );
    expect(
        pod.automount_service_account_token == Some(false),
        "automountServiceAccountToken",
    );
    expect(pod.enable_service_links == Some(false), "enableServiceLinks");
    expect(pod.volumes.iter().flatten().all(is_allowed_volume), "volumes");
    for container in pod.containers.iter().chain(pod.init_containers.iter().flatten()) {
        expect(is_restricted(container), &container.name);
    }
    violations
}

fn is_allowed_volume(volume: &Volume) -> bool {
    let rest = Volume {
        name: String::new(),
        config_map: None,
        empty_dir: None,
        ..volume.clone()
    };
    rest == Volume::default()
}

fn is_restricted(container: &Container) -> bool {
    let Some(security) = &container.security_context else {
        return false;
    };
    let SecurityContext {
        allow_privilege_escalation,
        capabilities,
        privileged,
        read_only_root_filesystem,
        ..
    } = security;
    let all = vec!["ALL".to_owned()];
    *allow_privilege_escalation == Some(false)
        && *read_only_root_filesystem == Some(true)
        && privileged.is_none()
        && capabilities
            .as_ref()
            .is_some_and(|it| it.drop == Some(all) && it.add.is_none())
        && container.ports.iter().flatten().all(|port| port.host_port.is_none())
}
