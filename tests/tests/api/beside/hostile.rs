//! Input that means harm: the right 4xx, nothing lost, and the server goes on.

use pathfinder_tests::api::{
    Client,
    raw::{self, exchange, status},
    stack::{Person, draft},
};
use reqwest::Method;
use rstest::rstest;
use serde_json::json;

use crate::beside::house;

const INJECTIONS: &[&str] = &[
    "'; drop table tournaments; --",
    "' or '1'='1",
    "\" or \"\"=\"",
    "1; select pg_sleep(10)",
    "x' union select email, password_hash from users --",
    "\\'; truncate registrations; --",
    "%27%20or%201=1",
    "${jndi:ldap://127.0.0.1/a}",
    "{{7*7}}",
];

#[tokio::test]
async fn statements_in_texts_are_texts() -> anyhow::Result<()> {
    let ada = Person::register(house().a.port, "ada").await?;
    let tables = "select count(*) from information_schema.tables where table_schema = 'public'";
    let before = house().stack.primary.query(tables)?;
    for text in INJECTIONS {
        let mut body = draft(text, 4);
        body["game"] = json!(text);
        let made = ada.client.post("/api/tournaments", &body).await?.expect(201)?.json();
        assert_eq!(made["name"], *text);
        let query: String = form(text);
        for field in ["game", "cursor", "status", "limit", "startsAfter"] {
            let answer = ada.client.get(&format!("/api/tournaments?{field}={query}")).await?;
            assert!(answer.status < 500, "{field}={text}: {answer:?}");
        }
        let answer = ada.client.get(&format!("/api/tournaments/{query}")).await?;
        assert!(matches!(answer.status, 400 | 404), "{text}: {answer:?}");
        let login = json!({"email": text, "password": text});
        let answer = ada.client.post("/api/sessions", &login).await?;
        assert!(matches!(answer.status, 400 | 401 | 422), "{text}: {answer:?}");
    }
    assert_eq!(house().stack.primary.query(tables)?, before);
    Ok(())
}

// Every byte that is not a letter or a digit, as a URL carries it.
fn form(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(byte).collect()
}

#[rstest]
#[case::target("/api/tournaments/x%0d%0aSet-Cookie:%20evil=1", "")]
#[case::query("/api/tournaments?game=x%0d%0aSet-Cookie:%20evil=1", "")]
#[case::request_id("/api/tournaments", "X-Request-Id: a%0d%0aSet-Cookie: evil=1\r\n")]
#[case::bare_line_feed("/api/tournaments", "X-Request-Id: a\nSet-Cookie: evil=1\r\n")]
#[case::host("/api/tournaments", "X-Forwarded-Host: x\r\nX-Forwarded-For: a, b, \"'\r\n")]
#[tokio::test]
async fn nobody_puts_a_header_into_an_answer(#[case] target: &str, #[case] headers: &str) -> anyhow::Result<()> {
    let answer = exchange(house().a.port, &raw::get(target, headers)).await?;
    let head = answer.split("\r\n\r\n").next().unwrap_or_default().to_lowercase();
    assert!((200..500).contains(&status(&answer)), "{answer}");
    assert!(!head.lines().any(|line| line.starts_with("set-cookie")), "{answer}");
    Ok(())
}

#[rstest]
#[case("/../../etc/passwd")]
#[case("/api/../../../etc/passwd")]
#[case("/api/tournaments/..%2f..%2f..%2fetc%2fpasswd")]
#[case("/api/tournaments/%00")]
#[case("/api/tournaments/%ff%fe")]
#[case("/posters/../../../etc/passwd")]
#[case("/posters/%2e%2e%2f%2e%2e%2f%2e%2e%2fetc%2fpasswd")]
#[case("/posters/..%5c..%5cetc%5cpasswd")]
#[case("/posters/%2fetc%2fpasswd")]
#[case("/posters/")]
#[case("/uploads/../../../etc/passwd")]
#[case("/API/TOURNAMENTS")]
#[case("//api//tournaments")]
#[case("/api/tournaments/;/../../metrics")]
#[case("http://127.0.0.1/etc/passwd")]
#[case("*")]
#[tokio::test]
async fn no_path_leads_elsewhere(#[case] target: &str) -> anyhow::Result<()> {
    let answer = exchange(house().a.port, &raw::get(target, "")).await?;
    assert!((400..500).contains(&status(&answer)), "{target}: {answer}");
    assert!(!answer.contains("root:"), "{target}: {answer}");
    Ok(())
}

#[rstest]
#[case::not_http("hello\r\n\r\n")]
#[case::two_lengths("POST /api/users HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab")]
#[case::length_of_words("POST /api/users HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n")]
#[case::negative_length("POST /api/users HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n")]
#[case::space_in_a_name("GET /api/tournaments HTTP/1.1\r\nHost : x\r\nConnection: close\r\n\r\n")]
#[tokio::test]
async fn what_is_not_a_request_is_answered_with_400(#[case] bytes: &str) -> anyhow::Result<()> {
    let answer = exchange(house().a.port, bytes.as_bytes()).await?;
    assert_eq!(status(&answer), 400, "{answer}");
    Ok(())
}

#[tokio::test]
async fn a_length_and_chunks_together_smuggle_nothing() -> anyhow::Result<()> {
    let hidden = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
    let bytes = format!(
        "POST /api/sessions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n{hidden}",
        5 + hidden.len()
    );
    let answer = exchange(house().a.port, bytes.as_bytes()).await?;
    assert!(!answer.contains("http_requests_total"), "{answer}");
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    Ok(())
}

#[tokio::test]
async fn endless_targets_and_headers_are_refused() -> anyhow::Result<()> {
    let long = "a".repeat(200_000);
    let target = exchange(house().a.port, &raw::get(&format!("/api/tournaments?game={long}"), "")).await?;
    assert!(
        matches!(status(&target), 400 | 414 | 431),
        "{}",
        &target[..target.len().min(300)]
    );
    let headers = exchange(
        house().a.port,
        &raw::get("/api/tournaments", &format!("X-Long: {long}{long}{long}\r\n")),
    )
    .await?;
    assert!(
        matches!(status(&headers), 400 | 431),
        "{}",
        &headers[..headers.len().min(300)]
    );
    Ok(())
}

#[rstest]
#[case::nothing("", "application/json")]
#[case::open_brace("{", "application/json")]
#[case::not_utf8("{\"email\": \"\u{fffd}", "application/json")]
#[case::a_list("[]", "application/json")]
#[case::a_number("7", "application/json")]
#[case::another_type("email=a", "application/x-www-form-urlencoded")]
#[case::no_type("{\"email\":\"a@example.com\",\"password\":\"p\"}", "text/plain")]
#[tokio::test]
async fn broken_bodies_are_refused_as_what_they_are(#[case] body: &str, #[case] kind: &str) -> anyhow::Result<()> {
    let client = house().a.client()?;
    let answer = client
        .upload((Method::POST, "/api/sessions"), kind, body.as_bytes().to_vec())
        .await?;
    let expected: &[u16] = if kind == "application/json" {
        &[400, 422]
    } else {
        &[415]
    };
    assert!(expected.contains(&answer.status), "{answer:?}");
    answer.is_problem()
}

#[tokio::test]
async fn deep_and_raw_bytes_are_refused() -> anyhow::Result<()> {
    let client = house().a.client()?;
    for body in ["[".repeat(60_000).into_bytes(), vec![0xff; 1000], vec![0; 1000]] {
        let answer = client
            .upload((Method::POST, "/api/sessions"), "application/json", body)
            .await?;
        assert!(matches!(answer.status, 400 | 422), "{answer:?}");
    }
    Ok(())
}

#[tokio::test]
async fn ten_megabytes_are_refused_before_they_are_read() -> anyhow::Result<()> {
    let port = house().a.port;
    let size = 10 * 1024 * 1024;
    let told = format!(
        "POST /api/sessions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {size}\r\n\r\n"
    );
    let answer = exchange(port, &[told.as_bytes(), &vec![b' '; size]].concat()).await?;
    assert_eq!(status(&answer), 413, "{answer}");
    let chunk = format!("{size:x}\r\n");
    let untold = "POST /api/sessions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    let answer = exchange(
        port,
        &[untold.as_bytes(), chunk.as_bytes(), &vec![b' '; size], b"\r\n0\r\n\r\n"].concat(),
    )
    .await?;
    assert_eq!(status(&answer), 413, "{answer}");
    Client::new(port)?.expect("/api/tournaments", 200).await?;
    Ok(())
}
