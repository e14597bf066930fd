//! Users: register, look at oneself, change the password.

use pathfinder_tests::api::{
    Client,
    stack::{Person, unique},
};
use rstest::rstest;
use serde_json::{Value, json};

use crate::beside::house;

fn body(email: &str) -> Value {
    json!({"email": email, "name": "Ada", "password": "a long enough password"})
}

#[tokio::test]
async fn a_user_is_made_once_and_found_where_the_answer_says() -> anyhow::Result<()> {
    let client = house().a.client()?;
    let email = format!("once-{}@example.com", unique());
    let made = client.post("/api/users", &body(&email)).await?.expect(201)?;
    assert!(!made.header("location").is_empty(), "{made:?}");
    assert!(!made.text.contains("password"), "{made:?}");
    let again = client.post("/api/users", &body(&email)).await?.expect(409)?;
    assert!(!again.text.contains(&email), "a stranger learns no address: {again:?}");
    let shouted = client.post("/api/users", &body(&email.to_uppercase())).await?;
    shouted.expect(409)?;
    Ok(())
}

#[tokio::test]
async fn of_many_who_want_one_address_at_once_one_gets_it() -> anyhow::Result<()> {
    let email = format!("wanted-{}@example.com", unique());
    let clients = [house().a.client()?, house().b.client()?];
    let asked = (0..10).map(|number| {
        let (client, body) = (clients[number % 2].clone(), body(&email));
        async move { client.post("/api/users", &body).await.map(|answer| answer.status) }
    });
    let mut statuses = futures::future::try_join_all(asked).await?;
    statuses.sort_unstable();
    assert_eq!(statuses, [vec![201], vec![409; 9]].concat());
    Ok(())
}

#[rstest]
#[case::no_address(json!({"email": "nobody", "name": "Ada", "password": "a long enough password"}))]
#[case::short_password(json!({"email": "a@example.com", "name": "Ada", "password": "short"}))]
#[case::no_name(json!({"email": "a@example.com", "name": "", "password": "a long enough password"}))]
#[case::endless_password(json!({"email": "a@example.com", "name": "Ada", "password": "p".repeat(20_000)}))]
#[case::missing_field(json!({"email": "a@example.com"}))]
#[case::number_for_text(json!({"email": 7, "name": "Ada", "password": "a long enough password"}))]
#[tokio::test]
async fn a_user_who_cannot_be_is_refused_with_the_reason(#[case] body: Value) -> anyhow::Result<()> {
    let answer = house().a.client()?.post("/api/users", &body).await?;
    assert!(matches!(answer.status, 400 | 422), "{answer:?}");
    answer.is_problem()
}

#[tokio::test]
async fn a_user_sees_themselves_and_nobody_without_a_session_does() -> anyhow::Result<()> {
    let ada = Person::register(house().a.port, "ada").await?;
    // The other server knows the session too.
    for port in [house().a.port, house().b.port] {
        let me = ada.client.at(port).read("/api/users/me").await?;
        assert_eq!(
            (me["id"].as_str(), me["email"].as_str()),
            (Some(&*ada.id), Some(&*ada.email))
        );
    }
    house().a.client()?.expect("/api/users/me", 401).await?;
    Ok(())
}

#[tokio::test]
async fn a_new_password_ends_the_other_sessions_and_the_old_one_no_longer_opens() -> anyhow::Result<()> {
    let ada = Person::register(house().a.port, "ada").await?;
    let login = |password: &str| json!({"email": ada.email, "password": password});
    let stranger = Client::new(house().a.port)?;
    let other = stranger
        .post("/api/sessions", &login(&ada.password))
        .await?
        .expect(201)?;
    let other = stranger.holding(other.json()["token"].as_str().unwrap_or_default())?;
    let wrong = json!({"currentPassword": "not the right one", "newPassword": "another long password"});
    let refused = ada.client.put("/api/users/me/password", &wrong).await?;
    assert!(matches!(refused.status, 401 | 403 | 422), "{refused:?}");
    other.expect("/api/users/me", 200).await?;
    let change = json!({"currentPassword": ada.password, "newPassword": "another long password"});
    ada.client.put("/api/users/me/password", &change).await?.expect(204)?;
    ada.client.expect("/api/users/me", 200).await?;
    for port in [house().a.port, house().b.port] {
        other.at(port).expect("/api/users/me", 401).await?;
    }
    stranger
        .post("/api/sessions", &login(&ada.password))
        .await?
        .expect(401)?;
    stranger
        .post("/api/sessions", &login("another long password"))
        .await?
        .expect(201)?;
    Ok(())
}
