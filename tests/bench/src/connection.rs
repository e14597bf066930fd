//! One HTTP/1.1 connection that stays open: a request at a time, the answer read to its end.
//!
//! As little as can be right for this API: bodies have a length. Whatever else comes is an error, not a guess.

use std::time::Duration;

use anyhow::Context;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

const LONGEST: Duration = Duration::from_secs(10);
const HEAD_BYTES: usize = 16 * 1024;

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its body.
    pub body: Vec<u8>,
    closes: bool,
}

impl Answer {
    /// Its body as JSON; null when it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// A connection to a port of 127.0.0.1, opened anew when the server has closed it.
#[derive(Debug)]
pub struct Connection {
    port: u16,
    stream: Option<TcpStream>,
    /// How often the server ended one after an answer, as it may.
    pub reopened: u64,
}

impl Connection {
    /// An open one.
    ///
    /// # Errors
    /// When nobody listens there.
    pub async fn open(port: u16) -> anyhow::Result<Self> {
        let stream = Some(connect(port).await?);
        Ok(Self {
            port,
            stream,
            reopened: 0,
        })
    }

    /// Sends a request and reads its answer.
    ///
    /// # Errors
    /// When there is none in time, or it is not one.
    pub async fn ask(&mut self, request: &[u8]) -> anyhow::Result<Answer> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => connect(self.port).await?,
        };
        let answer = timeout(LONGEST, exchange(&mut stream, request))
            .await
            .context("no answer in time")??;
        if answer.closes {
            self.reopened += 1;
        } else {
            self.stream = Some(stream);
        }
        Ok(answer)
    }
}

async fn connect(port: u16) -> anyhow::Result<TcpStream> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    // Small requests leave at once.
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn exchange(stream: &mut TcpStream, request: &[u8]) -> anyhow::Result<Answer> {
    stream.write_all(request).await?;
    let mut bytes = Vec::with_capacity(4096);
    let end = loop {
        let read = stream.read_buf(&mut bytes).await?;
        anyhow::ensure!(read > 0, "the connection ended before an answer");
        if let Some(end) = bytes.windows(4).position(|part| part == b"\r\n\r\n") {
            break end;
        }
        anyhow::ensure!(bytes.len() < HEAD_BYTES, "a head without end");
    };
    let body = bytes.split_off(end + 4);
    let head = Head::read(std::str::from_utf8(&bytes)?)?;
    let mut body = body;
    while body.len() < head.length {
        let read = stream.read_buf(&mut body).await?;
        anyhow::ensure!(read > 0, "the connection ended within an answer");
    }
    anyhow::ensure!(body.len() == head.length, "more than was announced");
    Ok(Answer {
        status: head.status,
        body,
        closes: head.closes,
    })
}

#[derive(Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    length: usize,
    closes: bool,
}

impl Head {
    fn read(text: &str) -> anyhow::Result<Self> {
        let mut lines = text.lines();
        let status: u16 = lines
            .next()
            .and_then(|line| line.split(' ').nth(1)?.parse().ok())
            .with_context(|| format!("not an answer: {text:?}"))?;
        let header = |wanted: &str| {
            lines
                .clone()
                .filter_map(|line| line.split_once(':'))
                .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
                .map(|(_, value)| value.trim())
        };
        let bare = matches!(status, 204 | 304);
        let length = match header("content-length") {
            _ if bare => 0,
            Some(length) => length.parse()?,
            None => anyhow::bail!("an answer without a length: {text:?}"),
        };
        Ok(Self {
            status,
            length,
            closes: header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close")),
        })
    }
}

/// The bytes of a request; a body is JSON.
pub fn request((method, path): (&str, &str), token: Option<&str>, body: Option<&str>) -> Vec<u8> {
    let authorization = token.map(|token| format!("Authorization: Bearer {token}\r\n"));
    let rest = match body {
        Some(body) => format!(
            "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ),
        None if method == "GET" => "\r\n".to_owned(),
        None => "Content-Length: 0\r\n\r\n".to_owned(),
    };
    let authorization = authorization.unwrap_or_default();
    let text = format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{authorization}{rest}");
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_says_how_long_the_body_is_and_whether_the_connection_ends() {
        let head = Head::read("HTTP/1.1 200 OK\r\nContent-Length: 12\r\nconnection: Close\r\n\r\n").unwrap();
        assert_eq!((head.status, head.length, head.closes), (200, 12, true));
        let none = Head::read("HTTP/1.1 304 Not Modified\r\n\r\n").unwrap();
        assert_eq!((none.length, none.closes), (0, false));
        assert!(Head::read("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").is_err());
    }
}
