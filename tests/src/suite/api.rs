//! Requests to a stack's API through the API server's proxy to its Service, so that no port is opened.

use anyhow::Context;
use serde_json::{Value, json};

use crate::suite::Stack;

impl Stack {
    /// Calls the API through the API server's proxy; the body of a 2xx answer.
    ///
    /// # Errors
    /// The answer, when it was not 2xx.
    pub async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        self.request((method, path), body, None).await
    }

    /// Creates a tournament through the API's Service, as a user who signs up for it.
    ///
    /// # Errors
    /// The first answer that was not 2xx.
    pub async fn create_tournament(&self, draft: &Value) -> anyhow::Result<Value> {
        let credentials = self.sign_up().await;
        let session = self.call("POST", "/api/sessions", Some(&credentials)).await?;
        let token = session["token"].as_str().context("the session has no token")?;
        self.request(("POST", "/api/tournaments"), Some(draft), Some(token))
            .await
    }

    /// What the stack's one user signs in with at `/api/sessions`; signed up if it was not yet.
    pub async fn sign_up(&self) -> Value {
        let (email, password) = (format!("{}@example.com", self.namespace), "correct horse");
        let sign_up = json!({"email": email, "name": "Ada", "password": password});
        // Whoever asked before is signed up already; whatever else went wrong is said by the first who signs in.
        let _there = self.call("POST", "/api/users", Some(&sign_up)).await;
        json!({"email": email, "password": password})
    }

    // The API server's proxy keeps `Authorization` for itself: the token has a header of its own.
    async fn request(
        &self,
        (method, path): (&str, &str),
        body: Option<&Value>,
        token: Option<&str>,
    ) -> anyhow::Result<Value> {
        let service = format!(
            "/api/v1/namespaces/{}/services/{}-api:80/proxy{path}",
            self.namespace, self.name
        );
        let bytes = body.map(ToString::to_string).unwrap_or_default().into_bytes();
        let mut request = http::Request::builder()
            .method(method)
            .uri(service)
            .header("content-type", "application/json");
        if let Some(token) = token {
            request = request.header("x-session-token", token);
        }
        Ok(self.client.request(request.body(bytes)?).await?)
    }
}
