//! One run of ours over a load, with what was decided at every tick.
//!
//! Knows no law and no fault: it writes down what happened.

use pathfinder_scaling::{
    Decision, Replicas,
    sim::{
        contenders::start,
        faults::{Fault, Faults, Incident},
        load::Load,
        ours::{Ours, OursSetting},
        run::{Autoscaler, Bounds, Setup, World, run_through},
        score,
    },
};

pub(crate) const POD_START_SECONDS: u32 = 30;

const BOUNDS: Bounds = Bounds { min: 2, max: 200 };
const SEED: u64 = 11;

/// One tick at which somebody decided.
#[derive(Clone, Debug)]
pub(crate) struct Tick {
    pub(crate) second: u32,
    pub(crate) decision: Decision,
    /// What is ordered then: the floor, and what the HPA put on top.
    pub(crate) ordered: u32,
}

/// All ticks of a run, in order.
#[derive(Clone, Debug)]
pub(crate) struct Course {
    pub(crate) ticks: Vec<Tick>,
}

struct Written {
    ours: Ours,
    ticks: Vec<Tick>,
}

impl Autoscaler for Written {
    fn replicas(&mut self, now: u32, world: &World<'_>) -> u32 {
        let ordered = self.ours.replicas(now, world);
        self.ticks.extend(self.ours.last().cloned().map(|decision| Tick {
            second: now,
            decision,
            ordered,
        }));
        ordered
    }

    fn period_seconds(&self) -> u32 {
        self.ours.period_seconds()
    }
}

impl Course {
    /// A run from as many pods on as the first load takes, at the defaults and a latency target of half a second.
    pub(crate) fn of(rates: impl IntoIterator<Item = f64>, incidents: &[Incident]) -> Self {
        Self::with(OursSetting::default_at(POD_START_SECONDS), rates, incidents)
    }

    /// The same at another setting.
    pub(crate) fn with(setting: OursSetting, rates: impl IntoIterator<Item = f64>, incidents: &[Incident]) -> Self {
        let load = Load::from_rates("course", rates, SEED);
        let demand = score::demand(&load);
        let setup = Setup {
            load: &load,
            demand: &demand,
            pod_start_seconds: POD_START_SECONDS,
            bounds: BOUNDS,
            start: start(f64::from(load.rates()[0]), BOUNDS),
        };
        let ours = Ours::new(setting, BOUNDS).unwrap();
        let mut written = Written {
            ours,
            ticks: Vec::new(),
        };
        let faults = Faults::of(incidents.to_vec());
        run_through(&setup, &faults, &mut written, &mut |_, _, _| {});
        Self { ticks: written.ticks }
    }

    /// The ticks from one second to before another.
    pub(crate) fn between(&self, from: u32, to: u32) -> impl Iterator<Item = &Tick> {
        self.ticks.iter().filter(move |tick| (from..to).contains(&tick.second))
    }

    /// The last tick before a second.
    pub(crate) fn before(&self, second: u32) -> &Tick {
        self.between(0, second).last().unwrap()
    }

    /// The first second from `from` on at which the floor is lowered.
    pub(crate) fn lowered_after(&self, from: u32) -> Option<u32> {
        let lowered = |tick: &&Tick| tick.second >= from && tick.floor() < tick.decision.record.previous.get();
        self.ticks.iter().find(lowered).map(|tick| tick.second)
    }
}

impl Tick {
    pub(crate) fn floor(&self) -> u32 {
        self.decision.floor.get()
    }

    pub(crate) fn sentence(&self) -> String {
        self.decision.record.sentence()
    }

    pub(crate) fn limits(&self) -> Vec<&'static str> {
        self.decision.record.limits.iter().map(|limit| limit.name()).collect()
    }

    pub(crate) fn asked_by_load(&self) -> Option<u32> {
        self.decision.record.signals[0].asked.map(Replicas::get)
    }
}

pub(crate) fn incident(fault: Fault, from: u32, to: u32) -> Incident {
    Incident { fault, from, to }
}
