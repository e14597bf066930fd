//! Limits: who asks too often is told when to come again, and others are not made to wait.

use pathfinder_tests::api::{Client, stack::Person};

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
