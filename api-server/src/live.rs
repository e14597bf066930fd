//! What happens in tournaments, told to those who watch: published in Redis, so that it reaches the watchers of every
//! server. Nothing is kept: who was not listening asks for the present state. Who watches is not known here.

use std::sync::Arc;

use serde::Serialize;
use tracing::debug;

use crate::cache::redis::{Redis, Unavailable};
use crate::domain::score::Score;
use crate::domain::tournament::TournamentId;

/// Begins the name of each tournament's channel.
const CHANNEL: &str = "pathfinder:1:live:";

/// The way to those who watch.
#[derive(Debug)]
pub struct Live {
    redis: Option<Arc<Redis>>,
}

/// Something that happened, as a watcher gets it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum LiveEvent {
    /// A player's points changed.
    Score(Score),
}

impl Live {
    /// Through this Redis; without one nobody hears anything.
    pub fn new(redis: Option<Arc<Redis>>) -> Self {
        Self { redis }
    }

    /// Tells those who watch a tournament. What cannot be told is lost: it is kept in the database anyway.
    pub async fn publish(&self, id: TournamentId, event: &LiveEvent) {
        let (Some(redis), Ok(message)) = (&self.redis, serde_json::to_string(event)) else {
            return;
        };
        let channel = channel(id);
        if let Err(Unavailable) = redis.publish(&channel, &message).await {
            debug!(%id, "an event could not be published");
        }
    }
}

/// The channel of a tournament.
pub fn channel(id: TournamentId) -> String {
    format!("{CHANNEL}{id}")
}
