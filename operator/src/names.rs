//! Every name, label, port, annotation and field manager that the operator uses.
//!
//! Pure. Three immutable fields of a StatefulSet depend on these names (its own, its governing Service's and its
//! selector), so a name is derived here and nowhere else.

use std::collections::BTreeMap;

/// Writes every object of the stack by server-side apply.
pub const MANAGER_CLUSTER: &str = "pathfinder/cluster";
/// Writes `HPA.spec.minReplicas`, `HPA.spec.maxReplicas` and `deployments/scale`.
pub const MANAGER_SCALE: &str = "pathfinder/scale";
/// Writes the conditions of the stack.
pub const MANAGER_STATUS: &str = "pathfinder/status";
/// Writes `status.scaling` and the conditions of scaling.
pub const MANAGER_SCALE_STATUS: &str = "pathfinder/scale-status";

/// Value of `app.kubernetes.io/managed-by` on everything we make.
pub const MANAGED_BY: &str = "pathfinder";
/// Label key: who manages the object.
pub const LABEL_MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Label key: the resource that the object belongs to.
pub const LABEL_PART_OF: &str = "app.kubernetes.io/part-of";
/// Label key: which component it is.
pub const LABEL_NAME: &str = "app.kubernetes.io/name";
/// Label key: which instance of the component it is.
pub const LABEL_INSTANCE: &str = "app.kubernetes.io/instance";

/// Annotation: hash of what was applied last. Tells a changed wish from a changed object.
pub const ANNOTATION_APPLIED: &str = "pathfinder.dev/applied";
/// Annotation on a kept Secret and on its volumes: they belong together.
pub const ANNOTATION_IDENTITY: &str = "pathfinder.dev/identity";
/// Annotation on a pod template: hash of the configuration it was started with.
pub const ANNOTATION_CONFIG: &str = "pathfinder.dev/config";

/// Name of the container and of the port of the API.
pub const API_CONTAINER: &str = "api";
/// Name of the API's port.
pub const HTTP_PORT_NAME: &str = "http";
/// Where the API serves its metrics.
pub const METRICS_PATH: &str = "/metrics";
/// PostgreSQL's port.
pub const POSTGRES_PORT: u16 = 5432;
/// Redis's port.
pub const REDIS_PORT: u16 = 6379;
/// Name of the volume claim template of both stores.
pub const DATA_VOLUME: &str = "data";
/// User and group of the stores' processes.
pub const STORE_UID: i64 = 999;
/// The database and the role that the API uses.
pub const DATABASE: &str = "app";

/// A part of the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Component {
    /// The API Deployment.
    Api,
    /// The PostgreSQL StatefulSet.
    Postgres,
    /// The Redis StatefulSet.
    Redis,
}

impl Component {
    /// Value of `app.kubernetes.io/name`, and the suffix of the objects' names.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Postgres => "postgres",
            Self::Redis => "redis",
        }
    }
}

/// `shop` and `Api` make `shop-api`: the name of most objects of a component.
pub fn component(cluster: &str, component: Component) -> String {
    format!("{cluster}-{}", component.as_str())
}

/// The headless Service that names a StatefulSet's pods.
pub fn members_service(cluster: &str, of: Component) -> String {
    format!("{}-members", component(cluster, of))
}

/// The claim that the first pod of a store's StatefulSet uses.
pub fn claim(cluster: &str, of: Component) -> String {
    format!("{DATA_VOLUME}-{}-0", component(cluster, of))
}

/// The labels by which a component's pods are selected. Immutable in a StatefulSet and a Deployment.
pub fn selector(cluster: &str, of: Component) -> BTreeMap<String, String> {
    BTreeMap::from([
        (LABEL_NAME.to_owned(), of.as_str().to_owned()),
        (LABEL_INSTANCE.to_owned(), component(cluster, of)),
    ])
}

/// The labels on every object and pod of a component.
pub fn labels(cluster: &str, of: Component) -> BTreeMap<String, String> {
    let mut labels = selector(cluster, of);
    labels.insert(LABEL_MANAGED_BY.to_owned(), MANAGED_BY.to_owned());
    labels.insert(LABEL_PART_OF.to_owned(), cluster.to_owned());
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_cluster_name_still_fits_every_label_value_and_service_name() {
        let name = "a".repeat(40);
        assert!(members_service(&name, Component::Postgres).len() <= 63);
        // A StatefulSet labels its pods with NAME-HASH, HASH being at most 10 characters.
        assert!(component(&name, Component::Postgres).len() + 11 <= 63);
        assert!(
            labels(&name, Component::Postgres)
                .values()
                .all(|value| value.len() <= 63)
        );
    }
}
