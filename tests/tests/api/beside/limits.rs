//! Limits: who asks too often is told when to come again, and others are not made to wait.

use pathfinder_tests::api::{Answer, Client, stack::Person};
use serde_json::json;

use crate::beside::house;

async fn refused(client: &Client) -> anyhow::Result<usize> {
    let mut refused = 0;
    for _ in 0..60 {
        let answer = client.get("/api/users/me").await?;
        if answer.status == 429 {
            answer.is_problem()?;
            anyhow::ensure!(!answer.header("retry-after").is_empty(), "{answer:?}");
            refused += 1;
        }
    }
    Ok(refused)
}

#[tokio::test]
async fn a_user_has_a_budget_and_another_user_has_another() -> anyhow::Result<()> {
    let server = house().stack.serve(&[("RATE_LIMIT_PER_USER", "5")]).await?;
    let (hasty, calm) = (
        Person::register(server.port, "hasty").await?,
        Person::register(server.port, "calm").await?,
    );
    assert!(refused(&hasty.client).await? > 20);
    calm.client.expect("/api/users/me", 200).await?;
    server.client()?.expect("/health", 200).await?;
    Ok(())
}

#[tokio::test]
async fn an_address_is_believed_from_a_trusted_proxy_alone() -> anyhow::Result<()> {
    let variables = [("RATE_LIMIT_PER_ADDRESS", "5"), ("TRUSTED_PROXIES", "127.0.0.1/32")];
    let server = house().stack.serve(&variables).await?;
    let from = |address: &str| server.client()?.with("x-forwarded-for", address);
    assert!(refused(&from("198.51.100.7")?).await? > 20);
    from("198.51.100.8")?.expect("/api/tournaments", 200).await?;
    Ok(())
}

async fn sign_in(client: &Client, email: &str, password: &str) -> anyhow::Result<Answer> {
    client
        .post("/api/sessions", &json!({"email": email, "password": password}))
        .await
}

#[tokio::test]
async fn an_address_may_be_wrong_about_a_password_a_few_times_and_others_may_still_sign_in() -> anyhow::Result<()> {
    let variables = [("RATE_LIMIT_WRONG_PASSWORDS", "3"), ("TRUSTED_PROXIES", "127.0.0.1/32")];
    let server = house().stack.serve(&variables).await?;
    let (known, other) = (
        Person::register(server.port, "guessed").await?,
        Person::register(server.port, "other").await?,
    );
    let from = |address: &str| server.client()?.with("x-forwarded-for", address);
    let (guesser, owner) = (from("198.51.100.7")?, from("198.51.100.8")?);
    // Those who are right lose nothing.
    for _ in 0..5 {
        sign_in(&owner, &known.email, &known.password).await?.expect(201)?;
    }
    for email in [known.email.as_str(), "nobody@example.com"] {
        for _ in 0..3 {
            sign_in(&guesser, email, "a guess of a password").await?.expect(401)?;
        }
        let refused = sign_in(&guesser, email, "another guess of it").await?.expect(429)?;
        assert!(!refused.header("retry-after").is_empty(), "{refused:?}");
    }
    // Nor is the right one taken from there now, or a guesser would go on and see which it is.
    sign_in(&guesser, &known.email, &known.password).await?.expect(429)?;
    sign_in(&guesser, &other.email, &other.password).await?.expect(201)?;
    sign_in(&owner, &known.email, &known.password).await?.expect(201)?;
    Ok(())
}
