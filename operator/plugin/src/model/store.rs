//! The stores beside the API: what the spec asks for, and whether it is there.
//!
//! Pure. A section that the spec leaves out is not managed, and then only that is said.

use kube::ResourceExt;
use pathfinder_crds::{ConditionType, PathfinderCluster, Quantity};
use serde::Serialize;

use crate::model::readiness::find;

/// One store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Store {
    /// `postgres` or `redis`.
    pub(crate) name: &'static str,
    /// What the operator runs; none when the spec leaves the section out.
    pub(crate) managed: Option<ManagedStore>,
}

/// A store that the operator runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ManagedStore {
    /// Status of its condition: `True`, `False` or `Unknown`.
    pub(crate) ready: String,
    /// Its image.
    pub(crate) image: String,
    /// Size of its volume.
    pub(crate) storage: String,
    /// Where it answers, inside the cluster.
    pub(crate) address: String,
}

/// What tells the stores apart.
struct Kind {
    name: &'static str,
    port: u16,
    condition: ConditionType,
}

const POSTGRES: Kind = Kind {
    name: "postgres",
    port: 5432,
    condition: ConditionType::PostgresReady,
};
const REDIS: Kind = Kind {
    name: "redis",
    port: 6379,
    condition: ConditionType::RedisReady,
};

/// Both stores of a resource.
pub(crate) fn stores(cluster: &PathfinderCluster) -> Vec<Store> {
    let postgres = cluster
        .spec
        .postgres
        .as_ref()
        .map(|spec| (&spec.image, &spec.storage.size));
    let redis = cluster
        .spec
        .redis
        .as_ref()
        .map(|spec| (&spec.image, &spec.storage.size));
    vec![store(cluster, &POSTGRES, postgres), store(cluster, &REDIS, redis)]
}

fn store(cluster: &PathfinderCluster, kind: &Kind, asked: Option<(&String, &Quantity)>) -> Store {
    let managed = asked.map(|(image, size)| ManagedStore {
        ready: ready(cluster, kind.condition),
        image: image.clone(),
        storage: size.0.clone(),
        address: address(cluster, kind),
    });
    Store {
        name: kind.name,
        managed,
    }
}

fn ready(cluster: &PathfinderCluster, condition: ConditionType) -> String {
    let conditions = cluster.status.as_ref().map_or(&[][..], |status| &status.conditions);
    find(conditions, condition).map_or_else(|| "Unknown".to_owned(), |found| found.status.clone())
}

fn address(cluster: &PathfinderCluster, kind: &Kind) -> String {
    let namespace = cluster.namespace().unwrap_or_default();
    format!("{}-{}.{namespace}.svc:{}", cluster.name_any(), kind.name, kind.port)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;

    #[test]
    fn a_managed_store_has_its_condition_and_address() {
        let stores = stores(&fixtures::ready("shop"));
        let postgres = stores[0].managed.as_ref().unwrap();
        assert_eq!(postgres.ready, "True");
        assert_eq!(postgres.storage, "10Gi");
        assert_eq!(postgres.address, "shop-postgres.demo.svc:5432");
    }

    #[test]
    fn a_section_that_is_left_out_is_not_managed() {
        let mut cluster = fixtures::ready("shop");
        cluster.spec.redis = None;
        assert_eq!(stores(&cluster)[1].managed, None);
    }

    #[test]
    fn before_the_operator_reports_nothing_is_known_of_a_store() {
        let stores = stores(&fixtures::cluster("shop"));
        assert_eq!(stores[0].managed.as_ref().unwrap().ready, "Unknown");
    }
}
