//! One subscriber's WebSocket, from its first to its last byte. The server speaks, the client listens and shows signs of
//! life; every wait is bounded, and a client that does not read is dropped rather than waited for. Each connection ends
//! with a code that says what to do: 1001 come back (another replica will answer), 1013 come back later, 1008 do not talk.

use std::pin::pin;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, timeout};
use tokio_util::bytes::Bytes;
use tokio_util::sync::CancellationToken;

use super::hub::{Lost, Subscription};

/// Buffers of one connection: there may be thousands, and events are small.
const READ_BUFFER: usize = 512;
const WRITE_BUFFER_MAX: usize = 64 * 1024;
/// The largest message that is read at all: a client has nothing to say.
const MESSAGE_MAX: usize = 512;
/// The longest that a client may take to accept one event.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);
/// Goodbyes are spread over this time, so that clients do not all knock elsewhere at once.
const FAREWELL_SPREAD: Duration = Duration::from_secs(1);
/// The longest wait for the client's half of the goodbye.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Why a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// This replica is stopping.
    Draining,
    /// The client fell behind or does not read.
    TooSlow,
    /// The client sent something else than signs of life.
    Talked,
    /// The client is gone, or said goodbye.
    Gone,
}

/// Bounds what the connection may use, before it is one.
pub fn bounded(upgrade: WebSocketUpgrade) -> WebSocketUpgrade {
    upgrade
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(WRITE_BUFFER_MAX)
        .max_message_size(MESSAGE_MAX)
        .max_frame_size(MESSAGE_MAX)
}

/// Sends the subscription's events until either side ends. The subscriber's place is free when the goodbye is over.
pub async fn run(
    mut socket: WebSocket,
    mut subscription: Subscription,
    closing: CancellationToken,
    ping_every: Duration,
) {
    let end = converse(&mut socket, &mut subscription, &closing, ping_every).await;
    if end == End::Draining {
        sleep(FAREWELL_SPREAD.mul_f64(rand::random_range(0.0..1.0))).await;
    }
    if let Some(frame) = farewell(end) {
        // A client that says nothing more is closed all the same.
        let _silent = timeout(CLOSE_TIMEOUT, goodbye(socket, frame)).await;
    }
}

async fn converse(
    socket: &mut WebSocket,
    subscription: &mut Subscription,
    closing: &CancellationToken,
    ping_every: Duration,
) -> End {
    let mut ping = interval_at(Instant::now() + ping_every, ping_every);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut closed = pin!(closing.cancelled());
    let patience = ping_every.mul_f64(2.5);
    let mut heard = Instant::now();
    loop {
        let to_send = tokio::select! {
            () = &mut closed => return End::Draining,
            event = subscription.next() => match event {
                Ok(text) => Message::Text(text),
                Err(Lost::TooSlow) => return End::TooSlow,
                Err(Lost::Ended) => return End::Draining,
            },
            received = socket.recv() => match received {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {
                    heard = Instant::now();
                    continue;
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return End::Gone,
                Some(Ok(Message::Text(_) | Message::Binary(_))) => return End::Talked,
            },
            _ = ping.tick() => {
                if heard.elapsed() > patience {
                    return End::Gone;
                }
                Message::Ping(Bytes::new())
            }
        };
        match timeout(SEND_TIMEOUT, socket.send(to_send)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return End::Gone,
            Err(_) => return End::TooSlow,
        }
    }
}

fn farewell(end: End) -> Option<CloseFrame> {
    let (code, reason) = match end {
        End::Draining => (close_code::AWAY, "this server is stopping: connect again"),
        End::TooSlow => (close_code::AGAIN, "too slow: connect again"),
        End::Talked => (close_code::POLICY, "this connection only listens"),
        End::Gone => return None,
    };
    Some(CloseFrame {
        code,
        reason: Utf8Bytes::from_static(reason),
    })
}

/// Says goodbye and waits until the client has heard it: closing at once could take the message with it.
async fn goodbye(mut socket: WebSocket, frame: CloseFrame) {
    if socket.send(Message::Close(Some(frame))).await.is_ok() {
        while let Some(Ok(_)) = socket.recv().await {}
    }
}
