//! Redis: one instance in a StatefulSet, with an append-only file on its volume.
//!
//! Pure. It fits any image with `redis-server` and `redis-cli` on PATH and a user 999 (the project's, the official
//! `redis`), whatever its entry point does.

use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{Container, ContainerPort, PodSpec, Volume, VolumeMount},
};

use super::{
    config,
    pod::{self, Patience},
    stateful_set::{self, Member},
};
use crate::{
    cluster::{Cluster, Store},
    credentials::{Credentials, KEY_PASSWORD},
    names::{self, Component},
};

/// Where the volume is.
pub(super) const DATA_DIRECTORY: &str = "/data";
/// Where the password file is, in memory.
pub(super) const RUN_DIRECTORY: &str = "/run/redis";

const CONFIG_VOLUME: &str = "config";
const RUN_VOLUME: &str = "run";
const TMP_VOLUME: &str = "tmp";

const GRACE_SECONDS: i64 = 30;

// While it loads its file it answers LOADING: alive, not ready. The password comes from REDISCLI_AUTH.
const IS_READY: &str = r#"test "$(redis-cli -p 6379 ping)" = PONG"#;
const IS_ALIVE: &str = "redis-cli -p 6379 ping";

const STARTUP: Patience = Patience {
    period_seconds: 1,
    timeout_seconds: 5,
    failures: 300,
};
const LIVENESS: Patience = Patience {
    period_seconds: 10,
    timeout_seconds: 5,
    failures: 6,
};
const READINESS: Patience = Patience {
    period_seconds: 5,
    timeout_seconds: 5,
    failures: 2,
};

/// The StatefulSet, when Redis is managed and its credentials are known.
pub(super) fn build(cluster: &Cluster, credentials: &Credentials) -> Option<StatefulSet> {
    let (store, credentials) = cluster.redis.as_ref().zip(credentials.redis.as_ref())?;
    let member = Member {
        of: Component::Redis,
        store,
        identity: &credentials.identity,
        pod: pod_spec(cluster, store),
    };
    Some(stateful_set::build(cluster, member))
}

fn pod_spec(cluster: &Cluster, store: &Store) -> PodSpec {
    PodSpec {
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        security_context: Some(pod::security_with_volumes(names::STORE_UID)),
        termination_grace_period_seconds: Some(GRACE_SECONDS),
        containers: vec![server(cluster, store)],
        volumes: Some(volumes(cluster)),
        ..PodSpec::default()
    }
}

fn server(cluster: &Cluster, store: &Store) -> Container {
    let secret = names::component(&cluster.id.name, Component::Redis);
    Container {
        name: Component::Redis.as_str().to_owned(),
        image: Some(store.image.clone()),
        image_pull_policy: Some(pod::PULL_POLICY.to_owned()),
        command: Some(vec![
            "sh".to_owned(),
            format!("{}/{}", config::DIRECTORY, config::START),
        ]),
        env: Some(vec![
            pod::env_from_secret("REDISCLI_AUTH", &secret, KEY_PASSWORD),
            pod::env("RUN_DIRECTORY", RUN_DIRECTORY),
            pod::env("REDIS_CONF", format!("{}/{}", config::DIRECTORY, config::REDIS_CONF)),
        ]),
        ports: Some(vec![ContainerPort {
            name: Some(Component::Redis.as_str().to_owned()),
            container_port: i32::from(names::REDIS_PORT),
            protocol: Some("TCP".to_owned()),
            ..ContainerPort::default()
        }]),
        resources: Some(pod::resources("50m", "64Mi", "512Mi")),
        security_context: Some(pod::container_security()),
        startup_probe: Some(pod::probe_shell(IS_ALIVE, STARTUP)),
        liveness_probe: Some(pod::probe_shell(IS_ALIVE, LIVENESS)),
        readiness_probe: Some(pod::probe_shell(IS_READY, READINESS)),
        volume_mounts: Some(mounts()),
        ..Container::default()
    }
}

fn mounts() -> Vec<VolumeMount> {
    vec![
        pod::mount(names::DATA_VOLUME, DATA_DIRECTORY),
        pod::mount_read_only(CONFIG_VOLUME, config::DIRECTORY),
        pod::mount(RUN_VOLUME, RUN_DIRECTORY),
        pod::mount(TMP_VOLUME, "/tmp"),
    ]
}

fn volumes(cluster: &Cluster) -> Vec<Volume> {
    vec![
        pod::config_volume(CONFIG_VOLUME, names::component(&cluster.id.name, Component::Redis)),
        pod::in_memory(RUN_VOLUME, "1Mi"),
        pod::scratch(TMP_VOLUME, "64Mi"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::fixtures;

    #[test]
    fn its_password_comes_from_its_secret() {
        let cluster = fixtures::minimal();
        let env = server(&cluster, cluster.redis.as_ref().expect("managed"))
            .env
            .expect("it has variables");
        assert!(env.contains(&pod::env_from_secret("REDISCLI_AUTH", "shop-redis", "password")));
    }

    #[test]
    fn without_credentials_there_is_no_server_to_start_with_an_unknown_password() {
        assert_eq!(build(&fixtures::minimal(), &Credentials::default()), None);
    }
}
