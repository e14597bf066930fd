//! Tournaments: made and changed by their owner, listed page by page for everybody.

use std::collections::BTreeSet;

use pathfinder_tests::api::stack::{Person, draft, unique};
use rstest::rstest;
use serde_json::{Value, json};

use crate::beside::house;

fn names(page: &Value) -> Vec<&str> {
    let items = page["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(|item| item["name"].as_str()).collect()
}

#[tokio::test]
async fn a_tournament_is_made_by_somebody_and_read_by_everybody() -> anyhow::Result<()> {
    let ada = Person::register(house().a.port, "ada").await?;
    let stranger = house().b.client()?;
    let draft = draft("Winter Cup", 8);
    stranger.post("/api/tournaments", &draft).await?.expect(401)?;
    let made = ada.client.post("/api/tournaments", &draft).await?.expect(201)?;
    let path = made.header("location").to_owned();
    assert_eq!(
        path,
        format!("/api/tournaments/{}", made.json()["id"].as_str().unwrap_or_default())
    );
    let read = stranger.read(&path).await?;
    assert_eq!(read["name"], "Winter Cup");
    assert_eq!(read["seats"], 8);
    Ok(())
}

#[tokio::test]
async fn only_its_owner_changes_or_cancels_a_tournament() -> anyhow::Result<()> {
    let (ada, bob) = (
        Person::register(house().a.port, "ada").await?,
        Person::register(house().a.port, "bob").await?,
    );
    let path = format!("/api/tournaments/{}", ada.create("Mine", 8).await?);
    let rename = json!({"name": "Renamed"});
    bob.client.patch(&path, &rename).await?.expect(403)?;
    bob.client
        .post(&format!("{path}/cancel"), &json!({}))
        .await?
        .expect(403)?;
    house().a.client()?.patch(&path, &rename).await?.expect(401)?;
    ada.client.patch(&path, &json!({"seats": 1})).await?.expect(422)?;
    ada.client.patch(&path, &rename).await?.expect(200)?;
    // Also where it was in the cache of another server: at the latest when the owner looks.
    assert_eq!(ada.client.read(&path).await?["name"], "Renamed");
    let cancelled = ada.client.post(&format!("{path}/cancel"), &json!({})).await?;
    assert!(matches!(cancelled.status, 200 | 204), "{cancelled:?}");
    assert_eq!(ada.client.read(&path).await?["status"], "Cancelled");
    let late = bob.client.post(&format!("{path}/registrations"), &json!({})).await?;
    late.expect(409)?;
    Ok(())
}

#[tokio::test]
async fn a_change_is_seen_at_every_server_soon() -> anyhow::Result<()> {
    let ada = Person::register(house().a.port, "ada").await?;
    let path = format!("/api/tournaments/{}", ada.create("Before", 8).await?);
    let others = [house().a.client()?, house().b.client()?];
    for other in &others {
        assert_eq!(other.read(&path).await?["name"], "Before");
    }
    ada.client.patch(&path, &json!({"name": "After"})).await?.expect(200)?;
    for other in &others {
        pathfinder_tests::api::soon("the new name", async || {
            let read = other.read(&path).await.map_err(|error| error.to_string())?;
            if read["name"] == "After" {
                Ok(())
            } else {
                Err(read.to_string())
            }
        })
        .await?;
    }
    Ok(())
}

#[tokio::test]
async fn pages_hold_everything_once_also_while_new_ones_come() -> anyhow::Result<()> {
    let ada = Person::register(house().a.port, "ada").await?;
    let game = format!("g{}", unique());
    let create = async |name: String| {
        let mut draft = draft(&name, 8);
        draft["game"] = json!(game);
        ada.client.post("/api/tournaments", &draft).await?.expect(201)
    };
    for number in 0..7 {
        create(format!("before {number}")).await?;
    }
    let (mut seen, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let page = ada
            .client
            .read(&format!("/api/tournaments?game={game}&limit=3{cursor}"))
            .await?;
        assert!(names(&page).len() <= 3, "{page}");
        seen.extend(names(&page).into_iter().map(str::to_owned));
        create(format!("during {pages}")).await?;
        pages += 1;
        let Some(next) = page["nextCursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
        assert!(pages < 10, "pages without end: {seen:?}");
    }
    let once: BTreeSet<&String> = seen.iter().collect();
    assert_eq!(once.len(), seen.len(), "something came twice: {seen:?}");
    let before = seen.iter().filter(|name| name.starts_with("before")).count();
    assert_eq!(before, 7, "{seen:?}");
    Ok(())
}

#[tokio::test]
async fn lists_are_filtered_by_game_status_and_start() -> anyhow::Result<()> {
    let ada = Person::register(house().a.port, "ada").await?;
    let game = format!("g{}", unique());
    let mut draft = draft("open", 8);
    draft["game"] = json!(game);
    ada.client.post("/api/tournaments", &draft).await?.expect(201)?;
    draft["name"] = json!("gone");
    let gone = ada.client.post("/api/tournaments", &draft).await?.expect(201)?.json();
    let cancel = format!("/api/tournaments/{}/cancel", gone["id"].as_str().unwrap_or_default());
    ada.client.post(&cancel, &json!({})).await?;
    let open = gone["status"].as_str().unwrap_or_default();
    let list = async |more: &str| ada.client.read(&format!("/api/tournaments?game={game}{more}")).await;
    assert_eq!(names(&list(&format!("&status={open}")).await?), ["open"]);
    assert_eq!(names(&list("&status=Cancelled").await?), ["gone"]);
    assert_eq!(names(&list("&startsAfter=2020-01-01T00:00:00Z").await?).len(), 2);
    assert!(names(&list("&startsAfter=2100-01-01T00:00:00Z").await?).is_empty());
    Ok(())
}

#[rstest]
#[case::limit_zero("limit=0")]
#[case::limit_negative("limit=-1")]
#[case::limit_huge("limit=99999999999999999999")]
#[case::limit_of_words("limit=ten")]
#[case::cursor_made_up("cursor=made-up")]
#[case::cursor_long(&format!("cursor={}", "A".repeat(2000)))]
#[case::status_unknown("status=Maybe")]
#[case::start_not_a_time("startsAfter=tomorrow")]
#[tokio::test]
async fn a_list_that_cannot_be_is_refused_with_the_reason(#[case] query: &str) -> anyhow::Result<()> {
    let answer = house().a.client()?.get(&format!("/api/tournaments?{query}")).await?;
    assert!(matches!(answer.status, 400 | 422), "{query}: {answer:?}");
    answer.is_problem()
}

#[rstest]
#[case::no_name(json!({"name": ""}), "name")]
#[case::long_name(json!({"name": "n".repeat(1000)}), "name")]
#[case::one_seat(json!({"seats": 1}), "seats")]
#[case::seats_beyond_all(json!({"seats": i64::MAX}), "seats")]
#[case::in_the_past(json!({"startsAt": "2001-01-01T00:00:00Z"}), "startsAt")]
#[case::lines_in_its_name(json!({"name": "two\r\nSet-Cookie: a=b"}), "name")]
#[tokio::test]
async fn a_tournament_that_cannot_be_names_the_field(#[case] change: Value, #[case] field: &str) -> anyhow::Result<()> {
    let ada = Person::register(house().a.port, "ada").await?;
    let mut body = draft("Cup", 8);
    for (name, value) in change.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    let answer = ada.client.post("/api/tournaments", &body).await?.expect(422)?;
    let errors = answer.json()["errors"].clone();
    let named = errors
        .as_array()
        .is_some_and(|errors| errors.iter().any(|error| error["field"] == field));
    assert!(named, "{answer:?}");
    Ok(())
}

#[tokio::test]
async fn what_does_not_exist_is_not_found_whatever_is_asked_of_it() -> anyhow::Result<()> {
    let ada = Person::register(house().a.port, "ada").await?;
    let nobody = "/api/tournaments/00000000-0000-7000-8000-000000000000";
    ada.client.expect(nobody, 404).await?;
    ada.client.patch(nobody, &json!({"name": "x"})).await?.expect(404)?;
    ada.client
        .post(&format!("{nobody}/cancel"), &json!({}))
        .await?
        .expect(404)?;
    ada.client
        .post(&format!("{nobody}/registrations"), &json!({}))
        .await?
        .expect(404)?;
    ada.client.expect(&format!("{nobody}/leaderboard"), 404).await?;
    let wrong = ada.client.get("/api/tournaments/not-an-id").await?;
    assert!(matches!(wrong.status, 400 | 404), "{wrong:?}");
    ada.client.expect("/api/nothing-here", 404).await?;
    ada.client.delete("/api/tournaments").await?.expect(405)?;
    Ok(())
}
