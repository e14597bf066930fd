//! Services: one in front of the API, and two for each store, for its clients and for the names of its members.
//!
//! Pure. A store's client Service selects the store's pods; with more than one member it will select the primary.

use k8s_openapi::{
    api::core::v1::{Service, ServicePort, ServiceSpec},
    apimachinery::pkg::util::intstr::IntOrString,
};
use pathfinder_crds::ServiceType;

use super::meta;
use crate::{
    cluster::Cluster,
    names::{self, Component},
};

/// Every Service of the stack.
pub(super) fn build(cluster: &Cluster) -> Vec<Service> {
    let mut services = vec![api(cluster)];
    if cluster.postgres.is_some() {
        services.extend(store(cluster, Component::Postgres, names::POSTGRES_PORT));
    }
    if cluster.redis.is_some() {
        services.extend(store(cluster, Component::Redis, names::REDIS_PORT));
    }
    services
}

fn api(cluster: &Cluster) -> Service {
    let type_ = match cluster.api.service_type {
        ServiceType::ClusterIP => "ClusterIP",
        ServiceType::NodePort => "NodePort",
        ServiceType::LoadBalancer => "LoadBalancer",
    };
    let port = port(names::HTTP_PORT_NAME, cluster.api.service_port);
    service(
        cluster,
        Component::Api,
        names::component(&cluster.id.name, Component::Api),
        spec(type_, port),
    )
}

fn store(cluster: &Cluster, of: Component, at: u16) -> [Service; 2] {
    let port = port(of.as_str(), at);
    let clients = spec("ClusterIP", port.clone());
    let members = ServiceSpec {
        cluster_ip: Some("None".to_owned()),
        // Members find each other before they are ready.
        publish_not_ready_addresses: Some(true),
        ..spec("ClusterIP", port)
    };
    [
        service(cluster, of, names::component(&cluster.id.name, of), clients),
        service(cluster, of, names::members_service(&cluster.id.name, of), members),
    ]
}

fn service(cluster: &Cluster, of: Component, name: String, spec: ServiceSpec) -> Service {
    Service {
        metadata: meta::owned(cluster, of, name),
        spec: Some(ServiceSpec {
            selector: Some(names::selector(&cluster.id.name, of)),
            ..spec
        }),
        ..Service::default()
    }
}

fn spec(type_: &str, port: ServicePort) -> ServiceSpec {
    ServiceSpec {
        type_: Some(type_.to_owned()),
        ports: Some(vec![port]),
        ..ServiceSpec::default()
    }
}

// The container's port has the same name.
fn port(name: &str, at: u16) -> ServicePort {
    ServicePort {
        name: Some(name.to_owned()),
        port: i32::from(at),
        target_port: Some(IntOrString::String(name.to_owned())),
        protocol: Some("TCP".to_owned()),
        ..ServicePort::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::fixtures;

    fn names_of(cluster: &Cluster) -> Vec<String> {
        build(cluster)
            .into_iter()
            .filter_map(|service| service.metadata.name)
            .collect()
    }

    #[test]
    fn a_store_has_a_service_for_clients_and_one_for_its_members() {
        assert_eq!(names_of(&fixtures::api_only()), ["shop-api"]);
        assert_eq!(
            names_of(&fixtures::minimal()),
            [
                "shop-api",
                "shop-postgres",
                "shop-postgres-members",
                "shop-redis",
                "shop-redis-members"
            ]
        );
    }

    #[test]
    fn only_the_members_service_is_headless_and_names_pods_that_are_not_ready() {
        for service in build(&fixtures::minimal()) {
            let members = service.metadata.name.is_some_and(|name| name.ends_with("-members"));
            let spec = service.spec.expect("it has a spec");
            assert_eq!(spec.cluster_ip.as_deref() == Some("None"), members);
            assert_eq!(spec.publish_not_ready_addresses == Some(true), members);
        }
    }
}
