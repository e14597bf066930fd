//! Cache-aside for whole answers: look in this process, else in Redis, else load, then keep what was loaded. Entries are
//! the bytes that go to the client, so a hit is neither parsed nor serialised.
//!
//! Entries are invalidated by tag without searching keys: each entry begins with the generation of its tag at the time
//! *before* it was loaded, and one command reads both. Invalidating replaces the generation, so whatever was loaded
//! before, or is being loaded at that moment, no longer counts; and says so on a channel, for the layers of the other
//! servers. A generation holds its time: what is loaded soon after is loaded from the primary, because a replica may not
//! have the change yet.
//!
//! Each loading runs once per process, and by a short lock in Redis once for all servers; an entry past its time is
//! served while one of them renews it, also to whoever asked there.

mod shared;

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rand::random_range;
use thiserror::Error;
use tokio::sync::Semaphore;
use tokio::time::sleep;
use tokio_util::bytes::Bytes;

use self::shared::Looked;
use super::answer::{Answer, fitted};
use super::entry::Entry;
use super::flight::Flights;
use super::local::{At, Found as InProcess, Hearing, Lives, Local};
use super::redis::{Redis, Unavailable};
use super::stored::Generation;
use super::unsaid::{Unsaid, channel, say};
use crate::config::CacheConfig;
use crate::metrics::Metrics;
use crate::metrics::labels::CacheOutcome;
use crate::store::StoreError;
use crate::store::db::Freshness;

/// After an invalidation, or a user's own write, loadings go to the primary for this long: longer than any replica that
/// is read may be behind.
pub const FRESH_FOR: Duration = Duration::from_secs(15);
/// Most entries that are renewed at a time while they are served past their time; each takes a connection to the database for
/// a moment, and those who wait for an answer need them more.
const RENEWALS: usize = 8;
/// How often it is looked whether Redis missed an invalidation.
const SAY_PAUSE: Duration = Duration::from_millis(100);
/// Between two attempts to hear invalidations.
const LISTEN_PAUSE: Duration = Duration::from_millis(500);

/// The cache of answers.
#[derive(Debug, Clone)]
pub struct Aside(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    redis: Option<Arc<Redis>>,
    local: Local,
    flights: Arc<Flights<Filled>>,
    renewals: Arc<Semaphore>,
    unsaid: Unsaid,
    ttl: Duration,
    metrics: Arc<Metrics>,
}

/// Whether the cache helps at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheState {
    /// There is no address of one.
    NotConfigured,
    /// It answers.
    Available,
    /// It does not answer.
    Unavailable,
}

/// An answer could not be loaded.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An answer could not be written as JSON.
    #[error("an answer cannot be written as JSON: {0}")]
    Encode(#[from] serde_json::Error),
    /// The loading ended without an outcome.
    #[error("the loading of an answer met a defect of this server")]
    Panicked,
}

/// What a loading ends with, for all who wait for it: `None` when there is no such thing.
pub type Loaded = Result<Option<Arc<Answer>>, Arc<LoadError>>;

/// How an entry was filled, and by whom.
#[derive(Debug, Clone)]
struct Filled {
    loaded: Loaded,
    outcome: CacheOutcome,
}

/// Who waits for a loading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asker {
    /// Somebody who has no answer yet.
    Client,
    /// Nobody: it was answered from this process already.
    Renewal,
}

impl Aside {
    /// The cache as configured.
    pub fn new(config: &CacheConfig, redis: Option<Arc<Redis>>, metrics: Arc<Metrics>) -> Self {
        let lives = Lives {
            fresh: config.local_ttl,
            // As in Redis: as long again, while it is renewed.
            stale: (2 * config.ttl).max(config.local_ttl),
        };
        Self(Arc::new(Inner {
            redis,
            local: Local::new(config.local_bytes, lives),
            flights: Arc::default(),
            renewals: Arc::new(Semaphore::new(RENEWALS)),
            unsaid: Unsaid::default(),
            ttl: config.ttl,
            metrics,
        }))
    }

    /// The cached answer, or else the one that `load` makes, which is then kept.
    ///
    /// # Errors
    /// Only what `load` returns.
    pub async fn get_or_load<F>(&self, entry: Entry, load: impl FnOnce(Freshness) -> F + Send + 'static) -> Loaded
    where
        F: Future<Output = Result<Option<Vec<u8>>, LoadError>> + Send + 'static,
    {
        let inner = &self.0;
        let found = inner.local.find(entry.key(), Instant::now());
        if let InProcess::Fresh(answer) = found {
            inner.metrics.cache(CacheOutcome::Hit);
            return Ok(Some(answer));
        }
        // Apart, so that a request that needs none of it does not carry its room around.
        Box::pin(self.get_or_fill((entry, found), load)).await
    }

    async fn get_or_fill<F>(
        &self,
        (entry, found): (Entry, InProcess),
        load: impl FnOnce(Freshness) -> F + Send + 'static,
    ) -> Loaded
    where
        F: Future<Output = Result<Option<Vec<u8>>, LoadError>> + Send + 'static,
    {
        let inner = &self.0;
        // A loading that began before an invalidation must not answer who asks after it.
        let key = inner.local.at(entry.tag()).within(entry.key());
        if let InProcess::Stale(answer) = found {
            inner.metrics.cache(CacheOutcome::Hit);
            // Where as many are renewed as may be, whoever asks next begins it.
            if let Ok(place) = Arc::clone(&inner.renewals).try_acquire_owned() {
                let filling = Arc::clone(inner).fill((entry, Asker::Renewal), load);
                inner.flights.begin(&key, async move {
                    let filled = filling.await;
                    drop(place);
                    filled
                });
            }
            return Ok(Some(answer));
        }
        let is_shared = inner.flights.runs(&key);
        let filling = Arc::clone(inner).fill((entry, Asker::Client), load);
        let Some(Filled { loaded, outcome }) = inner.flights.outcome(&key, filling).await else {
            return Err(Arc::new(LoadError::Panicked));
        };
        inner.metrics.cache(if is_shared { CacheOutcome::Hit } else { outcome });
        loaded
    }

    /// Keeps in this process an answer that another entry's loading, begun at `began`, brought along: who reads a list asks
    /// for one of its items next. Not where a fresh one is there, nor where the tag was invalidated since, or so shortly
    /// before that a replica may not have had the change.
    pub fn keep_along(&self, entry: Entry, began: Instant, body: impl FnOnce() -> Option<Vec<u8>>) {
        let (local, now) = (&self.0.local, Instant::now());
        // Before the question whether it was invalidated: what is invalidated between the two counts as invalidated.
        let at = local.at(entry.tag());
        let is_there = matches!(local.find(entry.key(), now), InProcess::Fresh(_));
        if is_there || local.forgot_within(entry.tag(), FRESH_FOR, began) {
            return;
        }
        if let Some(body) = body() {
            self.0.keep_here(entry, at, fitted(body));
        }
    }

    /// Makes every entry of the tag count no longer, on every server. While Redis does not answer, it counts no longer on
    /// this one, and the others hear of it when Redis is back; their entries end by their time at the latest.
    pub async fn invalidate(&self, tag: &str) {
        let inner = &self.0;
        let Some(redis) = &inner.redis else {
            return inner.local.forget(tag, Instant::now());
        };
        // First, and until it was said: also when who invalidates goes away meanwhile.
        let number = inner.unsaid.add(tag);
        inner.local.forget(tag, Instant::now());
        if say(redis, tag).await.is_ok() {
            inner.unsaid.remove(tag, number);
        }
    }

    /// Whether the cache helps at the moment.
    pub fn state(&self) -> CacheState {
        match &self.0.redis {
            None => CacheState::NotConfigured,
            Some(redis) if redis.is_available() => CacheState::Available,
            Some(_) => CacheState::Unavailable,
        }
    }

    /// Finds out when Redis is back, without waiting for a request, and tells it what it missed; until it is dropped.
    pub async fn keep_trying(&self) {
        if let Some(redis) = &self.0.redis {
            tokio::join!(redis.keep_trying(), self.keep_saying(redis));
        }
    }

    async fn keep_saying(&self, redis: &Redis) {
        loop {
            sleep(SAY_PAUSE).await;
            for (tag, number) in self.0.unsaid.all() {
                if !redis.is_available() || say(redis, &tag).await.is_err() {
                    break;
                }
                self.0.unsaid.remove(&tag, number);
            }
        }
    }

    /// Hears the other servers' invalidations until it is dropped.
    pub async fn listen(&self) {
        let inner = &self.0;
        let Some(redis) = &inner.redis else { return };
        loop {
            if let Ok(mut heard) = redis.subscribe(&channel()).await {
                // What was said before is missed: everything starts anew.
                inner.local.forget_all(Instant::now());
                inner.local.listens(Hearing::All);
                while let Some(tag) = heard.next().await {
                    inner.local.forget(&String::from_utf8_lossy(&tag), Instant::now());
                }
                inner.local.listens(Hearing::Perhaps);
            }
            sleep(LISTEN_PAUSE.mul_f64(random_range(0.8..1.2))).await;
        }
    }
}

impl Inner {
    async fn fill<F>(self: Arc<Self>, (entry, asker): (Entry, Asker), load: impl FnOnce(Freshness) -> F) -> Filled
    where
        F: Future<Output = Result<Option<Vec<u8>>, LoadError>> + Send + 'static,
    {
        let at = self.local.at(entry.tag());
        let looked = match &self.redis {
            Some(redis) if !self.unsaid.has(entry.tag()) => {
                shared::look(redis, &entry).await.map(|looked| (redis, looked))
            }
            Some(_) | None => Err(Unavailable),
        };
        match looked {
            Ok((redis, Looked::Renew(generation, body))) if asker == Asker::Client => {
                // Before the renewal, which may be quick.
                let kept = self.keep_here(entry.clone(), at, body);
                self.renew_behind(redis, (entry, at, generation), load).await;
                Filled {
                    loaded: Ok(Some(kept)),
                    outcome: CacheOutcome::Hit,
                }
            }
            Ok((_, Looked::There(body))) => Filled {
                loaded: Ok(Some(self.keep_here(entry, at, body))),
                outcome: CacheOutcome::Hit,
            },
            Ok((redis, Looked::Load(generation) | Looked::Renew(generation, _))) => {
                let loading = load(generation.freshness(Timestamp::now(), FRESH_FOR));
                Filled {
                    loaded: self.load_for_all(redis, (entry, at, generation), loading).await,
                    outcome: CacheOutcome::Miss,
                }
            }
            Err(Unavailable) => Filled {
                loaded: self.bypass(entry, at, load).await,
                outcome: CacheOutcome::Bypass,
            },
        }
    }

    // By the right that came with `generation`, which is given back where as many are renewed as may be.
    async fn renew_behind<F>(
        self: &Arc<Self>,
        redis: &Arc<Redis>,
        (entry, at, generation): (Entry, At, Generation),
        load: impl FnOnce(Freshness) -> F,
    ) where
        F: Future<Output = Result<Option<Vec<u8>>, LoadError>> + Send + 'static,
    {
        let Ok(place) = Arc::clone(&self.renewals).try_acquire_owned() else {
            return shared::unlock(redis, &entry).await;
        };
        let loading = load(generation.freshness(Timestamp::now(), FRESH_FOR));
        let (inner, redis) = (Arc::clone(self), Arc::clone(redis));
        tokio::spawn(Box::pin(async move {
            let _kept = inner.load_for_all(&redis, (entry, at, generation), loading).await;
            drop(place);
        }));
    }

    async fn load_for_all(
        &self,
        redis: &Redis,
        (entry, at, generation): (Entry, At, Generation),
        loading: impl Future<Output = Result<Option<Vec<u8>>, LoadError>>,
    ) -> Loaded {
        let loaded = loading.await;
        let Ok(Some(body)) = loaded else {
            shared::unlock(redis, &entry).await;
            return loaded.map(|_| None).map_err(Arc::new);
        };
        let body = fitted(body);
        shared::keep(redis, &entry, (generation, &body), self.ttl).await;
        Ok(Some(self.keep_here(entry, at, body)))
    }

    async fn bypass<F>(&self, entry: Entry, at: At, load: impl FnOnce(Freshness) -> F) -> Loaded
    where
        F: Future<Output = Result<Option<Vec<u8>>, LoadError>>,
    {
        let freshness = if self.local.forgot_within(entry.tag(), FRESH_FOR, Instant::now()) {
            Freshness::Latest
        } else {
            Freshness::Any
        };
        let body = load(freshness).await?;
        Ok(body.map(|body| self.keep_here(entry, at, fitted(body))))
    }

    fn keep_here(&self, entry: Entry, at: At, body: Bytes) -> Arc<Answer> {
        let answer = Arc::new(Answer::new(body));
        self.local
            .keep(entry.into_key(), Arc::clone(&answer), (at, Instant::now()));
        answer
    }
}

#[cfg(test)]
mod tests;
