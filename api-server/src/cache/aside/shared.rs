//! An entry among all servers: what Redis has of it, and whose right it is to load it.

use std::time::Duration;

use jiff::Timestamp;
use rand::random_range;
use tokio::time::sleep;
use tokio_util::bytes::Bytes;

use crate::cache::PREFIX;
use crate::cache::entry::Entry;
use crate::cache::redis::{Redis, Unavailable};
use crate::cache::stored::{self, Found, Generation};
use crate::cache::unsaid::generation_key;

/// One server's right to load an entry for all; longer than a usual query, shorter than anybody's patience.
const LOCK_MILLIS: u64 = 1000;
/// How often, and how many times, a server without the right looks for the entry.
const LOOK_PAUSE: Duration = Duration::from_millis(20);
const LOOKS: u32 = 15;

/// What to do about an entry.
pub(super) enum Looked {
    /// Take it.
    There(Bytes),
    /// It is past its time: load it again, by the right that came with it.
    Renew(Generation, Bytes),
    /// Load it, by the right that came with it.
    Load(Generation),
}

/// Whose right it is to load.
enum Right {
    Ours,
    Others,
}

/// The entry, or the right to load it.
pub(super) async fn look(redis: &Redis, entry: &Entry) -> Result<Looked, Unavailable> {
    for _ in 0..LOOKS {
        let (generation, old) = match find(redis, entry).await? {
            Found::Fresh(body) => return Ok(Looked::There(body)),
            Found::Stale(generation, body) => (generation, Some(body)),
            Found::Nothing(generation) => (generation, None),
        };
        match (lock(redis, entry).await?, old) {
            (Right::Ours, Some(body)) => return Ok(Looked::Renew(generation, body)),
            (Right::Ours, None) => return Ok(Looked::Load(generation)),
            (Right::Others, Some(body)) => return Ok(Looked::There(body)),
            (Right::Others, None) => sleep(LOOK_PAUSE).await,
        }
    }
    // Whoever has the right is slow: twice is better than never.
    match find(redis, entry).await? {
        Found::Fresh(body) | Found::Stale(_, body) => Ok(Looked::There(body)),
        Found::Nothing(generation) => Ok(Looked::Load(generation)),
    }
}

/// Keeps what was loaded in this generation, fresh for about `ttl`, and gives the right back.
pub(super) async fn keep(redis: &Redis, entry: &Entry, (generation, body): (Generation, &Bytes), ttl: Duration) {
    // Spread, so that entries which were loaded together do not end together.
    let life = ttl.mul_f64(random_range(0.8..1.2));
    let value = stored::encode(generation, Timestamp::now(), (life, body));
    // Kept as long again, to be served while it is renewed.
    let kept = u64::try_from(2 * life.as_millis()).unwrap_or(u64::MAX).max(1);
    let mut commands = redis::pipe();
    commands
        .cmd("SET")
        .arg(entry_key(entry))
        .arg(value)
        .arg("PX")
        .arg(kept)
        .ignore();
    // Not checked to be ours: a lock that ended early costs one loading more.
    commands.cmd("DEL").arg(lock_key(entry)).ignore();
    let _optional: Result<(), Unavailable> = redis.run_all(commands).await;
}

/// Gives the right back.
pub(super) async fn unlock(redis: &Redis, entry: &Entry) {
    let mut delete = redis::cmd("DEL");
    delete.arg(lock_key(entry));
    let _optional: Result<(), Unavailable> = redis.run(delete).await;
}

async fn find(redis: &Redis, entry: &Entry) -> Result<Found, Unavailable> {
    let mut read = redis::cmd("MGET");
    read.arg(generation_key(entry.tag())).arg(entry_key(entry));
    let (generation, value): (Option<Vec<u8>>, Option<Vec<u8>>) = redis.run(read).await?;
    Ok(stored::judge(generation.as_deref(), value, Timestamp::now()))
}

async fn lock(redis: &Redis, entry: &Entry) -> Result<Right, Unavailable> {
    let mut set = redis::cmd("SET");
    set.arg(lock_key(entry)).arg("1").arg("NX").arg("PX").arg(LOCK_MILLIS);
    let ours: Option<String> = redis.run(set).await?;
    Ok(if ours.is_some() { Right::Ours } else { Right::Others })
}

fn entry_key(entry: &Entry) -> String {
    format!("{PREFIX}:entry:{}", entry.key())
}

fn lock_key(entry: &Entry) -> String {
    format!("{PREFIX}:lock:{}", entry.key())
}
