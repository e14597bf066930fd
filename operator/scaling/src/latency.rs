//! The latency guard: a few more replicas where latency says that they are missing, and a reason where they would not help.
//!
//! A guard and never a ratio: a quantile of latency is not inverse in replicas (docs/SCALING.md). With u = load / (serving
//! replicas x capacity), fresh latency over its target
//!
//! ```text
//! u >= 0.8, no store saturated   one step of max(1, 10 %) replicas, then a wait of one pod start and one window, at least
//!                                scaleUp.cooldownSeconds; a step that mended nothing is the last (2 replicas at most)
//! else                           no replicas: the bottleneck is elsewhere, and the suspect is named
//! ```
//!
//! A step mended something where latency fell by a quarter at the same load; the load per replica before it was too much,
//! which is what `capacity` learns. What was added stays on top of demand until latency was within its target for one hold.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::demand::Demand;
use crate::observation::Suspects;
use crate::record::{Limit, Suspect};
use crate::signal::Signal;
use crate::situation::Situation;
use crate::span;
use crate::units::{Ratio, Replicas, RequestsPerSecond, Seconds};

/// Below this utilisation more replicas cannot be what is missing: a queue at 80 % is five services long, not more.
pub(crate) const HIGH_UTILISATION: f64 = 0.8;

/// Above this saturation a store is what is slow.
const SATURATED: f64 = 0.8;

/// A step, as a part of what is ordered.
const STEP_DIVISOR: u32 = 10;

/// The most replicas that are added before one of them has helped.
const MOST_UNPROVEN: u32 = 2;

/// What latency must fall to, as a part of what it was, for a step to have helped.
const MENDED: f64 = 0.75;

/// What the load may fall to meanwhile: below it, it was the load that mended latency.
const SAME_LOAD: f64 = 0.95;

/// What latency asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Finding {
    /// No target, no fresh latency, or no fresh load to judge it by.
    Silent,
    /// Within its target.
    Within,
    /// More replicas.
    Step {
        /// How many in all.
        to: Replicas,
    },
    /// More replicas, but not yet.
    Waits(Limit),
    /// Not more replicas.
    NotScalable(Suspect),
}

/// What the guard remembers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Guard {
    /// The replicas after the last step.
    floor: Option<Replicas>,
    /// The replicas that the guard added.
    added: u32,
    /// Those of them that have not helped.
    unproven: u32,
    trust: Trust,
    on_trial: Option<Step>,
    stepped: Option<Timestamp>,
    within_since: Option<Timestamp>,
    last_over: Option<Timestamp>,
}

/// Whether more replicas have helped since latency went over its target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Trust {
    #[default]
    Unproven,
    Proven,
}

/// A step whose effect is not seen yet.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Step {
    at: Timestamp,
    added: u32,
    latency: Seconds,
    load: RequestsPerSecond,
    per_ready: RequestsPerSecond,
}

impl Guard {
    /// What latency asks for now.
    pub(crate) fn find(&self, situation: &Situation<'_>, demand: Option<&Demand>) -> Finding {
        let (Some((latency, target)), Some(demand)) = (situation.latency(), demand) else {
            return Finding::Silent;
        };
        if latency <= target {
            return Finding::Within;
        }
        let suspects = &situation.observation.suspects;
        let elsewhere = situation.utilisation(demand.load) < HIGH_UTILISATION || self.is_spent();
        match saturated(suspects) {
            Some(store) => Finding::NotScalable(store),
            None if elsewhere => Finding::NotScalable(suspects.slow_pod.map_or(Suspect::Unknown, Suspect::SlowPod)),
            None => match self.waits(situation) {
                Some(limit) => Finding::Waits(limit),
                None => Finding::Step {
                    to: situation.base().plus(self.step(situation.base())),
                },
            },
        }
    }

    /// The replicas that earlier steps ask for still: what they added stays on top of demand, up to where they went.
    pub(crate) fn floor(&self, demand: &Demand) -> Option<Replicas> {
        self.floor.map(|floor| floor.min(demand.need.replicas.plus(self.added)))
    }

    /// Takes what was found and what became of it, after the decision. Gives the load per replica that was proven too much.
    pub(crate) fn learn(
        &mut self,
        situation: &Situation<'_>,
        demand: Option<&Demand>,
        finding: Finding,
        result: Replicas,
    ) -> Option<RequestsPerSecond> {
        let demand = demand?;
        let too_much = self.prove(situation, demand);
        if let Finding::Step { to } = finding {
            self.step_taken(situation, demand, to.min(result));
        }
        self.let_go(situation, demand);
        too_much
    }

    fn is_spent(&self) -> bool {
        self.on_trial.is_none() && self.trust == Trust::Unproven && self.unproven >= MOST_UNPROVEN
    }

    fn step(&self, base: Replicas) -> u32 {
        let step = (base.get() / STEP_DIVISOR).max(1);
        match self.trust {
            Trust::Proven => step,
            Trust::Unproven => step.min(MOST_UNPROVEN.saturating_sub(self.unproven)),
        }
    }

    /// What a step has to wait for.
    fn waits(&self, situation: &Situation<'_>) -> Option<Limit> {
        let clock = situation.clock;
        let failing = situation.observation.crash_looping.unwrap_or_default();
        if failing.get() > 0 && failing.get() >= situation.ordered().get().div_ceil(2) {
            return Some(Limit::CrashLooping { replicas: failing });
        }
        if situation.serving() < situation.base() {
            let until = clock.shown(span::after(clock.now, situation.pod_start()));
            return Some(Limit::LatencyWait { until });
        }
        let stepped = self.stepped?;
        let seen = span::after(stepped, effect_seen_after(situation));
        let cooled = span::after(stepped, situation.policy.scale_up_cooldown());
        if clock.now < cooled && seen < cooled {
            Some(Limit::ScaleUpCooldown {
                until: clock.shown(cooled),
            })
        } else if clock.now < seen || self.on_trial.is_some() {
            Some(Limit::LatencyWait {
                until: clock.shown(seen.max(clock.now)),
            })
        } else {
            None
        }
    }

    /// Whether the step on trial helped, once that can be seen.
    fn prove(&mut self, situation: &Situation<'_>, demand: &Demand) -> Option<RequestsPerSecond> {
        let step = self.on_trial?;
        let (latency, _) = situation.latency()?;
        let early = situation.clock.now < span::after(step.at, effect_seen_after(situation));
        if early || !situation.settled() || situation.serving() < situation.ordered() {
            return None;
        }
        self.on_trial = None;
        let same_load = demand.load.get() >= SAME_LOAD * step.load.get();
        if same_load && latency.get() <= MENDED * step.latency.get() {
            self.trust = Trust::Proven;
            self.unproven = self.unproven.saturating_sub(step.added);
            Some(step.per_ready)
        } else {
            self.trust = Trust::Unproven;
            None
        }
    }

    fn step_taken(&mut self, situation: &Situation<'_>, demand: &Demand, to: Replicas) {
        // Where demand asks for as many, the increase is demand's.
        let without = situation.base().max(demand.need.replicas);
        let (Some((latency, _)), added @ 1..) = (situation.latency(), to.minus(without.get()).get()) else {
            return;
        };
        let now = situation.clock.now;
        self.floor = Some(to);
        self.added = self.added.saturating_add(added);
        self.unproven = self.unproven.saturating_add(added);
        self.stepped = Some(now);
        self.on_trial = Some(Step {
            at: now,
            added,
            latency,
            load: demand.load,
            per_ready: RequestsPerSecond::saturating(demand.load.get() / f64::from(situation.serving().get().max(1))),
        });
    }

    /// Forgets what was added once latency was within its target for a hold, or could not be read for a cooldown.
    fn let_go(&mut self, situation: &Situation<'_>, demand: &Demand) {
        let now = situation.clock.now;
        // Not before its effect was judged: a step that is let go unproven teaches nothing, and is taken again for ever.
        let hold = demand.prepared.hold.max(effect_seen_after(situation));
        match situation.latency() {
            Some((latency, target)) if latency > target => {
                self.within_since = None;
                self.last_over = Some(now);
            }
            Some(_) => self.within_since = self.within_since.or(Some(now)),
            None => self.within_since = None,
        }
        let within = self.within_since.is_some_and(|since| span::elapsed(since, now) >= hold);
        let unread_for = hold.max(situation.policy.longest_hold());
        let unread = self.within_since.is_none()
            && self
                .last_over
                .is_some_and(|last| span::elapsed(last, now) >= unread_for);
        if within || unread {
            *self = Self {
                within_since: self.within_since,
                ..Self::default()
            };
        }
    }
}

/// When the effect of a step can be seen: its pods serve, and the window of the latency holds nothing from before.
fn effect_seen_after(situation: &Situation<'_>) -> Duration {
    situation.pod_start().saturating_add(situation.policy.down_window())
}

fn saturated(suspects: &Suspects) -> Option<Suspect> {
    let over = |signal: Option<Signal<Ratio>>| signal.and_then(Signal::fresh).filter(|it| it.get() > SATURATED);
    let postgres = over(suspects.postgres).map(|saturation| Suspect::Postgres { saturation });
    postgres.or(over(suspects.redis).map(|saturation| Suspect::Redis { saturation }))
}

#[cfg(test)]
mod tests;
