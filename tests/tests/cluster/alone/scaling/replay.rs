//! The live operator against the pure engine: what it decided at each tick is what the engine decides for the same signals.
//!
//! A short sample in real time; a whole day at speed is a test of the operator's own. The source are the pods: they have no
//! past that teaches the engine something which is not among the signals.

use std::{collections::BTreeSet, time::Duration};

use jiff::SignedDuration;
use pathfinder_scaling::{Memory, Policy, PolicyInput, decide};
use pathfinder_tests::suite::{Stack, decisions::Recorder, load::Load};
use serde_json::json;

const INTERVAL: Duration = Duration::from_secs(5);
// Requests per second, and for how long: up, up again, and down.
const PROFILE: [(u32, u64); 4] = [(8, 30), (28, 45), (48, 45), (12, 60)];

#[tokio::test]
async fn three_minutes_of_a_changing_load_are_decided_as_the_engine_decides_them() {
    let stack = Stack::fresh("replay").await.unwrap();
    let mut resource = stack.small();
    resource["spec"]["scaling"]["requestsPerSecond"] = json!({"perReplica": 10});
    resource["spec"]["scaling"]["maxReplicas"] = json!(6);
    resource["spec"]["scaling"]["metrics"] = json!({"source": "Pods", "intervalSeconds": INTERVAL.as_secs()});
    // So short that a decrease comes within the time that is watched.
    resource["spec"]["scaling"]["scaleDown"] = json!({"cooldownSeconds": 20});
    let recorder = Recorder::start(&stack.client, &stack.namespace, &stack.name);
    stack.apply(&resource).await.unwrap();
    stack.wait_ready().await.unwrap();
    for (number, (rate, seconds)) in PROFILE.into_iter().enumerate() {
        let (name, duration) = (format!("load-{number}"), Duration::from_secs(seconds));
        let load = Load::of_reads(&stack, &name, (rate, duration)).await.unwrap();
        load.report(duration + Duration::from_secs(60)).await.unwrap();
    }
    let ticks = recorder.written().await;
    drop(recorder);

    let policy = policy(&stack).await;
    let mut memory = Memory::default();
    let mut results = BTreeSet::new();
    for (number, tick) in ticks.iter().enumerate() {
        let at = tick.record.at;
        if let Some(before) = number.checked_sub(1).and_then(|before| ticks.get(before)) {
            let gap = at.duration_since(before.record.at);
            // Ticks are at least an interval apart: one that was missed leaves a gap of two.
            assert!(
                gap < SignedDuration::try_from(INTERVAL * 2).unwrap(),
                "{gap:#} before {at}"
            );
        }
        let (decision, next) = decide(&policy, memory, &tick.observation, at);
        memory = next;
        let (live, pure) = (&tick.record, &decision.record);
        let asked = |record: &pathfinder_scaling::Record| {
            let rows = record.signals.iter().map(|row| (row.name, row.verdict, row.asked));
            rows.collect::<Vec<_>>()
        };
        assert_eq!(
            (live.result, live.previous, live.sentence(), asked(live)),
            (pure.result, pure.previous, pure.sentence(), asked(pure)),
            "tick {number} at {at}: {:?}",
            tick.observation
        );
        results.insert(live.result);
    }
    // Load of at least three minutes, by ticks of 5 s; and it moved both ways, or anything would have been the same.
    assert!(ticks.len() >= 36, "{} ticks", ticks.len());
    assert!(results.len() >= 3, "{results:?}");
    let (last, most) = (ticks.last().unwrap().record.result, *results.last().unwrap());
    assert!(last < most, "{last} at the end, {most} at most");
    stack.remove().await.unwrap();
}

// What the spec of this test means to the engine.
async fn policy(stack: &Stack) -> Policy {
    let scaling = stack.get().await.unwrap().spec.scaling;
    let count = |value: i32| u32::try_from(value).unwrap();
    let seconds = |value: i32| Duration::from_secs(u64::try_from(value).unwrap());
    assert_eq!(scaling.latency.target, "500ms");
    Policy::parse(PolicyInput {
        min_replicas: count(scaling.min_replicas),
        max_replicas: count(scaling.max_replicas),
        per_replica: scaling.requests_per_second.per_replica,
        latency_target: Some(Duration::from_millis(500)),
        objective: scaling.objective,
        scale_up_cooldown: seconds(scaling.scale_up.cooldown_seconds),
        scale_down_cooldown: scaling.scale_down.cooldown_seconds.map(seconds),
        up_percent_max: count(scaling.scale_up.max_percent),
        down_percent_max: count(scaling.scale_down.max_percent),
        ..PolicyInput::default()
    })
    .unwrap()
    .scraped_every(INTERVAL)
}
