//! What the operator remembers of each cluster's scaling between two ticks, and what others may read of it.
//!
//! In memory only: after a restart it is rebuilt from what is in the cluster, and an empty memory never lowers anything.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use pathfinder_scaling::{Observation, Record, Replicas};
use serde::{Deserialize, Serialize};

use crate::cluster::ClusterId;

/// The live decision of one cluster, as the admin server gives it out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Live {
    /// Namespace of the resource.
    pub namespace: String,
    /// Name of the resource.
    pub name: String,
    /// The newest decision record.
    pub record: Record,
    /// The record in one sentence.
    pub sentence: String,
    /// What the engine was told: with it the decision can be made again.
    pub observation: Observation,
}

#[derive(Default)]
struct Entry {
    live: Option<Live>,
    last_ordered: Option<Replicas>,
}

/// What is known of every cluster.
#[derive(Default)]
pub struct Known(Mutex<HashMap<ClusterId, Entry>>);

impl Known {
    /// The newest decision, if there was one since this replica leads.
    pub fn live(&self, id: &ClusterId) -> Option<Live> {
        self.read(|all| all.get(id).and_then(|entry| entry.live.clone()))
    }

    /// The last number of replicas that was seen ordered; it outlives the Deployment.
    pub fn last_ordered(&self, id: &ClusterId) -> Option<Replicas> {
        self.read(|all| all.get(id).and_then(|entry| entry.last_ordered))
    }

    /// Remembers a decision.
    pub fn decided(&self, id: &ClusterId, record: &Record, observation: &Observation) {
        let live = Live {
            namespace: id.namespace.clone(),
            name: id.name.clone(),
            record: record.clone(),
            sentence: record.sentence(),
            observation: *observation,
        };
        self.read(|all| all.entry(id.clone()).or_default().live = Some(live));
    }

    /// Remembers how many replicas are ordered.
    pub fn ordered(&self, id: &ClusterId, replicas: Replicas) {
        self.read(|all| all.entry(id.clone()).or_default().last_ordered = Some(replicas));
    }

    /// Forgets clusters that are gone.
    pub fn keep(&self, exists: impl Fn(&ClusterId) -> bool) {
        self.read(|all| all.retain(|id, _| exists(id)));
    }

    fn read<T>(&self, with: impl FnOnce(&mut HashMap<ClusterId, Entry>) -> T) -> T {
        with(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
