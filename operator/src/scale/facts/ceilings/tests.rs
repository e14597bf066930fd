//! What an increase must not pass, worked out by hand.
//!
//! Quotas are written as people write them, as text.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::{Container, ResourceQuotaSpec, ResourceQuotaStatus, ResourceRequirements, ScopeSelector},
    apimachinery::pkg::api::resource::Quantity,
};
use rstest::rstest;

use super::*;

#[test]
fn the_managed_database_has_as_many_connections_as_its_settings_say() {
    let settings = include_str!("../../../build/config/postgres/postgresql.conf");
    assert!(settings.contains(&format!("\nmax_connections = {}\n", Connections::MANAGED.max)));
}

fn variable(name: &str, value: Option<&str>) -> EnvVar {
    EnvVar {
        name: name.into(),
        value: value.map(Into::into),
        ..EnvVar::default()
    }
}

#[rstest]
// 20 for writes and 15 for reads.
#[case::nothing_is_known(None, &[], PoolSize::Assumed(35))]
#[case::measured(Some(12.0), &[("DATABASE_PRIMARY_MAX_CONNECTIONS", Some("5"))], PoolSize::Measured(12))]
#[case::nonsense_is_no_measure(Some(f64::NAN), &[], PoolSize::Assumed(35))]
#[case::no_pool_yet(Some(0.0), &[], PoolSize::Assumed(35))]
#[case::one_is_configured(None, &[("DATABASE_PRIMARY_MAX_CONNECTIONS", Some("5"))], PoolSize::Configured(20))]
#[case::the_last_one_wins(
    None,
    &[("DATABASE_REPLICA_MAX_CONNECTIONS", Some("1")), ("DATABASE_REPLICA_MAX_CONNECTIONS", Some("5"))],
    PoolSize::Configured(25)
)]
// `DATABASE_REPLICA_URL: ""`: reads go to the primary.
#[case::no_pool_for_reads(None, &[("DATABASE_REPLICA_URL", None)], PoolSize::Configured(20))]
#[case::another_database(None, &[("DATABASE_URL", Some("x")), ("DATABASE_REPLICA_URL", Some("x"))], PoolSize::Configured(0))]
#[case::not_a_number(None, &[("DATABASE_PRIMARY_MAX_CONNECTIONS", Some("many"))], PoolSize::Assumed(35))]
fn a_pool_is_as_large_as_is_measured_then_configured_then_usual(
    #[case] measured: Option<f64>,
    #[case] env: &[(&str, Option<&str>)],
    #[case] size: PoolSize,
) {
    let env: Vec<EnvVar> = env.iter().map(|(name, value)| variable(name, *value)).collect();
    assert_eq!(pool_size(measured, &env), size);
}

#[rstest]
// 490 / 20 = 24.5.
#[case(Some(Connections::MANAGED), 20, Some(24))]
#[case(Some(Connections { max: 100, reserve: 10 }), 30, Some(3))]
#[case(Some(Connections { max: 5, reserve: 10 }), 20, Some(0))]
#[case::no_connections_to_it(Some(Connections::MANAGED), 0, None)]
#[case::not_managed(None, 20, None)]
fn the_database_serves_as_many_pods_as_it_has_connections_for(
    #[case] database: Option<Connections>,
    #[case] pool: u32,
    #[case] pods: Option<u32>,
) {
    let found = database_connections(database, PoolSize::Measured(pool));
    assert_eq!(found, pods.map(Replicas::new));
}

type Text<'a> = &'a [(&'a str, &'a str)];

fn amounts(of: Text<'_>) -> BTreeMap<String, Quantity> {
    of.iter()
        .map(|(name, text)| ((*name).to_owned(), Quantity((*text).to_owned())))
        .collect()
}

fn container(requests: Text<'_>, limits: Text<'_>) -> Container {
    Container {
        resources: Some(ResourceRequirements {
            requests: Some(amounts(requests)),
            limits: Some(amounts(limits)),
            ..ResourceRequirements::default()
        }),
        ..Container::default()
    }
}

fn usual() -> PodSpec {
    PodSpec {
        containers: vec![container(
            &[("cpu", "100m"), ("memory", "128Mi")],
            &[("memory", "256Mi")],
        )],
        ..PodSpec::default()
    }
}

fn quota_of(hard: Text<'_>, used: Text<'_>) -> ResourceQuota {
    ResourceQuota {
        status: Some(ResourceQuotaStatus {
            hard: Some(amounts(hard)),
            used: Some(amounts(used)),
        }),
        ..ResourceQuota::default()
    }
}

#[rstest]
#[case::by_number(&[("pods", "10")], &[("pods", "7")], Some(4 + 3))]
#[case::by_object_count(&[("count/pods", "10")], &[("count/pods", "7")], Some(4 + 3))]
// 1.2 - 0.9 = 0.3, three times 0.1: the noise of the difference takes none away.
#[case::by_cpu(&[("requests.cpu", "1200m")], &[("requests.cpu", "900m")], Some(4 + 3))]
#[case::by_its_other_name(&[("cpu", "1200m")], &[("cpu", "950m")], Some(4 + 2))]
// 1 Gi is eight times 128 Mi.
#[case::by_memory(&[("requests.memory", "1Gi")], &[], Some(4 + 8))]
#[case::by_limit(&[("limits.memory", "1Gi")], &[("limits.memory", "512Mi")], Some(4 + 2))]
#[case::the_scarcest(&[("pods", "10"), ("requests.cpu", "1")], &[("pods", "1"), ("requests.cpu", "950m")], Some(4))]
#[case::exceeded(&[("pods", "3")], &[("pods", "4")], Some(4))]
#[case::not_about_pods(&[("services", "1"), ("requests.storage", "1Gi")], &[], None)]
#[case::not_asked_for(&[("limits.cpu", "1")], &[], None)]
#[case::not_counted_yet(&[], &[], None)]
fn a_quota_has_room_for_what_is_there_and_for_what_fits(
    #[case] hard: Text<'_>,
    #[case] used: Text<'_>,
    #[case] pods: Option<u32>,
) {
    let found = quota(&[quota_of(hard, used)], &usual(), Replicas::new(4));
    assert_eq!(found, pods.map(Replicas::new));
}

#[test]
fn the_tightest_of_several_quotas_counts_and_none_is_no_ceiling() {
    let quotas = [quota_of(&[("pods", "10")], &[]), quota_of(&[("cpu", "500m")], &[])];
    assert_eq!(quota(&quotas, &usual(), Replicas::new(0)), Some(Replicas::new(5)));
    assert_eq!(quota(&[], &usual(), Replicas::new(4)), None);
    assert_eq!(quota(&[ResourceQuota::default()], &usual(), Replicas::new(4)), None);
}

#[rstest]
#[case("NotTerminating", Some(5))]
#[case("Terminating", None)]
#[case("NotBestEffort", Some(5))]
#[case("BestEffort", None)]
#[case("PriorityClass", None)]
fn a_quota_of_other_pods_is_no_ceiling(#[case] scope: &str, #[case] pods: Option<u32>) {
    let mut scoped = quota_of(&[("pods", "1")], &[]);
    scoped.spec = Some(ResourceQuotaSpec {
        scopes: Some(vec![scope.into()]),
        ..ResourceQuotaSpec::default()
    });
    assert_eq!(quota(&[scoped], &usual(), Replicas::new(4)), pods.map(Replicas::new));
}

#[test]
fn a_quota_with_a_selector_is_left_to_the_server() {
    let mut scoped = quota_of(&[("pods", "1")], &[]);
    scoped.spec = Some(ResourceQuotaSpec {
        scope_selector: Some(ScopeSelector::default()),
        ..ResourceQuotaSpec::default()
    });
    assert_eq!(quota(&[scoped], &usual(), Replicas::new(4)), None);
}

fn sidecar(requests: Text<'_>) -> Container {
    Container {
        restart_policy: Some("Always".into()),
        ..container(requests, &[])
    }
}

const CPU: fn(&'static str) -> [(&'static str, &'static str); 1] = |amount| [("cpu", amount)];

/// How many cores one pod takes of a quota of 12 cores, told by how many pods fit.
fn fit(pod: &PodSpec) -> Option<u32> {
    quota(&[quota_of(&CPU("12"), &[])], pod, Replicas::new(0)).map(Replicas::get)
}

fn of_cpu(init: Vec<Container>, containers: &[&'static str]) -> PodSpec {
    PodSpec {
        init_containers: Some(init),
        containers: containers.iter().map(|amount| container(&CPU(amount), &[])).collect(),
        ..PodSpec::default()
    }
}

#[test]
fn a_pod_needs_its_containers_together_or_the_largest_init_container() {
    assert_eq!(fit(&of_cpu(vec![], &["1", "1"])), Some(6));
    assert_eq!(fit(&of_cpu(vec![container(&CPU("1"), &[])], &["1", "1"])), Some(6));
    let larger = vec![container(&CPU("4"), &[]), container(&CPU("3"), &[])];
    assert_eq!(fit(&of_cpu(larger, &["1", "1"])), Some(3));
}

#[test]
fn a_sidecar_runs_beside_all_that_follow() {
    assert_eq!(fit(&of_cpu(vec![sidecar(&CPU("1"))], &["1", "1"])), Some(4));
    let before_another = vec![sidecar(&CPU("1")), container(&CPU("5"), &[])];
    assert_eq!(fit(&of_cpu(before_another, &["1"])), Some(2));
}

#[test]
fn a_request_that_is_not_given_is_the_limit_and_overhead_comes_on_top() {
    let mut pod = PodSpec {
        containers: vec![container(&[], &CPU("3"))],
        ..PodSpec::default()
    };
    assert_eq!(fit(&pod), Some(4));
    pod.overhead = Some(amounts(&CPU("1")));
    assert_eq!(fit(&pod), Some(3));
}

#[test]
fn what_the_pod_states_for_itself_counts_instead() {
    let mut pod = of_cpu(vec![], &["1"]);
    pod.resources = container(&CPU("6"), &[]).resources;
    assert_eq!(fit(&pod), Some(2));
}
