//! Leader election by a Lease: one replica works, the others wait.
//!
//! `evaluate` is pure: it says what a look at the Lease means for us. The loop around it does the IO. Expiry is judged by
//! our own monotonic clock since the Lease was last seen to change, never by comparing clocks of two machines.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta},
};
use kube::{Api, Client, api::PostParams};
use tokio_util::sync::CancellationToken;

use crate::client::{CallError, call};

/// Name of the Lease.
pub const LEASE: &str = "pathfinder-operator";

/// After this long without a renewal the Lease may be taken.
pub const DURATION: Duration = Duration::from_secs(15);
// A leader renews this often, and stops when it could not for GIVE_UP: before anybody else may start.
const RENEW_EVERY: Duration = Duration::from_secs(4);
const GIVE_UP: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_secs(2);
const RETRY_EVERY: Duration = Duration::from_secs(1);

/// What to do after a look at the Lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// There is none: make it.
    Create,
    /// Nobody holds it, or its holder is gone: take it.
    Take,
    /// We hold it: renew it.
    Renew,
    /// Somebody else holds it.
    Wait,
}

/// What a look at the Lease means for `me`, when it was last seen to change `unchanged_for` ago.
pub fn evaluate(lease: Option<&LeaseSpec>, me: &str, unchanged_for: Duration) -> Step {
    let Some(spec) = lease else { return Step::Create };
    match spec.holder_identity.as_deref() {
        None | Some("") => Step::Take,
        Some(holder) if holder == me => Step::Renew,
        Some(_) => {
            let seconds = spec
                .lease_duration_seconds
                .and_then(|seconds| u64::try_from(seconds).ok());
            let duration = seconds.map_or(DURATION, Duration::from_secs);
            if unchanged_for >= duration {
                Step::Take
            } else {
                Step::Wait
            }
        }
    }
}

/// Our side of the election.
pub struct Election {
    api: Api<Lease>,
    identity: String,
    seen: Option<(String, Instant)>,
    claimed: Instant,
}

impl Election {
    /// An election in `namespace` by the name `identity`, which no other replica has.
    pub fn new(client: Client, namespace: &str, identity: &str) -> Self {
        Self {
            api: Api::namespaced(client, namespace),
            identity: identity.to_owned(),
            seen: None,
            claimed: Instant::now(),
        }
    }

    /// Waits until we hold the Lease, or until `stop`. Says whether we hold it.
    pub async fn win(&mut self, stop: &CancellationToken) -> Won {
        loop {
            match self.step().await {
                // A claim whose answer took half of what it holds is renewed before anything is begun.
                Ok(Step::Create | Step::Take | Step::Renew) if self.claimed.elapsed() < GIVE_UP / 2 => {
                    return Won::Leading;
                }
                Ok(_) => {}
                Err(error) => tracing::debug!(%error, "the Lease could not be had; trying again"),
            }
            tokio::select! {
                () = stop.cancelled() => return Won::Stopped,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// Renews until `stop` (returns `Stopped`) or until the Lease is lost (returns `Lost`). To be called at once after
    /// [`win`](Self::win): what is not renewed for 10 s is lost.
    pub async fn keep(&mut self, stop: &CancellationToken) -> Kept {
        let mut pause = RENEW_EVERY.saturating_sub(self.claimed.elapsed());
        loop {
            tokio::select! {
                () = stop.cancelled() => return Kept::Stopped,
                () = tokio::time::sleep(pause) => {}
            }
            let left = GIVE_UP.saturating_sub(self.claimed.elapsed());
            pause = match tokio::time::timeout(left, self.step()).await {
                Ok(Ok(Step::Renew)) => RENEW_EVERY.saturating_sub(self.claimed.elapsed()),
                Ok(Ok(Step::Create | Step::Take | Step::Wait)) | Err(_) => return Kept::Lost,
                Ok(Err(error)) => {
                    tracing::warn!(%error, "the Lease could not be renewed");
                    RETRY_EVERY
                }
            };
            if self.claimed.elapsed() + pause >= GIVE_UP {
                return Kept::Lost;
            }
        }
    }

    /// Gives the Lease up, so that the next replica need not wait for its expiry.
    ///
    /// # Errors
    /// [`CallError`]; then it expires.
    pub async fn release(&mut self) -> Result<(), CallError> {
        let Some(mut lease) = self.read().await? else {
            return Ok(());
        };
        let held = lease.spec.as_ref().and_then(|spec| spec.holder_identity.as_deref());
        if held != Some(&self.identity) {
            return Ok(());
        }
        lease.spec.get_or_insert_default().holder_identity = Some(String::new());
        call(
            || format!("releasing Lease {LEASE}"),
            self.api.replace(LEASE, &PostParams::default(), &lease),
        )
        .await?;
        Ok(())
    }

    async fn read(&self) -> Result<Option<Lease>, CallError> {
        call(|| format!("reading Lease {LEASE}"), self.api.get_opt(LEASE)).await
    }

    async fn step(&mut self) -> Result<Step, CallError> {
        // Others count from when they see our claim, which is after now: however slow the answer is, we stop before them.
        let began = Instant::now();
        let lease = self.read().await?;
        let unchanged_for = self.unchanged_for(lease.as_ref());
        let spec = lease.as_ref().and_then(|lease| lease.spec.as_ref());
        let step = evaluate(spec, &self.identity, unchanged_for);
        match (step, lease) {
            (Step::Wait, _) => return Ok(step),
            (Step::Create, _) | (_, None) => {
                let metadata = ObjectMeta {
                    name: Some(LEASE.to_owned()),
                    ..ObjectMeta::default()
                };
                let lease = Lease {
                    metadata,
                    spec: Some(self.claim(None, Timestamp::now())),
                };
                call(
                    || format!("creating Lease {LEASE}"),
                    self.api.create(&PostParams::default(), &lease),
                )
                .await?;
            }
            (Step::Take | Step::Renew, Some(mut lease)) => {
                // With the resourceVersion that we read: of two that take it, one gets a conflict.
                lease.spec = Some(self.claim(lease.spec.as_ref(), Timestamp::now()));
                call(
                    || format!("claiming Lease {LEASE}"),
                    self.api.replace(LEASE, &PostParams::default(), &lease),
                )
                .await?;
            }
        }
        self.claimed = began;
        Ok(step)
    }

    // How long the Lease has looked the same, by our own clock.
    fn unchanged_for(&mut self, lease: Option<&Lease>) -> Duration {
        let version = lease
            .and_then(|lease| lease.metadata.resource_version.clone())
            .unwrap_or_default();
        match &self.seen {
            Some((last, since)) if *last == version => since.elapsed(),
            Some(_) | None => {
                self.seen = Some((version, Instant::now()));
                Duration::ZERO
            }
        }
    }

    fn claim(&self, before: Option<&LeaseSpec>, now: Timestamp) -> LeaseSpec {
        let ours = before.is_some_and(|spec| spec.holder_identity.as_deref() == Some(&self.identity));
        let transitions = before.and_then(|spec| spec.lease_transitions).unwrap_or_default();
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(DURATION.as_secs()).ok(),
            acquire_time: if ours {
                before.and_then(|spec| spec.acquire_time.clone())
            } else {
                Some(MicroTime(now))
            },
            renew_time: Some(MicroTime(now)),
            lease_transitions: Some(if ours {
                transitions
            } else {
                transitions.saturating_add(1)
            }),
            ..LeaseSpec::default()
        }
    }
}

/// How waiting for the Lease ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Won {
    /// We hold it.
    Leading,
    /// We were asked to stop.
    Stopped,
}

/// How holding the Lease ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// We were asked to stop, and still hold it.
    Stopped,
    /// It is gone: stop writing at once.
    Lost,
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn held_by(holder: &str) -> LeaseSpec {
        LeaseSpec {
            holder_identity: Some(holder.to_owned()),
            lease_duration_seconds: Some(15),
            ..LeaseSpec::default()
        }
    }

    #[rstest]
    #[case::none_there(None, 0, Step::Create)]
    #[case::released(Some(""), 0, Step::Take)]
    #[case::ours(Some("me"), 60, Step::Renew)]
    #[case::just_renewed_by_another(Some("other"), 14, Step::Wait)]
    #[case::expired(Some("other"), 15, Step::Take)]
    fn a_lease_is_taken_only_when_nobody_holds_it(
        #[case] holder: Option<&str>,
        #[case] unchanged_seconds: u64,
        #[case] expected: Step,
    ) {
        let spec = holder.map(held_by);
        assert_eq!(
            evaluate(spec.as_ref(), "me", Duration::from_secs(unchanged_seconds)),
            expected
        );
    }

    #[test]
    fn a_leader_stops_before_anybody_else_may_start() {
        assert!(GIVE_UP < DURATION);
        assert!(RENEW_EVERY * 2 < GIVE_UP);
    }
}
