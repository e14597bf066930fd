//! A spectator: one WebSocket, and what was said on it.

use std::time::Duration;

use anyhow::Context;
use futures::StreamExt;
use serde_json::Value;
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message},
};

const LONGEST: Duration = Duration::from_secs(40);

/// Somebody who watches a tournament.
pub struct Spectator(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Spectator {
    /// Opens `ws://127.0.0.1:port` and the path.
    ///
    /// # Errors
    /// When the server refuses: its status.
    pub async fn watch(port: u16, path: &str) -> anyhow::Result<Self> {
        let url = format!("ws://127.0.0.1:{port}{path}");
        match timeout(LONGEST, connect_async(&url)).await.context("no answer")? {
            Ok((stream, _)) => Ok(Self(stream)),
            Err(Error::Http(refusal)) => anyhow::bail!("refused with {}", refusal.status().as_u16()),
            Err(error) => Err(error).with_context(|| url),
        }
    }

    /// The next text, as JSON; pings are answered on the way.
    ///
    /// # Errors
    /// When the connection ends first, or nothing comes.
    pub async fn hear(&mut self) -> anyhow::Result<Value> {
        match self.next().await? {
            Message::Text(text) => Ok(serde_json::from_str(&text)?),
            other => anyhow::bail!("expected a text, got {other:?}"),
        }
    }

    /// The next text of this type, whatever is said before it.
    ///
    /// # Errors
    /// As [`Spectator::hear`].
    pub async fn hear_of(&mut self, kind: &str) -> anyhow::Result<Value> {
        loop {
            let heard = self.hear().await?;
            if heard["type"] == kind {
                return Ok(heard);
            }
        }
    }

    /// The close code, whatever is said before it.
    ///
    /// # Errors
    /// When the connection ends without one, or does not end.
    pub async fn closed(&mut self) -> anyhow::Result<u16> {
        loop {
            if let Message::Close(frame) = self.next().await? {
                return Ok(frame.context("a close without a code")?.code.into());
            }
        }
    }

    async fn next(&mut self) -> anyhow::Result<Message> {
        let next = async {
            loop {
                match self.0.next().await.context("the connection ended")?? {
                    Message::Ping(_) | Message::Pong(_) => {}
                    message => return anyhow::Ok(message),
                }
            }
        };
        timeout(LONGEST, next).await.context("nothing came")?
    }
}
