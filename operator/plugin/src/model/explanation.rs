//! `explain NAME`: one decision, where it came from, and where the replicas stand.
//!
//! Pure. The live record of the operator's leader comes first; the last change in the resource's status is the fallback,
//! and it says so with its age, because it may be long ago.

use jiff::Timestamp;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use kube::ResourceExt;
use pathfinder_crds::{PathfinderCluster, ScalingMode};
use pathfinder_scaling::Record;
use serde::{Deserialize, Serialize};

use crate::{
    model::{
        decision::Decision,
        detail::scaling_in_words,
        overview,
        readiness::{self, Readiness},
        replicas::Replicas,
    },
    span,
};

/// The operator decides every few seconds; a record older than this means that it does not.
const LONGEST_BETWEEN_DECISIONS_SECONDS: i64 = 60;

/// What the leader serves at `/decisions/{namespace}/{name}`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct LiveBody {
    /// The record.
    pub(crate) record: Record,
    /// The record in one sentence.
    pub(crate) sentence: String,
}

/// A live record, and who served it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Live {
    /// Name of the leader's pod.
    pub(crate) leader: String,
    /// What it said.
    pub(crate) body: LiveBody,
}

/// Where a decision came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all_fields = "camelCase")]
pub(crate) enum Source {
    /// The live record of the operator's leader.
    Live {
        /// Name of its pod.
        leader: String,
    },
    /// The last change in the resource's status.
    LastChange {
        /// Why there is no live record.
        because: String,
    },
    /// Nowhere: nothing is decided yet.
    Nothing {
        /// Why there is no live record.
        because: String,
    },
}

/// Why a resource has as many replicas as it has.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Explanation {
    /// Namespace of the resource.
    pub(crate) namespace: String,
    /// Name of the resource.
    pub(crate) name: String,
    /// The answer in one sentence.
    pub(crate) sentence: String,
    /// Where the decision came from.
    pub(crate) source: Source,
    /// How the resource scales, in words.
    pub(crate) scaling: String,
    /// Whether decisions are written.
    pub(crate) mode: ScalingMode,
    /// The decision; none before the first.
    pub(crate) decision: Option<Decision>,
    /// The leader's record as it came; none without a live record.
    pub(crate) record: Option<Record>,
    /// What the HPA says.
    pub(crate) replicas: Option<Replicas>,
    /// Pods of the API that are ready.
    pub(crate) replicas_ready: Option<i64>,
    /// What else a person should know.
    pub(crate) notes: Vec<String>,
}

impl Explanation {
    /// Explains `cluster` at `now`. Where the live record or the HPA could not be read, the error says why.
    pub(crate) fn new(
        cluster: &PathfinderCluster,
        live: Result<Live, String>,
        hpa: Result<Option<HorizontalPodAutoscaler>, String>,
        now: Timestamp,
    ) -> Self {
        let told = match live {
            Ok(live) => Told::live(live, now),
            Err(because) => Told::fallback(cluster, because),
        };
        let mut notes = notes(cluster, &told, now);
        let replicas = hpa.unwrap_or_else(|note| {
            notes.push(note);
            None
        });
        Self {
            namespace: cluster.namespace().unwrap_or_default(),
            name: cluster.name_any(),
            sentence: told.sentence,
            source: told.source,
            scaling: scaling_in_words(cluster),
            mode: cluster.spec.scaling.mode,
            decision: told.decision,
            record: told.record,
            replicas_ready: overview::ready(cluster),
            replicas: replicas.as_ref().map(Replicas::of),
            notes,
        }
    }
}

/// The part of an explanation that depends on where it comes from.
struct Told {
    sentence: String,
    source: Source,
    decision: Option<Decision>,
    record: Option<Record>,
}

impl Told {
    fn live(live: Live, now: Timestamp) -> Self {
        let Live { leader, body } = live;
        Self {
            sentence: body.sentence,
            source: Source::Live { leader },
            decision: Some(Decision::of_record(&body.record, now)),
            record: Some(body.record),
        }
    }

    fn fallback(cluster: &PathfinderCluster, because: String) -> Self {
        match cluster.status.as_ref().and_then(|status| status.scaling.as_ref()) {
            Some(scaling) => Self {
                sentence: scaling.why.clone(),
                source: Source::LastChange { because },
                decision: Some(Decision::of_status(scaling)),
                record: None,
            },
            None => Self {
                sentence: format!("nothing is decided yet for {}", cluster.name_any()),
                source: Source::Nothing { because },
                decision: None,
                record: None,
            },
        }
    }
}

fn notes(cluster: &PathfinderCluster, told: &Told, now: Timestamp) -> Vec<String> {
    let readiness = Readiness::of(cluster);
    let unreported = (readiness.status == "Unknown").then_some(readiness.message);
    let age = told
        .decision
        .as_ref()
        .map(|decision| now.duration_since(decision.time).as_secs());
    let stuck = age.filter(|&age| told.record.is_some() && age > LONGEST_BETWEEN_DECISIONS_SECONDS);
    let stuck = stuck.map(|age| {
        format!(
            "the operator has decided nothing for {}: is it stuck?",
            span::seconds(age)
        )
    });
    let conditions = conditions(cluster, told);
    unreported.into_iter().chain(stuck).chain(conditions).collect()
}

/// What the conditions add: with a live record only what it does not know, else what is wrong with scaling.
fn conditions(cluster: &PathfinderCluster, told: &Told) -> Vec<String> {
    if told.record.is_some() {
        return readiness::holding(cluster, "ScaleConflict", "True")
            .into_iter()
            .collect();
    }
    let lost = readiness::holding(cluster, "MetricsAvailable", "False");
    readiness::trouble(cluster).into_iter().chain(lost).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;

    fn now() -> Timestamp {
        fixtures::now()
    }

    #[test]
    fn the_live_record_comes_before_the_status() {
        let explanation = Explanation::new(&fixtures::scaled("shop"), Ok(fixtures::live()), Ok(None), now());
        assert_eq!(explanation.sentence, fixtures::live().body.sentence);
        assert!(matches!(explanation.source, Source::Live { .. }));
        assert!(explanation.notes.is_empty());
    }

    #[test]
    fn without_a_live_record_the_last_change_is_told_with_the_reason() {
        let explanation = Explanation::new(&fixtures::scaled("shop"), Err("forbidden".into()), Ok(None), now());
        assert_eq!(explanation.sentence, fixtures::WHY);
        assert_eq!(
            explanation.source,
            Source::LastChange {
                because: "forbidden".into()
            }
        );
        assert_eq!(explanation.decision.unwrap().replicas, 6);
    }

    #[test]
    fn a_resource_that_nobody_decided_about_is_told_as_such() {
        let explanation = Explanation::new(&fixtures::cluster("shop"), Err("no leader".into()), Ok(None), now());
        assert_eq!(explanation.decision, None);
        assert_eq!(explanation.sentence, "nothing is decided yet for shop");
        assert_eq!(explanation.notes, ["the operator has not reported yet: is it running?"]);
    }

    #[test]
    fn conditions_tell_what_the_record_does_not() {
        let mut cluster = fixtures::scaled("shop");
        fixtures::add_condition(&mut cluster, "ScaleConflict", "True", "AnotherWriter");
        fixtures::add_condition(&mut cluster, "LatencyNotScalable", "True", "PostgresSaturated");
        fixtures::add_condition(&mut cluster, "MetricsAvailable", "False", "NoData");
        let live = Explanation::new(&cluster, Ok(fixtures::live()), Ok(None), now());
        assert_eq!(live.notes, ["ScaleConflict: about ScaleConflict"]);
        let fallback = Explanation::new(&cluster, Err("no leader".into()), Ok(None), now());
        let expected =
            ["ScaleConflict", "LatencyNotScalable", "MetricsAvailable"].map(|type_| format!("{type_}: about {type_}"));
        assert_eq!(fallback.notes, expected);
    }

    #[test]
    fn an_hpa_that_cannot_be_read_is_a_note_and_not_the_end() {
        let explanation = Explanation::new(
            &fixtures::scaled("shop"),
            Ok(fixtures::live()),
            Err("forbidden".into()),
            now(),
        );
        assert_eq!(explanation.replicas, None);
        assert_eq!(explanation.notes, ["forbidden"]);
    }

    #[test]
    fn a_live_record_that_stopped_is_noticed() {
        let later = now() + jiff::SignedDuration::from_mins(5);
        let explanation = Explanation::new(&fixtures::scaled("shop"), Ok(fixtures::live()), Ok(None), later);
        assert_eq!(
            explanation.notes,
            ["the operator has decided nothing for 5m2s: is it stuck?"]
        );
    }
}
