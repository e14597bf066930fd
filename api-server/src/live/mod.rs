//! What happens in tournaments, told to those who watch: whoever publishes on any server reaches the watchers of every
//! server. Watchers hang on the [`hub::Hub`] of their own server; events travel between servers through Redis, each with
//! the server that it comes from, which has delivered it already. Without Redis events stay on the server that they were
//! published on. Nothing is kept: who was not listening asks for the present state, and is told to after every gap.

pub mod hub;
pub mod socket;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::Serialize;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};
use uuid::Uuid;

use crate::cache::redis::{Redis, Unavailable};
use crate::domain::score::Score;
use crate::domain::tournament::TournamentId;
use hub::Hub;

/// Begins the name of each tournament's channel.
const CHANNEL: &str = "pathfinder:1:live:";
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Bounds of the live events.
#[derive(Debug, Clone, Copy)]
pub struct LiveConfig {
    /// Most watchers of this server.
    pub max_connections: usize,
    /// A watcher is asked for a sign of life this often; one that gives none for two and a half times as long is gone.
    pub ping_every: Duration,
}

/// The way to those who watch.
#[derive(Debug)]
pub struct Live {
    redis: Option<Arc<Redis>>,
    hub: Arc<Hub>,
    /// Names this server in its own messages.
    origin: Uuid,
    /// Whether messages of other servers are heard.
    hears: AtomicBool,
    /// The bounds.
    pub config: LiveConfig,
    /// Cancelled when watchers should go elsewhere.
    pub closing: CancellationToken,
}

/// Something that happened, as a watcher gets it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum LiveEvent {
    /// A player's points changed.
    Score(Score),
}

/// Whether events reach other servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LiveState {
    /// There is no address of Redis: events stay on this server.
    Alone,
    /// They do.
    Connected,
    /// Redis does not answer: events stay on this server.
    Disconnected,
}

impl Live {
    /// Through this Redis to the watchers of other servers.
    pub fn new(redis: Option<Arc<Redis>>, config: LiveConfig) -> Self {
        Self {
            redis,
            hub: Arc::new(Hub::new(config.max_connections)),
            origin: Uuid::new_v4(),
            hears: AtomicBool::new(false),
            config,
            closing: CancellationToken::new(),
        }
    }

    /// Tells those who watch a tournament. What cannot be told is lost: it is kept in the database anyway.
    pub async fn publish(&self, id: TournamentId, event: &LiveEvent) {
        let Ok(text) = serde_json::to_string(event) else {
            return;
        };
        self.hub.deliver(id, &text);
        let Some(redis) = &self.redis else {
            return;
        };
        let message = format!("{} {text}", self.origin.as_simple());
        if let Err(Unavailable) = redis.publish(&format!("{CHANNEL}{id}"), &message).await {
            debug!(%id, "an event could not be published to other servers");
        }
    }

    /// The watchers of this server.
    pub fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// Whether events reach other servers.
    pub fn state(&self) -> LiveState {
        match (&self.redis, self.hears.load(Ordering::Relaxed)) {
            (None, _) => LiveState::Alone,
            (Some(_), true) => LiveState::Connected,
            (Some(_), false) => LiveState::Disconnected,
        }
    }

    /// Sends all watchers elsewhere, and returns when they are gone.
    pub async fn close(&self) {
        self.closing.cancel();
        self.hub.emptied().await;
    }

    /// Hears other servers until it is dropped.
    pub async fn listen(&self) {
        let Some(redis) = &self.redis else {
            return;
        };
        let mut pause = FIRST_PAUSE;
        loop {
            if self.hear(redis).await {
                warn!("live events stay on this server: Redis does not answer");
                pause = FIRST_PAUSE;
            }
            // Spread, so that servers which lost Redis together do not return together.
            sleep(pause.mul_f64(rand::random_range(0.5..1.0))).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Hears until the connection is gone, and says whether there was one.
    async fn hear(&self, redis: &Redis) -> bool {
        let Ok(mut messages) = redis.subscribe_pattern(&format!("{CHANNEL}*")).await else {
            return false;
        };
        self.hears.store(true, Ordering::Relaxed);
        info!("live events reach all servers");
        self.hub.resync();
        while let Some((channel, message)) = messages.next_from().await {
            self.receive(&channel, &message);
        }
        self.hears.store(false, Ordering::Relaxed);
        true
    }

    /// Whatever else speaks on our channels is not ours, and is not passed on.
    fn receive(&self, channel: &str, message: &[u8]) {
        let id = channel.strip_prefix(CHANNEL).and_then(|id| Uuid::try_parse(id).ok());
        let text = std::str::from_utf8(message).ok().and_then(|text| text.split_once(' '));
        let origin = text.and_then(|(origin, _)| Uuid::try_parse(origin).ok());
        if let (Some(id), Some((_, text)), Some(origin)) = (id, text, origin)
            && origin != self.origin
        {
            self.hub.deliver(TournamentId(id), text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: TournamentId = TournamentId(Uuid::from_u128(1));

    fn live() -> Live {
        Live::new(
            None,
            LiveConfig {
                max_connections: 2,
                ping_every: Duration::from_secs(1),
            },
        )
    }

    #[tokio::test]
    async fn an_event_of_another_server_is_delivered_and_an_own_one_not_again() {
        let live = live();
        let mut watcher = live.hub().subscribe(ONE).expect("a place");
        let channel = format!("{CHANNEL}{ONE}");
        let own = format!("{} first", live.origin.as_simple());
        let other = format!("{} second", Uuid::from_u128(7).as_simple());
        live.receive(&channel, own.as_bytes());
        live.receive(&channel, other.as_bytes());
        assert_eq!(watcher.next().await, Ok("second".into()));
    }

    #[tokio::test]
    async fn what_is_not_a_message_of_ours_is_not_passed_on() {
        let live = live();
        let mut watcher = live.hub().subscribe(ONE).expect("a place");
        let channel = format!("{CHANNEL}{ONE}");
        for message in [&b"{}"[..], b"", b"\xff\xff x", b"nobody says this"] {
            live.receive(&channel, message);
        }
        live.receive("pathfinder:1:live:everybody", b"x y");
        let good = format!("{} good", Uuid::from_u128(7));
        live.receive(&channel, good.as_bytes());
        assert_eq!(watcher.next().await, Ok("good".into()));
    }

    #[test]
    fn without_redis_events_stay_here_and_it_says_so() {
        assert_eq!(live().state(), LiveState::Alone);
    }
}
