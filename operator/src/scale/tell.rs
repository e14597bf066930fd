//! What is told of a decision, and when: status and events for what changes and lasts, nothing for what flickers.
//!
//! `Told::lasting` is the rule, with time as a parameter; `Teller` writes. The decision itself is none of its business.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube_runtime::events::{Event, EventType, Recorder};
use pathfinder_crds::{ConditionType, PathfinderCluster, Reason};
use pathfinder_scaling::{Action, Decision, Replicas, RequestsPerSecond};

use crate::{
    client::Writer,
    cluster::Cluster,
    reconcile::report::{event, publish},
    scale::report::{self, ScaleReport, Steady},
    status::{Finding, Holds},
};

// Anything that comes and goes must last this long before status says so: one slow scrape, or a load on the edge between
// two numbers, is no news.
const STEADY: Duration = Duration::from_secs(20);

/// What was told of one cluster.
#[derive(Default)]
pub struct Told {
    // What was written last; the cache may be behind it.
    written: Option<ScaleReport>,
    // Whether there is data, and since when that has been so.
    look: Option<(bool, Instant)>,
    // What was found and not told yet, and since when it has been found.
    waiting: BTreeMap<ConditionType, (Reason, Instant)>,
    // The last change of the floor that no event told of yet.
    moved: Option<Moved>,
}

// Where the floor was moved, and why.
struct Moved {
    floor: Replicas,
    why: String,
}

/// Whether what was decided was ordered, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ordered {
    /// It was, or there was nothing to order.
    Yes,
    /// It could not be written: the next tick tries again.
    Failed,
}

/// What may be told of one tick.
pub struct News<'a> {
    /// The decision.
    pub decision: &'a Decision,
    /// Whether it was ordered.
    pub ordered: Ordered,
    /// What one replica was found to serve.
    pub capacity: Option<RequestsPerSecond>,
    /// The conditions of scaling.
    pub found: Vec<Finding>,
}

impl Told {
    // Whether there being data (or none) has lasted.
    fn steady(&mut self, fresh: bool, now: Instant) -> Steady {
        let since = self
            .look
            .filter(|(last, _)| *last == fresh)
            .map_or(now, |(_, since)| since);
        self.look = Some((fresh, since));
        if now.duration_since(since) >= STEADY {
            Steady::Long
        } else {
            Steady::NotYet
        }
    }

    /// Of what was found, what may be told now: what is shown already, what is told at once, and what has lasted.
    fn lasting(&mut self, findings: Vec<Finding>, shown: &[Condition], now: Instant) -> Vec<Finding> {
        findings
            .into_iter()
            .filter(|finding| self.may_be_told(finding, shown, now))
            .collect()
    }

    fn may_be_told(&mut self, finding: &Finding, shown: &[Condition], now: Instant) -> bool {
        let old = shown.iter().find(|old| old.type_ == finding.type_.as_str());
        let at_once = match old {
            Some(old) => old.reason == finding.reason.as_str() || finding.type_ == ConditionType::ScalingActive,
            // The first word: no data yet is how every stack begins.
            None => finding.type_ != ConditionType::MetricsAvailable || finding.holds == Holds::True,
        };
        if at_once {
            self.waiting.remove(&finding.type_);
            return true;
        }
        let waiting = self.waiting.entry(finding.type_).or_insert((finding.reason, now));
        if waiting.0 != finding.reason {
            *waiting = (finding.reason, now);
        }
        now.duration_since(waiting.1) >= STEADY
    }
}

/// Who tells.
pub struct Teller<'a> {
    /// Writes status.
    pub writer: &'a Writer,
    /// Publishes events.
    pub recorder: &'a Recorder,
    /// The present time.
    pub now: Timestamp,
}

impl Teller<'_> {
    /// Tells what is news in a decision; writes nothing when nothing is.
    pub async fn tell(&self, told: &mut Told, resource: &PathfinderCluster, cluster: &Cluster, news: News<'_>) {
        let News {
            decision,
            ordered,
            capacity,
            found,
        } = news;
        let record = &decision.record;
        if decision.action != Action::Hold {
            told.moved = Some(Moved {
                floor: decision.floor,
                why: record.sentence(),
            });
        }
        let before = told.written.clone().unwrap_or_else(|| ScaleReport::of(resource));
        let present = Instant::now();
        let findings = told.lasting(found, &before.conditions, present);
        let fresh = report::sees_load(record);
        let steady = told.steady(fresh, present);
        let news = report::is_news(before.scaling.as_ref(), (record, capacity), steady);
        let changed = news.then(|| report::scaling_status(record, capacity));
        let next = before.next(&findings, changed, (cluster.generation, self.now));
        if before != next {
            if let Err(error) = report::write(self.writer, resource, &next).await {
                tracing::warn!(cluster = %cluster.id, %error, "the decision could not be reported");
                return;
            }
            self.announce(resource, (&before, &next)).await;
        }
        told.written = Some(next);
        // One event per change of the floor, once it is ordered and status shows it.
        if ordered == Ordered::Yes
            && let Some(Moved { floor, why }) = told.moved.take()
        {
            // Events of one reason and action are folded into one; each number is an event of its own.
            let scaled = event(EventType::Normal, "Scaled", &why, &format!("ScaleTo{floor}"));
            publish(self.recorder, resource, scaled).await;
        }
    }

    // One event when metrics are lost or come back, and so on.
    async fn announce(&self, resource: &PathfinderCluster, (before, next): (&ScaleReport, &ScaleReport)) {
        for type_ in ANNOUNCED {
            let (old, Some(new)) = (of_type(before, type_), of_type(next, type_)) else {
                continue;
            };
            if old.is_some_and(|old| old.reason == new.reason) {
                continue;
            }
            if let Some(event) = announcement(type_, (old, new)) {
                publish(self.recorder, resource, event).await;
            }
        }
    }
}

// What is said once in an event when it begins, and when it ends.
const ANNOUNCED: [ConditionType; 3] = [
    ConditionType::MetricsAvailable,
    ConditionType::LatencyNotScalable,
    ConditionType::ScaleConflict,
];

fn announcement(type_: ConditionType, (old, new): (Option<&Condition>, &Condition)) -> Option<Event> {
    let good = if type_ == ConditionType::MetricsAvailable {
        "True"
    } else {
        "False"
    };
    let is_good = new.status == good;
    let was_good = old.is_none_or(|old| old.status == good);
    match (was_good, is_good) {
        (true, true) => None,
        (false, true) => {
            let over = format!("{type_} is {good} again");
            Some(event(EventType::Normal, &new.reason, &over, "Scale"))
        }
        (_, false) => Some(event(EventType::Warning, &new.reason, &new.message, "Scale")),
    }
}

fn of_type(report: &ScaleReport, type_: ConditionType) -> Option<&Condition> {
    report.conditions.iter().find(|it| it.type_ == type_.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::{conditions, finding};

    fn limited(reason: Reason) -> Finding {
        let holds = if reason == Reason::NotLimited {
            Err(reason)
        } else {
            Ok(reason)
        };
        finding(ConditionType::ScalingLimited, holds, String::new())
    }

    fn shown(finding: &Finding) -> Vec<Condition> {
        conditions(std::slice::from_ref(finding), &[], 1, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_load_on_the_edge_between_two_numbers_is_told_nothing_about() {
        let mut told = Told::default();
        let shown = shown(&limited(Reason::NotLimited));
        let start = Instant::now();
        for tick in 0..100_u32 {
            let reason = if tick % 2 == 0 {
                Reason::DecreaseHeld
            } else {
                Reason::NotLimited
            };
            let now = start + Duration::from_secs(5) * tick;
            let news = told.lasting(vec![limited(reason)], &shown, now);
            assert!(
                news.iter().all(|finding| finding.reason == Reason::NotLimited),
                "tick {tick}"
            );
        }
    }

    #[test]
    fn what_lasts_is_told_once_it_has() {
        let mut told = Told::default();
        let shown = shown(&limited(Reason::NotLimited));
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!(told.lasting(vec![limited(Reason::AtMaximum)], &shown, at(0)).is_empty());
        assert!(
            told.lasting(vec![limited(Reason::AtMaximum)], &shown, at(15))
                .is_empty()
        );
        assert_eq!(told.lasting(vec![limited(Reason::AtMaximum)], &shown, at(20)).len(), 1);
    }

    #[test]
    fn a_new_stack_without_data_is_not_called_blind_at_once_and_one_with_data_is_said_to_see() {
        let mut told = Told::default();
        let blind = finding(ConditionType::MetricsAvailable, Err(Reason::NoData), String::new());
        let sees = finding(ConditionType::MetricsAvailable, Ok(Reason::SignalsFresh), String::new());
        let now = Instant::now();
        assert!(told.lasting(vec![blind], &[], now).is_empty());
        assert_eq!(told.lasting(vec![sees], &[], now).len(), 1);
    }
}
