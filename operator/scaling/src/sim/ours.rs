//! Our own autoscaler in the loop: [`decide`] every five seconds, its floor under an HPA on CPU, as in a cluster.
//!
//! The HPA is part of it: it passes every 15 s with its real algorithm, takes the floor as its minimum, and has only a
//! short window of its own, because ours hold already. Its CPU target is near saturation: it is the net below a capacity that
//! was learned wrongly, not a second opinion on the load.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::{
    Action, Decision, ForecastUse, Memory, Observation, Policy, PolicyError, PolicyInput, Replicas, RequestsPerSecond,
    Rollout, Signal, decide,
    sim::{
        contenders::cpu_proposal,
        peers::hpa::{Behavior, Hpa},
        plant::{SERVICE_SECONDS, TARGET_SECONDS},
        run::{Autoscaler, Bounds, World},
        sensors::Sensing,
    },
};

/// Seconds between two decisions by Prometheus.
pub const TICK_SECONDS: u32 = 5;

/// `averageUtilization` of the HPA above the floor, in percent of what one saturated pod uses.
pub const HPA_CPU_PERCENT: u32 = 90;

/// `behavior.scaleDown.stabilizationWindowSeconds` of that HPA, where the spec has no cooldown.
pub const HPA_WINDOW_SECONDS: u32 = 60;

/// Which pass of ours the HPA's falls on: every third.
const HPA_PHASE: u32 = 10;

/// Samples that are older are stale.
pub(crate) const OLDEST: Duration = Duration::from_secs(15);

/// The range of the latency query.
const LATENCY_WINDOW_SECONDS: u32 = 30;

/// The 95th percentile of an exponential service time, over its mean.
const SERVICE_P95: f64 = 2.995_732_273_553_991;

/// A Monday, so that days and weeks of a trace begin as they do in a calendar.
pub(crate) const BEGINNING: Timestamp = Timestamp::constant(1_772_409_600, 0);

/// How ours is set, where it differs from the defaults.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OursSetting {
    /// `scaling.objective`.
    pub objective: f64,
    /// Whether what is usual at a time of day may raise.
    pub forecast: ForecastUse,
    /// Seconds from an order to ready, as the operator has observed them.
    pub pod_start_seconds: u32,
    /// `scaling.scaleDown.cooldownSeconds`, where the spec has it.
    pub scale_down_cooldown: Option<Duration>,
    /// `scaling.metrics.source`.
    pub sensing: Sensing,
}

impl OursSetting {
    /// The defaults at this pod start.
    pub fn default_at(pod_start_seconds: u32) -> Self {
        let usual = PolicyInput::default();
        Self {
            objective: usual.objective,
            forecast: usual.forecast,
            pod_start_seconds,
            scale_down_cooldown: usual.scale_down_cooldown,
            sensing: Sensing::default(),
        }
    }

    /// The policy that the operator would work by.
    ///
    /// # Errors
    /// What is wrong with the setting.
    pub fn policy(self, bounds: Bounds) -> Result<Policy, Vec<PolicyError>> {
        Policy::parse(PolicyInput {
            min_replicas: bounds.min,
            max_replicas: bounds.max,
            latency_target: Some(Duration::from_secs_f64(TARGET_SECONDS)),
            objective: self.objective,
            forecast: self.forecast,
            pod_start: Duration::from_secs(u64::from(self.pod_start_seconds)),
            scale_down_cooldown: self.scale_down_cooldown,
            scrape_interval: self.sensing.period(),
            ..PolicyInput::default()
        })
    }
}

/// Ours in the loop.
#[derive(Debug)]
pub struct Ours {
    policy: Policy,
    sensing: Sensing,
    memory: Memory,
    hpa: Hpa,
    floor: Option<Replicas>,
    // In the status of the resource, where the next leader finds it: written with every change of the floor.
    told: Option<RequestsPerSecond>,
    seen: Option<Observation>,
    last: Option<Decision>,
}

impl Ours {
    /// Ours with everything at its default but `setting` and the bounds.
    ///
    /// # Errors
    /// What is wrong with the setting.
    pub fn new(setting: OursSetting, bounds: Bounds) -> Result<Self, Vec<PolicyError>> {
        Ok(Self {
            sensing: setting.sensing,
            ..Self::with(setting.policy(bounds)?, bounds)
        })
    }

    /// Ours with this policy, by Prometheus.
    pub fn with(policy: Policy, bounds: Bounds) -> Self {
        let mut behavior = Behavior::default();
        behavior.scale_down.stabilization_seconds = HPA_WINDOW_SECONDS;
        Self {
            policy,
            sensing: Sensing::Prometheus,
            memory: Memory::default(),
            hpa: Hpa::new(bounds.min, bounds.max, behavior),
            floor: None,
            told: None,
            seen: None,
            last: None,
        }
    }

    /// The last decision, with its record.
    pub fn last(&self) -> Option<&Decision> {
        self.last.as_ref()
    }

    /// What the last decision was made of.
    pub fn seen(&self) -> Option<&Observation> {
        self.seen.as_ref()
    }

    fn observation(&self, now: u32, world: &World<'_>) -> Observation {
        world.faults.observed(now, OLDEST, |second| self.read(second, world))
    }

    /// What is read at `now` where nothing is wrong.
    fn read(&self, now: u32, world: &World<'_>) -> Observation {
        let (rate, age) = self.sensing.load(world.load, now);
        let age = Duration::from_secs(u64::from(age));
        let load = Signal::classify(rate, age, OLDEST);
        let replicas = Replicas::new;
        Observation {
            latency: Some(Signal::classify(latency(now, world), age, OLDEST)),
            replicas_ordered: Some(replicas(world.plant.ordered())),
            replicas_ready: Some(replicas(world.plant.ready())),
            floor: self.floor.or(Some(replicas(world.plant.ordered()))),
            crash_looping: Some(replicas(world.plant.crash_looping(now))),
            rollout: Rollout::Settled,
            ..Observation::of(load)
        }
    }
}

/// The 95th percentile of the response time in seconds; not a number without requests, as `histogram_quantile` gives it.
pub(crate) fn latency(now: u32, world: &World<'_>) -> f64 {
    let wait = world
        .past
        .wait_quantile(0.95, now.saturating_sub(LATENCY_WINDOW_SECONDS), now);
    wait.map_or(f64::NAN, |wait| wait + SERVICE_P95 * SERVICE_SECONDS)
}

impl Ours {
    /// The floor that stands at `now`: decided anew when that is due, unless there is nobody to decide.
    fn floor(&mut self, now: u32, world: &World<'_>) -> Replicas {
        if let Some(floor) = self
            .floor
            .filter(|_| !now.is_multiple_of(self.sensing.period_seconds()))
        {
            return floor;
        }
        if world.faults.operator_is_gone(now) {
            self.memory = Memory::default().knowing(self.told);
            (self.seen, self.last) = (None, None);
            return self.floor.unwrap_or(self.policy.min_replicas());
        }
        let observation = self.observation(now, world);
        let ahead = SignedDuration::from_secs(i64::from(world.faults.clock_ahead_seconds(now)));
        let wall = BEGINNING + Duration::from_secs(u64::from(now)) + ahead;
        let (decision, memory) = decide(&self.policy, std::mem::take(&mut self.memory), &observation, wall);
        self.memory = memory;
        if decision.action != Action::Hold {
            self.told = self.memory.capacity();
        }
        let floor = decision.floor;
        self.floor = Some(floor);
        (self.seen, self.last) = (Some(observation), Some(decision));
        floor
    }
}

impl Autoscaler for Ours {
    fn replicas(&mut self, now: u32, world: &World<'_>) -> u32 {
        let floor = self.floor(now, world);
        // An increase is written to the Deployment at once; the rest is the HPA's.
        let ordered = world.plant.ordered().max(floor.get());
        self.hpa.set_bounds(floor.get(), self.policy.max_replicas().get());
        if now % 15 == HPA_PHASE {
            let proposal = cpu_proposal(world, now, HPA_CPU_PERCENT);
            self.hpa.pass(f64::from(now), ordered, &[proposal])
        } else {
            ordered
        }
    }

    fn period_seconds(&self) -> u32 {
        match self.sensing {
            // The HPA's passes fall on decisions.
            Sensing::Prometheus => TICK_SECONDS,
            Sensing::Direct => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{
        load::Load,
        plant::Plant,
        run::{Setup, run_with},
        score,
    };

    const BOUNDS: Bounds = Bounds { min: 2, max: 200 };

    /// What is ordered in each second of these rates, from four pods on.
    fn ordered(rates: impl IntoIterator<Item = f64>) -> Vec<u32> {
        let load = Load::from_rates("test", rates, 1);
        let demand = score::demand(&load);
        let mut ours = Ours::new(OursSetting::default_at(30), BOUNDS).unwrap();
        let setup = Setup {
            load: &load,
            demand: &demand,
            pod_start_seconds: 30,
            bounds: BOUNDS,
            start: 4,
        };
        let mut ordered = Vec::new();
        run_with(&setup, &mut ours, &mut |_, plant: &Plant, _| {
            ordered.push(plant.ordered());
        });
        ordered
    }

    #[test]
    fn a_tenfold_step_is_ordered_in_full_within_fifteen_seconds_at_any_phase() {
        // From 400 to 4000 requests/s, at every second of three scrapes and ticks; 40 pods serve that well.
        for step in 1800..1815 {
            let ordered = ordered((0..1900).map(|second| if second < step { 400.0 } else { 4000.0 }));
            let full = ordered.iter().skip(step).position(|pods| *pods >= 40);
            assert!(full.is_some_and(|seconds| seconds <= 15), "at {step}: {full:?}");
        }
    }

    #[test]
    fn a_load_that_ends_is_let_go_and_one_that_goes_on_is_not() {
        let ordered = ordered((0..7200).map(|second| if second < 3600 { 2000.0 } else { 100.0 }));
        assert!(
            ordered[3599] >= 14,
            "2000 requests/s saturate 14 pods, {} are there",
            ordered[3599]
        );
        assert_eq!(ordered.last(), Some(&2));
    }
}
