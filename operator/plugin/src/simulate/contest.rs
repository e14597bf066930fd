//! Plays one load to every policy that was asked for, on the same simulated pods.
//!
//! Pure. The simulator's pods serve 100 requests/s well each, so the load is brought to that scale first: `perReplica` of
//! the spec counts as 100. What is shown is brought back.

use std::time::Duration;

use pathfinder_scaling::Policy as ScalingPolicy;
use pathfinder_scaling::sim::{
    contenders::{self, Contender},
    load::Load,
    ours::{Ours, OursSetting},
    plant::PER_REPLICA,
    replay::{Course, Replay, bucket_seconds, replay},
    run::{Autoscaler, Bounds, Setup},
    score,
    trace::Trace,
};

use crate::simulate::{
    args::{Policy, SimulateArguments},
    source::Subject,
    trouble::Trouble,
};

/// Draws the arrivals: the same for everybody and every time.
const SEED: u64 = 1;

/// How a load is played, and to whom.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Requests/s that one replica serves well.
    pub(crate) per_replica: f64,
    /// The bounds of every policy.
    pub(crate) bounds: Bounds,
    /// Seconds from an order to ready.
    pub(crate) pod_start_seconds: u32,
    /// How many replicas the peak is to need.
    peak_replicas: Option<u32>,
    ours: ScalingPolicy,
    policies: Vec<Policy>,
}

/// What came of it.
#[derive(Clone, Debug)]
pub(crate) struct Contest {
    /// What is the same for everybody; the load as the spec counts it.
    pub(crate) course: Course,
    /// Seconds played.
    pub(crate) seconds: u32,
    /// Mean rate in requests/s.
    pub(crate) mean_rate: f64,
    /// Highest rate of a second, before chance.
    pub(crate) peak_rate: f64,
    /// What the recorded rates were multiplied by.
    pub(crate) scale: f64,
    /// In the order asked for.
    pub(crate) entries: Vec<Entry>,
}

/// One policy and what it did.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// Its name.
    pub(crate) policy: &'static str,
    /// Its setting in words.
    pub(crate) setting: String,
    /// What it did.
    pub(crate) replay: Replay,
}

impl Plan {
    /// What the subject and the command line say.
    ///
    /// # Errors
    /// What is wrong with the spec.
    pub(crate) fn of(subject: &Subject, arguments: &SimulateArguments) -> Result<Self, Trouble> {
        let spec = &subject.spec;
        let seconds = |seconds: i32| u32::try_from(seconds).unwrap_or_default();
        let min = seconds(spec.min_replicas).max(1);
        let mut policies = Vec::new();
        for policy in &arguments.policy {
            if !policies.contains(policy) {
                policies.push(*policy);
            }
        }
        let bounds = Bounds {
            min,
            max: seconds(spec.max_replicas).max(min),
        };
        let setting = OursSetting {
            scale_down_cooldown: spec
                .scale_down
                .cooldown_seconds
                .map(|it| Duration::from_secs(u64::from(seconds(it)))),
            ..OursSetting::default_at(arguments.pod_start.0)
        };
        let policy = setting.policy(bounds).map_err(|errors| Trouble::NoPolicy {
            cause: errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
        })?;
        Ok(Self {
            per_replica: spec.requests_per_second.per_replica,
            bounds,
            pod_start_seconds: arguments.pod_start.0,
            peak_replicas: arguments.peak_replicas,
            ours: policy,
            policies,
        })
    }

    fn autoscaler(&self, policy: Policy, start: u32) -> (&'static str, String, Box<dyn Autoscaler>) {
        let peer = |index: usize| {
            let [hpa, keda, kpa] = Contender::DEFAULTS;
            let contender = [hpa, keda, kpa][index];
            (
                contender.policy(),
                words(contender),
                contender.autoscaler(self.bounds, start),
            )
        };
        match policy {
            Policy::Ours => (
                "ours",
                format!("default: objective {} %", self.ours.objective().get() * 100.0),
                Box::new(Ours::with(self.ours, self.bounds)),
            ),
            Policy::Hpa => peer(0),
            Policy::Keda => peer(1),
            Policy::Kpa => peer(2),
        }
    }
}

/// A peer's default in words.
fn words(contender: Contender) -> String {
    match contender {
        Contender::Hpa { target_percent, .. } => format!("default: CPU {target_percent} %"),
        Contender::Keda {
            target_percent,
            window_seconds,
            ..
        } => format!("default: rate[{window_seconds}s], {target_percent} % of saturation"),
        Contender::Kpa {
            target_percent,
            stable_seconds,
            ..
        } => format!("default: stable {stable_seconds} s, {target_percent} % of saturation"),
        Contender::Static { replicas } => format!("{replicas} replicas"),
    }
}

impl Contest {
    /// Plays `trace`; `passed` is told the seconds done, of all policies together.
    pub(crate) fn run(trace: &Trace, plan: &Plan, passed: &mut dyn FnMut(u64, u64)) -> Self {
        let rates = trace.joined();
        let peak = rates.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
        // As the plant counts: `perReplica` requests/s of the spec are PER_REPLICA of a simulated pod.
        let unit = PER_REPLICA / plan.per_replica;
        let scale = plan
            .peak_replicas
            .map_or(1.0, |replicas| f64::from(replicas) * plan.per_replica / peak);
        let load = Load::from_rates(trace.name(), rates.iter().map(|rate| rate * scale * unit), SEED);
        let demand = score::demand(&load);
        let setup = Setup {
            load: &load,
            demand: &demand,
            pod_start_seconds: plan.pod_start_seconds,
            bounds: plan.bounds,
            start: contenders::start(rates.first().map_or(0.0, |rate| rate * scale * unit), plan.bounds),
        };
        let mut course = Course::of(&setup);
        for rate in &mut course.load {
            *rate /= unit;
        }
        Self {
            course,
            seconds: load.seconds(),
            mean_rate: load.mean(0, load.seconds().into()) / unit,
            peak_rate: peak * scale,
            scale,
            entries: plan.play(&setup, passed),
        }
    }

    /// The most replicas that a second needs.
    pub(crate) fn most_needed(&self) -> u32 {
        self.course.needed.iter().copied().max().unwrap_or_default()
    }
}

impl Plan {
    fn play(&self, setup: &Setup<'_>, passed: &mut dyn FnMut(u64, u64)) -> Vec<Entry> {
        let each = u64::from(setup.load.seconds());
        let buckets = bucket_seconds(setup.load.seconds());
        let mut done = 0;
        let all = each * u64::try_from(self.policies.len()).unwrap_or(1);
        let mut entries = Vec::new();
        for policy in &self.policies {
            let (policy, setting, mut autoscaler) = self.autoscaler(*policy, setup.start);
            let replay = replay(setup, autoscaler.as_mut(), &mut |second| {
                // Told often enough for a bar.
                if (second / buckets).is_multiple_of(16) {
                    passed(done + u64::from(second), all);
                }
            });
            done += each;
            entries.push(Entry {
                policy,
                setting,
                replay,
            });
        }
        entries
    }
}
