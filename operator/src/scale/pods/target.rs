//! Where the metrics of a pod are.
//!
//! Pure. It knows pods, not what they serve.

use std::net::{IpAddr, SocketAddr};

use k8s_openapi::api::core::v1::Pod;

use crate::names::{API_CONTAINER, HTTP_PORT_NAME};

/// A pod that can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's name.
    pub name: String,
    /// The pod's uid: a pod of the same name that comes later is another one.
    pub uid: String,
    /// Where it serves `/metrics`.
    pub address: SocketAddr,
}

impl Target {
    /// Where `pod` serves its metrics: at the port named `http` of its API container, or else at `port`.
    ///
    /// The pod's own port comes first: in a rollout that changes the port, older pods still listen at the older one.
    /// `None` while it has no address, and when it is finished. A pod that is being deleted still serves.
    pub fn of(pod: &Pod, port: u16) -> Option<Self> {
        let status = pod.status.as_ref()?;
        if matches!(status.phase.as_deref(), Some("Succeeded" | "Failed")) {
            return None;
        }
        let address: IpAddr = status.pod_ip.as_deref()?.parse().ok()?;
        let (namespace, name, uid) = identity(pod)?;
        Some(Self {
            namespace,
            name,
            uid,
            address: SocketAddr::new(address, own_port(pod).unwrap_or(port)),
        })
    }
}

fn identity(pod: &Pod) -> Option<(String, String, String)> {
    let metadata = &pod.metadata;
    Some((
        metadata.namespace.clone()?,
        metadata.name.clone()?,
        metadata.uid.clone()?,
    ))
}

fn own_port(pod: &Pod) -> Option<u16> {
    let mut containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    // A sidecar that somebody injects may name a port so too.
    let api = containers.find(|container| container.name == API_CONTAINER)?;
    let port = api
        .ports
        .iter()
        .flatten()
        .find(|port| port.name.as_deref() == Some(HTTP_PORT_NAME))?;
    u16::try_from(port.container_port).ok()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn pod(phase: &str, address: Option<&str>, ports: &serde_json::Value) -> Pod {
        serde_json::from_value(json!({
            "metadata": {"namespace": "shop", "name": "shop-api-1", "uid": "u1"},
            "spec": {"containers": [
                {"name": "proxy", "ports": [{"name": "http", "containerPort": 15000}]},
                {"name": "api", "ports": ports},
            ]},
            "status": {"phase": phase, "podIP": address},
        }))
        .unwrap()
    }

    #[rstest]
    #[case::named(json!([{"name": "admin", "containerPort": 9000}, {"name": "http", "containerPort": 8081}]), 8081)]
    #[case::other_names(json!([{"name": "admin", "containerPort": 9000}]), 5000)]
    #[case::none(json!([]), 5000)]
    #[case::nonsense(json!([{"name": "http", "containerPort": 70_000}]), 5000)]
    fn the_port_that_the_api_container_names_http_comes_before_the_given_one(
        #[case] ports: serde_json::Value,
        #[case] port: u16,
    ) {
        let target = Target::of(&pod("Running", Some("10.0.0.7"), &ports), 5000).unwrap();
        assert_eq!(target.address, format!("10.0.0.7:{port}").parse().unwrap());
        assert_eq!(
            (target.namespace.as_str(), target.name.as_str()),
            ("shop", "shop-api-1")
        );
        assert_eq!(target.uid, "u1");
    }

    #[test]
    fn an_address_of_ip_6_is_written_in_brackets() {
        let target = Target::of(&pod("Running", Some("fd00::7"), &json!([])), 5000).unwrap();
        assert_eq!(target.address.to_string(), "[fd00::7]:5000");
    }

    #[rstest]
    #[case::no_address("Pending", None)]
    #[case::an_empty_address("Pending", Some(""))]
    #[case::succeeded("Succeeded", Some("10.0.0.7"))]
    #[case::failed("Failed", Some("10.0.0.7"))]
    fn a_pod_that_cannot_answer_is_not_asked(#[case] phase: &str, #[case] address: Option<&str>) {
        assert_eq!(Target::of(&pod(phase, address, &json!([])), 5000), None);
    }
}
