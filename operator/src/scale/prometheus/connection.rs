//! The client of one endpoint, kept as long as its credentials stay the same.
//!
//! IO. The files are looked at every few seconds at most; a client, and with it its open connections, is thrown away only
//! when one of them changed.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use prometheus_http_query::Client;
use tokio::sync::Mutex;

use crate::{
    config::Endpoint,
    scale::{
        prometheus::{client, credentials::Credentials},
        why::Why,
    },
};

/// How often the files of credentials are looked at, at most.
pub const LOOK_INTERVAL: Duration = Duration::from_secs(10);

/// A client and what it was made of.
pub struct Connection {
    folder: PathBuf,
    state: Mutex<Option<State>>,
}

struct State {
    looked: Instant,
    made_of: Result<Credentials, Why>,
    client: Result<Client, Why>,
}

impl Connection {
    /// Nothing is read yet. `folder` holds the files `SECRET/KEY`.
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            state: Mutex::new(None),
        }
    }

    /// The client, made of what the files held within the last ten seconds before `now`.
    ///
    /// # Errors
    /// When a file is missing or cannot be used.
    pub async fn client(&self, endpoint: &Endpoint, now: Instant) -> Result<Client, Why> {
        let mut state = self.state.lock().await;
        let before = match state.take() {
            Some(kept) if now.saturating_duration_since(kept.looked) < LOOK_INTERVAL => {
                return state.insert(kept).client.clone();
            }
            before => before,
        };
        let read = Credentials::read(&self.folder, &endpoint.secrets()).await;
        let kept = match before {
            Some(same) if same.made_of == read => State { looked: now, ..same },
            Some(_) | None => State {
                looked: now,
                client: read
                    .as_ref()
                    .map_err(Clone::clone)
                    .and_then(|it| client::client(endpoint, it)),
                made_of: read,
            },
        };
        state.insert(kept).client.clone()
    }
}
