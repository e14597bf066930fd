//! The operator's own path over a day that the simulator has lived through: the same decision at every tick.
//!
//! The simulator's day is a closed loop with faults in it. What it read at each tick is turned into what a source would say
//! of pods and what the caches would hold, and goes through reading, look and decide with a memory that is carried, on the
//! simulator's clock. The pods stay the same all day: what is believed while pods come and go is no part of the
//! simulator, and is tested beside the code.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests stop at the first surprise"
)]

use std::time::Duration;

use k8s_openapi::{
    api::{
        apps::v1::{Deployment, DeploymentSpec, DeploymentStatus},
        autoscaling::v2::{HorizontalPodAutoscaler, HorizontalPodAutoscalerSpec},
        core::v1::{Pod, PodCondition, PodStatus},
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use pathfinder_crds::PathfinderCluster;
use pathfinder_operator::{
    cluster::Cluster,
    scale::{
        look::{Own, Present, look},
        reading::Settling,
        rounds::{Asked, Heard},
        sample::{Answer, Bucket, Look, PodSample, Samples},
        why::Why,
    },
    validate::validate,
};
use pathfinder_scaling::{
    Action, Decision, Memory, MissingReason, Observation, Policy, Replicas, RequestsPerSecond, Rollout, Seconds,
    Signal, decide_scheduled,
    sim::{
        contenders::start,
        faults::{Fault, Faults, Incident},
        load::Load,
        ours::{Ours, TICK_SECONDS},
        run::{Autoscaler, Bounds, Setup, World, run_through},
        score, synthetic,
        trace::Trace,
    },
};
use serde_json::json;

const SCRAPE: Duration = Duration::from_secs(5);
const POD_START_SECONDS: u32 = 30;
const BOUNDS: Bounds = Bounds { min: 2, max: 32 };
// A power of two: quantiles of histograms that all pods share are then exact.
const PODS: u32 = 32;

/// What the simulator read and decided at one tick.
struct Tick {
    second: u32,
    observation: Observation,
    decision: Decision,
}

struct Written {
    ours: Ours,
    ticks: Vec<Tick>,
}

impl Autoscaler for Written {
    fn replicas(&mut self, now: u32, world: &World<'_>) -> u32 {
        let ordered = self.ours.replicas(now, world);
        // Neither while there is no operator.
        if let (Some(observation), Some(decision)) = (self.ours.seen(), self.ours.last()) {
            self.ticks.push(Tick {
                second: now,
                observation: *observation,
                decision: decision.clone(),
            });
        }
        ordered
    }

    fn period_seconds(&self) -> u32 {
        self.ours.period_seconds()
    }
}

/// A day, and how many seconds it has at least: the project's own, or a file like those of `cargo dev bench scaling --traces`,
/// in whose twenty-first hour the last fault must have its place.
fn trace() -> (Trace, u32) {
    if let Ok(file) = std::env::var("PATHFINDER_REPLAY_TRACE") {
        let trace = Trace::parse(&file, &std::fs::read_to_string(&file).unwrap()).unwrap();
        return (trace, 22 * 3600);
    }
    let mut traces = synthetic::traces(1).into_iter();
    (traces.find(|trace| trace.name() == "live-day").unwrap(), 86_400)
}

/// A day of the simulator's by this policy.
fn day(policy: Policy) -> Vec<Tick> {
    let (trace, least) = trace();
    let load = Load::of(&trace, 2000.0, 7);
    assert!(load.seconds() >= least, "{} s are no day", load.seconds());
    let incident = |fault, hour: u32, seconds| Incident {
        fault,
        from: hour * 3600,
        to: hour * 3600 + seconds,
    };
    let faults = Faults::of(vec![
        incident(Fault::SourceDown, 9, 600),
        incident(Fault::EmptyAnswer, 12, 300),
        incident(Fault::Stale, 14, 120),
        incident(Fault::HalfFilled, 16, 60),
        incident(Fault::Rollout, 18, 180),
        incident(Fault::Restart, 20, 30),
    ]);
    let mut written = Written {
        ours: Ours::with(policy, BOUNDS),
        ticks: Vec::new(),
    };
    let demand = score::demand(&load);
    let setup = Setup {
        load: &load,
        demand: &demand,
        pod_start_seconds: POD_START_SECONDS,
        bounds: BOUNDS,
        start: start(f64::from(load.rates()[0]), BOUNDS),
    };
    run_through(&setup, &faults, &mut written, &mut |_, _, _| {});
    written.ticks
}

fn cluster() -> Cluster {
    let resource = json!({
        "apiVersion": "pathfinder.dev/v1alpha1",
        "kind": "PathfinderCluster",
        "metadata": {"name": "shop", "namespace": "demo", "uid": "1", "generation": 1},
        "spec": {
            "api": {"image": "shop:1"},
            // The median is exact where every pod has the same histogram.
            "scaling": {"minReplicas": BOUNDS.min, "maxReplicas": BOUNDS.max, "latency": {"quantile": 0.5}},
        },
    });
    let resource: PathfinderCluster = serde_json::from_value(resource).unwrap();
    validate(&resource).unwrap()
}

fn pods() -> Vec<Pod> {
    let ready = PodCondition {
        type_: "Ready".into(),
        status: "True".into(),
        ..PodCondition::default()
    };
    let pod = |number| Pod {
        metadata: ObjectMeta {
            name: Some(name(number)),
            namespace: Some("demo".into()),
            ..ObjectMeta::default()
        },
        status: Some(PodStatus {
            phase: Some("Running".into()),
            conditions: Some(vec![ready.clone()]),
            ..PodStatus::default()
        }),
        ..Pod::default()
    };
    (0..PODS).map(pod).collect()
}

fn name(number: u32) -> String {
    format!("shop-api-7d9f-p{number}")
}

/// What a source says of the pods, so that it means what the simulator read.
fn answer(tick: &Tick) -> Answer {
    let seen = &tick.observation;
    let age = match seen.requests_per_second {
        Signal::Fresh { age, .. } | Signal::Stale { age } => age,
        Signal::Missing {
            reason: MissingReason::SourceUnreachable,
        } => return Answer::Unreachable(Why::NotYet),
        Signal::Missing { .. } => return Answer::Samples(Samples::new()),
        Signal::Invalid { reason } => panic!("a load that is none: {reason:?}"),
    };
    let load = seen.requests_per_second.fresh().map_or(0.0, RequestsPerSecond::get);
    let durations = buckets(seen.latency);
    let sampled = tick.decision.record.at.as_duration().as_secs_f64() - age.as_secs_f64();
    let serving = seen.replicas_ready.map_or(1, Replicas::get).clamp(1, PODS);
    // Whole parts in 1024, and the last pod has the rest: their sum is exact in any order.
    let share = (load / f64::from(serving) * 1024.0).floor() / 1024.0;
    let rate = |number| match number {
        0 => load - share * f64::from(serving - 1),
        number if number < serving => share,
        _ => 0.0,
    };
    let sample = |number| PodSample {
        rate: Some(rate(number)),
        up: Some(1.0),
        sampled: Some(sampled),
        durations: durations.clone(),
        ..PodSample::default()
    };
    let key = |number| ("demo".to_owned(), name(number));
    Answer::Samples((0..PODS).map(|number| (key(number), sample(number))).collect())
}

// Half of the requests take at most as long as the median. At its beginning the simulator reads what is no number.
fn buckets(median: Option<Signal<Seconds>>) -> Vec<Bucket> {
    let half = match median {
        Some(Signal::Invalid { .. }) => f64::NAN,
        _ => 1.0,
    };
    let le = median.and_then(Signal::fresh).map_or(0.5, Seconds::get);
    let bucket = |le, rate| Bucket { le, rate };
    vec![bucket(le, half), bucket(f64::INFINITY, 2.0)]
}

/// What the caches hold.
fn objects(seen: &Observation) -> (Deployment, HorizontalPodAutoscaler) {
    let count = |replicas: Option<Replicas>| replicas.map(|it| i32::try_from(it.get()).unwrap());
    let ready = count(seen.replicas_ready);
    let old = match seen.rollout {
        Rollout::InProgress => 1,
        Rollout::Settled => 0,
    };
    let deployment = Deployment {
        spec: Some(DeploymentSpec {
            replicas: count(seen.replicas_ordered),
            ..DeploymentSpec::default()
        }),
        status: Some(DeploymentStatus {
            replicas: ready,
            updated_replicas: ready.map(|ready| ready - old),
            ready_replicas: ready,
            ..DeploymentStatus::default()
        }),
        ..Deployment::default()
    };
    let autoscaler = HorizontalPodAutoscaler {
        spec: Some(HorizontalPodAutoscalerSpec {
            min_replicas: count(seen.floor),
            ..HorizontalPodAutoscalerSpec::default()
        }),
        ..HorizontalPodAutoscaler::default()
    };
    (deployment, autoscaler)
}

/// What the operator carries from tick to tick.
#[derive(Default)]
struct Carried {
    memory: Memory,
    settling: Settling,
}

/// The operator's tick, from the source's answer to the decision.
fn ticked(cluster: &Cluster, pods: &[&Pod], carried: &mut Carried, tick: &Tick) -> (Observation, Decision) {
    let heard = Heard {
        look: Look::only(answer(tick)),
        asked: Asked::Prometheus,
        interval: SCRAPE,
    };
    let (deployment, autoscaler) = objects(&tick.observation);
    let present = Present {
        deployment: Some(&deployment),
        autoscaler: &autoscaler,
        pods,
        quotas: &[],
    };
    let now = tick.decision.record.at;
    let policy = cluster.scaling.policy.scraped_every(SCRAPE);
    let looked = look(
        (cluster, &policy),
        (&heard, &Own::default()),
        (&present, &mut carried.settling),
        now,
    );
    let memory = std::mem::take(&mut carried.memory);
    let schedules = &cluster.scaling.schedules;
    let (decision, memory) = decide_scheduled((&policy, schedules), memory, &looked.observation, now);
    carried.memory = memory;
    (looked.observation, decision)
}

#[test]
fn a_day_gives_the_same_decision_at_every_tick_as_the_simulator_made_of_the_same_signals() {
    let cluster = cluster();
    let ticks = day(cluster.scaling.policy.scraped_every(SCRAPE));
    let pods = pods();
    let pods: Vec<&Pod> = pods.iter().collect();
    let mut carried = Carried::default();
    let mut before: Option<u32> = None;
    let (mut moved, mut blind, mut restarts, mut told) = (0, 0, 0, None);
    for tick in &ticks {
        // Nobody decided in between: there was no operator, and the next one remembers nothing but what status holds.
        if before.is_some_and(|before| tick.second - before > TICK_SECONDS) {
            carried = Carried {
                memory: Memory::default().knowing(told),
                ..Carried::default()
            };
            restarts += 1;
        }
        before = Some(tick.second);
        let (observation, decision) = ticked(&cluster, &pods, &mut carried, tick);
        let at = tick.second;
        assert_eq!(observation, tick.observation, "what is seen in second {at}");
        assert_eq!(decision, tick.decision, "what is decided in second {at}");
        if decision.action != Action::Hold {
            moved += 1;
            told = carried.memory.capacity();
        }
        blind += u32::from(observation.requests_per_second.fresh().is_none());
    }
    // A day of nothing would be the same for everybody. By ticks of 5 s: 600 s, 300 s, and of 120 s all but the first three
    // ticks, whose samples are 2, 7 and 12 s old.
    let seconds = trace().1 - 1400;
    assert!(
        ticks.len() >= (seconds / TICK_SECONDS) as usize,
        "{} ticks",
        ticks.len()
    );
    assert!(moved > 20, "{moved} changes");
    assert_eq!(blind, 120 + 60 + 21, "ticks without a load");
    assert_eq!(restarts, 1);
}
