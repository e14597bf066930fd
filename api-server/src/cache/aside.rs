//! Cache-aside for whole answers: look in Redis, else load, else keep what was loaded. Entries are kept as the bytes
//! that go to the client, so a hit is neither parsed nor serialised.
//!
//! Entries are invalidated by tag without searching keys: each entry begins with the generation of its tag at the time
//! *before* it was loaded, and one command reads both. Invalidating replaces the generation, so whatever was loaded
//! before, or is being loaded at that moment, no longer counts. A tag without a generation has the nil one; that is safe,
//! because generations outlive entries by far.
//!
//! With a replica that lags, an entry loaded right after an invalidation may be stale: until its TTL, which is short.

use std::time::Duration;

use rand::random_range;
use tokio_util::bytes::Bytes;
use uuid::Uuid;

use super::redis::{BadRedisUrl, Redis, Unavailable};
use crate::config::CacheConfig;
use crate::metrics::Metrics;
use crate::metrics::labels::CacheOutcome;

/// Changes with the format of entries, so that old and new servers do not read each other's.
const PREFIX: &str = "pathfinder:1";
const GENERATION_BYTES: usize = 16;
/// Far longer than any entry lives.
const GENERATION_TTL_SECONDS: u64 = 24 * 60 * 60;

/// The cache of answers.
#[derive(Debug)]
pub struct Aside {
    redis: Option<Redis>,
    ttl: Duration,
}

/// Names one cached answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<'a> {
    /// What invalidates it.
    pub tag: &'a str,
    /// Which of the tag's answers it is.
    pub key: &'a str,
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

type Generation = [u8; GENERATION_BYTES];

enum Found {
    Hit(Bytes),
    Miss(Generation),
}

impl Aside {
    /// The cache as configured. Connects to nothing yet, but needs a tokio runtime.
    ///
    /// # Errors
    /// An address that does not parse.
    pub fn new(config: &CacheConfig) -> Result<Self, BadRedisUrl> {
        let redis = config
            .url
            .as_ref()
            .map(|url| Redis::new(url, config.timeout))
            .transpose()?;
        Ok(Self { redis, ttl: config.ttl })
    }

    /// The cached answer, or else the one that `load` makes, which is then kept.
    ///
    /// # Errors
    /// Only what `load` returns.
    pub async fn get_or_load<E>(
        &self,
        entry: &Entry<'_>,
        metrics: &Metrics,
        load: impl Future<Output = Result<Vec<u8>, E>>,
    ) -> Result<Bytes, E> {
        let Some(redis) = &self.redis else {
            metrics.cache(CacheOutcome::Bypass);
            return load.await.map(Bytes::from);
        };
        match find(redis, entry).await {
            Ok(Found::Hit(body)) => {
                metrics.cache(CacheOutcome::Hit);
                Ok(body)
            }
            Ok(Found::Miss(generation)) => {
                metrics.cache(CacheOutcome::Miss);
                let value = with_generation(generation, &load.await?);
                self.keep(redis, entry, &value).await;
                Ok(value.slice(GENERATION_BYTES..))
            }
            Err(Unavailable) => {
                metrics.cache(CacheOutcome::Bypass);
                load.await.map(Bytes::from)
            }
        }
    }

    /// Makes every entry of the tag count no longer. Without Redis the entries end by their TTL.
    pub async fn invalidate(&self, tag: &str) {
        if let Some(redis) = &self.redis {
            let mut set = redis::cmd("SET");
            set.arg(generation_key(tag))
                .arg(Uuid::new_v4().as_bytes())
                .arg("EX")
                .arg(GENERATION_TTL_SECONDS);
            // A failure is logged by the circuit, and the TTL bounds what it can do.
            let _bounded: Result<(), Unavailable> = redis.run(set).await;
        }
    }

    /// Whether the cache helps at the moment.
    pub fn state(&self) -> CacheState {
        match &self.redis {
            None => CacheState::NotConfigured,
            Some(redis) if redis.is_available() => CacheState::Available,
            Some(_) => CacheState::Unavailable,
        }
    }

    /// Connects ahead of the first request.
    pub async fn warm_up(&self) {
        if let Some(redis) = &self.redis {
            redis.warm_up().await;
        }
    }

    async fn keep(&self, redis: &Redis, entry: &Entry<'_>, value: &Bytes) {
        // Spread, so that entries which were loaded together do not end together.
        let life = self.ttl.mul_f64(random_range(0.8..1.2));
        let life_millis = u64::try_from(life.as_millis()).unwrap_or(u64::MAX).max(1);
        let mut set = redis::cmd("SET");
        set.arg(entry_key(entry)).arg(value.as_ref()).arg("PX").arg(life_millis);
        let _optional: Result<(), Unavailable> = redis.run(set).await;
    }
}

async fn find(redis: &Redis, entry: &Entry<'_>) -> Result<Found, Unavailable> {
    let mut read = redis::cmd("MGET");
    read.arg(generation_key(entry.tag)).arg(entry_key(entry));
    let (generation, value): (Option<Vec<u8>>, Option<Vec<u8>>) = redis.run(read).await?;
    Ok(judge(generation.as_deref(), value))
}

/// An entry counts only under the generation that its tag has now.
fn judge(generation: Option<&[u8]>, value: Option<Vec<u8>>) -> Found {
    let generation: Generation = generation.and_then(|bytes| bytes.try_into().ok()).unwrap_or_default();
    match value {
        Some(value) if value.starts_with(&generation) => Found::Hit(Bytes::from(value).slice(GENERATION_BYTES..)),
        Some(_) | None => Found::Miss(generation),
    }
}

fn with_generation(generation: Generation, body: &[u8]) -> Bytes {
    Bytes::from([generation.as_slice(), body].concat())
}

fn generation_key(tag: &str) -> String {
    format!("{PREFIX}:generation:{tag}")
}

fn entry_key(entry: &Entry<'_>) -> String {
    format!("{PREFIX}:entry:{}:{}", entry.tag, entry.key)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: Generation = [1; GENERATION_BYTES];
    const NEW: Generation = [2; GENERATION_BYTES];

    fn body(found: Found) -> Option<Vec<u8>> {
        match found {
            Found::Hit(bytes) => Some(bytes.to_vec()),
            Found::Miss(_) => None,
        }
    }

    #[test]
    fn an_entry_of_the_current_generation_is_a_hit_without_the_generation_in_it() {
        let value = with_generation(OLD, b"[]").to_vec();
        assert_eq!(body(judge(Some(&OLD), Some(value))), Some(b"[]".to_vec()));
    }

    #[test]
    fn an_entry_loaded_before_an_invalidation_is_a_miss() {
        let value = with_generation(OLD, b"[]").to_vec();
        assert_eq!(body(judge(Some(&NEW), Some(value))), None);
    }

    #[test]
    fn an_entry_loaded_before_the_first_invalidation_is_a_miss_after_it() {
        let value = with_generation(Generation::default(), b"[]").to_vec();
        assert_eq!(body(judge(None, Some(value.clone()))), Some(b"[]".to_vec()));
        assert_eq!(body(judge(Some(&NEW), Some(value))), None);
    }

    #[test]
    fn a_truncated_entry_is_a_miss() {
        assert_eq!(body(judge(Some(&OLD), Some(vec![1; 3]))), None);
    }

    #[tokio::test]
    async fn without_redis_every_answer_is_loaded() {
        let cache = Aside::new(&CacheConfig {
            url: None,
            ttl: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
        });
        let cache = cache.expect("nothing to parse");
        let (entry, metrics) = (Entry { tag: "t", key: "k" }, Metrics::default());
        for answer in [b"one", b"two"] {
            let load = async { Ok::<_, ()>(answer.to_vec()) };
            assert_eq!(
                cache.get_or_load(&entry, &metrics, load).await.as_deref(),
                Ok(answer.as_slice())
            );
        }
        assert_eq!(cache.state(), CacheState::NotConfigured);
    }
}
