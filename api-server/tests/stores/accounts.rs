//! What users do with their accounts, against a real PostgreSQL and a real Redis: sign up and in and out, change their
//! password, and which tokens count. Needs the Debian packages postgresql and redis-server.

use serde_json::json;

use crate::support::{PASSWORD, Person, Stack, call, problem, wait_for};

/// `old` and `new` of the tokens' keys.
const OLD_KEY: &str = "old:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
const NEW_KEY: &str = "new:YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXphYmNkZWY=";

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
