//! Registrations: once per user, a waiting list in order, and what everybody may see of it.

use pathfinder_tests::api::stack::Person;
use serde_json::{Value, json};

use crate::beside::house;

async fn register(person: &Person, tournament: &str) -> anyhow::Result<Value> {
    let path = format!("/api/tournaments/{tournament}/registrations");
    let answer = person.client.post(&path, &json!({})).await?;
    anyhow::ensure!(matches!(answer.status, 200 | 201), "{answer:?}");
    Ok(answer.json())
}

async fn status(person: &Person, tournament: &str) -> anyhow::Result<Value> {
    let mine = person.client.read("/api/users/me/registrations").await?;
    let items = mine["items"].as_array().cloned().unwrap_or_default();
    let of = |item: &&Value| item["tournamentId"] == tournament || item["tournament"]["id"] == tournament;
    Ok(items
        .iter()
        .find(of)
        .map(|item| item["status"].clone())
        .unwrap_or_default())
}

#[tokio::test]
async fn who_comes_late_waits_in_order_and_moves_up_when_somebody_leaves() -> anyhow::Result<()> {
    let owner = Person::register(house().a.port, "owner").await?;
    let tournament = owner.create("Small", 2).await?;
    let mut people = Vec::new();
    for (number, name) in ["ann", "ben", "cyd", "dee"].into_iter().enumerate() {
        let person = Person::register([house().a.port, house().b.port][number % 2], name).await?;
        let made = register(&person, &tournament).await?;
        let expected = [
            ("Registered", None),
            ("Registered", None),
            ("Waiting", Some(1)),
            ("Waiting", Some(2)),
        ];
        assert_eq!(made["status"], expected[number].0, "{name}: {made}");
        assert_eq!(made["waitingPosition"].as_u64(), expected[number].1, "{name}: {made}");
        people.push(person);
    }
    let path = format!("/api/tournaments/{tournament}/registrations");
    people[0].client.delete(&format!("{path}/me")).await?.expect(204)?;
    assert_eq!(status(&people[2], &tournament).await?, "Registered");
    assert_eq!(status(&people[3], &tournament).await?, "Waiting");
    people[3].client.delete(&format!("{path}/me")).await?.expect(204)?;
    people[1].client.delete(&format!("{path}/me")).await?.expect(204)?;
    assert_eq!(status(&people[3], &tournament).await?, Value::Null);
    people[1].client.delete(&format!("{path}/me")).await?.expect(404)?;
    Ok(())
}

#[tokio::test]
async fn to_register_twice_is_to_register_once() -> anyhow::Result<()> {
    let ada = Person::register(house().a.port, "ada").await?;
    let tournament = ada.create("Twice", 4).await?;
    let both = futures::future::join(register(&ada, &tournament), async {
        let path = format!("/api/tournaments/{tournament}/registrations");
        ada.client.at(house().b.port).post(&path, &json!({})).await
    });
    let (first, second) = both.await;
    let (first, second) = (first?, second?);
    assert!(matches!(second.status, 200 | 201), "{second:?}");
    assert_eq!(first["id"], second.json()["id"]);
    assert_eq!(first["id"], register(&ada, &tournament).await?["id"]);
    let sql = format!("select count(*) from registrations where tournament_id = '{tournament}'");
    assert_eq!(house().stack.primary.query(&sql)?, "1");
    Ok(())
}

#[tokio::test]
async fn everybody_sees_names_and_nobody_sees_addresses() -> anyhow::Result<()> {
    let ada = Person::register(house().a.port, "ada").await?;
    let tournament = ada.create("Seen", 4).await?;
    register(&ada, &tournament).await?;
    let path = format!("/api/tournaments/{tournament}/registrations");
    // Seen by the one who registered at once, by others when caches have noticed.
    let seen = ada.client.expect(&path, 200).await?;
    assert!(seen.text.contains("ada"), "{seen:?}");
    assert!(!seen.text.contains("@example.com"), "{seen:?}");
    let stranger = house().a.client()?;
    stranger.post(&path, &json!({})).await?.expect(401)?;
    stranger.delete(&format!("{path}/me")).await?.expect(401)?;
    stranger.expect("/api/users/me/registrations", 401).await?;
    Ok(())
}
