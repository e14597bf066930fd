//! ConfigMaps: the configuration and the scripts of the stores, as files of this source tree.
//!
//! Pure. Nothing secret is in them: passwords reach a store as variables from its Secret.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;

use super::meta;
use crate::{
    cluster::Cluster,
    names::{self, Component},
};

/// Where a store's ConfigMap is mounted.
pub(super) const DIRECTORY: &str = "/etc/pathfinder";
/// Makes PostgreSQL's data directory, all or nothing.
pub(super) const BOOTSTRAP: &str = "bootstrap.sh";
/// PostgreSQL's settings.
pub(super) const POSTGRESQL_CONF: &str = "postgresql.conf";
/// Who may log in to PostgreSQL, and how.
pub(super) const PG_HBA_CONF: &str = "pg_hba.conf";
/// Starts Redis with its password.
pub(super) const START: &str = "start.sh";
/// Redis's settings.
pub(super) const REDIS_CONF: &str = "redis.conf";

const POSTGRES_FILES: [(&str, &str); 3] = [
    (BOOTSTRAP, include_str!("config/postgres/bootstrap.sh")),
    (POSTGRESQL_CONF, include_str!("config/postgres/postgresql.conf")),
    (PG_HBA_CONF, include_str!("config/postgres/pg_hba.conf")),
];
const REDIS_FILES: [(&str, &str); 2] = [
    (START, include_str!("config/redis/start.sh")),
    (REDIS_CONF, include_str!("config/redis/redis.conf")),
];

/// The ConfigMap of every managed store.
pub(super) fn build(cluster: &Cluster) -> Vec<ConfigMap> {
    let managed = [
        (Component::Postgres, &cluster.postgres),
        (Component::Redis, &cluster.redis),
    ];
    managed
        .into_iter()
        .filter_map(|(of, store)| store.as_ref().map(|_| config_map(cluster, of)))
        .collect()
}

fn config_map(cluster: &Cluster, of: Component) -> ConfigMap {
    let data: BTreeMap<_, _> = files(of)
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
        .collect();
    ConfigMap {
        metadata: meta::owned(cluster, of, names::component(&cluster.id.name, of)),
        data: Some(data),
        ..ConfigMap::default()
    }
}

/// The files of a component, by name; the API has none.
pub(super) fn files(of: Component) -> &'static [(&'static str, &'static str)] {
    match of {
        Component::Api => &[],
        Component::Postgres => &POSTGRES_FILES,
        Component::Redis => &REDIS_FILES,
    }
}

/// A short hash of a component's files (FNV-1a, 64 bits). Not the standard library's, which may differ from one release
/// of the operator to the next and would restart every store.
pub(super) fn fingerprint(of: Component) -> String {
    // The zero byte keeps the end of one part and the beginning of the next apart.
    let bytes = files(of)
        .iter()
        .flat_map(|(name, text)| [name.as_bytes(), &[0], text.as_bytes(), &[0]].concat());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::fixtures;

    #[test]
    fn a_store_that_is_not_managed_has_no_config_map() {
        assert!(build(&fixtures::api_only()).is_empty());
        assert_eq!(build(&fixtures::minimal()).len(), 2);
    }

    #[test]
    fn the_fingerprint_is_that_of_the_published_algorithm() {
        // FNV-1a of nothing is its offset basis.
        assert_eq!(fingerprint(Component::Api), "cbf29ce484222325");
        assert_ne!(fingerprint(Component::Postgres), fingerprint(Component::Redis));
    }

    #[test]
    fn scripts_and_settings_name_the_paths_and_ports_that_the_pods_have() {
        let text = |of: Component, name: &str| {
            files(of)
                .iter()
                .find(|(file, _)| *file == name)
                .map(|(_, text)| *text)
                .expect("it is there")
        };
        let postgres = text(Component::Postgres, POSTGRESQL_CONF);
        assert!(postgres.contains(&format!("port = {}\n", names::POSTGRES_PORT)));
        assert!(postgres.contains(&format!(
            "unix_socket_directories = '{}'\n",
            super::super::postgres::RUN_DIRECTORY
        )));
        let redis = text(Component::Redis, REDIS_CONF);
        assert!(redis.contains(&format!("port {}\n", names::REDIS_PORT)));
        assert!(redis.contains(&format!("dir {}\n", super::super::redis::DATA_DIRECTORY)));
        assert!(redis.contains(&format!(
            "include {}/password.conf\n",
            super::super::redis::RUN_DIRECTORY
        )));
    }
}
