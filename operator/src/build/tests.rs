//! What holds for every object of every stack, and snapshots of them all.

use insta::assert_yaml_snapshot;
use k8s_openapi::api::core::v1::PodTemplateSpec;
use kube::api::ApiResource;
use rstest::rstest;
use serde::Serialize;
use serde_json::{Map, Value};

use super::*;
use crate::{build::fixtures, names};

fn built(cluster: &Cluster) -> Resources<Desired> {
    build(cluster, &fixtures::credentials(), Some(&fixtures::scrape()))
}

/// Every object as the server gets it, by kind and name.
fn objects(cluster: &Cluster) -> Map<String, Value> {
    let Resources {
        service_accounts,
        secrets,
        config_maps,
        network_policies,
        services,
        disruption_budgets,
        stateful_sets,
        deployment,
        autoscaler,
        pod_monitors,
        state: _,
    } = built(cluster);
    let mut all = Map::new();
    collect(&mut all, &service_accounts);
    collect(&mut all, &secrets);
    collect(&mut all, &config_maps);
    collect(&mut all, &network_policies);
    collect(&mut all, &services);
    collect(&mut all, &disruption_budgets);
    collect(&mut all, &stateful_sets);
    collect(&mut all, &[deployment]);
    collect(&mut all, &[autoscaler]);
    collect(&mut all, &pod_monitors);
    all
}

fn collect<K: Resource<DynamicType = ()> + Serialize>(all: &mut Map<String, Value>, objects: &[K]) {
    for object in objects {
        let kind = ApiResource::erase::<K>(&()).kind;
        let name = object.meta().name.as_deref().expect("it has a name");
        let value = serde_json::to_value(object).expect("it serialises");
        assert!(
            all.insert(format!("{kind}/{name}"), value).is_none(),
            "{kind} {name} is built twice"
        );
    }
}

fn templates(cluster: &Cluster) -> Vec<PodTemplateSpec> {
    let resources = built(cluster);
    let sets = resources
        .stateful_sets
        .into_iter()
        .filter_map(|set| set.spec)
        .map(|spec| spec.template);
    sets.chain(resources.deployment.spec.map(|spec| spec.template))
        .collect()
}

// Where a value is null or empty.
fn holes(path: &str, value: &Value) -> Vec<String> {
    match value {
        Value::Null => vec![path.to_owned()],
        Value::String(text) if text.is_empty() => vec![path.to_owned()],
        Value::Object(map) if map.is_empty() => vec![path.to_owned()],
        Value::Array(list) if list.is_empty() => vec![path.to_owned()],
        Value::Object(map) => map
            .iter()
            .flat_map(|(key, value)| holes(&format!("{path}.{key}"), value))
            .collect(),
        Value::Array(list) => list
            .iter()
            .flat_map(|value| holes(&format!("{path}[]"), value))
            .collect(),
        Value::String(_) | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

// Files of ConfigMaps are sources of their own; a snapshot shows that they are there, not their text.
fn shown(cluster: &Cluster) -> Map<String, Value> {
    let mut all = objects(cluster);
    for (_, object) in all.iter_mut().filter(|(name, _)| name.starts_with("ConfigMap/")) {
        for file in object["data"].as_object_mut().into_iter().flat_map(Map::values_mut) {
            *file = Value::from(format!(
                "{} lines",
                file.as_str().map_or(0, |text| text.lines().count())
            ));
        }
    }
    all
}

#[test]
fn snapshot_of_the_minimal_stack() {
    assert_yaml_snapshot!("minimal", shown(&fixtures::minimal()));
}

#[test]
fn snapshot_of_the_full_stack() {
    assert_yaml_snapshot!("full", shown(&fixtures::full()));
}

#[test]
fn snapshot_of_an_api_alone() {
    assert_yaml_snapshot!("api_only", shown(&fixtures::api_only()));
}

#[test]
fn every_object_says_whose_it_is() {
    for cluster in fixtures::all() {
        for (name, object) in objects(&cluster) {
            let meta = &object["metadata"];
            assert_eq!(meta["namespace"], "market", "{name}");
            assert_eq!(meta["labels"][names::LABEL_MANAGED_BY], names::MANAGED_BY, "{name}");
            assert_eq!(meta["labels"][names::LABEL_PART_OF], "shop", "{name}");
            assert!(meta["labels"][names::LABEL_NAME].is_string(), "{name}");
            assert!(meta["labels"][names::LABEL_INSTANCE].is_string(), "{name}");
        }
    }
}

#[test]
fn everything_but_the_secrets_goes_with_the_resource() {
    for cluster in fixtures::all() {
        for (name, object) in objects(&cluster) {
            let owners = object["metadata"]["ownerReferences"].as_array().map_or(0, Vec::len);
            assert_eq!(owners, usize::from(!name.starts_with("Secret/")), "{name}");
        }
    }
}

#[test]
fn a_secret_and_the_volumes_opened_with_it_record_the_same_identity() {
    let resources = built(&fixtures::minimal());
    for set in &resources.stateful_sets {
        let secret = resources
            .secrets
            .iter()
            .find(|secret| secret.metadata.name == set.metadata.name);
        let secret = secret
            .and_then(|secret| secret.metadata.annotations.clone())
            .expect("it has annotations");
        let claims = set
            .spec
            .as_ref()
            .and_then(|spec| spec.volume_claim_templates.as_ref())
            .expect("it has volumes");
        for claim in claims {
            let claim = claim.metadata.annotations.as_ref().expect("it has annotations");
            assert_eq!(claim[names::ANNOTATION_IDENTITY], secret[names::ANNOTATION_IDENTITY]);
        }
    }
}

#[test]
fn nothing_is_null_or_empty_because_the_server_would_not_return_it() {
    for cluster in fixtures::all() {
        let found: Vec<_> = objects(&cluster)
            .iter()
            .flat_map(|(name, object)| holes(name, object))
            .collect();
        assert_eq!(found, Vec::<String>::new());
    }
}

#[test]
fn passwords_are_in_secrets_and_nowhere_else() {
    for cluster in fixtures::all() {
        for (name, object) in objects(&cluster) {
            let found = object.to_string().contains(fixtures::PASSWORD_PREFIX);
            assert!(!found, "{name}");
        }
        let debug = format!("{:?}", built(&cluster));
        assert!(
            !debug.contains(fixtures::PASSWORD_PREFIX) && !debug.contains("ByteString"),
            "{debug}"
        );
        assert!(debug.contains("shop-api"));
    }
}

#[test]
fn no_command_line_refers_to_a_password() {
    for cluster in fixtures::all() {
        let pods = templates(&cluster).into_iter().filter_map(|template| template.spec);
        for container in pods.flat_map(|pod| {
            pod.containers
                .into_iter()
                .chain(pod.init_containers.unwrap_or_default())
        }) {
            let line = [
                container.command.unwrap_or_default(),
                container.args.unwrap_or_default(),
            ]
            .concat()
            .join(" ");
            assert!(
                !line.contains("PASSWORD") && !line.contains("AUTH") && !line.contains("$("),
                "{line}"
            );
        }
    }
}

#[test]
fn every_pod_fulfils_the_restricted_profile() {
    for cluster in fixtures::all() {
        for template in templates(&cluster) {
            let pod = template.spec.expect("it has a spec");
            assert_eq!(fixtures::restricted_violations(&pod), Vec::<String>::new());
        }
    }
}

#[test]
fn the_check_of_the_restricted_profile_sees_each_violation() {
    let pod = templates(&fixtures::minimal()).remove(0).spec.expect("it has a spec");
    let mut open = pod.clone();
    open.host_network = Some(true);
    open.containers[0]
        .security_context
        .as_mut()
        .expect("it has one")
        .privileged = Some(true);
    open.security_context = None;
    let violations = fixtures::restricted_violations(&open);
    for expected in [
        "runAsNonRoot",
        "runAsUser",
        "seccompProfile",
        "host namespaces",
        "postgres",
    ] {
        assert!(
            violations.iter().any(|violation| violation == expected),
            "{expected} is not in {violations:?}"
        );
    }
}

#[test]
fn every_selector_matches_the_pods_that_it_is_meant_for_and_no_others() {
    for cluster in fixtures::all() {
        let pods: Vec<Value> = templates(&cluster)
            .into_iter()
            .map(|template| serde_json::to_value(template.metadata.and_then(|meta| meta.labels)).expect("labels"))
            .collect();
        for (name, object) in objects(&cluster) {
            let spec = &object["spec"];
            let places = [
                &spec["selector"]["matchLabels"],
                &spec["podSelector"]["matchLabels"],
                &spec["selector"],
            ];
            let Some(selector) = places.into_iter().find_map(Value::as_object) else {
                continue;
            };
            let selected: Vec<_> = pods
                .iter()
                .filter(|labels| selector.iter().all(|(key, value)| labels[key] == *value))
                .collect();
            let component = &object["metadata"]["labels"][names::LABEL_NAME];
            assert_eq!(selected.len(), 1, "{name}");
            assert_eq!(selected[0][names::LABEL_NAME], *component, "{name}");
        }
    }
}

#[test]
fn services_lead_to_ports_that_containers_name() {
    let cluster = fixtures::full();
    let pods: Vec<_> = templates(&cluster)
        .into_iter()
        .filter_map(|template| template.spec)
        .collect();
    let containers = pods.iter().flat_map(|pod| &pod.containers);
    let ports: Vec<_> = containers
        .flat_map(|it| it.ports.iter().flatten())
        .filter_map(|it| it.name.clone())
        .collect();
    for (name, object) in objects(&cluster)
        .iter()
        .filter(|(name, _)| name.starts_with("Service/"))
    {
        for port in object["spec"]["ports"].as_array().expect("it has ports") {
            let target = port["targetPort"].as_str().expect("a name");
            assert!(ports.iter().any(|port| port == target), "{name} leads to {target}");
        }
    }
}

#[test]
fn what_is_scraped_is_a_port_that_the_api_names() {
    let cluster = fixtures::full();
    let resources = built(&cluster);
    let ports: Vec<_> = resources
        .deployment
        .spec
        .and_then(|spec| spec.template.spec)
        .into_iter()
        .flat_map(|pod| pod.containers)
        .flat_map(|container| container.ports.unwrap_or_default())
        .filter_map(|port| port.name)
        .collect();
    let monitor = resources.pod_monitors.first().expect("it is built");
    assert!(ports.contains(&monitor.spec.pod_metrics_endpoints[0].port));
    let unasked = build(&cluster, &fixtures::credentials(), None);
    assert_eq!(unasked.pod_monitors, [], "where nobody serves the kind");
}

#[test]
fn every_variable_refers_to_a_key_that_is_built() {
    let cluster = fixtures::minimal();
    let secrets = built(&cluster).secrets;
    let pods = templates(&cluster).into_iter().filter_map(|template| template.spec);
    let containers = pods.flat_map(|pod| {
        pod.containers
            .into_iter()
            .chain(pod.init_containers.unwrap_or_default())
    });
    let references = containers
        .flat_map(|container| container.env.unwrap_or_default())
        .filter_map(|variable| variable.value_from.and_then(|from| from.secret_key_ref));
    let mut seen = 0;
    for reference in references {
        let secret = secrets
            .iter()
            .find(|secret| secret.metadata.name.as_deref() == Some(&reference.name));
        let data = secret
            .and_then(|secret| secret.data.as_ref())
            .expect("the Secret is built");
        assert!(
            data.contains_key(&reference.key),
            "{} has no {}",
            reference.name,
            reference.key
        );
        seen += 1;
    }
    assert!(seen > 0);
}

#[rstest]
#[case("bootstrap.sh", names::Component::Postgres)]
#[case("start.sh", names::Component::Redis)]
fn scripts_are_mounted_where_commands_look_for_them(#[case] script: &str, #[case] of: names::Component) {
    let template = templates(&fixtures::minimal())
        .into_iter()
        .find(|it| {
            it.metadata
                .as_ref()
                .and_then(|meta| meta.labels.as_ref())
                .is_some_and(|it| it[names::LABEL_NAME] == of.as_str())
        })
        .and_then(|template| template.spec)
        .expect("the component has a pod");
    let containers = template
        .init_containers
        .into_iter()
        .flatten()
        .chain(template.containers);
    let runs = |container: &k8s_openapi::api::core::v1::Container| {
        let path = format!("{}/{script}", config::DIRECTORY);
        container.command.iter().flatten().any(|word| *word == path)
            && container
                .volume_mounts
                .iter()
                .flatten()
                .any(|mount| mount.mount_path == config::DIRECTORY)
    };
    assert_eq!(containers.filter(runs).count(), 1);
    assert!(config::files(of).iter().any(|(name, _)| *name == script));
}

#[test]
fn building_twice_gives_the_same() {
    for cluster in fixtures::all() {
        assert!(built(&cluster) == built(&cluster));
    }
}
