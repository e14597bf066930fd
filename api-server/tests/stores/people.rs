//! What users do with tournaments, against a real PostgreSQL and a real Redis: create, change and cancel them, take seats
//! and give them up, set points. Needs the Debian packages postgresql and redis-server.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{LIST, Person, Postgres, Server, Stack, call, get, path_of, problem, read, run};

#[tokio::test]
async fn only_the_owner_changes_and_cancels_a_tournament_and_everybody_sees_it() {
    let Stack { server, .. } = &Stack::start().await;
    let (ada, bob) = (Person::join(server, "Ada").await, Person::join(server, "Bob").await);
    let draft = json!({"name": "x", "game": "chess", "seats": 2, "startsAt": "2030-01-01T00:00:00Z"});
    let anonymous = call("POST", LIST).json(draft).send(server.port).await.expect("answers");
    assert_eq!(problem(&anonymous), (401, "unauthenticated".to_owned()));
    let broken = json!({"name": " ", "game": "chess", "seats": 1, "startsAt": "2001-01-01T00:00:00Z"});
    let broken = ada.send(server, ("POST", LIST), broken).await;
    let fields: Vec<_> = broken.json()["errors"]
        .as_array()
        .expect("errors")
        .iter()
        .map(|e| e["field"].clone())
        .collect();
    assert_eq!(
        (broken.status, fields),
        (422, vec![json!("name"), json!("seats"), json!("startsAt")])
    );

    let tournament = ada.create(server, "Cup", 4).await;
    let path = path_of(&tournament);
    let first = get(server.port, &path).await.expect("answers");
    assert!(first.headers["cache-control"].starts_with("public"), "{first:?}");
    let rename = json!({"name": "Grand Cup", "seats": 8});
    assert_eq!(
        problem(&bob.send(server, ("PATCH", &path), rename.clone()).await),
        (403, "not-owner".to_owned())
    );
    let renamed = ada.send(server, ("PATCH", &path), rename).await;
    assert_eq!(
        (renamed.status, &renamed.json()["name"]),
        (200, &json!("Grand Cup")),
        "{renamed:?}"
    );
    let seen = get(server.port, &path).await.expect("answers");
    assert_eq!(seen.json(), renamed.json(), "a change is seen at once");
    assert_ne!(seen.headers["etag"], first.headers["etag"]);
    assert_eq!(
        read(server, &format!("{LIST}?game=chess&status=Open")).await["items"][0]["name"],
        "Grand Cup"
    );
    assert_eq!(read(server, &format!("{LIST}?game=go")).await["items"], json!([]));
    assert_eq!(
        read(server, &format!("{LIST}?startsAfter=2999-01-01T00:00:00Z")).await["items"],
        json!([])
    );

    let cancel = format!("{path}/cancel");
    assert_eq!(
        problem(&bob.call(server, "POST", &cancel).await),
        (403, "not-owner".to_owned())
    );
    for _ in 0..2 {
        assert_eq!(
            ada.call(server, "POST", &cancel).await.status,
            204,
            "once more changes nothing"
        );
    }
    assert_eq!(read(server, &path).await["status"], "Cancelled");
    let late = bob.call(server, "POST", &format!("{path}/registrations")).await;
    assert_eq!(problem(&late), (409, "tournament-cancelled".to_owned()));
    let unknown = format!("{LIST}/00000000-0000-7000-8000-000000000000/registrations");
    assert_eq!(
        problem(&bob.call(server, "POST", &unknown).await),
        (404, "no-such-tournament".to_owned())
    );
}

async fn people(server: &Server, count: usize) -> Vec<Person> {
    let mut people = Vec::new();
    for number in 0..count {
        people.push(Person::join(server, &format!("Player {number}")).await);
    }
    people
}

/// Users who are in the database already, signed in.
async fn seeded(server: &Server, postgres: &Postgres, count: usize) -> Vec<Person> {
    let amounts = ["--users", &count.to_string(), "--tournaments", "0"];
    let (status, log) = run("seed", &amounts, &[("DATABASE_URL", &postgres.url())]);
    assert!(status.success(), "{log}");
    let mut people = Vec::new();
    for number in 1..=count {
        let email = format!("user{number}@example.com");
        let signed_in = Person::try_sign_in(server, &email, "seeded-password").await;
        assert_eq!(signed_in.status, 201, "{signed_in:?}");
        let answer = signed_in.json();
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        people.push(Person {
            email,
            id: text(&answer["user"]["id"]),
            token: text(&answer["token"]),
        });
    }
    people
}

/// All pages of a tournament's registrations.
async fn participants(server: &Server, path: &str) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = read(server, &format!("{path}/registrations?limit=7{cursor}")).await;
        all.extend(page["items"].as_array().expect("a list").iter().cloned());
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

#[tokio::test]
async fn of_a_hundred_who_register_together_for_ten_seats_ten_get_one_and_the_rest_wait() {
    let Stack { postgres, redis, .. } = &Stack::start().await;
    // All at once on few slow cores: they may wait for each other for longer than clients should.
    let patience = [
        ("DATABASE_ACQUIRE_TIMEOUT_MILLIS", "9000"),
        ("SESSION_TIMEOUT_MILLIS", "9000"),
    ];
    let server = &Stack::server(postgres, redis, &patience).await;
    let ada = Person::join(server, "Ada").await;
    let tournament = ada.create(server, "Cup", 10).await;
    let path = path_of(&tournament);
    let players = seeded(server, postgres, 100).await;
    // Each asks twice, at once.
    let calls = (0..200).map(|number| {
        let (token, path, port) = (players[number % 100].token.clone(), path.clone(), server.port);
        tokio::spawn(async move {
            call("POST", &format!("{path}/registrations"))
                .by(&token)
                .send(port)
                .await
        })
    });
    let calls: Vec<_> = calls.collect();
    let (mut made, mut already) = (0, 0);
    for answer in calls {
        let answer = answer.await.expect("no panic").expect("the server answers");
        match answer.status {
            201 => made += 1,
            200 => already += 1,
            _ => panic!("{answer:?}"),
        }
    }
    assert_eq!(
        (made, already),
        (100, 100),
        "each user is registered once, however often it asks"
    );
    let all = participants(server, &path).await;
    let users: BTreeSet<_> = all.iter().map(|one| one["userId"].to_string()).collect();
    assert_eq!((all.len(), users.len()), (100, 100));
    let (seated, waiting) = all.split_at(10);
    assert!(seated.iter().all(|one| one["status"] == "Registered"), "{seated:?}");
    assert!(waiting.iter().all(|one| one["status"] == "Waiting"), "{waiting:?}");
    assert_eq!(postgres.count("select seats_taken::bigint from tournaments").await, 10);
    assert_eq!(postgres.count("select waiting::bigint from tournaments").await, 90);
}

#[tokio::test]
async fn a_seat_that_becomes_free_goes_to_the_first_who_waits_and_who_comes_back_waits_last() {
    let Stack { server, .. } = &Stack::start().await;
    let ada = Person::join(server, "Ada").await;
    let path = path_of(&ada.create(server, "Cup", 2).await);
    let players = people(server, 5).await;
    for player in &players {
        assert_eq!(
            player
                .call(server, "POST", &format!("{path}/registrations"))
                .await
                .status,
            201
        );
    }
    let (leaver, next) = (&players[0], &players[3]);
    let gone = leaver.call(server, "DELETE", &format!("{path}/registrations/me")).await;
    assert_eq!(gone.status, 204, "{gone:?}");
    let after = participants(server, &path).await;
    let standing: Vec<_> = after
        .iter()
        .map(|one| (one["name"].clone(), one["status"].clone()))
        .collect();
    let expected = [
        ("Player 1", "Registered"),
        ("Player 2", "Registered"),
        ("Player 3", "Waiting"),
        ("Player 4", "Waiting"),
    ];
    assert_eq!(standing, expected.map(|(name, status)| (json!(name), json!(status))));
    let own = next.call(server, "GET", "/api/users/me/registrations").await.json();
    assert_eq!(own["items"][0]["waitingPosition"], 1, "{own}");
    let again = leaver.call(server, "DELETE", &format!("{path}/registrations/me")).await;
    assert_eq!(problem(&again), (404, "not-registered".to_owned()));
    let back = leaver.call(server, "POST", &format!("{path}/registrations")).await;
    assert_eq!(
        (back.status, &back.json()["waitingPosition"]),
        (201, &json!(3)),
        "{back:?}"
    );

    // More seats go to those who wait.
    let fewer = ada.send(server, ("PATCH", &path), json!({"seats": 1})).await;
    assert_eq!(problem(&fewer).0, 422, "two is the least: {fewer:?}");
    assert_eq!(
        ada.send(server, ("PATCH", &path), json!({"seats": 4})).await.status,
        200
    );
    let fewer = ada.send(server, ("PATCH", &path), json!({"seats": 3})).await;
    assert_eq!(problem(&fewer), (409, "seats-taken".to_owned()));
    let all = participants(server, &path).await;
    assert_eq!(
        all.iter().filter(|one| one["status"] == "Registered").count(),
        4,
        "{all:?}"
    );
}

#[tokio::test]
async fn points_make_a_board_that_everybody_sees() {
    let Stack { server, .. } = &Stack::start().await;
    let ada = Person::join(server, "Ada").await;
    let path = path_of(&ada.create(server, "Cup", 4).await);
    let players = people(server, 3).await;
    assert_eq!(read(server, &format!("{path}/leaderboard")).await, json!({"items": []}));
    for player in &players {
        assert_eq!(
            player
                .call(server, "POST", &format!("{path}/registrations"))
                .await
                .status,
            201
        );
    }
    for (player, points) in players.iter().zip([10, 30, 10]) {
        let to = format!("{path}/scores/{}", player.id);
        let set = ada.send(server, ("PUT", &to), json!({"points": points})).await;
        assert_eq!((set.status, &set.json()["points"]), (200, &json!(points)), "{set:?}");
        let cheat = player.send(server, ("PUT", &to), json!({"points": 99})).await;
        assert_eq!(problem(&cheat), (403, "not-owner".to_owned()));
    }
    let board = read(server, &format!("{path}/leaderboard")).await;
    let lines: Vec<_> = board["items"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|line| (line["rank"].clone(), line["name"].clone()))
        .collect();
    let expected = [(1, "Player 1"), (2, "Player 0"), (2, "Player 2")];
    assert_eq!(lines, expected.map(|(rank, name)| (json!(rank), json!(name))));
    let stranger = ada
        .send(
            server,
            ("PUT", &format!("{path}/scores/{}", ada.id)),
            json!({"points": 1}),
        )
        .await;
    assert_eq!(problem(&stranger), (404, "not-registered".to_owned()));
    let unknown = get(
        server.port,
        &format!("{LIST}/00000000-0000-7000-8000-000000000000/leaderboard"),
    )
    .await;
    assert_eq!(unknown.expect("answers").status, 404);
}
