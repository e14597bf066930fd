//! Entry fees: a seat is kept until it is paid, paid once whatever the gateway does, and money without a seat goes back.

use pathfinder_tests::api::{
    Client, Server, Stack,
    gateway::{self, Gateway, tell},
    soon,
    stack::{Person, draft},
};
use serde_json::{Value, json};

const FEE: i64 = 50_000;

// On stores of its own: the outbox is emptied by whichever server comes first, at the gateway that it knows.
struct Till {
    gateway: Gateway,
    server: Server,
    owner: Person,
    player: Person,
    // Last: servers end before their stores.
    _stack: Stack,
}

// The gateway is difficult from the start: see what it does with the first calls.
async fn open() -> anyhow::Result<Till> {
    let gateway = Gateway::start().await?;
    let mut variables = gateway::VARIABLES.to_vec();
    let url = gateway.url.clone();
    variables.extend([("PAYMENTS_URL", &*url), ("PAYMENTS_TIMEOUT_MILLIS", "1000")]);
    let stack = Stack::start(&[]).await?;
    let server = stack.serve(&variables).await?;
    let (owner, player) = (
        Person::register(server.port, "owner").await?,
        Person::register(server.port, "player").await?,
    );
    Ok(Till {
        gateway,
        server,
        owner,
        player,
        _stack: stack,
    })
}

impl Till {
    async fn tournament(&self) -> anyhow::Result<String> {
        let mut draft = draft("Paid", 2);
        draft["entryFee"] = json!({"amount": FEE, "currency": "INR"});
        let made = self.owner.client.post("/api/tournaments", &draft).await?.expect(201)?;
        Ok(format!(
            "/api/tournaments/{}",
            made.json()["id"].as_str().unwrap_or_default()
        ))
    }

    // Registers, and waits until there is an order to pay.
    async fn order(&self, tournament: &str) -> anyhow::Result<(String, String)> {
        let path = format!("{tournament}/registrations");
        let made = self.player.client.post(&path, &json!({})).await?.expect(201)?.json();
        assert_eq!(made["status"], "AwaitingPayment", "{made}");
        let id = made["id"].as_str().unwrap_or_default().to_owned();
        let order = soon("an order", async || {
            let payment = self.payment(&id).await.map_err(|error| error.to_string())?;
            payment["orderId"]
                .as_str()
                .map(str::to_owned)
                .ok_or(payment.to_string())
        })
        .await?;
        Ok((id, order))
    }

    async fn payment(&self, id: &str) -> anyhow::Result<Value> {
        self.player.client.read(&format!("/api/payments/{id}")).await
    }

    async fn reaches(&self, id: &str, status: &str) -> anyhow::Result<()> {
        soon(status, async || {
            let payment = self.payment(id).await.map_err(|error| error.to_string())?;
            if payment["status"] == status {
                Ok(())
            } else {
                Err(payment.to_string())
            }
        })
        .await
    }

    fn stranger(&self) -> anyhow::Result<Client> {
        self.server.client()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fee_is_paid_once_whatever_the_gateway_does() -> anyhow::Result<()> {
    let till = open().await?;
    let tournament = till.tournament().await?;
    let (id, order) = till.order(&tournament).await?;
    let asked = till
        .player
        .client
        .post(&format!("{tournament}/registrations"), &json!({}))
        .await?;
    assert_eq!(asked.json()["id"], *id, "{asked:?}");
    assert_eq!(
        till.gateway.orders(),
        1,
        "an order whose answer was lost was made again"
    );
    let stranger = till.stranger()?;
    stranger.expect(&format!("/api/payments/{id}"), 401).await?;
    till.owner.client.expect(&format!("/api/payments/{id}"), 404).await?;
    let message = till.gateway.pay(&order, FEE);
    // Twice under one name, and once under another.
    for event in ["event-1", "event-1", "event-2"] {
        tell(&stranger, &message, event).await?.expect(200)?;
    }
    till.reaches(&id, "Paid").await?;
    let mine = till.player.client.read("/api/users/me/registrations").await?;
    assert_eq!(mine["items"][0]["status"], "Registered", "{mine}");
    assert!(till.gateway.refunds().is_empty());
    let leaves = till
        .player
        .client
        .delete(&format!("{tournament}/registrations/me"))
        .await?;
    leaves.expect(204)?;
    soon("the money to go back once", async || {
        let refunds = till.gateway.refunds();
        if refunds.values().eq([&1]) {
            Ok(())
        } else {
            Err(refunds)
        }
    })
    .await?;
    till.reaches(&id, "Refunded").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_the_gateway_did_not_sign_pays_nothing() -> anyhow::Result<()> {
    let till = open().await?;
    let tournament = till.tournament().await?;
    let (id, order) = till.order(&tournament).await?;
    let stranger = till.stranger()?;
    let message = till.gateway.pay(&order, FEE);
    for signature in ["", "00", &"0".repeat(64), "not hex"] {
        let forger = stranger.with("x-razorpay-signature", signature)?;
        let answer = forger.post("/api/payments/webhook", &message).await?;
        assert!(matches!(answer.status, 400 | 401 | 403), "{answer:?}");
    }
    stranger
        .post("/api/payments/webhook", &message)
        .await
        .map(|answer| assert!((400..500).contains(&answer.status)))?;
    assert_eq!(till.payment(&id).await?["status"], "Awaiting");
    Ok(())
}
