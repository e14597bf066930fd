//! Whether somebody else writes what scaling writes, at this tick.
//!
//! Pure. Puts together what `facts` says of each field and of other HPAs; the worst of it is what is told.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::{
    api::{apps::v1::Deployment, autoscaling::v2::HorizontalPodAutoscaler},
    apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry,
};

use crate::{
    names,
    scale::facts::{self, Contest, Field},
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

/// The conflict that there is now, if any. `contests` remembers, one per field.
pub fn conflict(
    contests: &mut [Option<Contest>; 2],
    (deployment, autoscaler): (Option<&Deployment>, &HorizontalPodAutoscaler),
    all: &[Arc<HorizontalPodAutoscaler>],
    now: Timestamp,
) -> Option<Conflict> {
    let fields = |fields: Option<&Vec<ManagedFieldsEntry>>, field| {
        facts::foreign_writer(fields.map_or(&[], Vec::as_slice), field, &OURS).map(|writer| (field, writer))
    };
    let replicas = deployment.and_then(|it| it.metadata.managed_fields.as_ref());
    let seen = [
        fields(replicas, Field::Replicas),
        fields(autoscaler.metadata.managed_fields.as_ref(), Field::Bounds),
    ];
    for (contest, seen) in contests.iter_mut().zip(seen) {
        *contest = facts::contest(contest.take(), seen, now);
    }
    let name = autoscaler.metadata.name.as_deref().unwrap_or_default();
    let all: Vec<HorizontalPodAutoscaler> = all.iter().map(|it| (**it).clone()).collect();
    let second = facts::second_autoscaler(&all, name, name).map(|name| Conflict::SecondAutoscaler { name });
    let standing = contests.iter().flatten().filter(|contest| contest.stands(now));
    let writer = standing.max_by_key(|contest| contest.writes);
    second.or_else(|| {
        writer.map(|contest| Conflict::Writer {
            manager: contest.writer.manager.clone(),
            field: contest.field,
        })
    })
}
