//! One connection to Redis, used by all requests at once. Every command has a deadline, and a Redis that does not
//! answer is left alone by a circuit, so that it costs nothing. What is stored is not known here.

use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use futures::StreamExt;
use redis::aio::{ConnectionManager, ConnectionManagerConfig, PubSubSink, PubSubStream};
use redis::{Client, Cmd, FromRedisValue, Pipeline, RedisError};
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;
use tokio::time::error::Elapsed;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use crate::circuit::{Attempt, Circuit, Transition};

/// After its first failure Redis is left alone for this long.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// A Redis that stays away is tried at least this often.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// A new connection may take longer than a command: it is made in the background.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// A Redis that was given up is looked at this often; its circuit decides whether it is asked.
const TRY_PAUSE: Duration = Duration::from_millis(250);
/// A subscription that hears nothing asks for a sign of life this often.
const LISTEN_PAUSE: Duration = Duration::from_secs(2);

/// Redis, as far as this program uses it.
pub struct Redis {
    client: Client,
    /// Replaced after a failure: a connection to a frozen server never fails by itself.
    connection: RwLock<ConnectionManager>,
    circuit: Circuit,
    timeout: Duration,
}

/// The connection string does not parse. The value is not repeated: it holds a password.
#[derive(Debug, Error)]
#[error("REDIS_URL is not of the form redis://:PASSWORD@HOST:PORT")]
pub struct BadRedisUrl {
    /// Why it does not parse.
    #[source]
    source: RedisError,
}

/// Redis did not answer, or is not asked at the moment. The caller goes on without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unavailable;

impl std::fmt::Debug for Redis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Without the client: its own output holds the password.
        f.debug_struct("Redis")
            .field("circuit", &self.circuit)
            .finish_non_exhaustive()
    }
}

impl Redis {
    /// Redis at this address. Connects at the first command, but needs a tokio runtime.
    ///
    /// # Errors
    /// An address that does not parse.
    pub fn new(url: &SecretString, timeout: Duration) -> Result<Self, BadRedisUrl> {
        let client = Client::open(url.expose_secret()).map_err(|source| BadRedisUrl { source })?;
        let connection = RwLock::new(connection(&client, timeout).map_err(|source| BadRedisUrl { source })?);
        let circuit = Circuit::new(FIRST_PAUSE, LONGEST_PAUSE);
        Ok(Self {
            client,
            connection,
            circuit,
            timeout,
        })
    }

    /// Runs one command.
    ///
    /// # Errors
    /// [`Unavailable`], at once while the circuit is open, and otherwise after the timeout at the latest.
    pub async fn run<T: FromRedisValue>(&self, command: Cmd) -> Result<T, Unavailable> {
        let (attempt, mut connection) = self.begin()?;
        let answer = timeout(self.timeout, command.query_async(&mut connection)).await;
        self.finish(attempt, answer)
    }

    /// Runs several commands in one round trip.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub async fn run_all<T: FromRedisValue>(&self, commands: Pipeline) -> Result<T, Unavailable> {
        let (attempt, mut connection) = self.begin()?;
        let answer = timeout(self.timeout, commands.query_async(&mut connection)).await;
        self.finish(attempt, answer)
    }

    /// Hears what is published on a channel, on a connection of its own.
    ///
    /// # Errors
    /// [`Unavailable`]: try again later.
    pub async fn subscribe(&self, channel: &str) -> Result<Subscription, Unavailable> {
        let connected = timeout(CONNECT_TIMEOUT, self.client.get_async_pubsub()).await;
        let (mut sink, stream) = connected.map_err(|_| Unavailable)?.map_err(|_| Unavailable)?.split();
        let subscribed = timeout(CONNECT_TIMEOUT, sink.subscribe(channel)).await;
        subscribed.map_err(|_| Unavailable)?.map_err(|_| Unavailable)?;
        Ok(Subscription { sink, stream })
    }

    /// Hears what is published on all channels of a pattern, on a connection of its own.
    ///
    /// # Errors
    /// [`Unavailable`]: try again later.
    pub async fn subscribe_pattern(&self, pattern: &str) -> Result<Subscription, Unavailable> {
        let connected = timeout(CONNECT_TIMEOUT, self.client.get_async_pubsub()).await;
        let (mut sink, stream) = connected.map_err(|_| Unavailable)?.map_err(|_| Unavailable)?.split();
        let subscribed = timeout(CONNECT_TIMEOUT, sink.psubscribe(pattern)).await;
        subscribed.map_err(|_| Unavailable)?.map_err(|_| Unavailable)?;
        Ok(Subscription { sink, stream })
    }

    fn begin(&self) -> Result<(Attempt, ConnectionManager), Unavailable> {
        let attempt = self.circuit.ask(Instant::now()).ok_or(Unavailable)?;
        let connection = self.connection.read().unwrap_or_else(PoisonError::into_inner);
        Ok((attempt, connection.clone()))
    }

    fn finish<T>(&self, attempt: Attempt, answer: Result<Result<T, RedisError>, Elapsed>) -> Result<T, Unavailable> {
        match answer {
            Ok(Ok(answer)) => {
                if self.circuit.succeeded(attempt) == Transition::Closed {
                    info!("Redis answers again");
                }
                Ok(answer)
            }
            Ok(Err(error)) => Err(self.failed(attempt, &error.to_string())),
            Err(_) => Err(self.failed(attempt, "no answer in time")),
        }
    }

    /// Publishes a message to all who subscribed to the channel now.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub async fn publish(&self, channel: &str, message: &str) -> Result<(), Unavailable> {
        let mut publish = redis::cmd("PUBLISH");
        publish.arg(channel).arg(message);
        let _listeners: u64 = self.run(publish).await?;
        Ok(())
    }

    /// Whether a command would be tried now.
    ///
    /// # Errors
    /// The circuit is open: at least until its next probe Redis is left alone.
    pub fn check_available(&self) -> Result<(), Unavailable> {
        if self.circuit.would_refuse(Instant::now()) {
            Err(Unavailable)
        } else {
            Ok(())
        }
    }

    /// Whether Redis is believed to answer.
    pub fn is_available(&self) -> bool {
        self.circuit.is_closed()
    }

    /// Asks a Redis that was given up until it answers, also while nobody else asks; until it is dropped.
    pub async fn keep_trying(&self) {
        loop {
            sleep(TRY_PAUSE).await;
            if !self.is_available() {
                // Refused while the circuit pauses, and told by it when Redis answers.
                let _reported: Result<String, Unavailable> = self.run(redis::cmd("PING")).await;
            }
        }
    }

    fn failed(&self, attempt: Attempt, error: &str) -> Unavailable {
        let transition = self.circuit.failed(attempt, Instant::now());
        if transition == Transition::Opened {
            warn!(error, "Redis does not answer: going on without it");
        }
        if (transition == Transition::Opened || attempt == Attempt::Probe)
            && let Ok(fresh) = connection(&self.client, self.timeout)
        {
            *self.connection.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        }
        Unavailable
    }
}

/// What is published on a channel.
pub struct Subscription {
    sink: PubSubSink,
    stream: PubSubStream,
}

impl std::fmt::Debug for Subscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subscription").finish_non_exhaustive()
    }
}

impl Subscription {
    /// The next message; `None` when the connection is gone, also one whose server went silent. Messages may be lost
    /// before a new subscription.
    pub async fn next(&mut self) -> Option<Vec<u8>> {
        self.next_from().await.map(|(_, message)| message)
    }

    /// The next message, after the name of its channel; otherwise as [`Self::next`].
    pub async fn next_from(&mut self) -> Option<(String, Vec<u8>)> {
        loop {
            match timeout(LISTEN_PAUSE, self.stream.next()).await {
                Ok(message) => {
                    return message.map(|message| {
                        (
                            message.get_channel_name().to_owned(),
                            message.get_payload_bytes().to_vec(),
                        )
                    });
                }
                Err(_) => match timeout(CONNECT_TIMEOUT, self.sink.ping::<redis::Value>()).await {
                    Ok(Ok(_)) => {}
                    Ok(Err(_)) | Err(_) => return None,
                },
            }
        }
    }
}

fn connection(client: &Client, timeout: Duration) -> Result<ConnectionManager, RedisError> {
    let config = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(timeout))
        .set_number_of_retries(0);
    ConnectionManager::new_lazy_with_config(client.clone(), config)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn neither_debug_output_nor_errors_hold_the_password() {
        let redis = Redis::new(&"redis://:hunter2@127.0.0.1:1".into(), Duration::from_millis(50)).expect("parses");
        assert!(!format!("{redis:?}").contains("hunter2"));
        let error = anyhow::Error::from(
            Redis::new(&"http://:hunter2@host".into(), Duration::from_millis(50)).expect_err("not redis"),
        );
        assert!(!format!("{error:#} {error:?}").contains("hunter2"), "{error:?}");
    }

    /// Answers every command with PONG, as long as it is there.
    async fn pong(listener: TcpListener) {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut received = [0; 512];
            while let Ok(1..) = stream.read(&mut received).await {
                let commands = received.split(|byte| *byte == b'*').count() - 1;
                received.fill(0);
                stream
                    .write_all("+PONG\r\n".repeat(commands).as_bytes())
                    .await
                    .expect("open");
            }
        }
    }

    #[tokio::test]
    async fn a_redis_that_returns_is_found_while_nobody_asks() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        drop(listener);
        let redis = Redis::new(&format!("redis://{address}").into(), Duration::from_secs(1)).expect("parses");
        assert_eq!(redis.run::<String>(redis::cmd("PING")).await, Err(Unavailable));
        let back = TcpListener::bind(address).await.expect("the same port");
        let found = async {
            while !redis.is_available() {
                sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::select! {
            () = pong(back) => panic!("the server ended"),
            () = redis.keep_trying() => panic!("it goes on for ever"),
            found = timeout(Duration::from_secs(30), found) => found.expect("found within 30 s"),
        }
    }

    #[tokio::test]
    async fn a_silent_redis_costs_one_timeout_and_then_nothing() {
        let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("redis://{}", silent.local_addr().expect("bound"));
        let redis = Redis::new(&url.into(), Duration::from_millis(100)).expect("parses");
        let first = redis.run::<String>(redis::cmd("PING")).await;
        assert_eq!(first, Err(Unavailable));
        let started = Instant::now();
        for _ in 0..1000 {
            assert_eq!(redis.run::<String>(redis::cmd("PING")).await, Err(Unavailable));
        }
        // One timeout each would be 100 s.
        assert!(
            started.elapsed() < Duration::from_secs(5),
            "{:?} for 1000 commands",
            started.elapsed()
        );
    }
}
