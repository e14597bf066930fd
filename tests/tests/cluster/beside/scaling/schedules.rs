//! A schedule across both its edges, in a zone of its own.

use std::time::Duration;

use jiff::{Timestamp, ToSpan, tz::TimeZone};
use pathfinder_tests::suite::until;
use serde_json::json;

use super::scaled;

#[tokio::test]
async fn a_schedule_raises_the_floor_at_its_lead_and_gives_it_back_after_its_end() {
    let zone = TimeZone::get("Asia/Kolkata").unwrap();
    let stack = scaled("schedule", json!({})).await;
    // The start of a minute, at least 50 s away: its lead begins while somebody looks.
    let start = (Timestamp::now() + 110.seconds()).to_zoned(zone);
    let cron = format!(
        "{} {} {} {} *",
        start.minute(),
        start.hour(),
        start.day(),
        start.month()
    );
    let schedule = json!({
        "name": "opening", "start": cron, "timeZone": "Asia/Kolkata",
        "durationSeconds": 60, "leadSeconds": 20, "replicas": 4,
    });
    stack
        .patch(json!({"scaling": {"schedules": [schedule]}}))
        .await
        .unwrap();
    assert_eq!(stack.replicas().await.unwrap().0, 2, "before its lead");
    stack
        .wait_replicas(
            ("4 replicas of the schedule", |(floor, ordered, _)| {
                floor == 4 && ordered == 4
            }),
            Duration::from_secs(150),
        )
        .await
        .unwrap();
    let explained = stack.explain().await.unwrap();
    assert_eq!(explained["record"]["reason"]["kind"], "Schedule", "{explained}");
    assert!(
        explained["sentence"].as_str().unwrap().contains("opening"),
        "{explained}"
    );
    stack
        .wait_replicas(
            ("2 replicas after its end", |(floor, ordered, _)| {
                (floor, ordered) == (2, 2)
            }),
            Duration::from_secs(240),
        )
        .await
        .unwrap();
    stack.remove().await.unwrap();
}

#[tokio::test]
async fn a_zone_that_does_not_exist_and_a_day_that_never_comes_are_named_in_a_condition() {
    let stack = scaled("schedule-wrong", json!({})).await;
    for (schedule, said) in [
        (
            json!({"name": "lunch", "start": "30 11 * * *", "timeZone": "Mars/Olympus", "durationSeconds": 60, "replicas": 3}),
            "timeZone \"Mars/Olympus\"",
        ),
        (
            json!({"name": "never", "start": "0 0 31 2 *", "durationSeconds": 60, "replicas": 3}),
            "schedule never: start",
        ),
    ] {
        stack
            .patch(json!({"scaling": {"schedules": [schedule]}}))
            .await
            .unwrap();
        let condition = stack
            .wait_condition(("Ready", "False"), Some("InvalidSpec"), Duration::from_secs(60))
            .await
            .unwrap();
        assert!(condition.message.contains("spec.scaling.schedules"), "{condition:?}");
        until("the message to name it", Duration::from_secs(30), || async {
            let condition = stack.condition("Ready").await.unwrap().unwrap();
            if condition.message.contains(said) {
                Ok(())
            } else {
                Err(condition.message)
            }
        })
        .await
        .unwrap();
    }
    stack.patch(json!({"scaling": {"schedules": []}})).await.unwrap();
    stack.wait_ready().await.unwrap();
    stack.remove().await.unwrap();
}
