//! The excursions of a load above each number of pods, as a tree, and which of them are worth following at a price.
//!
//! An excursion of level `k` is a longest time in which `k` pods or more are needed; those of level `k + 1` lie within it.
//! Not following it leaves `k - 1` pods for its whole length: that saves its pods and those of everything within, and makes
//! requests late.

use std::collections::VecDeque;

use crate::sim::{
    plant::{Plant, WARM_UP_SECONDS},
    run::Setup,
};

/// Before an excursion begins, something may wait already, and after its end the rest of its queue is served.
const BEFORE_SECONDS: u32 = 20;
const AFTER_SECONDS: u32 = 10;

#[derive(Clone, Copy, Debug)]
struct Excursion {
    from: u32,
    to: u32,
    pods: u32,
    parent: Option<usize>,
    // Pod-seconds of it and of everything within it, starts included.
    saved: f64,
    // Requests that are late when it is not followed.
    late: f64,
}

/// Excursions, parents before children.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    excursions: Vec<Excursion>,
    seconds: usize,
    least: u16,
}

impl Tree {
    /// Of a need that has no gaps too short to be used. What makes far more than `late` requests late is not counted out.
    pub(super) fn of(setup: &Setup<'_>, need: &[u16], late: f64) -> Self {
        let least = setup.bounds.min;
        let mut excursions = nested(need, least);
        let lead = setup.pod_start_seconds + WARM_UP_SECONDS;
        for index in (0..excursions.len()).rev() {
            let Excursion { from, to, parent, .. } = excursions[index];
            excursions[index].saved += f64::from(to - from + lead);
            excursions[index].late = late_requests(setup, &excursions[index], 2.0 * late + 1.0);
            if let Some(parent) = parent {
                excursions[parent].saved += excursions[index].saved;
            }
        }
        Self {
            excursions,
            seconds: need.len(),
            least: u16::try_from(least).unwrap_or(u16::MAX),
        }
    }

    /// The pods of each second when a late request costs `price` pod-seconds.
    pub(super) fn followed(&self, price: f64) -> Vec<u16> {
        let mut within = vec![0.0; self.excursions.len()];
        let mut cut = vec![false; self.excursions.len()];
        for (index, excursion) in self.excursions.iter().enumerate().rev() {
            // Infinity times nothing is not a number.
            let cost = if excursion.late > 0.0 {
                price * excursion.late
            } else {
                0.0
            };
            let own = excursion.saved - cost;
            cut[index] = own > within[index];
            if let Some(parent) = excursion.parent {
                within[parent] += own.max(within[index]);
            }
        }
        let mut changes = vec![0_i32; self.seconds + 1];
        for (index, excursion) in self.excursions.iter().enumerate() {
            cut[index] |= excursion.parent.is_some_and(|parent| cut[parent]);
            if !cut[index] {
                changes[excursion.from as usize] += 1;
                changes[excursion.to as usize] -= 1;
            }
        }
        let mut pods = i32::from(self.least);
        changes
            .iter()
            .take(self.seconds)
            .map(|change| {
                pods += change;
                u16::try_from(pods).unwrap_or_default()
            })
            .collect()
    }
}

/// All excursions above `least`, by one pass with a stack of those that are open.
fn nested(need: &[u16], least: u32) -> Vec<Excursion> {
    let mut found: Vec<Excursion> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    let end = need.len();
    for (second, pods) in (0..).zip(need.iter().copied().chain(std::iter::once(0))) {
        let above = usize::try_from(u32::from(pods).saturating_sub(least)).unwrap_or_default();
        while open.len() > above {
            if let Some(index) = open.pop() {
                found[index].to = second;
            }
        }
        while second as usize != end && open.len() < above {
            let parent = open.last().copied();
            open.push(found.len());
            found.push(Excursion {
                from: second,
                to: second,
                pods: least + u32::try_from(open.len()).unwrap_or_default(),
                parent,
                saved: 0.0,
                late: 0.0,
            });
        }
    }
    found
}

/// What the plant makes late with one pod too few for the whole excursion; infinite once it is over `enough`.
fn late_requests(setup: &Setup<'_>, excursion: &Excursion, enough: f64) -> f64 {
    let mut plant = Plant::new(excursion.pods - 1, setup.pod_start_seconds);
    let (arrivals, noise) = (setup.load.arrivals(), setup.load.noise());
    let begin = excursion.from.saturating_sub(BEFORE_SECONDS);
    let end = (excursion.to + AFTER_SECONDS).min(setup.load.seconds());
    let range = begin as usize..end as usize;
    let mut late = 0.0;
    for ((second, arrived), noise) in (begin..).zip(&arrivals[range.clone()]).zip(&noise[range]) {
        let violated = plant.step(second, f64::from(*arrived), f64::from(*noise)).violated;
        if second >= excursion.from {
            late += violated;
        }
        if late > enough {
            return f64::INFINITY;
        }
    }
    late
}

/// The need with every gap shorter than `lead` filled: a pod that is given up for less costs more than it saves.
pub(super) fn closed(need: &[u16], lead: u32) -> Vec<u16> {
    let window = lead.max(1) as usize;
    let past_the_end = std::iter::repeat_n(0, window - 1);
    let widened = extremes(need.iter().copied().chain(past_the_end), window, |new, old| new >= old);
    let mut shrunk: Vec<u16> = extremes(widened.into_iter().rev(), window, |new, old| new <= old);
    shrunk.reverse();
    shrunk.truncate(need.len());
    shrunk
}

/// The highest value of each second and of the `lead` seconds after it.
pub(super) fn highest_ahead(pods: &[u16], lead: u32) -> Vec<u16> {
    let mut ahead = extremes(pods.iter().rev().copied(), lead as usize + 1, |new, old| new >= old);
    ahead.reverse();
    ahead
}

/// The extreme of the last `window` values at each place; `beats` says which of a newer and an older one is kept.
fn extremes(values: impl Iterator<Item = u16>, window: usize, beats: fn(u16, u16) -> bool) -> Vec<u16> {
    let mut kept: VecDeque<(usize, u16)> = VecDeque::new();
    values
        .enumerate()
        .map(|(place, value)| {
            while kept.back().is_some_and(|(_, old)| beats(value, *old)) {
                kept.pop_back();
            }
            kept.push_back((place, value));
            if kept.front().is_some_and(|(oldest, _)| oldest + window <= place) {
                kept.pop_front();
            }
            kept.front().map_or(value, |(_, best)| *best)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_shorter_than_a_restart_are_filled_and_others_are_not() {
        let need = [5, 1, 1, 4, 1, 1, 1, 4, 1];
        assert_eq!(closed(&need, 3), [5, 4, 4, 4, 1, 1, 1, 4, 1]);
        assert_eq!(closed(&need, 1), need);
    }

    #[test]
    fn orders_come_ahead_of_their_use() {
        assert_eq!(highest_ahead(&[2, 2, 2, 7, 2, 2], 2), [2, 7, 7, 7, 2, 2]);
    }

    #[test]
    fn excursions_are_nested_by_level() {
        // Above 2 pods: level 3 from 1 to 6, within it level 4 from 2 to 4 and from 5 to 6.
        let found = nested(&[2, 3, 4, 4, 3, 4, 2], 2);
        let seen: Vec<_> = found
            .iter()
            .map(|one| (one.pods, one.from, one.to, one.parent))
            .collect();
        assert_eq!(seen, [(3, 1, 6, None), (4, 2, 4, Some(0)), (4, 5, 6, Some(0))]);
    }

    #[test]
    fn a_price_decides_which_excursions_are_followed() {
        let excursion = |from, to, pods, parent, saved, late| Excursion {
            from,
            to,
            pods,
            parent,
            saved,
            late,
        };
        let tree = Tree {
            excursions: vec![
                excursion(1, 6, 3, None, 10.0, 20.0),
                excursion(2, 4, 4, Some(0), 3.0, 1.0),
                excursion(5, 6, 4, Some(0), 2.0, 4.0),
            ],
            seconds: 7,
            least: 2,
        };
        // Free: all is cut. At 0.25: all saves 10 - 5 = 5; the children alone (3 - 0.25) + (2 - 1) = 3.75.
        assert_eq!(tree.followed(0.0), [2; 7]);
        assert_eq!(tree.followed(0.25), [2; 7]);
        // At 0.45: all saves 1; the children 2.55 + 0.2.
        assert_eq!(tree.followed(0.45), [2, 3, 3, 3, 3, 3, 2]);
        // At 1: the first child saves 2, the second costs 2 more than it saves.
        assert_eq!(tree.followed(1.0), [2, 3, 3, 3, 3, 4, 2]);
        assert_eq!(tree.followed(f64::INFINITY), [2, 3, 4, 4, 3, 4, 2]);
    }
}
