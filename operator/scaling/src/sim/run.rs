//! The closed loop: a load, a plant, and whoever scales it, second by second.
//!
//! The order within a second: pods that are due become ready, the autoscaler looks and orders, requests arrive and are
//! served. Everything before the second is known to whoever looks, through what its sensors let it see.

use crate::sim::{
    faults::Faults,
    load::Load,
    plant::{Plant, Second},
    score::{Outcome, Scorer},
};

/// How many seconds back the sensors of pods can see.
const REMEMBERED: usize = 128;

/// Something that orders replicas.
pub trait Autoscaler {
    /// Looks at the world at the beginning of second `now`, and says how many replicas to order.
    fn replicas(&mut self, now: u32, world: &World<'_>) -> u32;

    /// Seconds between two looks.
    fn period_seconds(&self) -> u32;
}

/// What can be seen of a simulation.
#[derive(Debug)]
pub struct World<'a> {
    /// The load; what has not arrived yet is not to be looked at, but by who is clairvoyant.
    pub load: &'a Load,
    /// The pods.
    pub plant: &'a Plant,
    /// What they did in the last seconds.
    pub past: &'a Past,
    /// What is wrong.
    pub faults: &'a Faults,
}

/// What the pods did in the last two minutes.
#[derive(Clone, Debug)]
pub struct Past {
    seconds: Box<[Second; REMEMBERED]>,
    arrived: Box<[f64; REMEMBERED]>,
    served: Box<[f64; REMEMBERED]>,
}

impl Past {
    pub(crate) fn new() -> Self {
        Self {
            seconds: Box::new([Second::default(); REMEMBERED]),
            arrived: Box::new([0.0; REMEMBERED]),
            served: Box::new([0.0; REMEMBERED]),
        }
    }

    pub(crate) fn take(&mut self, now: u32, arrived: f64, second: Second) {
        let total = self.served_before(now) + second.served;
        self.seconds[place(now)] = second;
        self.arrived[place(now)] = arrived;
        self.served[place(now + 1)] = total;
    }

    /// Requests served before the beginning of `second`, which lies at most two minutes back.
    pub fn served_before(&self, second: u32) -> f64 {
        self.served[place(second)]
    }

    /// The `quantile` of the waits of what arrived in `[from, to)`, weighted by arrivals, in seconds; `None` where nothing did.
    pub fn wait_quantile(&self, quantile: f64, from: u32, to: u32) -> Option<f64> {
        let mut waits = [(0.0, 0.0); 64];
        let mut total = 0.0;
        let mut count = 0;
        for (slot, second) in waits.iter_mut().zip(from..to) {
            *slot = (self.seconds[place(second)].wait, self.arrived[place(second)]);
            total += slot.1;
            count += 1;
        }
        let waits = &mut waits[..count];
        if total <= 0.0 {
            return None;
        }
        waits.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
        let mut seen = 0.0;
        waits
            .iter()
            .find(|(_, arrived)| {
                seen += arrived;
                seen >= quantile * total
            })
            .map(|(wait, _)| *wait)
    }
}

fn place(second: u32) -> usize {
    second as usize % REMEMBERED
}

/// The bounds that every policy has to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The fewest replicas.
    pub min: u32,
    /// The most replicas.
    pub max: u32,
}

impl Bounds {
    /// The nearest number within.
    pub fn clamp(self, replicas: u32) -> u32 {
        replicas.clamp(self.min, self.max)
    }
}

/// What is simulated.
#[derive(Clone, Copy, Debug)]
pub struct Setup<'a> {
    /// The requests.
    pub load: &'a Load,
    /// The fewest pods that each second needs, for the scores.
    pub demand: &'a [u16],
    /// Seconds from an order to ready.
    pub pod_start_seconds: u32,
    /// The bounds of every policy.
    pub bounds: Bounds,
    /// Pods that are ready and warm at the beginning.
    pub start: u32,
}

/// Runs `autoscaler` over the whole load.
pub fn run(setup: &Setup<'_>, autoscaler: &mut dyn Autoscaler) -> Outcome {
    run_with(setup, autoscaler, &mut |_, _, _| {})
}

/// The same, and shows every second to `watch`: its number, the pods, and what it brought.
pub fn run_with(
    setup: &Setup<'_>,
    autoscaler: &mut dyn Autoscaler,
    watch: &mut dyn FnMut(u32, &Plant, Second),
) -> Outcome {
    run_through(setup, &Faults::default(), autoscaler, watch)
}

/// The same while things go wrong.
pub fn run_through(
    setup: &Setup<'_>,
    faults: &Faults,
    autoscaler: &mut dyn Autoscaler,
    watch: &mut dyn FnMut(u32, &Plant, Second),
) -> Outcome {
    let Setup {
        load,
        demand,
        pod_start_seconds,
        bounds,
        start,
    } = *setup;
    let mut plant = Plant::new(start, pod_start_seconds);
    let mut past = Past::new();
    let mut scorer = Scorer::default();
    let mut due = 0;
    for (((second, arrivals), noise), need) in (0..).zip(load.arrivals()).zip(load.noise()).zip(demand) {
        if second == due {
            let world = World {
                load,
                plant: &plant,
                past: &past,
                faults,
            };
            let wanted = bounds.clamp(autoscaler.replicas(second, &world));
            scorer.ordered(plant.ordered(), wanted);
            if wanted != plant.ordered() {
                plant.order(wanted, second);
            }
            due = second + autoscaler.period_seconds();
        }
        let arrived = f64::from(*arrivals);
        plant.meet(faults.trouble(second));
        let brought = plant.step(second, arrived, f64::from(*noise));
        past.take(second, arrived, brought);
        scorer.take(&plant, arrived, brought.violated, u32::from(*need));
        watch(second, &plant, brought);
    }
    scorer.outcome()
}
