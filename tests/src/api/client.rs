//! A client of the API as a program has one: connections kept open, JSON in and out, a session or none.

use std::time::Duration;

use anyhow::Context;
use reqwest::{
    Method,
    header::{HeaderMap, HeaderName, HeaderValue},
    redirect::Policy,
};
use serde_json::Value;

// Longer than the server may take for anything.
const LONGEST: Duration = Duration::from_secs(30);

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub text: String,
}

impl Answer {
    /// Its body as JSON; null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// A header as text, empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).map(HeaderValue::to_str);
        value.and_then(Result::ok).unwrap_or_default()
    }

    /// The answer, if it has this status and, when that is an error, is a problem document that agrees with it.
    ///
    /// # Errors
    /// The whole answer, if not.
    pub fn expect(self, status: u16) -> anyhow::Result<Self> {
        anyhow::ensure!(self.status == status, "expected {status}, got {self:?}");
        if status >= 400 {
            self.is_problem()?;
        }
        Ok(self)
    }

    /// Whether it is a problem document of RFC 9457.
    ///
    /// # Errors
    /// The whole answer, if not.
    pub fn is_problem(&self) -> anyhow::Result<()> {
        let body = self.json();
        let complete = self.header("content-type").starts_with("application/problem+json")
            && body["status"] == self.status
            && ["type", "title", "detail"].iter().all(|field| body[field].is_string());
        anyhow::ensure!(complete, "not a problem document: {self:?}");
        Ok(())
    }
}

/// Somebody who talks to one server.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    port: u16,
    headers: HeaderMap,
}

impl Client {
    /// Somebody without a session, for the server on this port of 127.0.0.1.
    ///
    /// # Errors
    /// When no client can be made.
    pub fn new(port: u16) -> anyhow::Result<Self> {
        // Another thread may have set it; that one is as good.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .timeout(LONGEST)
            .build()?;
        Ok(Self {
            http,
            port,
            headers: HeaderMap::new(),
        })
    }

    /// The same with this header on every request.
    ///
    /// # Errors
    /// When it cannot be a header.
    pub fn with(&self, name: &str, value: &str) -> anyhow::Result<Self> {
        let mut changed = self.clone();
        let name: HeaderName = name.parse()?;
        changed.headers.insert(name, value.parse()?);
        Ok(changed)
    }

    /// The same with this token.
    ///
    /// # Errors
    /// When it cannot be a header.
    pub fn holding(&self, token: &str) -> anyhow::Result<Self> {
        self.with("authorization", &format!("Bearer {token}"))
    }

    /// The same person at the server on another port.
    #[must_use]
    pub fn at(&self, port: u16) -> Self {
        Self { port, ..self.clone() }
    }

    /// The port that it talks to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// # Errors
    /// When there is no answer.
    pub async fn get(&self, path: &str) -> anyhow::Result<Answer> {
        self.send(Method::GET, path, None).await
    }

    /// # Errors
    /// When there is no answer.
    pub async fn delete(&self, path: &str) -> anyhow::Result<Answer> {
        self.send(Method::DELETE, path, None).await
    }

    /// # Errors
    /// When there is no answer.
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Answer> {
        self.send(Method::POST, path, Some(body)).await
    }

    /// # Errors
    /// When there is no answer.
    pub async fn put(&self, path: &str, body: &Value) -> anyhow::Result<Answer> {
        self.send(Method::PUT, path, Some(body)).await
    }

    /// # Errors
    /// When there is no answer.
    pub async fn patch(&self, path: &str, body: &Value) -> anyhow::Result<Answer> {
        self.send(Method::PATCH, path, Some(body)).await
    }

    /// The answer to a GET, if it has this status.
    ///
    /// # Errors
    /// What came instead.
    pub async fn expect(&self, path: &str, status: u16) -> anyhow::Result<Answer> {
        self.get(path)
            .await?
            .expect(status)
            .with_context(|| format!("GET {path}"))
    }

    /// The JSON of a GET that succeeds.
    ///
    /// # Errors
    /// What came instead.
    pub async fn read(&self, path: &str) -> anyhow::Result<Value> {
        Ok(self.expect(path, 200).await?.json())
    }

    /// Sends bytes of some type.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn upload(
        &self,
        (method, path): (Method, &str),
        content_type: &str,
        body: Vec<u8>,
    ) -> anyhow::Result<Answer> {
        let request = self
            .request(method, path)
            .header("content-type", content_type)
            .body(body);
        answer(request).await
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Answer> {
        let request = self.request(method, path);
        answer(match body {
            Some(body) => request.json(body),
            None => request,
        })
        .await
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let url = if path.starts_with("http") {
            path.to_owned()
        } else {
            format!("http://127.0.0.1:{}{path}", self.port)
        };
        self.http.request(method, url).headers(self.headers.clone())
    }
}

async fn answer(request: reqwest::RequestBuilder) -> anyhow::Result<Answer> {
    let response = request.send().await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await?;
    Ok(Answer { status, headers, text })
}
