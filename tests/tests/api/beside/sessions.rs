//! Sessions: made by a password, seen and ended one by one or all at once, at every server alike.

use pathfinder_tests::api::{Client, stack::Person};
use serde_json::json;

use crate::beside::house;

async fn another(person: &Person) -> anyhow::Result<Client> {
    let stranger = Client::new(house().a.port)?;
    let body = json!({"email": person.email, "password": person.password});
    let session = stranger.post("/api/sessions", &body).await?.expect(201)?.json();
    stranger.holding(session["token"].as_str().unwrap_or_default())
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_get_the_same_answer() -> anyhow::Result<()> {
    let ada = Person::register(house().a.port, "ada").await?;
    let client = house().a.client()?;
    let wrong = json!({"email": ada.email, "password": "not the right one"});
    let wrong = client.post("/api/sessions", &wrong).await?.expect(401)?.json();
    let unknown = json!({"email": "nobody-at-all@example.com", "password": "not the right one"});
    let unknown = client.post("/api/sessions", &unknown).await?.expect(401)?.json();
    for field in ["title", "detail", "code"] {
        assert_eq!(wrong[field], unknown[field], "it tells who is registered");
    }
    Ok(())
}

#[tokio::test]
async fn a_session_says_when_it_ends_and_whose_it_is() -> anyhow::Result<()> {
    let ada = Person::register(house().a.port, "ada").await?;
    let body = json!({"email": ada.email, "password": ada.password});
    let session = house().a.client()?.post("/api/sessions", &body).await?.expect(201)?;
    assert!(session.header("cache-control").contains("no-store"), "{session:?}");
    let session = session.json();
    let ends: jiff::Timestamp = session["expiresAt"].as_str().unwrap_or_default().parse()?;
    let hours = ends.duration_since(jiff::Timestamp::now()).as_hours();
    assert!((23..=24).contains(&hours), "{session}");
    assert_eq!(session["user"]["id"], *ada.id);
    Ok(())
}

#[tokio::test]
async fn sessions_are_listed_and_ended_one_by_one() -> anyhow::Result<()> {
    let ada = Person::register(house().a.port, "ada").await?;
    let other = another(&ada).await?;
    let current = other.read("/api/sessions/current").await?;
    let id = current["id"].as_str().unwrap_or_default();
    let listed = ada.client.read("/api/sessions").await?;
    assert_eq!(items(&listed), 2, "{listed}");
    ada.client.delete(&format!("/api/sessions/{id}")).await?.expect(204)?;
    for port in [house().a.port, house().b.port] {
        other.at(port).expect("/api/sessions/current", 401).await?;
        ada.client.at(port).expect("/api/sessions/current", 200).await?;
    }
    ada.client.delete("/api/sessions/current").await?.expect(204)?;
    ada.client.expect("/api/sessions/current", 401).await?;
    Ok(())
}

#[tokio::test]
async fn all_sessions_end_at_once_and_those_of_others_go_on() -> anyhow::Result<()> {
    let (ada, bob) = (
        Person::register(house().a.port, "ada").await?,
        Person::register(house().a.port, "bob").await?,
    );
    let other = another(&ada).await?;
    ada.client
        .at(house().b.port)
        .delete("/api/sessions")
        .await?
        .expect(204)?;
    for client in [&ada.client, &other] {
        client.expect("/api/users/me", 401).await?;
    }
    bob.client.expect("/api/users/me", 200).await?;
    Ok(())
}

#[tokio::test]
async fn nobody_ends_the_session_of_somebody_else() -> anyhow::Result<()> {
    let (ada, bob) = (
        Person::register(house().a.port, "ada").await?,
        Person::register(house().a.port, "bob").await?,
    );
    let of_ada = ada.client.read("/api/sessions/current").await?;
    let path = format!("/api/sessions/{}", of_ada["id"].as_str().unwrap_or_default());
    bob.client.delete(&path).await?.expect(404)?;
    ada.client.expect("/api/users/me", 200).await?;
    Ok(())
}

fn items(page: &serde_json::Value) -> usize {
    page["items"].as_array().or(page.as_array()).map_or(0, Vec::len)
}
