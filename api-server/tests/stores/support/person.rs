//! Somebody who uses the API: signed up and signed in.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{Answer, Server, call};

pub(crate) const PASSWORD: &str = "correct horse";
const TOURNAMENTS: &str = "/api/tournaments";

/// A user with a session.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) email: String,
    pub(crate) id: String,
    pub(crate) token: String,
}

impl Person {
    /// Signs up with a new address, and signs in.
    pub(crate) async fn join(server: &Server, name: &str) -> Self {
        let email = format!("{}@example.com", Uuid::new_v4().simple());
        let sign_up = json!({"email": email, "name": name, "password": PASSWORD});
        let made = call("POST", "/api/users").json(sign_up).send(server.port).await;
        let made = made.expect("the server answers");
        assert_eq!(made.status, 201, "{made:?}");
        let id = made.json()["id"].as_str().expect("an id").to_owned();
        let token = Self::sign_in(server, &email).await;
        Self { email, id, token }
    }

    /// Another session of the user with this address.
    pub(crate) async fn sign_in(server: &Server, email: &str) -> String {
        let answer = Self::try_sign_in(server, email, PASSWORD).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()["token"].as_str().expect("a token").to_owned()
    }

    pub(crate) async fn try_sign_in(server: &Server, email: &str, password: &str) -> Answer {
        let credentials = json!({"email": email, "password": password});
        let answer = call("POST", "/api/sessions").json(credentials).send(server.port).await;
        answer.expect("the server answers")
    }

    pub(crate) async fn call(&self, server: &Server, method: &'static str, path: &str) -> Answer {
        let answer = call(method, path).by(&self.token).send(server.port).await;
        answer.expect("the server answers")
    }

    pub(crate) async fn send(&self, server: &Server, (method, path): (&'static str, &str), body: Value) -> Answer {
        let answer = call(method, path).by(&self.token).json(body).send(server.port).await;
        answer.expect("the server answers")
    }

    /// Creates a tournament and returns it.
    pub(crate) async fn create(&self, server: &Server, name: &str, seats: u32) -> Value {
        let draft = json!({"name": name, "game": "chess", "seats": seats, "startsAt": tomorrow()});
        let answer = self.send(server, ("POST", TOURNAMENTS), draft).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let created = answer.json();
        let id = created["id"].as_str().expect("an id");
        assert_eq!(answer.headers["location"], format!("{TOURNAMENTS}/{id}"));
        created
    }
}

fn tomorrow() -> String {
    (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24)).to_string()
}
