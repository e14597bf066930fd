//! Who else writes replicas, or the bounds of the HPA.
//!
//! Pure. Managed fields name the last writer of a field: whoever changes its value takes it from all others. So a writer
//! that the operator or the HPA has overruled is gone from there at the next tick, and one that was not overruled stays
//! named for ever. Neither says whether there is a conflict, so writes are counted: one foreign write is a conflict for
//! ten minutes after it (a person's `kubectl scale`), two or more of one manager for an hour after the last (a GitOps tool
//! that writes at every sync, hourly at the slowest by usual settings). Then it is over, whoever is named.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::{
    api::autoscaling::v2::HorizontalPodAutoscaler, apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry,
};
use serde_json::Value;

// The HPA's own controller, which writes through /scale: by its name, and by those of the all-in-one servers that contain it.
const AUTOSCALING_CONTROLLERS: [&str; 3] = ["kube-controller-manager", "k3s", "kubelite"];

const AFTER_ONE_WRITE: Duration = Duration::from_secs(600);
const AFTER_SEVERAL_WRITES: Duration = Duration::from_secs(3600);

/// What somebody else wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// `spec.replicas` of the Deployment.
    Replicas,
    /// `spec.minReplicas` or `spec.maxReplicas` of the HPA.
    Bounds,
}

impl Field {
    fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Replicas => &["f:replicas"],
            Self::Bounds => &["f:minReplicas", "f:maxReplicas"],
        }
    }

    fn allows(self, entry: &ManagedFieldsEntry) -> bool {
        match self {
            Self::Replicas => {
                entry.subresource.as_deref() == Some("scale")
                    && AUTOSCALING_CONTROLLERS.contains(&entry.manager.as_deref().unwrap_or_default())
            }
            Self::Bounds => false,
        }
    }
}

/// Who wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Writer {
    /// Its name as a field manager: `kubectl`, `argocd-controller`.
    pub manager: String,
    /// `Apply` or `Update`.
    pub operation: String,
    /// When the manager last changed something that it owns of the object; for `/scale` that is this field alone.
    pub time: Option<Timestamp>,
}

/// The manager beside `ours` that owns the field, the one that wrote last where there are several.
pub fn foreign_writer(managed_fields: &[ManagedFieldsEntry], field: Field, ours: &[&str]) -> Option<Writer> {
    managed_fields
        .iter()
        .filter(|entry| owns(entry, field) && !field.allows(entry))
        .filter_map(|entry| {
            let manager = entry.manager.clone().unwrap_or_else(|| "unknown".to_owned());
            (!ours.contains(&manager.as_str())).then(|| Writer {
                manager,
                operation: entry.operation.clone().unwrap_or_default(),
                time: entry.time.as_ref().map(|at| at.0),
            })
        })
        .max_by_key(|writer| writer.time)
}

fn owns(entry: &ManagedFieldsEntry, field: Field) -> bool {
    let spec = entry.fields_v1.as_ref().and_then(|fields| fields.0.get("f:spec"));
    spec.and_then(Value::as_object)
        .is_some_and(|spec| field.keys().iter().any(|key| spec.contains_key(*key)))
}

/// Foreign writes, remembered for an hour after the last: a conflict as long as it [stands](Contest::stands).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contest {
    /// What is written.
    pub field: Field,
    /// The last foreign write.
    pub writer: Writer,
    /// How often that manager wrote since it began.
    pub writes: u32,
    /// When it wrote last.
    pub last: Timestamp,
}

impl Contest {
    /// Whether there is a conflict, and not only the memory of one.
    pub fn stands(&self, now: Timestamp) -> bool {
        let keeps = if self.writes > 1 {
            AFTER_SEVERAL_WRITES
        } else {
            AFTER_ONE_WRITE
        };
        since(self.last, now) <= keeps
    }
}

/// What is to be remembered of `before`, with what is `seen` now. One per field; `None` without a foreign write.
pub fn contest(before: Option<Contest>, seen: Option<(Field, Writer)>, now: Timestamp) -> Option<Contest> {
    let standing = before.filter(|contest| since(contest.last, now) <= AFTER_SEVERAL_WRITES);
    let Some((field, writer)) = seen else {
        return standing;
    };
    let same = |contest: &&Contest| contest.writer.manager == writer.manager;
    let known = standing.as_ref().filter(same);
    let last = writer.time.unwrap_or(now).min(now);
    // By the clock that wrote it: ours may lag behind. A write without a time is new only while its manager is not known.
    let new = match writer.time {
        Some(_) => standing.as_ref().is_none_or(|it| writer.time > it.writer.time),
        None => known.is_none(),
    };
    if !new || since(last, now) > AFTER_ONE_WRITE {
        return standing;
    }
    let count = known.map_or(0, |known| known.writes).saturating_add(1);
    Some(Contest {
        field,
        writer,
        writes: count,
        last,
    })
}

fn since(last: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(last)).unwrap_or(Duration::ZERO)
}

/// Another HPA of the Deployment's namespace (`autoscalers` are all of it) that scales the same Deployment; KEDA makes one
/// too. `ours` is the name of the operator's.
pub fn second_autoscaler<'a>(
    autoscalers: impl IntoIterator<Item = &'a HorizontalPodAutoscaler>,
    deployment: &str,
    ours: &str,
) -> Option<String> {
    let targets = |autoscaler: &&HorizontalPodAutoscaler| {
        autoscaler.spec.as_ref().is_some_and(|spec| {
            let to = &spec.scale_target_ref;
            let group = to
                .api_version
                .as_deref()
                .is_none_or(|version| version.starts_with("apps/"));
            group && to.kind == "Deployment" && to.name == deployment
        })
    };
    let names = autoscalers
        .into_iter()
        .filter(targets)
        .filter_map(|it| it.metadata.name.clone());
    names.filter(|name| name != ours).min()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::{
        api::autoscaling::v2::{CrossVersionObjectReference, HorizontalPodAutoscalerSpec},
        apimachinery::pkg::apis::meta::v1::{FieldsV1, ObjectMeta, Time},
    };
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::{
        names::{MANAGER_CLUSTER, MANAGER_SCALE},
        scale::facts::fixtures::{at, now},
    };

    const OURS: [&str; 2] = [MANAGER_CLUSTER, MANAGER_SCALE];

    fn entry(manager: &str, subresource: Option<&str>, fields: Value) -> ManagedFieldsEntry {
        ManagedFieldsEntry {
            manager: Some(manager.into()),
            operation: Some("Update".into()),
            subresource: subresource.map(Into::into),
            time: Some(Time(now())),
            fields_type: Some("FieldsV1".into()),
            fields_v1: Some(FieldsV1(fields)),
            ..ManagedFieldsEntry::default()
        }
    }

    fn replicas() -> Value {
        json!({"f:spec": {"f:replicas": {}}})
    }

    #[rstest]
    #[case::kubectl_scale(entry("kubectl", Some("scale"), replicas()), Some("kubectl"))]
    #[case::kubectl_edit(entry("kubectl-edit", None, json!({"f:spec": {"f:replicas": {}, "f:paused": {}}})), Some("kubectl-edit"))]
    #[case::keda(entry("keda", Some("scale"), replicas()), Some("keda"))]
    #[case::the_autoscaler(entry("kube-controller-manager", Some("scale"), replicas()), None)]
    #[case::the_autoscaler_of_k3s(entry("k3s", Some("scale"), replicas()), None)]
    #[case::not_through_scale(entry("kube-controller-manager", None, replicas()), Some("kube-controller-manager"))]
    #[case::ourselves(entry(MANAGER_SCALE, Some("scale"), replicas()), None)]
    #[case::another_field(entry("kubectl", None, json!({"f:spec": {"f:template": {}}})), None)]
    #[case::status_only(entry("kube-controller-manager", Some("status"), json!({"f:status": {"f:replicas": {}}})), None)]
    fn another_writer_of_replicas_is_named(#[case] entry: ManagedFieldsEntry, #[case] manager: Option<&str>) {
        let writer = foreign_writer(&[entry], Field::Replicas, &OURS);
        assert_eq!(writer.map(|it| it.manager).as_deref(), manager);
    }

    #[rstest]
    #[case(json!({"f:spec": {"f:minReplicas": {}}}), Some("kubectl-patch"))]
    #[case(json!({"f:spec": {"f:maxReplicas": {}}}), Some("kubectl-patch"))]
    #[case(json!({"f:spec": {"f:metrics": {}}}), None)]
    fn another_writer_of_the_bounds_is_named(#[case] fields: Value, #[case] manager: Option<&str>) {
        let entries = [
            entry(MANAGER_SCALE, None, json!({"f:spec": {"f:minReplicas": {}}})),
            entry("kubectl-patch", None, fields),
        ];
        let writer = foreign_writer(&entries, Field::Bounds, &OURS);
        assert_eq!(writer.map(|it| it.manager).as_deref(), manager);
    }

    #[test]
    fn of_several_writers_the_last_one_is_named() {
        let older = ManagedFieldsEntry {
            time: Some(Time(at(5))),
            ..entry("older", None, replicas())
        };
        let writer = foreign_writer(&[entry("newer", None, replicas()), older], Field::Replicas, &OURS);
        assert_eq!(writer.map(|it| it.manager).as_deref(), Some("newer"));
    }

    fn wrote(manager: &str, second: i64) -> (Field, Writer) {
        let writer = Writer {
            manager: manager.into(),
            operation: "Update".into(),
            time: Some(at(second)),
        };
        (Field::Replicas, writer)
    }

    /// Who is in conflict with us after looking at these seconds, and how often it wrote.
    fn after(looks: &[(i64, Option<(Field, Writer)>)]) -> Option<(String, u32)> {
        let left = looks.iter().fold(None, |before, (second, seen)| {
            contest(before, seen.clone(), at(*second))
        })?;
        let (end, _) = looks.last()?;
        left.stands(at(*end)).then_some((left.writer.manager, left.writes))
    }

    #[rstest]
    // Overruled at once, said for ten minutes.
    #[case::once_and_overruled(vec![(5, Some(wrote("kubectl", 1))), (10, None), (601, None)], Some(("kubectl", 1)))]
    #[case::over_after_ten_minutes(vec![(5, Some(wrote("kubectl", 1))), (602, None)], None)]
    #[case::still_named_but_long_ago(vec![(5, Some(wrote("kubectl", 1))), (602, Some(wrote("kubectl", 1)))], None)]
    #[case::seen_again_is_not_written_again(vec![(5, Some(wrote("kubectl", 1))), (10, Some(wrote("kubectl", 1)))], Some(("kubectl", 1)))]
    #[case::again_and_again(vec![(5, Some(wrote("argocd", 1))), (305, Some(wrote("argocd", 301))), (3901, None)], Some(("argocd", 2)))]
    #[case::every_half_hour(
        vec![(5, Some(wrote("flux", 1))), (1805, Some(wrote("flux", 1801))), (3600, None)],
        Some(("flux", 2))
    )]
    #[case::over_an_hour_after_the_last(vec![(5, Some(wrote("argocd", 1))), (305, Some(wrote("argocd", 301))), (3902, None)], None)]
    #[case::another_one(vec![(5, Some(wrote("kubectl", 1))), (10, Some(wrote("k9s", 9)))], Some(("k9s", 1)))]
    #[case::long_before_we_started(vec![(5000, Some(wrote("kubectl", 1)))], None)]
    #[case::a_clock_that_runs_ahead(vec![(5, Some(wrote("kubectl", 99))), (606, None)], None)]
    #[case::seen_again_by_a_clock_that_runs_ahead(
        vec![(5, Some(wrote("kubectl", 99))), (10, Some(wrote("kubectl", 99)))],
        Some(("kubectl", 1))
    )]
    #[case::an_older_write_of_another_one(
        vec![(105, Some(wrote("argocd", 101))), (110, Some(wrote("kubectl", 1)))],
        Some(("argocd", 1))
    )]
    #[case::nobody(vec![(5, None)], None)]
    fn a_conflict_ends_some_time_after_the_last_foreign_write(
        #[case] looks: Vec<(i64, Option<(Field, Writer)>)>,
        #[case] left: Option<(&str, u32)>,
    ) {
        assert_eq!(
            after(&looks),
            left.map(|(manager, writes)| (manager.to_owned(), writes))
        );
    }

    #[test]
    fn a_write_without_a_time_is_one_write_however_often_it_is_seen() {
        let timeless = |second| {
            let (field, writer) = wrote("kubectl", 1);
            (second, Some((field, Writer { time: None, ..writer })))
        };
        assert_eq!(after(&[timeless(5), timeless(10)]), Some(("kubectl".into(), 1)));
    }

    fn autoscaler(name: &str, (version, kind, target): (Option<&str>, &str, &str)) -> HorizontalPodAutoscaler {
        HorizontalPodAutoscaler {
            metadata: ObjectMeta {
                name: Some(name.into()),
                ..ObjectMeta::default()
            },
            spec: Some(HorizontalPodAutoscalerSpec {
                scale_target_ref: CrossVersionObjectReference {
                    api_version: version.map(Into::into),
                    kind: kind.into(),
                    name: target.into(),
                },
                ..HorizontalPodAutoscalerSpec::default()
            }),
            ..HorizontalPodAutoscaler::default()
        }
    }

    #[rstest]
    #[case::the_same_target(autoscaler("keda-hpa-shop", (Some("apps/v1"), "Deployment", "shop-api")), Some("keda-hpa-shop"))]
    #[case::without_a_version(autoscaler("mine", (None, "Deployment", "shop-api")), Some("mine"))]
    #[case::another_target(autoscaler("mine", (Some("apps/v1"), "Deployment", "shop-web")), None)]
    #[case::another_kind(autoscaler("mine", (Some("apps/v1"), "StatefulSet", "shop-api")), None)]
    #[case::another_group(autoscaler("mine", (Some("argoproj.io/v1"), "Deployment", "shop-api")), None)]
    fn a_second_autoscaler_is_named(#[case] other: HorizontalPodAutoscaler, #[case] name: Option<&str>) {
        let ours = autoscaler("shop-api", (Some("apps/v1"), "Deployment", "shop-api"));
        assert_eq!(
            second_autoscaler(&[ours, other], "shop-api", "shop-api").as_deref(),
            name
        );
    }
}
