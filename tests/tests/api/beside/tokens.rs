//! Tokens that the server did not sign, or no longer honours: 401, whatever they claim.

use pathfinder_tests::api::{
    stack::{KEY, Person},
    token::{parts, signed, unsigned},
};
use serde_json::json;

use crate::beside::house;

#[tokio::test]
async fn forged_and_expired_tokens_open_nothing() -> anyhow::Result<()> {
    let ada = Person::register(house().a.port, "ada").await?;
    let (header, claims) = parts(&ada.token);
    assert!(claims["exp"].is_number(), "the token has no end: {claims}");
    // The proof's own signature is right, or none of what follows proves anything.
    let own = signed(&header, &claims, KEY);
    ada.client.holding(&own)?.expect("/api/users/me", 200).await?;
    let changed = |field: &str, value: serde_json::Value| {
        let mut claims = claims.clone();
        claims[field] = value;
        claims
    };
    let with_header = |field: &str, value: &str| {
        let mut header = header.clone();
        header[field] = json!(value);
        signed(&header, &claims, KEY)
    };
    let other = Person::register(house().a.port, "eve").await?;
    let signature = ada.token.rsplit('.').next().unwrap_or_default();
    let none = unsigned(&json!({"alg": "none", "typ": "JWT"}), &claims);
    let forged = [
        (
            "another key",
            signed(&header, &claims, b"another key of thirty-two bytes!"),
        ),
        ("the empty key", signed(&header, &claims, b"")),
        ("no signature", format!("{}.", unsigned(&header, &claims))),
        ("alg none", format!("{none}.")),
        ("alg none, signed", format!("{none}.{signature}")),
        ("another algorithm", with_header("alg", "HS512")),
        ("an unknown key", with_header("kid", "second")),
        ("a key by path", with_header("kid", "../../dev/null")),
        ("a key by SQL", with_header("kid", "' or '1'='1")),
        ("expired", signed(&header, &changed("exp", json!(1_000_000_000)), KEY)),
        ("no end", signed(&header, &changed("exp", json!(null)), KEY)),
        (
            "somebody else's name",
            signed(&header, &changed("sub", json!(other.id)), KEY),
        ),
        (
            "claims changed",
            format!("{}.{signature}", unsigned(&header, &changed("sub", json!(other.id)))),
        ),
        ("cut", ada.token[..ada.token.len() - 4].to_owned()),
        ("not a token", "x".to_owned()),
        ("dots", "...".to_owned()),
        ("long", "x".repeat(4000)),
    ];
    for (what, token) in forged {
        let answer = ada.client.holding(&token)?.get("/api/users/me").await?;
        assert_eq!(answer.status, 401, "{what}: {answer:?}");
        answer.is_problem()?;
        assert!(
            answer.header("www-authenticate").starts_with("Bearer"),
            "{what}: {answer:?}"
        );
    }
    for scheme in ["Basic YWRhOnNlY3JldA==", "Bearer", "Bearer ", ""] {
        let client = house().a.client()?.with("authorization", scheme)?;
        client.expect("/api/users/me", 401).await?;
    }
    ada.client.expect("/api/users/me", 200).await?;
    Ok(())
}
