//! What an endpoint remembers of a cluster's load, asked once when the operator begins to look at it.
//!
//! IO beside the ticks: a long answer delays no decision. Until the past is known the engine goes by the present alone,
//! and lowers nothing for a while.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use pathfinder_scaling::{Lesson, Memory, Policy, RequestsPerSecond};
use tokio::{sync::Semaphore, task::JoinHandle};

use crate::{
    cluster::{Cluster, ClusterId},
    scale::prometheus::Endpoints,
};

// Eight days hold every hour of the week, and the last one twice; most servers keep fifteen.
const RANGE: SignedDuration = SignedDuration::from_hours(8 * 24);
const STEP: Duration = Duration::from_secs(60);
// An endpoint that was away is asked again.
const AGAIN_AFTER: Duration = Duration::from_secs(60);
const MOST_TIMES: u32 = 10;

/// Asks for the past of clusters, one at a time.
pub struct Archive {
    endpoints: Arc<Endpoints>,
    // The answers are long and what they teach takes a core for a moment.
    turn: Arc<Semaphore>,
}

/// How far one cluster's past is known.
#[derive(Default)]
pub struct Past {
    asked: u32,
    last: Option<Instant>,
    running: Option<JoinHandle<Option<Lesson>>>,
    known: bool,
}

impl Archive {
    /// Of these endpoints.
    pub fn new(endpoints: Arc<Endpoints>) -> Self {
        Self {
            endpoints,
            turn: Arc::new(Semaphore::new(1)),
        }
    }

    /// The memory with what the past taught, once that is known; asks for it if nobody has.
    pub async fn teach(&self, past: &mut Past, cluster: &Cluster, memory: Memory) -> Memory {
        if past.known || past.asked >= MOST_TIMES && past.running.is_none() {
            return memory;
        }
        match &mut past.running {
            Some(running) if running.is_finished() => {
                let lesson = running.await.ok().flatten();
                past.running = None;
                past.known = lesson.is_some();
                match lesson {
                    Some(lesson) => {
                        tracing::debug!(cluster = %cluster.id, "learned from the past");
                        memory.taught(lesson)
                    }
                    None => memory,
                }
            }
            Some(_) => memory,
            None => {
                if past.last.is_none_or(|last| last.elapsed() >= AGAIN_AFTER) {
                    past.asked += 1;
                    past.last = Some(Instant::now());
                    past.running = Some(self.ask(cluster));
                }
                memory
            }
        }
    }

    fn ask(&self, cluster: &Cluster) -> JoinHandle<Option<Lesson>> {
        let (endpoints, turn) = (self.endpoints.clone(), self.turn.clone());
        let (endpoint, id, policy) = (
            cluster.scaling.endpoint.clone(),
            cluster.id.clone(),
            cluster.scaling.policy,
        );
        tokio::spawn(async move {
            let _turn = turn.acquire_owned().await.ok()?;
            let loads = loads(&endpoints, &endpoint, &id).await?;
            tokio::task::spawn_blocking(move || lesson(&policy, &loads)).await.ok()
        })
    }
}

impl Drop for Past {
    fn drop(&mut self) {
        if let Some(running) = &self.running {
            running.abort();
        }
    }
}

async fn loads(endpoints: &Endpoints, endpoint: &str, id: &ClusterId) -> Option<Vec<(f64, f64)>> {
    let now = Timestamp::now();
    let range = now.saturating_sub(RANGE).ok()?..now;
    match endpoints
        .history(endpoint, (&id.namespace, &id.name), range, STEP)
        .await
    {
        Ok(loads) => Some(loads),
        Err(why) => {
            tracing::debug!(cluster = %id, endpoint, %why, "the past is not known");
            None
        }
    }
}

fn lesson(policy: &Policy, loads: &[(f64, f64)]) -> Lesson {
    let loads = loads.iter().filter_map(|(seconds, rate)| {
        let at = Timestamp::from_duration(SignedDuration::try_from_secs_f64(*seconds).ok()?).ok()?;
        Some((at, RequestsPerSecond::new(*rate).ok()?))
    });
    Lesson::of(policy, loads)
}

#[cfg(test)]
mod tests {
    use pathfinder_scaling::PolicyInput;

    use super::*;

    #[test]
    fn nonsense_in_the_past_teaches_nothing() {
        let policy = Policy::parse(PolicyInput::default()).unwrap();
        let sane = [(60.0, 5.0), (120.0, 6.0)];
        let nonsense = [
            (60.0, 5.0),
            (90.0, f64::NAN),
            (f64::INFINITY, 7.0),
            (100.0, -1.0),
            (120.0, 6.0),
        ];
        assert_eq!(lesson(&policy, &nonsense), lesson(&policy, &sane));
    }
}
