//! What users do, against a real PostgreSQL and a real Redis: sign up and in and out, create, change and cancel
//! tournaments, take seats and give them up, set points. Needs the Debian packages postgresql and redis-server.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Answer, PASSWORD, Person, Postgres, Redis, Server, call, get, run, wait_for};

const LIST: &str = "/api/tournaments";
/// `old` and `new` of the tokens' keys.
const OLD_KEY: &str = "old:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
const NEW_KEY: &str = "new:YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXphYmNkZWY=";

/// A server with its stores.
struct Stack {
    server: Server,
    postgres: Postgres,
    redis: Redis,
}

impl Stack {
    async fn start() -> Self {
        let (postgres, redis) = tokio::join!(Postgres::start(), Redis::start());
        let server = Self::server(&postgres, &redis, &[]).await;
        Self {
            server,
            postgres,
            redis,
        }
    }

    async fn server(postgres: &Postgres, redis: &Redis, more: &[(&str, &str)]) -> Server {
        let (database, cache) = (postgres.url(), redis.url());
        let stores = [
            ("DATABASE_URL", &*database),
            ("REDIS_URL", &*cache),
            ("PASSWORDS_AT_ONCE", "2"),
        ];
        let server = Server::start(&[&stores, more].concat()).await;
        server.ready().await;
        server
    }
}

fn problem(answer: &Answer) -> (u16, String) {
    let kind = answer.json()["type"].as_str().unwrap_or_default().to_owned();
    (answer.status, kind.replace("urn:pathfinder:problem:", ""))
}

fn path_of(tournament: &Value) -> String {
    format!("{LIST}/{}", tournament["id"].as_str().expect("an id"))
}

async fn read(server: &Server, path: &str) -> Value {
    let answer = get(server.port, path).await.expect("the server answers");
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

#[tokio::test]
async fn a_user_signs_up_and_in_and_sees_and_ends_their_own_sessions_only() {
    let Stack { server, .. } = &Stack::start().await;
    let ada = Person::join(server, "Ada").await;
    let again = json!({"email": ada.email.to_uppercase(), "name": "Eve", "password": PASSWORD});
    let again = call("POST", "/api/users")
        .json(again)
        .send(server.port)
        .await
        .expect("answers");
    assert_eq!(problem(&again), (409, "email-taken".to_owned()));
    let wrong = Person::try_sign_in(server, &ada.email, "wrong horse").await;
    assert_eq!(problem(&wrong), (401, "wrong-credentials".to_owned()));
    let nobody = Person::try_sign_in(server, "nobody@example.com", PASSWORD).await;
    assert_eq!(
        problem(&nobody),
        (401, "wrong-credentials".to_owned()),
        "who exists is not told"
    );

    let me = ada.call(server, "GET", "/api/users/me").await;
    assert_eq!((me.status, &me.json()["email"]), (200, &json!(ada.email)), "{me:?}");
    assert_eq!(me.headers["cache-control"], "private, no-store");

    let second = Person {
        token: Person::sign_in(server, &ada.email).await,
        ..ada.clone()
    };
    let sessions = ada.call(server, "GET", "/api/sessions").await.json()["items"].clone();
    let sessions = sessions.as_array().expect("a list");
    assert_eq!(sessions.len(), 2, "{sessions:?}");
    assert_eq!(sessions.iter().filter(|session| session["current"] == true).count(), 1);

    let current = second.call(server, "GET", "/api/sessions/current").await.json();
    let path = format!("/api/sessions/{}", current["id"].as_str().expect("an id"));
    assert_eq!(ada.call(server, "DELETE", &path).await.status, 204, "one of mine");
    assert_eq!(
        problem(&second.call(server, "GET", "/api/users/me").await),
        (401, "invalid-token".to_owned())
    );
    let eve = Person::join(server, "Eve").await;
    let hers = eve.call(server, "GET", "/api/sessions/current").await.json();
    let path = format!("/api/sessions/{}", hers["id"].as_str().expect("an id"));
    assert_eq!(
        problem(&ada.call(server, "DELETE", &path).await),
        (404, "no-such-session".to_owned())
    );
    assert_eq!(
        eve.call(server, "GET", "/api/users/me").await.status,
        200,
        "somebody else's goes on"
    );
}

#[tokio::test]
async fn another_password_ends_the_other_sessions_and_signing_out_ends_them_all() {
    let Stack { server, .. } = &Stack::start().await;
    let (ada, eve) = (Person::join(server, "Ada").await, Person::join(server, "Eve").await);
    let second = Person {
        token: Person::sign_in(server, &ada.email).await,
        ..ada.clone()
    };
    let change = |current: &str, new: &str| json!({"currentPassword": current, "newPassword": new});
    let to = ("PUT", "/api/users/me/password");
    let refused = ada.send(server, to, change("wrong horse", "battery staple")).await;
    assert_eq!(problem(&refused), (403, "wrong-password".to_owned()));
    let short = ada.send(server, to, change(PASSWORD, "short")).await;
    assert_eq!(problem(&short), (422, "invalid-user".to_owned()));
    assert_eq!(
        ada.send(server, to, change(PASSWORD, "battery staple")).await.status,
        204
    );
    assert_eq!(
        second.call(server, "GET", "/api/users/me").await.status,
        401,
        "other sessions end"
    );
    assert_eq!(
        ada.call(server, "GET", "/api/users/me").await.status,
        200,
        "this one goes on"
    );
    assert_eq!(Person::try_sign_in(server, &ada.email, PASSWORD).await.status, 401);
    assert_eq!(
        Person::try_sign_in(server, &ada.email, "battery staple").await.status,
        201
    );

    assert_eq!(ada.call(server, "DELETE", "/api/sessions").await.status, 204);
    assert_eq!(ada.call(server, "GET", "/api/users/me").await.status, 401);
    assert_eq!(eve.call(server, "DELETE", "/api/sessions/current").await.status, 204);
    assert_eq!(eve.call(server, "GET", "/api/users/me").await.status, 401);
    assert!(!server.log().contains(&ada.token));
}

#[tokio::test]
async fn servers_share_sessions_and_keys_are_replaced_without_ending_one() {
    let Stack {
        server,
        postgres,
        redis,
    } = &Stack::start().await;
    let ada = Person::join(server, "Ada").await;
    let other = Stack::server(postgres, redis, &[]).await;
    let me = ada.call(&other, "GET", "/api/users/me").await;
    assert_eq!(me.status, 200, "the key is shared through Redis: {me:?}");

    let before = Stack::server(postgres, redis, &[("JWT_KEYS", OLD_KEY)]).await;
    let foreign = ada.call(&before, "GET", "/api/users/me").await;
    assert_eq!(
        foreign.status, 401,
        "with keys of its own it takes no other: {foreign:?}"
    );
    let bob = Person::join(&before, "Bob").await;
    let both = format!("{NEW_KEY},{OLD_KEY}");
    let during = Stack::server(postgres, redis, &[("JWT_KEYS", &both)]).await;
    assert_eq!(bob.call(&during, "GET", "/api/users/me").await.status, 200);
    let after = Stack::server(postgres, redis, &[("JWT_KEYS", NEW_KEY)]).await;
    assert_eq!(bob.call(&after, "GET", "/api/users/me").await.status, 401);
    let eve = Person::join(&during, "Eve").await;
    assert_eq!(
        eve.call(&after, "GET", "/api/users/me").await.status,
        200,
        "the first key signs"
    );
}

#[tokio::test]
async fn a_token_is_worth_nothing_when_it_is_forged_or_its_session_was_not_used() {
    let Stack {
        server,
        postgres,
        redis,
    } = &Stack::start().await;
    let ada = Person::join(server, "Ada").await;
    let (head, signature) = ada.token.rsplit_once('.').expect("three parts");
    let altered = format!("{head}.{}", signature.chars().rev().collect::<String>());
    for token in [&*altered, "", "a.b.c", "eyJhbGciOiJub25lIn0.e30."] {
        let forged = call("GET", "/api/users/me")
            .by(token)
            .send(server.port)
            .await
            .expect("answers");
        assert_eq!(forged.status, 401, "`{token}`: {forged:?}");
        assert_eq!(forged.headers["www-authenticate"], "Bearer");
    }
    let brief = Stack::server(postgres, redis, &[("SESSION_TTL_SECONDS", "2")]).await;
    let bob = Person::join(&brief, "Bob").await;
    for _ in 0..3 {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        let used = bob.call(&brief, "GET", "/api/users/me").await;
        assert_eq!(used.status, 200, "use keeps a session alive: {used:?}");
    }
    wait_for("end of a session that is not used", async || {
        tokio::time::sleep(std::time::Duration::from_secs(3)).await;
        let unused = bob.call(&brief, "GET", "/api/users/me").await;
        if unused.status == 401 { Ok(()) } else { Err(unused) }
    })
    .await;
}

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
