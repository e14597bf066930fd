//! Requests that no well-behaved client sends: bytes on a connection, and whatever comes back.

use std::time::Duration;

use anyhow::Context;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

const LONGEST: Duration = Duration::from_secs(45);

/// A connection to a port of 127.0.0.1.
///
/// # Errors
/// When nobody listens there.
pub async fn connect(port: u16) -> anyhow::Result<TcpStream> {
    TcpStream::connect(("127.0.0.1", port))
        .await
        .with_context(|| format!("connecting to port {port}"))
}

/// Sends these bytes and reads until the server closes.
///
/// # Errors
/// When it does not close in time.
pub async fn exchange(port: u16, bytes: &[u8]) -> anyhow::Result<String> {
    let mut stream = connect(port).await?;
    // A server that has heard enough may close before it read everything.
    let _ = stream.write_all(bytes).await;
    rest(&mut stream).await
}

/// Everything until the server closes the connection.
///
/// # Errors
/// When it does not.
pub async fn rest(stream: &mut TcpStream) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    let reading = async {
        let mut part = [0; 4096];
        // A connection that is reset after an answer has still answered.
        while let Ok(read @ 1..) = stream.read(&mut part).await {
            bytes.extend_from_slice(&part[..read]);
        }
    };
    timeout(LONGEST, reading)
        .await
        .with_context(|| format!("the connection was still open after {} s", LONGEST.as_secs()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A request without a body whose target is sent as it is; the connection ends with its answer.
pub fn get(target: &str, headers: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{headers}\r\n").into_bytes()
}

/// The status of the first answer in a text; 0 when there is none.
pub fn status(text: &str) -> u16 {
    let word = text.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3));
    word.and_then(|word| word.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_is_that_of_the_first_answer() {
        assert_eq!(status("HTTP/1.1 404 Not Found\r\n\r\n"), 404);
        assert_eq!(status(""), 0);
    }
}
