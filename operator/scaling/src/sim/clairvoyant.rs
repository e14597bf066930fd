//! The clairvoyant optimum: how few replica-hours suffice for who knows the whole load beforehand.
//!
//! It obeys what everybody obeys: pods take their start and their warm-up, bounds hold, and it is judged by the same plant.
//! Pods are ordered a start and a warm-up ahead of their first use. What may be late is spent where it saves most pods: a
//! price per late request decides which excursions of the load are not followed (a tree, solved exactly from its leaves),
//! and the price is bisected until the plant's own count of late requests just keeps what is allowed.
//!
//! The plan is the best of its family, not proven to be the best of all: late requests of neighbouring excursions are added
//! up as if they did not meet in one queue.

mod excursions;

use crate::sim::{
    clairvoyant::excursions::{Tree, closed, highest_ahead},
    load::Load,
    plant::{SATURATION, WARM_UP_SECONDS},
    run::{Autoscaler, Bounds, Setup, World, run},
    score::Outcome,
};

/// Requests/s of spare capacity that a plan keeps at any size. The wait of a busy M/M/n queue falls off as
/// exp(-spare x wait), so spare capacity, not utilisation, is what bounds late requests; which of these is cheapest depends
/// on how many may be late.
const SPARES: [f64; 12] = [2.0, 5.0, 8.0, 12.0, 18.0, 25.0, 35.0, 45.0, 65.0, 90.0, 130.0, 180.0];

/// How many spares in a row may be dearer before no more are tried.
const PATIENCE: u32 = 3;

/// Halvings of the range of prices, in its logarithm.
const BISECTIONS: u32 = 12;

/// Pod-seconds per late request: free, and more than any excursion is worth.
const PRICES: (f64, f64) = (1e-4, 1e6);

/// Orders by a table.
#[derive(Clone, Debug)]
pub struct Plan {
    orders: Vec<u16>,
}

impl Plan {
    /// What is ordered at each second.
    pub fn orders(&self) -> &[u16] {
        &self.orders
    }
}

impl Autoscaler for Plan {
    fn replicas(&mut self, now: u32, _: &World<'_>) -> u32 {
        self.orders.get(now as usize).map_or(0, |pods| u32::from(*pods))
    }

    fn period_seconds(&self) -> u32 {
        1
    }
}

/// The fewest replica-hours with a violation share of at most `allowed`, and the plan. Where no plan keeps it (what arrives
/// before the first order can be ready is late for everybody), the plan with the fewest violations.
pub fn optimum(setup: &Setup<'_>, allowed: f64) -> (Outcome, Plan) {
    let mut best: Option<(Outcome, Plan)> = None;
    let mut dearer = 0;
    for spare in SPARES {
        let found = with_spare(setup, allowed, spare);
        match &best {
            Some(best) if !better(&found.0, &best.0, allowed) => {
                // Once what is allowed is kept, more capacity to spare soon only costs more.
                dearer += u32::from(best.0.violation_share <= allowed);
            }
            Some(_) | None => {
                best = Some(found);
                dearer = 0;
            }
        }
        if dearer == PATIENCE {
            break;
        }
    }
    best.unwrap_or_else(|| (Outcome::default(), Plan { orders: Vec::new() }))
}

fn better(one: &Outcome, other: &Outcome, allowed: f64) -> bool {
    let key = |outcome: &Outcome| (outcome.violation_share.max(allowed), outcome.replica_hours);
    key(one) < key(other)
}

fn with_spare(setup: &Setup<'_>, allowed: f64, spare: f64) -> (Outcome, Plan) {
    let lead = setup.pod_start_seconds + WARM_UP_SECONDS;
    let need = closed(&need(setup, spare), lead);
    let late = allowed * setup.load.counted(i64::from(setup.load.seconds()));
    let tree = Tree::of(setup, &need, late);
    let tried = |pods: &[u16]| {
        let mut plan = Plan {
            orders: highest_ahead(pods, lead),
        };
        (run(setup, &mut plan), plan)
    };
    let at = |price: f64| tried(&tree.followed(price));
    let mut best = at(f64::INFINITY);
    if best.0.violation_share > allowed {
        return tried(&need);
    }
    let (mut low, mut high) = (PRICES.0.ln(), PRICES.1.ln());
    for _ in 0..BISECTIONS {
        let middle = f64::midpoint(low, high);
        let found = at(middle.exp());
        if found.0.violation_share <= allowed {
            high = middle;
            if better(&found.0, &best.0, allowed) {
                best = found;
            }
        } else {
            low = middle;
        }
    }
    best
}

/// The pods that each second needs: for its requests, and for the rate around it with some capacity to spare.
fn need(setup: &Setup<'_>, spare: f64) -> Vec<u16> {
    let Bounds { min, max } = setup.bounds;
    smooth(setup.load)
        .zip(setup.demand)
        .map(|(rate, demand)| {
            let pods = pods((rate + spare) / SATURATION).max(*demand);
            pods.clamp(narrow(min), narrow(max))
        })
        .collect()
}

/// The mean of the five rates around each second, before chance.
fn smooth(load: &Load) -> impl Iterator<Item = f64> {
    let rates = load.rates();
    (0..rates.len()).map(|second| {
        let around = &rates[second.saturating_sub(2)..(second + 3).min(rates.len())];
        let count = u8::try_from(around.len()).unwrap_or(u8::MAX);
        around.iter().map(|rate| f64::from(*rate)).sum::<f64>() / f64::from(count.max(1))
    })
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
fn pods(quotient: f64) -> u16 {
    quotient.ceil() as u16
}

fn narrow(pods: u32) -> u16 {
    u16::try_from(pods).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::score::demand;

    const BOUNDS: Bounds = Bounds { min: 2, max: 80 };

    /// Rates by (requests/s, seconds).
    fn solved(parts: &[(f64, usize)], pod_start_seconds: u32, allowed: f64) -> (Outcome, Plan) {
        let rates = parts
            .iter()
            .flat_map(|(rate, seconds)| std::iter::repeat_n(*rate, *seconds));
        let load = Load::from_rates("by hand", rates, 5);
        let demand = demand(&load);
        let setup = Setup {
            load: &load,
            demand: &demand,
            pod_start_seconds,
            bounds: BOUNDS,
            start: 2,
        };
        optimum(&setup, allowed)
    }

    #[test]
    fn a_step_is_met_by_pods_that_were_ordered_a_start_and_a_warm_up_ahead() {
        let (outcome, plan) = solved(&[(100.0, 600), (2000.0, 600), (100.0, 600)], 30, 0.0);
        assert!(outcome.violation_share <= 0.0, "{outcome:?}");
        // 2000 / 142.86 = 14: fewer pods fall behind for ever. With 11, 2000 - 1571 = 429 more wait each second, and within
        // 0.45 s 707 are served: two seconds later more must be there.
        let orders = plan.orders();
        assert!(
            orders[600 - 40] >= 11 && orders[610 - 40] >= 14,
            "{:?}",
            &orders[555..575]
        );
        assert_eq!((orders[600 - 40 - 10], orders[1210]), (2, 2));
        // 2 x 1800 pod-seconds at the least, and 12 more for 600 + 40 s; up to three pods against chance.
        let least = (2.0 * 1800.0 + 12.0 * 640.0) / 3600.0;
        let most = (2.0 * 1800.0 + 15.0 * 645.0) / 3600.0;
        assert!(
            (least..most).contains(&outcome.replica_hours),
            "{}",
            outcome.replica_hours
        );
    }

    #[test]
    fn pods_are_kept_between_peaks_closer_than_a_start_and_a_warm_up() {
        // A start of 60 s and a warm-up of 10 s.
        let between = |gap: usize| {
            let (outcome, plan) = solved(&[(100.0, 300), (2000.0, 200), (100.0, gap), (2000.0, 200)], 60, 0.0);
            assert!(outcome.violation_share <= 0.0);
            plan.orders()[500..500 + gap].iter().copied().min().unwrap_or_default()
        };
        assert!(between(50) >= 14);
        assert_eq!(between(120), 2);
    }

    #[test]
    fn nothing_is_late_where_nothing_may_be() {
        let (outcome, _) = solved(&[(130.0, 20_000)], 30, 0.0);
        assert!(outcome.violation_share <= 0.0);
        // The bounds' two pods serve 286/s.
        assert!((outcome.replica_hours - 2.0 * 20_000.0 / 3600.0).abs() < 1e-9);
    }

    #[test]
    fn a_short_peak_is_not_followed_where_its_requests_may_be_late() {
        // 20 s x 2000/s and what waits behind it are some 45 thousand of 20 000 s x 200/s + 40 000 = 4 million.
        let load = [(200.0, 10_000), (2000.0, 20), (200.0, 10_000)];
        let (followed, plan) = solved(&load, 30, 0.0);
        assert!(plan.orders()[10_000] >= 10);
        let (cut, plan) = solved(&load, 30, 0.02);
        assert_eq!(plan.orders()[10_000], 2);
        assert!(cut.violation_share > 0.0 && cut.violation_share <= 0.02, "{cut:?}");
        assert!(cut.replica_hours < followed.replica_hours);
    }
}
