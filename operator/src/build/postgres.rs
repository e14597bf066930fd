//! PostgreSQL: one instance in a StatefulSet, its data directory made once by an init container.
//!
//! Pure. It fits any image with PostgreSQL's programs on PATH and a user 999 (the project's, the official `postgres`).
//! It relies on no entry point and no STOPSIGNAL of the image: the server is process 1, and a hook asks for the fast shutdown.

use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{
        Container, ContainerPort, ExecAction, Lifecycle, LifecycleHandler, PodSpec, ResourceRequirements, Volume,
        VolumeMount,
    },
};

use super::{
    config,
    pod::{self, Patience},
    stateful_set::{self, Member},
};
use crate::{
    cluster::{Cluster, Store},
    credentials::{Credentials, KEY_DATABASE, KEY_PASSWORD, KEY_SUPERUSER_PASSWORD, KEY_USERNAME},
    names::{self, Component},
};

// The volume is mounted one level above: only a subdirectory can have the mode 0700 that the server insists on.
const VOLUME_DIRECTORY: &str = "/var/lib/postgresql";
const DATA_DIRECTORY: &str = "/var/lib/postgresql/pgdata";
/// Where the unix socket is.
pub(super) const RUN_DIRECTORY: &str = "/var/run/postgresql";

const CONFIG_VOLUME: &str = "config";
const RUN_VOLUME: &str = "run";
const SHARED_MEMORY_VOLUME: &str = "shared-memory";
const TMP_VOLUME: &str = "tmp";

// A fast shutdown writes a checkpoint first.
const GRACE_SECONDS: i64 = 120;

// 0 takes connections, 1 refuses them for now (recovery, shutdown), 2 does not answer.
const IS_READY: &str = "pg_isready --quiet --timeout=3 --host=/var/run/postgresql --port=5432";
const IS_ALIVE: &str = "pg_isready --quiet --timeout=3 --host=/var/run/postgresql --port=5432; test $? -lt 2";
// Without it the server would wait for its clients to leave: SIGTERM is its smart shutdown, SIGINT the fast one.
const SHUT_DOWN_FAST: &str = "kill -INT 1";

// Recovery answers from its beginning on, so this is no limit to it; it is one to a server that cannot even begin.
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

/// The StatefulSet, when PostgreSQL is managed and its credentials are known.
pub(super) fn build(cluster: &Cluster, credentials: &Credentials) -> Option<StatefulSet> {
    let (store, credentials) = cluster.postgres.as_ref().zip(credentials.postgres.as_ref())?;
    let member = Member {
        of: Component::Postgres,
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
        init_containers: Some(vec![bootstrap(cluster, store)]),
        containers: vec![server(store)],
        volumes: Some(volumes(cluster)),
        ..PodSpec::default()
    }
}

fn bootstrap(cluster: &Cluster, store: &Store) -> Container {
    let secret = names::component(&cluster.id.name, Component::Postgres);
    Container {
        name: "bootstrap".to_owned(),
        command: Some(vec![
            "sh".to_owned(),
            format!("{}/{}", config::DIRECTORY, config::BOOTSTRAP),
        ]),
        env: Some(vec![
            pod::env("PGDATA", DATA_DIRECTORY),
            pod::env("RUN_DIRECTORY", RUN_DIRECTORY),
            pod::env_from_secret("SUPERUSER_PASSWORD", &secret, KEY_SUPERUSER_PASSWORD),
            pod::env_from_secret("APP_USER", &secret, KEY_USERNAME),
            pod::env_from_secret("APP_PASSWORD", &secret, KEY_PASSWORD),
            pod::env_from_secret("APP_DATABASE", &secret, KEY_DATABASE),
        ]),
        ..container(store)
    }
}

fn server(store: &Store) -> Container {
    let file = |setting: &str, name: &str| [String::from("-c"), format!("{setting}={}/{name}", config::DIRECTORY)];
    let settings = [
        file("config_file", config::POSTGRESQL_CONF),
        file("hba_file", config::PG_HBA_CONF),
    ]
    .concat();
    Container {
        name: Component::Postgres.as_str().to_owned(),
        command: Some(
            ["postgres", "-D", DATA_DIRECTORY]
                .map(str::to_owned)
                .into_iter()
                .chain(settings)
                .collect(),
        ),
        ports: Some(vec![ContainerPort {
            name: Some(Component::Postgres.as_str().to_owned()),
            container_port: i32::from(names::POSTGRES_PORT),
            protocol: Some("TCP".to_owned()),
            ..ContainerPort::default()
        }]),
        lifecycle: Some(Lifecycle {
            pre_stop: Some(LifecycleHandler {
                exec: Some(ExecAction {
                    command: Some(pod::shell(SHUT_DOWN_FAST)),
                }),
                ..LifecycleHandler::default()
            }),
            ..Lifecycle::default()
        }),
        startup_probe: Some(pod::probe_shell(IS_ALIVE, STARTUP)),
        liveness_probe: Some(pod::probe_shell(IS_ALIVE, LIVENESS)),
        readiness_probe: Some(pod::probe_shell(IS_READY, READINESS)),
        ..container(store)
    }
}

fn container(store: &Store) -> Container {
    Container {
        image: Some(store.image.clone()),
        image_pull_policy: Some(pod::PULL_POLICY.to_owned()),
        resources: Some(resources()),
        security_context: Some(pod::container_security()),
        volume_mounts: Some(mounts()),
        ..Container::default()
    }
}

fn resources() -> ResourceRequirements {
    pod::resources("100m", "256Mi", "1Gi")
}

fn mounts() -> Vec<VolumeMount> {
    vec![
        pod::mount(names::DATA_VOLUME, VOLUME_DIRECTORY),
        pod::mount_read_only(CONFIG_VOLUME, config::DIRECTORY),
        pod::mount(RUN_VOLUME, RUN_DIRECTORY),
        pod::mount(SHARED_MEMORY_VOLUME, "/dev/shm"),
        pod::mount(TMP_VOLUME, "/tmp"),
    ]
}

fn volumes(cluster: &Cluster) -> Vec<Volume> {
    vec![
        pod::config_volume(CONFIG_VOLUME, names::component(&cluster.id.name, Component::Postgres)),
        pod::in_memory(RUN_VOLUME, "1Mi"),
        // A container has 64 MiB by default, which parallel queries outgrow.
        pod::in_memory(SHARED_MEMORY_VOLUME, "256Mi"),
        pod::scratch(TMP_VOLUME, "256Mi"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::fixtures;

    #[test]
    fn the_server_is_process_1_because_a_shell_would_keep_its_signals() {
        let cluster = fixtures::minimal();
        let command = server(cluster.postgres.as_ref().expect("managed"))
            .command
            .expect("it has a command");
        assert_eq!(command[0], "postgres");
    }

    #[test]
    fn the_server_never_sees_a_password() {
        let cluster = fixtures::minimal();
        assert_eq!(server(cluster.postgres.as_ref().expect("managed")).env, None);
    }

    #[test]
    fn without_credentials_there_is_no_server_to_start_with_an_unknown_password() {
        assert_eq!(build(&fixtures::minimal(), &Credentials::default()), None);
    }
}
