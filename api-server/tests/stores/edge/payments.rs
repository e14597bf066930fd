//! Entry fees from the registration to the seat, or back.

use reqwest::Method;
use serde_json::Value;

use super::gateway::{Fault, Gateway, send, sign};
use super::people::Person;
use crate::support::{Postgres, Redis, Server, wait_for};

const FEE: i64 = 50_000;

struct World {
    postgres: Postgres,
    redis: Redis,
    gateway: Gateway,
}

impl World {
    async fn new(faults: &[Fault]) -> Self {
        Self {
            postgres: Postgres::start().await,
            redis: Redis::start().await,
            gateway: Gateway::start(faults).await,
        }
    }

    async fn server(&self, window_seconds: &str) -> Server {
        let (postgres, redis) = (self.postgres.url(), self.redis.url());
        let mut environment = vec![
            ("DATABASE_URL", &*postgres),
            ("REDIS_URL", &*redis),
            ("PAYMENTS_WINDOW_SECONDS", window_seconds),
        ];
        environment.extend(self.gateway.environment());
        let server = Server::start(&environment).await;
        server.ready().await;
        server
    }
}

async fn payment(person: &Person, registration: &Value, status: &str) -> Value {
    let path = format!("/api/payments/{}", registration["id"].as_str().expect("an id"));
    wait_for(status, async || {
        let seen = person.get(&path).await;
        if seen["status"] == status { Ok(seen) } else { Err(seen) }
    })
    .await
}

async fn standing(person: &Person, status: &str) {
    wait_for(status, async || {
        let seen = person.standing().await;
        if seen == status { Ok(()) } else { Err(seen) }
    })
    .await;
}

fn order(payment: &Value) -> String {
    payment["orderId"].as_str().expect("an order").to_owned()
}

#[tokio::test]
async fn a_registration_says_what_to_pay_and_a_payment_told_many_times_confirms_one_seat() {
    let world = World::new(&[]).await;
    let server = world.server("600").await;
    let owner = Person::new(&server, "owner").await;
    let tournament = owner.tournament(2, Some(FEE)).await;
    let made = owner.register(&tournament).await;
    assert_eq!(made["status"], "AwaitingPayment", "{made}");
    assert_eq!(made["payment"]["amount"], FEE, "{made}");
    assert_eq!(made["payment"]["keyId"], "rzp_test_key", "{made}");
    let paid = world.gateway.pay(&order(&made["payment"]));
    for event_id in ["evt_1", "evt_1", "evt_1", "evt_2"] {
        assert_eq!(world.gateway.tell(&server, &paid, event_id).await, 200);
    }
    payment(&owner, &made, "Paid").await;
    standing(&owner, "Registered").await;
    assert_eq!(world.gateway.orders(), 1);
    assert_eq!(world.gateway.refunds(), [""; 0]);
    let counted = "select count(*) from tournaments where seats_taken = 1 and waiting = 0";
    assert_eq!(world.postgres.count(counted).await, 1);
}

#[tokio::test]
async fn a_gateway_that_limits_fails_and_hangs_makes_one_order_all_the_same() {
    let world = World::new(&[Fault::Limit, Fault::Fail, Fault::Hang]).await;
    let server = world.server("600").await;
    let owner = Person::new(&server, "owner").await;
    let tournament = owner.tournament(2, Some(FEE)).await;
    let made = owner.register(&tournament).await;
    assert_eq!(made["status"], "AwaitingPayment", "{made}");
    let awaiting = payment(&owner, &made, "Awaiting").await;
    assert_eq!(
        world.gateway.orders(),
        1,
        "the order whose answer was lost is found again"
    );
    let again = owner.register(&tournament).await;
    assert_eq!(
        again["payment"]["orderId"], awaiting["orderId"],
        "asking again shows the same order: {again}"
    );
}

#[tokio::test]
async fn a_crash_loses_no_order_and_doubles_none() {
    let world = World::new(&[Fault::Hang]).await;
    let server = world.server("600").await;
    let owner = Person::new(&server, "owner").await;
    let tournament = owner.tournament(2, Some(FEE)).await;
    let registering = owner.register(&tournament);
    let gateway = world.gateway.clone();
    let made = wait_for("order at the gateway", async || {
        if gateway.orders() == 1 { Ok(()) } else { Err(0) }
    });
    let (made, ()) = tokio::join!(registering, made);
    assert!(made.get("payment").is_none(), "{made}");
    server.signal("-KILL");
    // Its lease is the dead server's; time goes by.
    world
        .postgres
        .execute("update payment_tasks set due_at = now() where kind = 'Order'")
        .await;
    let next = world.server("600").await;
    let awaiting = payment(&owner.at(&next), &made, "Awaiting").await;
    assert_eq!(order(&awaiting), "order_1");
    assert_eq!(world.gateway.orders(), 1);
}

#[tokio::test]
async fn a_seat_that_is_not_paid_in_time_goes_to_the_next_and_a_late_payment_goes_back_once() {
    let world = World::new(&[]).await;
    let server = world.server("8").await;
    let [first, second, third] = [
        Person::new(&server, "first").await,
        Person::new(&server, "second").await,
        Person::new(&server, "third").await,
    ];
    let tournament = first.tournament(2, Some(FEE)).await;
    let (mine, late, waiting) = (
        first.register(&tournament).await,
        second.register(&tournament).await,
        third.register(&tournament).await,
    );
    assert_eq!(waiting["status"], "Waiting", "{waiting}");
    let paid = world.gateway.pay(&order(&mine["payment"]));
    assert_eq!(world.gateway.tell(&server, &paid, "evt_1").await, 200);
    payment(&second, &late, "Expired").await;
    standing(&third, "AwaitingPayment").await;
    assert_eq!(first.standing().await, "Registered");
    let too_late = world.gateway.pay(&order(&late["payment"]));
    for event_id in ["evt_2", "evt_2", "evt_3"] {
        assert_eq!(world.gateway.tell(&server, &too_late, event_id).await, 200);
    }
    payment(&second, &late, "Refunded").await;
    assert_eq!(world.gateway.refunds(), [too_late]);
    assert_eq!(world.gateway.tell(&server, &paid, "evt_4").await, 200);
    assert_eq!(first.standing().await, "Registered");
}

#[tokio::test]
async fn a_message_that_was_lost_is_asked_for_before_the_seat_is_given_away() {
    let world = World::new(&[]).await;
    let server = world.server("5").await;
    let owner = Person::new(&server, "owner").await;
    let tournament = owner.tournament(2, Some(FEE)).await;
    let made = owner.register(&tournament).await;
    world.gateway.pay(&order(&made["payment"]));
    payment(&owner, &made, "Paid").await;
    standing(&owner, "Registered").await;
}

#[tokio::test]
async fn whoever_gives_a_paid_seat_up_or_sees_the_tournament_cancelled_gets_the_money_back() {
    let world = World::new(&[]).await;
    let server = world.server("600").await;
    let (owner, guest) = (Person::new(&server, "owner").await, Person::new(&server, "guest").await);
    let tournament = owner.tournament(2, Some(FEE)).await;
    let (mine, theirs) = (owner.register(&tournament).await, guest.register(&tournament).await);
    let [my_payment, their_payment] = [&mine, &theirs].map(|made| world.gateway.pay(&order(&made["payment"])));
    assert_eq!(world.gateway.tell(&server, &my_payment, "evt_1").await, 200);
    assert_eq!(world.gateway.tell(&server, &their_payment, "evt_2").await, 200);
    let left = guest
        .send(Method::DELETE, &format!("{tournament}/registrations/me"), None)
        .await;
    assert_eq!(left.status(), 204);
    payment(&guest, &theirs, "Refunded").await;
    let cancelled = owner.send(Method::POST, &format!("{tournament}/cancel"), None).await;
    assert_eq!(cancelled.status(), 204);
    payment(&owner, &mine, "Refunded").await;
    let mut refunds = world.gateway.refunds();
    refunds.sort();
    assert_eq!(refunds, [my_payment, their_payment]);
}

#[tokio::test]
async fn an_order_that_the_gateway_refuses_frees_the_seat() {
    let world = World::new(&[Fault::Refuse]).await;
    let server = world.server("600").await;
    let owner = Person::new(&server, "owner").await;
    let tournament = owner.tournament(2, Some(FEE)).await;
    let made = owner.register(&tournament).await;
    payment(&owner, &made, "Failed").await;
    assert_eq!(owner.standing().await, "none");
    world.gateway.will(Fault::Fail);
    let again = owner.register(&tournament).await;
    assert_eq!(again["status"], "AwaitingPayment", "{again}");
    payment(&owner, &again, "Awaiting").await;
}

#[tokio::test]
async fn messages_that_are_not_the_gateways_change_nothing_and_payments_are_private() {
    let world = World::new(&[]).await;
    let server = world.server("600").await;
    let (owner, guest) = (Person::new(&server, "owner").await, Person::new(&server, "guest").await);
    let tournament = owner.tournament(2, Some(FEE)).await;
    let made = owner.register(&tournament).await;
    let paid = world.gateway.pay(&order(&made["payment"]));
    let body = world.gateway.message(&paid).to_string();
    assert_eq!(send(&server, &body, "", "evt_1").await, 401);
    assert_eq!(send(&server, &body, &"0".repeat(64), "evt_1").await, 401);
    assert_eq!(
        send(&server, &body.replace("50000", "50001"), &sign(&body), "evt_1").await,
        401
    );
    assert_eq!(send(&server, "{", &sign("{"), "evt_1").await, 400);
    let unknown = body.replace("order_1", "order_9");
    assert_eq!(send(&server, &unknown, &sign(&unknown), "evt_1").await, 200);
    payment(&owner, &made, "Awaiting").await;
    let path = format!("/api/payments/{}", made["id"].as_str().expect("an id"));
    assert_eq!(guest.send(Method::GET, &path, None).await.status(), 404);
    let said = server.log();
    assert!(
        !said.contains("gateway-key-secret") && !said.contains("gateway-webhook-secret"),
        "{said}"
    );
}

#[tokio::test]
async fn servers_share_the_gateways_rate() {
    let world = World::new(&[]).await;
    let url = world.redis.url();
    let client = || {
        let redis = pathfinder_api::cache::redis::Redis::new(&url.clone().into(), std::time::Duration::from_secs(1));
        pathfinder_api::payments::bucket::Bucket::new(10, Some(std::sync::Arc::new(redis.expect("parses"))))
    };
    let (one, two) = (client(), client());
    let started = std::time::Instant::now();
    let mut taken: u32 = 0;
    while started.elapsed() < std::time::Duration::from_secs(2) {
        for bucket in [&one, &two] {
            match bucket.take().await {
                Ok(()) => taken += 1,
                Err(wait) => tokio::time::sleep(wait.min(std::time::Duration::from_millis(20))).await,
            }
        }
    }
    // A second's worth at once, and then the rate: 10 + 2 * 10, whoever asks; the machine may be slow, but never generous.
    assert!((20..=32).contains(&taken), "{taken} in {:?}", started.elapsed());
}
