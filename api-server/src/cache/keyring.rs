//! The keys of the tokens, as all servers share them: from the configuration, or one that the first server makes and keeps
//! in Redis. There it lives and dies with the sessions that it proves: a Redis that lost them lost the key too, and the
//! next sign-in puts one there. What tokens say is not known here.

use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::Pipeline;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;
use tracing::warn;

use super::PREFIX;
use super::redis::{Redis, Unavailable};
use super::sessions::Refused;
use crate::auth::token::{Claims, KeyError, Keys, Rejected, random_key};

/// An unknown key is looked for in Redis at most this often: tokens with invented keys must cost nothing.
const KEY_PAUSE: Duration = Duration::from_secs(1);

/// The keys, and where they are from.
#[derive(Debug)]
pub(super) struct Keyring {
    redis: Option<Arc<Redis>>,
    keys: Keys,
    source: KeySource,
    looked: Mutex<Option<Instant>>,
}

#[derive(Debug)]
enum KeySource {
    /// The configuration.
    Configured,
    /// This process made one; Redis' own, made by whichever server was first, takes its place.
    Made(SecretString),
}

impl Keyring {
    pub(super) fn new(keys: Option<Keys>, redis: Option<Arc<Redis>>) -> Result<Self, KeyError> {
        let (keys, source) = if let Some(keys) = keys {
            (keys, KeySource::Configured)
        } else {
            let made = random_key();
            (Keys::parse(&made)?, KeySource::Made(made))
        };
        if redis.is_none() && matches!(source, KeySource::Made(_)) {
            warn!("JWT_KEYS and REDIS_URL are not set: nobody can sign in, and tokens end with this process");
        }
        Ok(Self {
            redis,
            keys,
            source,
            looked: Mutex::new(None),
        })
    }

    /// Adds to a pipeline what puts our key where there is none; the key that is there then is the pipeline's last answer.
    pub(super) fn share(&self, commands: &mut Pipeline) {
        if let KeySource::Made(made) = &self.source {
            let set = commands.cmd("SET").arg(key_key()).arg(made.expose_secret());
            set.arg("NX").ignore();
        }
    }

    /// Adds to a pipeline what asks for the shared key.
    pub(super) fn ask(commands: &mut Pipeline) {
        commands.cmd("GET").arg(key_key());
    }

    /// Takes the shared key as the one that signs.
    pub(super) fn adopt(&self, shared: Option<String>) {
        if let (KeySource::Made(_), Some(shared)) = (&self.source, shared)
            && let Err(error) = self.keys.adopt(&shared.into())
        {
            warn!(%error, "the key in Redis cannot be used");
        }
    }

    /// Learns the shared key ahead of the first request.
    pub(super) async fn warm_up(&self) {
        if let (KeySource::Made(_), Some(redis)) = (&self.source, &self.redis) {
            let mut commands = redis::pipe();
            self.share(&mut commands);
            Self::ask(&mut commands);
            let shared: Result<(Option<String>,), Unavailable> = redis.run_all(commands).await;
            self.adopt(shared.ok().and_then(|(shared,)| shared));
        }
    }

    pub(super) fn sign(&self, claims: &Claims) -> Result<String, jsonwebtoken::errors::Error> {
        self.keys.sign(claims)
    }

    /// What a token says; a key that is not known is looked for in Redis.
    pub(super) async fn verify(&self, token: &str) -> Result<Claims, Refused> {
        match self.keys.verify(token) {
            Ok(claims) => return Ok(claims),
            Err(Rejected::Invalid) => return Err(Refused::Invalid),
            Err(Rejected::UnknownKey) => {}
        }
        match (&self.source, &self.redis) {
            (KeySource::Made(_), Some(redis)) => self.look(redis).await?,
            (KeySource::Made(_), None) | (KeySource::Configured, _) => {}
        }
        self.keys.verify(token).map_err(|_| Refused::Invalid)
    }

    async fn look(&self, redis: &Redis) -> Result<(), Refused> {
        let mut looked = self.looked.lock().await;
        if looked.is_none_or(|at| at.elapsed() > KEY_PAUSE) {
            let mut get = redis::cmd("GET");
            get.arg(key_key());
            let shared: Result<Option<String>, Unavailable> = redis.run(get).await;
            self.adopt(shared.map_err(|Unavailable| Refused::Unavailable)?);
            *looked = Some(Instant::now());
        }
        Ok(())
    }
}

fn key_key() -> String {
    format!("{PREFIX}:jwt-key")
}
