//! Scores: set by the owner, in order on the leaderboard.

use pathfinder_tests::api::stack::Person;
use serde_json::json;

use crate::beside::house;

#[tokio::test]
async fn the_owner_sets_scores_and_the_leaderboard_is_in_their_order() -> anyhow::Result<()> {
    let owner = Person::register(house().a.port, "owner").await?;
    let tournament = owner.create("Scored", 8).await?;
    let path = format!("/api/tournaments/{tournament}");
    let mut people = Vec::new();
    for (name, points) in [("low", 10), ("high", 30), ("middle", 20)] {
        let person = Person::register(house().a.port, name).await?;
        person
            .client
            .post(&format!("{path}/registrations"), &json!({}))
            .await?
            .expect(201)?;
        let score = format!("{path}/scores/{}", person.id);
        person.client.put(&score, &json!({"points": 99})).await?.expect(403)?;
        let set = owner.client.put(&score, &json!({"points": points})).await?;
        assert!(matches!(set.status, 200 | 204), "{set:?}");
        people.push(person);
    }
    let board = owner.client.read(&format!("{path}/leaderboard")).await?;
    let items = board["items"].as_array().cloned().unwrap_or_default();
    let points: Vec<_> = items.iter().filter_map(|item| item["points"].as_i64()).collect();
    assert_eq!(points, [30, 20, 10], "{board}");
    let score = format!("{path}/scores/{}", people[0].id);
    owner.client.put(&score, &json!({"points": 40})).await?;
    let board = owner.client.read(&format!("{path}/leaderboard")).await?;
    assert_eq!(board["items"][0]["points"], 40, "{board}");
    Ok(())
}

#[tokio::test]
async fn a_score_of_somebody_who_does_not_play_is_refused() -> anyhow::Result<()> {
    let owner = Person::register(house().a.port, "owner").await?;
    let tournament = owner.create("Scored", 8).await?;
    let stranger = Person::register(house().a.port, "stranger").await?;
    let score = format!("/api/tournaments/{tournament}/scores/{}", stranger.id);
    let refused = owner.client.put(&score, &json!({"points": 1})).await?;
    assert!(matches!(refused.status, 404 | 409 | 422), "{refused:?}");
    let text = owner.client.put(&score, &json!({"points": "many"})).await?;
    assert!(matches!(text.status, 400 | 422), "{text:?}");
    Ok(())
}
