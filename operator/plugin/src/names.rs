//! The names that the operator gives to what it makes, as far as the plugin reads them.
//!
//! Pure. The operator derives the same names; both follow the documented contract, so neither imports the other.

/// The Lease that names the operator's leader.
pub(crate) const LEADER_LEASE: &str = "pathfinder-operator";
/// Who the plugin is to the API server where it writes.
pub(crate) const FIELD_MANAGER: &str = "kubectl-pathfinder";
/// The operator's HTTP port, which serves the live records.
pub(crate) const OPERATOR_PORT: u16 = 8080;
/// Selects everything that the operator made.
pub(crate) const MANAGED: &str = "app.kubernetes.io/managed-by=pathfinder";
/// The label that tells a pod's component.
pub(crate) const LABEL_COMPONENT: &str = "app.kubernetes.io/name";

/// Name of the API's Deployment, Service and HPA.
pub(crate) fn api(cluster: &str) -> String {
    format!("{cluster}-api")
}

/// Selects the pods of one resource.
pub(crate) fn pods(cluster: &str) -> String {
    format!("{MANAGED},app.kubernetes.io/part-of={cluster}")
}

/// Where the leader serves the live records of a namespace, through the API server's proxy.
pub(crate) fn records_path(operator_namespace: &str, leader: &str, namespace: &str) -> String {
    format!("/api/v1/namespaces/{operator_namespace}/pods/{leader}:{OPERATOR_PORT}/proxy/decisions/{namespace}")
}

/// A Service's HTTP port, through the API server's proxy; `port` is a number or a name.
pub(crate) fn service_path(namespace: &str, service: &str, port: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/services/{service}:{port}/proxy")
}
