//! The replicas of a stack's API: read, awaited, and watched while they must not move.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{Stack, until, wait::always};

/// (floor, ordered, ready) of the API.
pub type Counts = (i32, i32, i32);

const THREE_TICKS: Duration = Duration::from_secs(15);

/// Whether the need behind the decision that `kubectl pathfinder explain` told was reckoned with a replica that was found to
/// serve more than the `promised` requests per second of the spec.
pub fn has_learned(explained: &Value, promised: f64) -> bool {
    let reason = &explained["record"]["reason"];
    let found = reason.get("need").unwrap_or(reason)["perReplica"].as_f64();
    found.is_some_and(|found| found > 1.3 * promised)
}

impl Stack {
    /// (floor, ordered, ready) of the API.
    ///
    /// # Errors
    /// When one of the objects is not there.
    pub async fn replicas(&self) -> anyhow::Result<Counts> {
        let (autoscaler, deployment) = (self.autoscaler().await?, self.deployment().await?);
        Ok((
            autoscaler.spec.and_then(|spec| spec.min_replicas).unwrap_or_default(),
            deployment.spec.and_then(|spec| spec.replicas).unwrap_or_default(),
            deployment
                .status
                .and_then(|status| status.ready_replicas)
                .unwrap_or_default(),
        ))
    }

    /// Checks for all of `period` that the floor and what is ordered stay at `count`; `why` says what could move them.
    ///
    /// # Errors
    /// What they became, and when.
    pub async fn keeps(&self, count: i32, why: &str, period: Duration) -> anyhow::Result<()> {
        let what = format!("{count} replicas in {} {why}", self.namespace);
        always(&what, period, || async {
            match self.replicas().await {
                Ok((floor, ordered, _)) if (floor, ordered) == (count, count) => Ok(()),
                other => Err(other),
            }
        })
        .await
    }

    /// Waits until (floor, ordered, ready) are as `enough` says.
    ///
    /// # Errors
    /// What they were last, with the pods of the namespace.
    pub async fn wait_replicas(
        &self,
        (what, enough): (&str, fn(Counts) -> bool),
        deadline: Duration,
    ) -> anyhow::Result<()> {
        let waited = until(what, deadline, || async {
            match self.replicas().await {
                Ok(seen) if enough(seen) => Ok(()),
                other => Err(other),
            }
        })
        .await;
        match waited {
            Ok(()) => Ok(()),
            Err(error) => Err(error.context(self.picture().await)),
        }
    }

    /// Waits for counts that `enough` finds no fault with and that have not moved the floor for three ticks; returns the floor.
    /// A step is seen in two parts where a scrape falls into it, so the first answer to a load is not always the last.
    ///
    /// # Errors
    /// What was wrong with the counts last.
    pub async fn stands(
        &self,
        (what, enough): (&str, impl AsyncFn(Counts) -> Result<(), String>),
        deadline: Duration,
    ) -> anyhow::Result<i32> {
        let since: Cell<Option<(i32, Instant)>> = Cell::new(None);
        until(what, deadline, || async {
            let counts = self.replicas().await.map_err(|error| error.to_string())?;
            if let Err(fault) = enough(counts).await {
                since.set(None);
                return Err(fault);
            }
            let floor = counts.0;
            match since.get() {
                Some((stood, at)) if stood == floor && at.elapsed() >= THREE_TICKS => Ok(floor),
                Some((stood, _)) if stood == floor => Err(format!("{counts:?}, not for long")),
                _ => {
                    since.set(Some((floor, Instant::now())));
                    Err(format!("{counts:?}, just now"))
                }
            }
        })
        .await
    }
}
