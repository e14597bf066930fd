//! `status` without a name: one row per resource.
//!
//! Pure. "Why" is the one thing worth knowing: what is wrong while something is, otherwise why there are as many replicas.

use jiff::Timestamp;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use kube::ResourceExt;
use pathfinder_crds::PathfinderCluster;
use serde::Serialize;

use crate::{
    model::{
        readiness::{self, Readiness},
        replicas::Replicas,
    },
    names,
};

/// All resources of a scope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Overview {
    /// By namespace and name.
    pub(crate) items: Vec<OverviewRow>,
    /// What could not be read, in words.
    pub(crate) notes: Vec<String>,
}

/// One resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OverviewRow {
    /// Its namespace.
    pub(crate) namespace: String,
    /// Its name.
    pub(crate) name: String,
    /// `True`, `False` or `Unknown`.
    pub(crate) ready: String,
    /// Pods of the API that are ready; none before the operator reported.
    pub(crate) replicas_ready: Option<i64>,
    /// Pods of the API that should be; none before anybody decided.
    pub(crate) replicas_wanted: Option<i64>,
    /// What is wrong, or why there are as many replicas.
    pub(crate) why: String,
    /// When it was made.
    pub(crate) created: Option<Timestamp>,
}

impl Overview {
    /// Joins resources with their HPAs.
    pub(crate) fn new(clusters: &[PathfinderCluster], hpas: &[HorizontalPodAutoscaler], notes: Vec<String>) -> Self {
        let items = clusters
            .iter()
            .map(|cluster| OverviewRow::of(cluster, hpa_of(cluster, hpas)));
        Self {
            items: items.collect(),
            notes,
        }
    }
}

impl OverviewRow {
    fn of(cluster: &PathfinderCluster, hpa: Option<&HorizontalPodAutoscaler>) -> Self {
        let readiness = Readiness::of(cluster);
        Self {
            namespace: cluster.namespace().unwrap_or_default(),
            name: cluster.name_any(),
            replicas_ready: ready(cluster),
            replicas_wanted: wanted(cluster, hpa.map(Replicas::of).as_ref()),
            why: why(cluster, &readiness),
            ready: readiness.status,
            created: cluster.metadata.creation_timestamp.as_ref().map(|time| time.0),
        }
    }
}

fn hpa_of<'a>(cluster: &PathfinderCluster, hpas: &'a [HorizontalPodAutoscaler]) -> Option<&'a HorizontalPodAutoscaler> {
    let name = names::api(&cluster.name_any());
    hpas.iter()
        .find(|hpa| hpa.name_any() == name && hpa.namespace() == cluster.namespace())
}

/// Pods of the API that are ready, as the operator reported.
pub(crate) fn ready(cluster: &PathfinderCluster) -> Option<i64> {
    let api = cluster.status.as_ref()?.api.as_ref()?;
    Some(i64::from(api.ready_replicas))
}

/// Pods of the API that should be: the HPA knows best; without it, what the last decision says.
pub(crate) fn wanted(cluster: &PathfinderCluster, replicas: Option<&Replicas>) -> Option<i64> {
    let decided = || Some(i64::from(cluster.status.as_ref()?.scaling.as_ref()?.replicas));
    replicas.map(Replicas::wanted).or_else(decided)
}

fn why(cluster: &PathfinderCluster, readiness: &Readiness) -> String {
    if !readiness.is_ready() {
        return format!("{}: {}", readiness.reason, readiness.message);
    }
    if let Some(trouble) = readiness::trouble(cluster).into_iter().next() {
        return trouble;
    }
    let scaling = cluster.status.as_ref().and_then(|status| status.scaling.as_ref());
    scaling.map_or_else(|| readiness.message.clone(), |scaling| scaling.why.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;

    #[test]
    fn a_ready_resource_says_why_it_has_its_replicas() {
        let overview = Overview::new(&[fixtures::scaled("shop")], &[], vec![]);
        let row = &overview.items[0];
        assert_eq!((row.replicas_ready, row.replicas_wanted), (Some(6), Some(6)));
        assert_eq!(row.why, fixtures::WHY);
    }

    #[test]
    fn a_resource_that_is_not_ready_says_what_is_wrong() {
        let mut cluster = fixtures::scaled("shop");
        fixtures::set_condition(&mut cluster, "Ready", "False", "ImagePullFailed");
        let overview = Overview::new(&[cluster], &[], vec![]);
        assert_eq!(overview.items[0].why, "ImagePullFailed: about Ready");
    }

    #[test]
    fn trouble_of_scaling_comes_before_the_reason_for_the_replicas() {
        let mut cluster = fixtures::scaled("shop");
        fixtures::add_condition(&mut cluster, "LatencyNotScalable", "True", "PostgresSaturated");
        let overview = Overview::new(&[cluster], &[], vec![]);
        assert_eq!(overview.items[0].why, "LatencyNotScalable: about LatencyNotScalable");
    }

    #[test]
    fn the_hpa_of_the_same_name_and_namespace_says_what_is_wanted() {
        let mut elsewhere = fixtures::hpa("shop", 9, [9, 9], None);
        elsewhere.metadata.namespace = Some("other".into());
        let hpas = [elsewhere, fixtures::hpa("shop", 6, [6, 8], None)];
        let overview = Overview::new(&[fixtures::scaled("shop")], &hpas, vec![]);
        assert_eq!(overview.items[0].replicas_wanted, Some(8));
    }

    #[test]
    fn before_the_operator_reports_counts_are_absent_and_not_zero() {
        let row = &Overview::new(&[fixtures::cluster("shop")], &[], vec![]).items[0];
        assert_eq!(
            (row.ready.as_str(), row.replicas_ready, row.replicas_wanted),
            ("Unknown", None, None)
        );
    }
}
