//! Whether somebody else writes what scaling writes, at this tick.
//!
//! Pure. Puts together what `facts` says of each field and of other HPAs; the worst of it is what is told.

mod unnamed;

use std::{ops::RangeInclusive, sync::Arc};

use jiff::Timestamp;
use k8s_openapi::{
    api::{apps::v1::Deployment, autoscaling::v2::HorizontalPodAutoscaler},
    apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry,
};

use self::unnamed::{Foreign, Ordered, Unnamed};
use crate::{
    names,
    scale::facts::{self, Contest, Field, Writer},
};

/// Somebody else who writes what we write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// Another HPA targets the Deployment.
    SecondAutoscaler {
        /// Its name.
        name: String,
    },
    /// A field was written.
    Writer {
        /// Who wrote, as a field manager.
        manager: String,
        /// What.
        field: Field,
    },
}

const OURS: [&str; 2] = [names::MANAGER_SCALE, names::MANAGER_CLUSTER];

/// What was seen of one cluster's writers, from tick to tick.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Writers {
    // One per field.
    contests: [Option<Contest>; 2],
    unnamed: Unnamed,
}

// Who writes through /scale leaves no name in the managed fields of every server.
const UNNAMED: &str = "somebody (through /scale: kubectl scale, or a script)";

/// The conflict that there is now, if any. `between` is from the fewest to the most that was ordered since the last tick,
/// where that changed.
pub fn conflict(
    writers: &mut Writers,
    ((deployment, autoscaler), between): (
        (Option<&Deployment>, &HorizontalPodAutoscaler),
        Option<RangeInclusive<i32>>,
    ),
    all: &[Arc<HorizontalPodAutoscaler>],
    now: Timestamp,
) -> Option<Conflict> {
    let fields = |fields: Option<&Vec<ManagedFieldsEntry>>, field| {
        facts::foreign_writer(fields.map_or(&[], Vec::as_slice), field, &OURS).map(|writer| (field, writer))
    };
    let replicas = deployment.and_then(|it| it.metadata.managed_fields.as_ref());
    let ordered = deployment.and_then(|deployment| Ordered::seen(deployment, autoscaler, between));
    let unnamed = match writers.unnamed.wrote(ordered, now) {
        Some(Foreign::BelowFloor) => true,
        // It was told by its name when it was written.
        Some(Foreign::Unexplained) => !writers.contests[0]
            .as_ref()
            .is_some_and(|contest| contest.stands(now) && contest.writer.manager != UNNAMED),
        None => false,
    };
    let unnamed = unnamed.then(|| {
        let unnamed = Writer {
            manager: UNNAMED.to_owned(),
            operation: "Update".to_owned(),
            time: Some(now),
        };
        (Field::Replicas, unnamed)
    });
    let seen = [
        fields(replicas, Field::Replicas).or(unnamed),
        fields(autoscaler.metadata.managed_fields.as_ref(), Field::Bounds),
    ];
    for (contest, seen) in writers.contests.iter_mut().zip(seen) {
        *contest = facts::contest(contest.take(), seen, now);
    }
    let name = autoscaler.metadata.name.as_deref().unwrap_or_default();
    let all = all.iter().map(Arc::as_ref);
    let second = facts::second_autoscaler(all, name, name).map(|name| Conflict::SecondAutoscaler { name });
    let standing = writers.contests.iter().flatten().filter(|contest| contest.stands(now));
    let writer = standing.max_by_key(|contest| contest.writes);
    second.or_else(|| {
        writer.map(|contest| Conflict::Writer {
            manager: contest.writer.manager.clone(),
            field: contest.field,
        })
    })
}
