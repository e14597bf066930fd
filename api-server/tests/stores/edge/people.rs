//! Users of the API, as far as the edge needs them: they sign up, make tournaments, register and set scores.

use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::support::Server;

/// Somebody with a session at one server.
pub(crate) struct Person {
    pub(crate) http: Client,
    pub(crate) id: String,
    pub(crate) token: String,
    base: String,
}

/// The address of a path.
pub(crate) fn url(server: &Server, path: &str) -> String {
    format!("http://127.0.0.1:{}{path}", server.port)
}

impl Person {
    /// Signs up and in.
    pub(crate) async fn new(server: &Server, name: &str) -> Self {
        let http = Client::new();
        let (email, password) = (format!("{name}@example.com"), "correct-horse-battery");
        let user = json!({"email": email, "name": name, "password": password});
        let made = http
            .post(url(server, "/api/users"))
            .json(&user)
            .send()
            .await
            .expect("an answer");
        assert_eq!(made.status(), StatusCode::CREATED, "{:?}", made.text().await);
        let credentials = json!({"email": email, "password": password});
        let session = http
            .post(url(server, "/api/sessions"))
            .json(&credentials)
            .send()
            .await
            .expect("an answer");
        assert_eq!(session.status(), StatusCode::CREATED);
        let session: Value = session.json().await.expect("JSON");
        Self {
            http,
            id: session["user"]["id"].as_str().expect("an id").to_owned(),
            token: session["token"].as_str().expect("a token").to_owned(),
            base: url(server, ""),
        }
    }

    /// The same person at another server.
    pub(crate) fn at(&self, server: &Server) -> Self {
        Self {
            http: self.http.clone(),
            id: self.id.clone(),
            token: self.token.clone(),
            base: url(server, ""),
        }
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Response {
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.base))
            .bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(body);
        }
        request.send().await.expect("an answer")
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = self.send(Method::GET, path, None).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.json().await.expect("JSON")
    }

    /// Makes a tournament of this many seats, and returns its path.
    pub(crate) async fn tournament(&self, seats: u32, fee: Option<i64>) -> String {
        let starts_at = (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24)).to_string();
        let mut draft = json!({"name": "Cup", "game": "chess", "seats": seats, "startsAt": starts_at});
        if let Some(amount) = fee {
            draft["entryFee"] = json!({"amount": amount, "currency": "INR"});
        }
        let made = self.send(Method::POST, "/api/tournaments", Some(&draft)).await;
        let status = made.status();
        let text = made.text().await.expect("a body");
        assert_eq!(status, StatusCode::CREATED, "{text}");
        let made: Value = serde_json::from_str(&text).expect("JSON");
        format!("/api/tournaments/{}", made["id"].as_str().expect("an id"))
    }

    /// Registers, and returns the registration.
    pub(crate) async fn register(&self, tournament: &str) -> Value {
        let made = self
            .send(Method::POST, &format!("{tournament}/registrations"), None)
            .await;
        let (status, text) = (made.status(), made.text().await.expect("a body"));
        assert!(status.is_success(), "{status}: {text}");
        serde_json::from_str(&text).expect("JSON")
    }

    /// The user's standing in the only tournament they are in.
    pub(crate) async fn standing(&self) -> String {
        let own = self.get("/api/users/me/registrations").await;
        own["items"][0]["status"].as_str().unwrap_or("none").to_owned()
    }
}
