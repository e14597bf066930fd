//! The smallest HTTP/1.1 client that can tell the truth: one request per connection, everything read until its end.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// An answer, or why there is none.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }
}

/// A request in the making.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    method: &'static str,
    path: String,
    token: Option<String>,
    body: Option<Value>,
}

pub(crate) fn call(method: &'static str, path: &str) -> Call {
    Call {
        method,
        path: path.to_owned(),
        token: None,
        body: None,
    }
}

impl Call {
    /// As the user of this token.
    pub(crate) fn by(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    pub(crate) fn json(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    pub(crate) async fn send(&self, port: u16) -> io::Result<Answer> {
        let token = self
            .token
            .as_ref()
            .map(|token| format!("Authorization: Bearer {token}\r\n"));
        let body = self
            .body
            .as_ref()
            .map(|body| format!("Content-Type: application/json\r\n{}", content(body)));
        let (token, body) = (token.unwrap_or_default(), body.unwrap_or_else(|| "\r\n".to_owned()));
        let head = format!(
            "{} {} HTTP/1.1\r\nHost: test\r\nConnection: close",
            self.method, self.path
        );
        send(port, &format!("{head}\r\n{token}{body}")).await
    }
}

/// The length of a body, the end of the head, and the body.
fn content(body: &Value) -> String {
    let body = body.to_string();
    format!("Content-Length: {}\r\n\r\n{body}", body.len())
}

pub(crate) async fn get(port: u16, path: &str) -> io::Result<Answer> {
    call("GET", path).send(port).await
}

/// Sends these bytes and reads until the server closes the connection.
async fn send(port: u16, request: &str) -> io::Result<Answer> {
    let exchange = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await?;
        parse(&String::from_utf8_lossy(&bytes))
    };
    timeout(Duration::from_secs(30), exchange).await?
}

fn parse(text: &str) -> io::Result<Answer> {
    let broken = || io::Error::other(format!("not an answer: {text:?}"));
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(broken)?;
    let mut lines = head.lines();
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1))
        .and_then(|status| status.parse().ok());
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    Ok(Answer {
        status: status.ok_or_else(broken)?,
        headers,
        text: body.to_owned(),
    })
}
