//! Live scores: whoever watches hears them, at whatever server.

use pathfinder_tests::api::{live::Spectator, stack::Person};
use serde_json::json;

use crate::beside::house;

#[tokio::test]
async fn spectators_of_both_servers_hear_a_score() -> anyhow::Result<()> {
    let owner = Person::register(house().a.port, "owner").await?;
    let tournament = owner.create("Watched", 8).await?;
    let path = format!("/api/tournaments/{tournament}");
    owner
        .client
        .post(&format!("{path}/registrations"), &json!({}))
        .await?
        .expect(201)?;
    let mut spectators = Vec::new();
    for port in [house().a.port, house().b.port] {
        spectators.push(Spectator::watch(port, &format!("{path}/live")).await?);
    }
    let score = format!("{path}/scores/{}", owner.id);
    owner.client.put(&score, &json!({"points": 7})).await?;
    for spectator in &mut spectators {
        let heard = spectator.hear_of("score").await?;
        assert_eq!(heard["points"], 7, "{heard}");
    }
    Ok(())
}

#[tokio::test]
async fn what_is_not_a_websocket_is_told_so() -> anyhow::Result<()> {
    let path = "/api/tournaments/00000000-0000-7000-8000-000000000000/live";
    let plain = house().a.client()?.get(path).await?;
    assert!(matches!(plain.status, 400 | 426), "{plain:?}");
    plain.is_problem()
}

#[tokio::test]
async fn a_tournament_that_does_not_exist_cannot_be_watched() -> anyhow::Result<()> {
    let path = "/api/tournaments/00000000-0000-7000-8000-000000000000/live";
    let refused = Spectator::watch(house().a.port, path).await.err();
    let said = refused.map(|error| format!("{error:#}")).unwrap_or_default();
    assert!(said.contains("404"), "{said}");
    Ok(())
}
