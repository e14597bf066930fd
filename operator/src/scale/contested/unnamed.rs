//! Who orders replicas and leaves no name.
//!
//! Pure. The operator orders its floor, and the HPA what its status says that it desires. An order that is neither, and is
//! explained by neither for a while, was somebody's. The while is longer than an HPA takes from one look to the next: a
//! status that it could not write (it lost against another write) is written then.

use std::{ops::RangeInclusive, time::Duration};

use jiff::Timestamp;
use k8s_openapi::api::{apps::v1::Deployment, autoscaling::v2::HorizontalPodAutoscaler};

const TO_BE_EXPLAINED: Duration = Duration::from_secs(30);

/// What is ordered at a tick, and what would explain it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ordered {
    // Another Deployment of the same name begins anew.
    uid: Option<String>,
    now: i32,
    // Since the last tick.
    between: RangeInclusive<i32>,
    floor: i32,
    desired: i32,
}

impl Ordered {
    /// `None` as long as the Deployment or the HPA has no figure.
    pub(super) fn seen(
        deployment: &Deployment,
        autoscaler: &HorizontalPodAutoscaler,
        between: Option<RangeInclusive<i32>>,
    ) -> Option<Self> {
        let now = deployment.spec.as_ref()?.replicas?;
        let floor = autoscaler.spec.as_ref()?.min_replicas?;
        let desired = autoscaler.status.as_ref().map(|status| status.desired_replicas);
        Some(Self {
            uid: deployment.metadata.uid.clone(),
            now,
            between: between.map_or(now..=now, |seen| now.min(*seen.start())..=now.max(*seen.end())),
            floor,
            desired: desired.unwrap_or(floor),
        })
    }

    fn explains(&self, order: i32) -> bool {
        order == self.floor || order == self.desired
    }
}

/// How it is known that an order was somebody's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Foreign {
    /// Fewer than the floor that stood then and stands now: neither the HPA nor we order that.
    BelowFloor,
    /// What neither the HPA desired nor we wrote, before or after.
    Unexplained,
}

/// What was ordered until now.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Unnamed {
    last: Option<Ordered>,
    // The order, and when it was seen.
    unexplained: Option<(i32, Timestamp)>,
}

impl Unnamed {
    /// Whether somebody wrote, by what is ordered at this tick.
    pub(super) fn wrote(&mut self, ordered: Option<Ordered>, now: Timestamp) -> Option<Foreign> {
        let before = std::mem::replace(&mut self.last, ordered);
        let Some((ordered, before)) = self.last.as_ref().zip(before).filter(|(it, last)| it.uid == last.uid) else {
            self.unexplained = None;
            return None;
        };
        if before.now >= before.floor && *ordered.between.start() < ordered.floor.min(before.floor) {
            self.unexplained = None;
            return Some(Foreign::BelowFloor);
        }
        self.unexplained = self.unexplained.filter(|(order, _)| !ordered.explains(*order));
        if let Some((_, since)) = self.unexplained {
            let waited = Duration::try_from(now.duration_since(since)).unwrap_or_default();
            if waited >= TO_BE_EXPLAINED {
                self.unexplained = None;
                return Some(Foreign::Unexplained);
            }
        } else {
            self.unexplained = [*ordered.between.end(), *ordered.between.start()]
                .into_iter()
                .find(|order| *order != before.now && !before.explains(*order) && !ordered.explains(*order))
                .map(|order| (order, now));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use rstest::rstest;

    use super::*;

    // Ordered, the floor, what the HPA desires, and how many were ordered in between.
    type Tick = (i32, i32, i32, Option<i32>);

    const fn tick(ordered: i32, floor: i32, desired: i32) -> Tick {
        (ordered, floor, desired, None)
    }

    // What is found at ticks of five seconds; the last of them goes on for a minute.
    fn found(ticks: &[Tick]) -> Vec<Foreign> {
        let mut unnamed = Unnamed::default();
        let last = ticks
            .last()
            .map(|(ordered, floor, desired, _)| tick(*ordered, *floor, *desired));
        let ticks = ticks.iter().copied().chain(std::iter::repeat_n(last, 12).flatten());
        ticks
            .zip(0..)
            .filter_map(|((ordered, floor, desired, between), number)| {
                let between = between.unwrap_or(ordered);
                let ordered = Ordered {
                    uid: None,
                    now: ordered,
                    between: ordered.min(between)..=ordered.max(between),
                    floor,
                    desired,
                };
                unnamed.wrote(
                    Some(ordered),
                    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(5 * number),
                )
            })
            .collect()
    }

    #[rstest]
    #[case::until_the_hpa_puts_it_back(&[tick(2, 2, 2), tick(1, 2, 2), tick(2, 2, 2)])]
    #[case::put_back_before_the_next_tick(&[tick(2, 2, 2), (2, 2, 2, Some(1)), tick(2, 2, 2)])]
    fn fewer_than_the_floor_that_stood_is_somebodys_order(#[case] ticks: &[Tick]) {
        assert_eq!(found(ticks), [Foreign::BelowFloor]);
    }

    #[rstest]
    #[case::a_floor_that_rises_above_what_is_ordered(&[tick(1, 2, 2), tick(2, 2, 2), tick(2, 6, 2), tick(6, 6, 6)])]
    #[case::a_floor_that_falls(&[tick(6, 6, 6), tick(6, 2, 6), tick(2, 2, 2)])]
    #[case::our_order_seen_before_our_floor(&[tick(2, 2, 2), tick(6, 2, 2), tick(6, 6, 2), tick(6, 6, 6)])]
    #[case::the_hpas_order_seen_before_its_status(&[tick(2, 2, 2), tick(5, 2, 2), tick(5, 2, 5)])]
    #[case::a_status_that_the_hpa_writes_at_its_next_look(
        &[tick(2, 2, 2), tick(5, 4, 2), tick(5, 4, 2), tick(5, 4, 2), tick(5, 4, 5)]
    )]
    #[case::the_hpas_own_decrease(&[tick(6, 2, 6), tick(4, 2, 6), tick(4, 2, 4), tick(2, 2, 4), tick(2, 2, 2)])]
    #[case::a_deployment_that_begins_with_one(&[tick(1, 2, 0), tick(2, 2, 2)])]
    fn what_the_operator_and_the_hpa_order_is_nobody_elses(#[case] ticks: &[Tick]) {
        assert_eq!(found(ticks), []);
    }

    #[rstest]
    #[case::until_the_hpa_takes_them(&[tick(2, 2, 2), tick(8, 2, 2), tick(8, 2, 2), tick(2, 2, 2)])]
    #[case::taken_before_the_next_tick(&[tick(2, 2, 2), (2, 2, 2, Some(8)), tick(2, 2, 2)])]
    #[case::and_nobody_takes_them(&[tick(2, 2, 2), tick(8, 2, 2)])]
    #[case::fewer_than_the_hpa_desires(&[tick(6, 2, 6), tick(3, 2, 6), tick(6, 2, 6)])]
    fn what_neither_desired_nor_wrote_is_somebodys_order_and_told_once(#[case] ticks: &[Tick]) {
        assert_eq!(found(ticks), [Foreign::Unexplained]);
    }

    #[test]
    fn another_deployment_of_the_name_begins_anew() {
        let mut unnamed = Unnamed::default();
        for (number, uid, now) in [(0, "first", 2), (1, "second", 1), (2, "second", 2)] {
            let ordered = Ordered {
                uid: Some(uid.to_owned()),
                now,
                between: now..=now,
                floor: 2,
                desired: 2,
            };
            let at = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(5 * number);
            assert_eq!(unnamed.wrote(Some(ordered), at), None);
        }
    }
}
