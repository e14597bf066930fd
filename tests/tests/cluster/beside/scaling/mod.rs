//! Scaling by every signal that there is, side by side: each test in a namespace of its own.

mod latency;
mod modes;
mod observe;
mod pods;
mod rejections;
mod rollouts;
mod schedules;
mod step;
mod writers;

use std::time::Duration;

use pathfinder_tests::suite::{Stack, load::Load};
use serde_json::{Value, json};

// Requests per second: a tenth of the usual, so that many fit on a small machine.
const PER_REPLICA: f64 = 10.0;

// A stack that scales at that.
async fn scaled(test: &str, scaling: Value) -> Stack {
    let stack = Stack::fresh(test).await.unwrap();
    let mut resource = stack.small();
    let spec = resource["spec"]["scaling"].as_object_mut().unwrap();
    spec.insert("requestsPerSecond".to_owned(), json!({"perReplica": PER_REPLICA}));
    spec.insert(
        "scaleDown".to_owned(),
        json!({"cooldownSeconds": 20, "maxPercent": 100}),
    );
    spec.extend(scaling.as_object().unwrap().clone());
    stack.apply(&resource).await.unwrap();
    stack.wait_ready().await.unwrap();
    stack
}

async fn load(stack: &Stack, name: &str, (rate, seconds): (u32, u64)) -> Load {
    Load::of_reads(stack, name, (rate, Duration::from_secs(seconds)))
        .await
        .unwrap()
}
