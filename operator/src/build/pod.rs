//! What all our pods have in common: the `restricted` Pod Security profile, volumes, probes, variables, spread.
//!
//! Pure. It knows no component. Zero values that the server drops (`initialDelaySeconds: 0`) are left out here.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::{
        Capabilities, ConfigMapVolumeSource, EmptyDirVolumeSource, EnvVar, EnvVarSource, ExecAction, HTTPGetAction,
        PodSecurityContext, Probe, ResourceRequirements, SeccompProfile, SecretKeySelector, SecurityContext,
        Toleration, TopologySpreadConstraint, Volume, VolumeMount,
    },
    apimachinery::pkg::{api::resource::Quantity, apis::meta::v1::LabelSelector, util::intstr::IntOrString},
};

use crate::names;

/// Images are found by tag on the node first: ours may be loaded there without any registry.
pub(super) const PULL_POLICY: &str = "IfNotPresent";
/// Rollback keeps this many old revisions.
pub(super) const REVISION_HISTORY_LIMIT: i32 = 3;

/// Runs every container as `uid`, which images cannot change. A number, because `runAsNonRoot` cannot judge a name.
pub(super) fn security(uid: i64) -> PodSecurityContext {
    PodSecurityContext {
        run_as_non_root: Some(true),
        run_as_user: Some(uid),
        run_as_group: Some(uid),
        seccomp_profile: Some(SeccompProfile {
            type_: "RuntimeDefault".to_owned(),
            ..SeccompProfile::default()
        }),
        ..PodSecurityContext::default()
    }
}

/// As [`security`], with volumes that the group `uid` may write.
pub(super) fn security_with_volumes(uid: i64) -> PodSecurityContext {
    PodSecurityContext {
        fs_group: Some(uid),
        // Walking through a large volume at every start would take minutes.
        fs_group_change_policy: Some("OnRootMismatch".to_owned()),
        ..security(uid)
    }
}

/// No privileges, no capabilities, and nothing of the image can be changed.
pub(super) fn container_security() -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        read_only_root_filesystem: Some(true),
        capabilities: Some(Capabilities {
            drop: Some(vec!["ALL".to_owned()]),
            ..Capabilities::default()
        }),
        ..SecurityContext::default()
    }
}

/// Amounts by name.
pub(super) fn amounts<const N: usize>(of: [(&str, &str); N]) -> BTreeMap<String, Quantity> {
    of.into_iter()
        .map(|(name, amount)| (name.to_owned(), Quantity(amount.to_owned())))
        .collect()
}

/// Requests, and a limit of memory only: a throttled store is worse than a busy one.
pub(super) fn resources(cpu: &str, memory: &str, memory_limit: &str) -> ResourceRequirements {
    ResourceRequirements {
        requests: Some(amounts([("cpu", cpu), ("memory", memory)])),
        limits: Some(amounts([("memory", memory_limit)])),
        ..ResourceRequirements::default()
    }
}

/// A directory on the node's disk that goes with the pod; one that grows over `limit` costs the pod.
pub(super) fn scratch(name: &str, limit: &str) -> Volume {
    Volume {
        name: name.to_owned(),
        empty_dir: Some(EmptyDirVolumeSource {
            size_limit: Some(Quantity(limit.to_owned())),
            medium: None,
        }),
        ..Volume::default()
    }
}

/// A directory in memory that goes with the pod and counts as its memory.
pub(super) fn in_memory(name: &str, limit: &str) -> Volume {
    Volume {
        name: name.to_owned(),
        empty_dir: Some(EmptyDirVolumeSource {
            size_limit: Some(Quantity(limit.to_owned())),
            medium: Some("Memory".to_owned()),
        }),
        ..Volume::default()
    }
}

/// The files of a ConfigMap.
pub(super) fn config_volume(name: &str, config_map: String) -> Volume {
    Volume {
        name: name.to_owned(),
        config_map: Some(ConfigMapVolumeSource {
            name: config_map,
            default_mode: Some(0o644),
            ..ConfigMapVolumeSource::default()
        }),
        ..Volume::default()
    }
}

/// A volume at a path.
pub(super) fn mount(volume: &str, path: &str) -> VolumeMount {
    VolumeMount {
        name: volume.to_owned(),
        mount_path: path.to_owned(),
        ..VolumeMount::default()
    }
}

/// A volume at a path, not to be written.
pub(super) fn mount_read_only(volume: &str, path: &str) -> VolumeMount {
    VolumeMount {
        read_only: Some(true),
        ..mount(volume, path)
    }
}

/// A variable with a value.
pub(super) fn env(name: &str, value: impl Into<String>) -> EnvVar {
    EnvVar {
        name: name.to_owned(),
        value: Some(value.into()),
        ..EnvVar::default()
    }
}

/// A variable with a key of a Secret.
pub(super) fn env_from_secret(name: &str, secret: &str, key: &str) -> EnvVar {
    EnvVar {
        name: name.to_owned(),
        value_from: Some(EnvVarSource {
            secret_key_ref: Some(SecretKeySelector {
                name: secret.to_owned(),
                key: key.to_owned(),
                ..SecretKeySelector::default()
            }),
            ..EnvVarSource::default()
        }),
        ..EnvVar::default()
    }
}

/// How often a probe asks, how long it waits, and how many failures count.
#[derive(Clone, Copy)]
pub(super) struct Patience {
    pub(super) period_seconds: i32,
    pub(super) timeout_seconds: i32,
    pub(super) failures: i32,
}

/// Asks by HTTP GET at the port named `http`.
pub(super) fn probe_http(path: &str, patience: Patience) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.to_owned()),
            port: IntOrString::String(names::HTTP_PORT_NAME.to_owned()),
            scheme: Some("HTTP".to_owned()),
            ..HTTPGetAction::default()
        }),
        ..probe(patience)
    }
}

/// Asks by a shell command inside the container.
pub(super) fn probe_shell(command: &str, patience: Patience) -> Probe {
    Probe {
        exec: Some(ExecAction {
            command: Some(shell(command)),
        }),
        ..probe(patience)
    }
}

/// A command line for the shell.
pub(super) fn shell(command: &str) -> Vec<String> {
    vec!["sh".to_owned(), "-c".to_owned(), command.to_owned()]
}

fn probe(patience: Patience) -> Probe {
    Probe {
        period_seconds: Some(patience.period_seconds),
        timeout_seconds: Some(patience.timeout_seconds),
        failure_threshold: Some(patience.failures),
        success_threshold: Some(1),
        ..Probe::default()
    }
}

/// Prefers nodes with fewer pods of the same revision; never keeps a pod from running.
pub(super) fn spread_over_nodes(selector: LabelSelector) -> TopologySpreadConstraint {
    TopologySpreadConstraint {
        max_skew: 1,
        topology_key: "kubernetes.io/hostname".to_owned(),
        when_unsatisfiable: "ScheduleAnyway".to_owned(),
        label_selector: Some(selector),
        // Without it the old pods of a rollout count, and the new ones end up together.
        match_label_keys: Some(vec!["pod-template-hash".to_owned()]),
        ..TopologySpreadConstraint::default()
    }
}

// The server's own default is 300 s: five minutes with too few pods.
const LOST_NODE_SECONDS: i64 = 30;

/// Leaves a node that is lost after 30 s.
pub(super) fn leave_a_lost_node() -> Vec<Toleration> {
    ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"]
        .map(|key| Toleration {
            key: Some(key.to_owned()),
            operator: Some("Exists".to_owned()),
            effect: Some("NoExecute".to_owned()),
            toleration_seconds: Some(LOST_NODE_SECONDS),
            ..Toleration::default()
        })
        .to_vec()
}
