//! Never oversold: many want few seats at the same instant, through two servers.

use std::time::Duration;

use pathfinder_tests::api::{Answer, Client, stack::Person};
use serde_json::json;
use tokio::time::sleep;

use crate::beside::house;

const WANTED: usize = 100;
const SEATS: u32 = 10;

// A server that is asked for more than it can do at once says when to come again: that is what a client does.
async fn insist(client: &Client, path: &str) -> anyhow::Result<Answer> {
    for _ in 0..20 {
        let answer = client.post(path, &json!({})).await?;
        if answer.status != 503 {
            // 200 when the answer of an earlier attempt was lost on its way.
            anyhow::ensure!(matches!(answer.status, 200 | 201), "{answer:?}");
            return Ok(answer);
        }
        let seconds: u64 = answer.header("retry-after").parse()?;
        sleep(Duration::from_secs(seconds)).await;
    }
    anyhow::bail!("refused twenty times");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_hundred_who_want_ten_seats_exactly_ten_get_one() -> anyhow::Result<()> {
    let owner = Person::register(house().a.port, "owner").await?;
    let tournament = owner.create("Wanted", SEATS).await?;
    let mut people = Vec::new();
    for number in 0..WANTED {
        people.push(Person::register(house().a.port, &format!("p{number}")).await?);
    }
    let path = format!("/api/tournaments/{tournament}/registrations");
    let ports = [house().a.port, house().b.port];
    let asked = people.iter().enumerate().map(|(number, person)| {
        let (client, path) = (person.client.at(ports[number % 2]), path.clone());
        // Each on a task of its own, so that they are on their way together.
        tokio::spawn(async move { insist(&client, &path).await })
    });
    let (mut seated, mut places) = (0, Vec::new());
    for answer in futures::future::try_join_all(asked).await? {
        let made = answer?.json();
        match made["status"].as_str() {
            Some("Registered") => seated += 1,
            Some("Waiting") => places.push(made["waitingPosition"].as_u64().unwrap_or_default()),
            other => panic!("{other:?}: {made}"),
        }
    }
    assert_eq!(seated, SEATS);
    places.sort_unstable();
    let all: Vec<u64> = (1..=u64::try_from(WANTED)? - u64::from(SEATS)).collect();
    assert_eq!(places, all, "every place of the waiting list is given once");
    let sql =
        format!("select count(*) from registrations where tournament_id = '{tournament}' and status = 'Registered'");
    assert_eq!(house().stack.primary.query(&sql)?, SEATS.to_string());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_people_come_and_go_a_seat_is_never_given_twice_nor_lost() -> anyhow::Result<()> {
    let owner = Person::register(house().a.port, "owner").await?;
    let tournament = owner.create("Busy", 3).await?;
    let path = format!("/api/tournaments/{tournament}/registrations");
    let mut tasks = Vec::new();
    for number in 0..8_usize {
        let person = Person::register(house().a.port, &format!("q{number}")).await?;
        let (client, path) = (
            person.client.at([house().a.port, house().b.port][number % 2]),
            path.clone(),
        );
        tasks.push(tokio::spawn(async move {
            for _ in 0..6 {
                insist(&client, &path).await?.expect(201)?;
                client.delete(&format!("{path}/me")).await?.expect(204)?;
            }
            insist(&client, &path).await?.expect(201)
        }));
    }
    for task in tasks {
        task.await??;
    }
    let count = |status: &str| {
        let sql =
            format!("select count(*) from registrations where tournament_id = '{tournament}' and status = '{status}'");
        house().stack.primary.query(&sql)
    };
    assert_eq!((&*count("Registered")?, &*count("Waiting")?), ("3", "5"));
    Ok(())
}
