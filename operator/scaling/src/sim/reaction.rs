//! How fast and how far the engine orders after a step: a tenfold load at once, at every phase of scrapes and decisions.
//!
//! The same closed loop as everywhere (plant, HPA above the floor, `decide`), but with times of half a second, because the
//! seconds of a bench are too coarse for phases. Knows no trace and no peer. What is found is bounded by sensing alone: a
//! rate is the slope of the last two scrapes, so the whole step is seen at the second scrape after it at the latest.
//! Prometheus scrapes each pod at a phase of its own, so a step is smeared: here half of the pods are scraped at the same
//! phase as the others, or a quarter, half or three quarters of an interval after them. Who reads the pods reads all at once.

use std::time::Duration;

use serde::Serialize;

use crate::{
    Memory, Observation, Policy, PolicyError, PolicyInput, Replicas, Signal, decide,
    sim::{
        contenders::cpu_proposal,
        faults::Faults,
        load::Load,
        ours::{BEGINNING, HPA_CPU_PERCENT, HPA_WINDOW_SECONDS, OLDEST, OursSetting, latency},
        peers::hpa::{Behavior, Hpa},
        plant::{PER_REPLICA, Plant},
        run::{Bounds, Past, World},
        sensors::{Sensing, sample_before},
    },
};

/// Load before the step, in requests/s.
pub const BEFORE: f64 = 400.0;

/// Load after it: ten times as much.
pub const AFTER: f64 = 4000.0;

/// The step, in seconds after the beginning: half an hour of the load before it is known by then.
const STEP_SECONDS: u32 = 1800;

/// How long the order is looked at after the step.
const WATCHED_SECONDS: u32 = 600;

/// Nothing bounds the order but the laws.
const BOUNDS: Bounds = Bounds { min: 2, max: 1000 };

/// Arrivals of as many seeds are tried at each phase, and with each the other half of the pods is scraped so many quarters of
/// an interval after the first, where Prometheus scrapes.
const SEEDS: [(u64, u32); 4] = [(1, 0), (2, 1), (3, 2), (4, 3)];

/// Times are counted in these.
const HALVES_PER_SECOND: u32 = 2;

/// Whether the spec has a latency target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// Half a second.
    HalfASecond,
    /// None: replicas serve what the spec says.
    None,
}

impl Target {
    /// Both.
    pub const ALL: [Self; 2] = [Self::HalfASecond, Self::None];

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::HalfASecond => "0.5 s",
            Self::None => "none",
        }
    }
}

/// What was found for one way of sensing at one setting.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Reaction {
    /// How the load is seen.
    pub sensing: Sensing,
    /// The latency target.
    pub target: Target,
    /// Seconds from an order to ready.
    pub pod_start_seconds: u32,
    /// Phases of scrapes and decisions, times seeds.
    pub trials: usize,
    /// Seconds from the step to an order that serves all of it well, in half of the trials at most; `None` where more of them
    /// never order so much.
    pub seconds_median: Option<f64>,
    /// The same in 95 % of them.
    pub seconds_p95: Option<f64>,
    /// The same in all of them.
    pub seconds_most: Option<f64>,
    /// The most that was ordered within ten minutes, over what serves the step well, at 95 % of the trials.
    pub overshoot_p95: f64,
    /// The same of all trials.
    pub overshoot_most: f64,
}

/// The step at every phase, half a second apart, for every sensing, target and pod start of the bench.
///
/// # Errors
/// What is wrong with our policy.
pub fn reactions() -> Result<Vec<Reaction>, Vec<PolicyError>> {
    let mut found = Vec::new();
    for sensing in Sensing::ALL {
        for target in Target::ALL {
            for pod_start_seconds in [5, 30, 90] {
                found.push(reaction(sensing, target, pod_start_seconds)?);
            }
        }
    }
    Ok(found)
}

/// One of them.
///
/// # Errors
/// What is wrong with our policy.
pub fn reaction(sensing: Sensing, target: Target, pod_start_seconds: u32) -> Result<Reaction, Vec<PolicyError>> {
    let policy = policy(sensing, target, pod_start_seconds)?;
    let (mut seconds, mut overshoots) = (Vec::new(), Vec::new());
    for (seed, quarters) in SEEDS {
        let load = load(seed);
        let apart = match sensing {
            Sensing::Prometheus => halves(sensing) * quarters / 4,
            Sensing::Direct => 0,
        };
        for scrape_phase in 0..halves(sensing) {
            for decision_phase in 0..halves(sensing) {
                let trial = Trial {
                    load: &load,
                    period: halves(sensing),
                    phases: (scrape_phase, decision_phase),
                    apart,
                    pod_start_seconds,
                };
                let (after, most) = trial.run(&policy);
                seconds.push(after.unwrap_or(f64::INFINITY));
                overshoots.push(most / full());
            }
        }
    }
    let reached = |share: f64| Some(quantile(&mut seconds.clone(), share)).filter(|found| found.is_finite());
    Ok(Reaction {
        sensing,
        target,
        pod_start_seconds,
        trials: seconds.len(),
        seconds_median: reached(0.5),
        seconds_p95: reached(0.95),
        seconds_most: reached(1.0),
        overshoot_p95: quantile(&mut overshoots.clone(), 0.95),
        overshoot_most: quantile(&mut overshoots, 1.0),
    })
}

/// The period of scrapes and decisions in half seconds.
fn halves(sensing: Sensing) -> u32 {
    sensing.period_seconds() * HALVES_PER_SECOND
}

/// What serves the step well by the user's word.
fn full() -> f64 {
    (AFTER / PER_REPLICA).ceil()
}

fn policy(sensing: Sensing, target: Target, pod_start_seconds: u32) -> Result<Policy, Vec<PolicyError>> {
    match target {
        Target::HalfASecond => {
            let setting = OursSetting {
                sensing,
                ..OursSetting::default_at(pod_start_seconds)
            };
            setting.policy(BOUNDS)
        }
        Target::None => Policy::parse(PolicyInput {
            min_replicas: BOUNDS.min,
            max_replicas: BOUNDS.max,
            pod_start: Duration::from_secs(u64::from(pod_start_seconds)),
            scrape_interval: sensing.period(),
            ..PolicyInput::default()
        }),
    }
}

fn load(seed: u64) -> Load {
    let rates = (0..STEP_SECONDS + WATCHED_SECONDS).map(|second| if second < STEP_SECONDS { BEFORE } else { AFTER });
    Load::from_rates("step", rates, seed)
}

/// The smallest value that `share` of all do not exceed.
fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a place in a list of some hundreds"
    )]
    let place = (values.len() as f64 * share).ceil() as usize;
    values.get(place.saturating_sub(1)).copied().unwrap_or(f64::INFINITY)
}

/// One run. Times and phases are in half seconds.
struct Trial<'a> {
    load: &'a Load,
    period: u32,
    phases: (u32, u32),
    // How much later than the first half the other half of the pods is scraped.
    apart: u32,
    pod_start_seconds: u32,
}

/// What is there while a trial runs.
struct State {
    plant: Plant,
    past: Past,
    hpa: Hpa,
    memory: Memory,
    floor: Option<Replicas>,
}

impl Trial<'_> {
    /// Seconds from the step to the full order, and the most that was ordered.
    fn run(&self, policy: &Policy) -> (Option<f64>, f64) {
        let mut state = State::new(self.pod_start_seconds);
        let (mut full_after, mut most) = (None, 0.0_f64);
        for time in 0..(STEP_SECONDS + WATCHED_SECONDS) * HALVES_PER_SECOND {
            let decides = time % self.period == self.phases.1;
            if decides {
                self.decide(policy, &mut state, time);
            }
            if time % HALVES_PER_SECOND == 0 {
                self.live(&mut state, time / HALVES_PER_SECOND);
            }
            let ordered = f64::from(state.plant.ordered());
            let since = f64::from(time) / f64::from(HALVES_PER_SECOND) - f64::from(STEP_SECONDS);
            if since >= 0.0 {
                most = most.max(ordered);
                full_after = full_after.or((ordered >= full()).then_some(since));
            }
        }
        (full_after, most)
    }

    fn decide(&self, policy: &Policy, state: &mut State, time: u32) {
        let observation = self.observed(state, time);
        let wall = BEGINNING + Duration::from_millis(u64::from(time) * 500);
        let (decision, memory) = decide(policy, std::mem::take(&mut state.memory), &observation, wall);
        state.memory = memory;
        state.floor = Some(decision.floor);
        let ordered = state.plant.ordered().max(decision.floor.get());
        state.plant.order(ordered, time.div_ceil(HALVES_PER_SECOND));
    }

    /// The HPA above the floor, and one second of the pods.
    fn live(&self, state: &mut State, second: u32) {
        if second % 15 == 10 {
            let world = World {
                load: self.load,
                plant: &state.plant,
                past: &state.past,
                faults: &Faults::default(),
            };
            let proposal = cpu_proposal(&world, second, HPA_CPU_PERCENT);
            let floor = state.floor.map_or(BOUNDS.min, Replicas::get);
            state.hpa.set_bounds(floor, BOUNDS.max);
            let wanted = state.hpa.pass(f64::from(second), state.plant.ordered(), &[proposal]);
            state.plant.order(wanted, second);
        }
        let of = |list: &[f32]| list.get(second as usize).copied().map_or(0.0, f64::from);
        let arrived = of(self.load.arrivals());
        let brought = state.plant.step(second, arrived, of(self.load.noise()));
        state.past.take(second, arrived, brought);
    }

    /// What is known at `time`: the slope between the last two scrapes before it, and the latency up to the last full second.
    fn observed(&self, state: &State, time: u32) -> Observation {
        let first = self.scraped(time, self.phases.0);
        let other = self.scraped(time, self.phases.0 + self.apart);
        let rate = f64::midpoint(self.rate(first), self.rate(other));
        let time = i64::from(time);
        let age = Duration::from_millis(u64::try_from(time - first).unwrap_or_default() * 500);
        let world = World {
            load: self.load,
            plant: &state.plant,
            past: &state.past,
            faults: &Faults::default(),
        };
        let second = u32::try_from(time / i64::from(HALVES_PER_SECOND)).unwrap_or_default();
        Observation {
            latency: Some(Signal::classify(latency(second, &world), age, OLDEST)),
            replicas_ordered: Some(Replicas::new(state.plant.ordered())),
            replicas_ready: Some(Replicas::new(state.plant.ready())),
            floor: state.floor.or(Some(Replicas::new(state.plant.ordered()))),
            ..Observation::of(Signal::classify(rate, age, OLDEST))
        }
    }

    /// When pods of this phase were scraped last; a scrape at the time of a decision comes too late for it.
    fn scraped(&self, time: u32, phase: u32) -> i64 {
        sample_before(i64::from(time) - 1, (i64::from(self.period), i64::from(phase)))
    }

    /// The slope between a scrape and the one before it, in requests/s.
    fn rate(&self, last: i64) -> f64 {
        let before = last - i64::from(self.period);
        (self.counted(last) - self.counted(before)) / (f64::from(self.period) / 2.0)
    }

    /// Requests that arrived before `time`; within a second they are spread evenly.
    fn counted(&self, time: i64) -> f64 {
        let (second, half) = (time.div_euclid(2), time.rem_euclid(2));
        let (from, to) = (self.load.counted(second), self.load.counted(second + 1));
        if half == 0 { from } else { f64::midpoint(from, to) }
    }
}

impl State {
    fn new(pod_start_seconds: u32) -> Self {
        let mut behavior = Behavior::default();
        behavior.scale_down.stabilization_seconds = HPA_WINDOW_SECONDS;
        Self {
            plant: Plant::new(4, pod_start_seconds),
            past: Past::new(),
            hpa: Hpa::new(BOUNDS.min, BOUNDS.max, behavior),
            memory: Memory::default(),
            floor: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::all(1.0, 10.0)]
    #[case::half(0.5, 5.0)]
    // 9.5 of ten values: ten of them.
    #[case::nearly_all(0.95, 10.0)]
    #[case::nine_of_ten(0.9, 9.0)]
    fn a_quantile_is_a_value_that_so_many_do_not_exceed(#[case] share: f64, #[case] expected: f64) {
        let mut values: Vec<f64> = (1..=10).rev().map(f64::from).collect();
        assert!((quantile(&mut values, share) - expected).abs() < 1e-12);
    }

    #[test]
    fn half_a_second_has_half_of_its_requests() {
        let load = load(1);
        let trial = Trial {
            load: &load,
            period: 10,
            phases: (0, 0),
            apart: 0,
            pod_start_seconds: 30,
        };
        let step = i64::from(STEP_SECONDS);
        let whole = load.counted(step + 1) - load.counted(step);
        let half = trial.counted(2 * step + 1) - trial.counted(2 * step);
        assert!((half - whole / 2.0).abs() < 1e-6, "{half} of {whole}");
    }
}
