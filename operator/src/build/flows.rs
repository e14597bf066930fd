//! The table of allowed flows: who may open a connection to which port of which pods.
//!
//! Pure data. NetworkPolicies are made from this table and from nothing else. Only connections *to* our pods are in it:
//! where the API may connect to (its DNS server, a payment gateway) is not ours to know, so egress is never limited.

use crate::{
    cluster::Cluster,
    names::{self, Component},
};

/// Who opens a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Anyone who can reach the pod: callers through a Service or an ingress, Prometheus.
    Anyone,
    /// The pods of a component of the same stack.
    Component(Component),
}

/// One allowed flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Who opens the connection.
    pub from: Peer,
    /// Whose pods it goes to.
    pub to: Component,
    /// The TCP port of these pods.
    pub port: u16,
}

/// Every flow of a stack; all others to its pods are refused.
pub fn flows(cluster: &Cluster) -> Vec<Flow> {
    use Component::{Api, Postgres, Redis};
    let api = Flow {
        from: Peer::Anyone,
        to: Api,
        port: cluster.api.port,
    };
    let postgres = Flow {
        from: Peer::Component(Api),
        to: Postgres,
        port: names::POSTGRES_PORT,
    };
    let redis = Flow {
        from: Peer::Component(Api),
        to: Redis,
        port: names::REDIS_PORT,
    };
    let managed = [
        (api, true),
        (postgres, cluster.postgres.is_some()),
        (redis, cluster.redis.is_some()),
    ];
    managed
        .into_iter()
        .filter_map(|(flow, managed)| managed.then_some(flow))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::fixtures;

    #[test]
    fn only_the_api_reaches_the_stores_and_anyone_reaches_the_api() {
        use Component::{Api, Postgres, Redis};
        assert_eq!(
            flows(&fixtures::full()),
            [
                Flow {
                    from: Peer::Anyone,
                    to: Api,
                    port: 5000
                },
                Flow {
                    from: Peer::Component(Api),
                    to: Postgres,
                    port: 5432
                },
                Flow {
                    from: Peer::Component(Api),
                    to: Redis,
                    port: 6379
                },
            ]
        );
    }

    #[test]
    fn nothing_flows_to_a_store_that_is_not_managed() {
        assert!(
            flows(&fixtures::api_only())
                .iter()
                .all(|flow| flow.to == Component::Api)
        );
    }
}
