//! NetworkPolicies, one for each component, made from the table of allowed flows.
//!
//! Pure. A pod that a policy selects refuses every connection that no policy allows, so each component that is the
//! target of a flow refuses all others. The kubelet's probes are always let through by the network plugin.

use k8s_openapi::{
    api::networking::v1::{
        NetworkPolicy, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec,
    },
    apimachinery::pkg::util::intstr::IntOrString,
};
use pathfinder_crds::NetworkPolicies;

use super::{
    flows::{Flow, Peer, flows},
    meta,
};
use crate::{
    cluster::Cluster,
    names::{self, Component},
};

/// The policies of the stack; none unless the resource asks for them.
pub(super) fn build(cluster: &Cluster) -> Vec<NetworkPolicy> {
    match cluster.network_policies {
        NetworkPolicies::Disabled => Vec::new(),
        NetworkPolicies::Enabled => {
            let flows = flows(cluster);
            [Component::Api, Component::Postgres, Component::Redis]
                .into_iter()
                .filter_map(|of| policy(cluster, of, &flows))
                .collect()
        }
    }
}

fn policy(cluster: &Cluster, of: Component, flows: &[Flow]) -> Option<NetworkPolicy> {
    let rules: Vec<_> = flows
        .iter()
        .filter(|flow| flow.to == of)
        .map(|flow| rule(cluster, *flow))
        .collect();
    (!rules.is_empty()).then(|| NetworkPolicy {
        metadata: meta::owned(cluster, of, names::component(&cluster.id.name, of)),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(meta::selector(cluster, of)),
            policy_types: Some(vec!["Ingress".to_owned()]),
            ingress: Some(rules),
            ..NetworkPolicySpec::default()
        }),
    })
}

fn rule(cluster: &Cluster, flow: Flow) -> NetworkPolicyIngressRule {
    NetworkPolicyIngressRule {
        // A rule without `from` allows everyone.
        from: match flow.from {
            Peer::Anyone => None,
            Peer::Component(from) => Some(vec![NetworkPolicyPeer {
                pod_selector: Some(meta::selector(cluster, from)),
                ..NetworkPolicyPeer::default()
            }]),
        },
        ports: Some(vec![NetworkPolicyPort {
            port: Some(IntOrString::Int(i32::from(flow.port))),
            protocol: Some("TCP".to_owned()),
            ..NetworkPolicyPort::default()
        }]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::fixtures;

    #[test]
    fn there_are_none_unless_asked_for() {
        assert!(build(&fixtures::minimal()).is_empty());
    }

    #[test]
    fn every_flow_is_one_rule_of_one_policy_and_no_rule_is_more_than_a_flow() {
        let cluster = fixtures::full();
        let specs: Vec<_> = build(&cluster).into_iter().filter_map(|policy| policy.spec).collect();
        let rules = specs.iter().flat_map(|spec| spec.ingress.iter().flatten());
        assert_eq!(rules.count(), flows(&cluster).len());
        for flow in flows(&cluster) {
            let selector = Some(meta::selector(&cluster, flow.to));
            let spec = specs
                .iter()
                .find(|spec| spec.pod_selector == selector)
                .expect("its target has a policy");
            let rule = rule(&cluster, flow);
            assert!(spec.ingress.as_ref().is_some_and(|rules| rules.contains(&rule)));
            assert_eq!(rule.from.is_none(), flow.from == Peer::Anyone);
            assert_eq!(rule.ports.map(|ports| ports.len()), Some(1));
        }
    }

    #[test]
    fn what_no_rule_allows_is_refused_for_incoming_connections_only() {
        for policy in build(&fixtures::full()) {
            let spec = policy.spec.expect("it has a spec");
            assert_eq!(spec.policy_types, Some(vec!["Ingress".to_owned()]));
            assert_eq!(spec.egress, None);
        }
    }
}
