//! What each law answers to one situation, and which answer is the largest.
//!
//! The largest wins, so the result grows with every signal. Where two ask for as many, the plainer reason is given: demand
//! before a burst before a plan before latency before the fallback. Knows no gates.

use jiff::Timestamp;

use crate::burst::{self, Pace};
use crate::demand::{self, Demand};
use crate::fallback;
use crate::latency::Finding;
use crate::memory::Memory;
use crate::observation::Observation;
use crate::plans::Plans;
use crate::record::{LatencyNotScalable, Limit, Reason, SignalName, SignalRow, SignalRows, Verdict};
use crate::situation::Situation;
use crate::span;
use crate::units::Replicas;

/// The laws, the plainest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Law {
    Demand,
    Burst,
    Schedule,
    Forecast,
    Latency,
    Fallback,
}

/// What each law answers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answers {
    /// Of a fresh load.
    pub(crate) demand: Option<Demand>,
    /// What a burst of a while ago keeps, in replicas.
    held: Option<(burst::Held, Replicas)>,
    /// What latency says, and what its earlier steps keep.
    pub(crate) latency: Finding,
    latency_floor: Option<Replicas>,
    plans: Plans,
    fallback: Option<Replicas>,
    /// What the load's signal said, and since when it says nothing.
    silence: (Verdict, Timestamp),
}

impl Answers {
    /// Asks every law.
    pub(crate) fn of(situation: &Situation<'_>, memory: &Memory, plans: Plans) -> Self {
        let (policy, now) = (situation.policy, situation.clock.now);
        let demand = situation.load().map(|load| {
            let prepared = memory.learning.prepared(policy, &situation.sample(load));
            demand::demand(situation, load, prepared)
        });
        let held = demand.and_then(|demand| memory.burst.held(demand.load, now));
        let verdict = Verdict::from(situation.observation.requests_per_second);
        Self {
            demand,
            held: held.map(|held| (held, demand::replicas(held.load, situation.capacity))),
            latency: memory.latency.find(situation, demand.as_ref()),
            latency_floor: demand.and_then(|demand| memory.latency.floor(&demand)),
            plans,
            fallback: fallback::asks(policy, memory.no_data_since, now),
            silence: (verdict, situation.clock.shown(memory.no_data_since.unwrap_or(now))),
        }
    }

    /// The largest answer, and whose it is.
    pub(crate) fn largest(&self) -> Option<(Law, Replicas)> {
        let all = [
            (Law::Demand, self.demand.map(|demand| demand.need.replicas)),
            (Law::Burst, self.held.map(|(_, replicas)| replicas)),
            (Law::Schedule, self.plans.schedule.map(|it| it.replicas)),
            (Law::Forecast, self.plans.forecast.map(|it| it.replicas)),
            (Law::Latency, self.latency_asks()),
            (Law::Fallback, self.fallback),
        ];
        let asked = all.into_iter().filter_map(|(law, asked)| Some((law, asked?)));
        asked.reduce(|first, next| if next.1 > first.1 { next } else { first })
    }

    /// Why the result is what it is.
    pub(crate) fn reason(&self, situation: &Situation<'_>, result: Replicas) -> Reason {
        let largest = self.largest();
        let asked = largest.map(|(_, asked)| situation.policy.clamp(asked));
        match (&self.demand, largest) {
            (Some(demand), _) if asked < Some(result) => Reason::Held(demand.need),
            (Some(demand), Some((law, _))) => self.reason_of(situation, demand, law),
            (Some(demand), None) => Reason::Demand(demand.need),
            // Without a load an answer below what stands is none.
            (None, Some((law, asked))) if asked >= situation.from => self.reason_without_load(law),
            (None, _) => self.no_data(),
        }
    }

    fn reason_of(&self, situation: &Situation<'_>, demand: &Demand, law: Law) -> Reason {
        let need = demand.need;
        let clock = situation.clock;
        let jumped = burst::pace(situation, demand) == Pace::Burst;
        let found = match law {
            Law::Demand if jumped => Some(span::after(clock.now, demand.prepared.hold)).map(|until| (need, until)),
            Law::Burst => self.held.map(|(held, _)| (need, held.until)),
            Law::Demand | Law::Schedule | Law::Forecast | Law::Latency | Law::Fallback => None,
        };
        match (found, law) {
            (Some((need, until)), _) => Reason::Burst {
                need,
                until: clock.shown(until),
            },
            (None, Law::Latency) => situation
                .policy
                .latency_target()
                .map_or(Reason::Demand(need), |target| Reason::Latency {
                    need,
                    latency: situation.latency().map(|(latency, _)| latency),
                    target,
                }),
            (None, Law::Schedule | Law::Forecast) => self.planned(law).unwrap_or(Reason::Demand(need)),
            (None, Law::Demand | Law::Burst | Law::Fallback) => Reason::Demand(need),
        }
    }

    fn reason_without_load(&self, law: Law) -> Reason {
        let (cause, since) = self.silence;
        match self.fallback {
            Some(replicas) if law == Law::Fallback => Reason::Fallback { cause, since, replicas },
            Some(_) | None => self.planned(law).unwrap_or_else(|| self.no_data()),
        }
    }

    fn planned(&self, law: Law) -> Option<Reason> {
        match law {
            Law::Schedule => self.plans.schedule.map(Reason::Schedule),
            Law::Forecast => self.plans.forecast.map(Reason::Forecast),
            Law::Demand | Law::Burst | Law::Latency | Law::Fallback => None,
        }
    }

    fn no_data(&self) -> Reason {
        let (cause, since) = self.silence;
        Reason::NoData { cause, since }
    }

    /// The limits that are the laws' own: a burst's hold, and what latency waits for.
    pub(crate) fn limits(&self, situation: &Situation<'_>) -> [Option<Limit>; 2] {
        let held = match (self.held, self.largest()) {
            (Some((held, replicas)), Some((Law::Burst, _))) => Some(Limit::RecentDemand {
                replicas,
                until: situation.clock.shown(held.until),
            }),
            (Some(_) | None, _) => None,
        };
        let waits = match self.latency {
            Finding::Waits(limit) => Some(limit),
            Finding::Silent | Finding::Within | Finding::Step { .. } | Finding::NotScalable(_) => None,
        };
        [held, waits]
    }

    /// What is said where more replicas would not help latency.
    pub(crate) fn not_scalable(&self, situation: &Situation<'_>) -> Option<LatencyNotScalable> {
        let (latency, target) = situation.latency()?;
        match self.latency {
            Finding::NotScalable(suspect) => Some(LatencyNotScalable {
                latency,
                target,
                suspect,
            }),
            Finding::Silent | Finding::Within | Finding::Step { .. } | Finding::Waits(_) => None,
        }
    }

    /// One row per signal that there is.
    pub(crate) fn rows(&self, observation: &Observation) -> SignalRows {
        let need = self.demand.map(|demand| demand.need.replicas);
        let load = SignalRow::measured(SignalName::RequestsPerSecond, observation.requests_per_second, need);
        let latency = |signal| SignalRow::measured(SignalName::Latency, signal, self.latency_asks());
        let planned = |name, asked: Option<Replicas>| asked.map(|asked| SignalRow::planned(name, asked));
        let rows = [
            Some(load),
            observation.latency.map(latency),
            planned(SignalName::Schedule, self.plans.schedule.map(|it| it.replicas)),
            planned(SignalName::Forecast, self.plans.forecast.map(|it| it.replicas)),
            planned(SignalName::Fallback, self.fallback),
        ];
        rows.into_iter().flatten().collect()
    }

    /// What latency asks for: a step now, or what earlier steps keep.
    fn latency_asks(&self) -> Option<Replicas> {
        let step = match self.latency {
            Finding::Step { to } => Some(to),
            Finding::Silent | Finding::Within | Finding::Waits(_) | Finding::NotScalable(_) => None,
        };
        step.max(self.latency_floor)
    }
}
