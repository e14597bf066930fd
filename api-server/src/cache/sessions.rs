//! The sessions: a signed token in the client's hand and a record in Redis, which makes it revocable. A record ends when
//! it was not used for a day, and never outlives its token. A user's sessions are in a sorted set of their own, so that
//! all can be listed and ended without searching keys.
//!
//! Without Redis nobody signs in, and a token is believed by its signature for reading only, and only as long as its
//! session could not have ended by idleness.
//!
//! A use of a session also tells whether its user wrote something lately: such a user reads from the primary.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use quick_cache::sync::Cache;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::PREFIX;
use super::aside::{CacheState, FRESH_FOR};
use super::keyring::Keyring;
use super::redis::{Redis, Unavailable};
use crate::auth::token::{Claims, KeyError, Keys, seconds};
use crate::domain::session::{SessionId, SessionView};
use crate::domain::user::UserId;
use crate::store::db::Freshness;

/// However much a session is used, it ends after this.
const LONGEST: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Users whose last write is remembered by this process.
const WRITERS: usize = 10_000;

/// Sessions of one user at most: a new one ends the oldest.
const MOST: i64 = 100;

/// Begins a session, and ends the user's oldest ones beyond the most.
const CREATE: &str = "redis.call('SET', ARGV[1] .. ARGV[2], ARGV[3], 'EX', ARGV[4])
redis.call('ZADD', KEYS[1], ARGV[5], ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[4])
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1 - ARGV[6])) do
    redis.call('DEL', ARGV[1] .. id)
    redis.call('ZREM', KEYS[1], id)
end";

/// Ends all sessions of a user but one (an id that no session has ends all), and returns how many.
const DESTROY_ALL: &str = "local ended = 0
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
    if id ~= ARGV[2] then
        ended = ended + redis.call('DEL', ARGV[1] .. id)
        redis.call('ZREM', KEYS[1], id)
    end
end
return ended";

/// Ends one session of a user; 0 when it is not one of theirs.
const DESTROY: &str = "if redis.call('ZREM', KEYS[1], ARGV[2]) == 0 then return 0 end
redis.call('DEL', ARGV[1] .. ARGV[2])
return 1";

/// The sessions.
#[derive(Debug)]
pub struct Sessions {
    redis: Option<Arc<Redis>>,
    keys: Keyring,
    ttl: Duration,
    wrote: Cache<UserId, Instant>,
}

/// A session that has just begun.
#[derive(Debug)]
pub struct Begun {
    /// Proves it.
    pub token: SecretString,
    /// When it ends if it is not used.
    pub expires_at: Timestamp,
    /// What its user sees.
    pub view: SessionView,
}

/// What a valid token stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Valid {
    /// Who.
    pub user: UserId,
    /// Which session.
    pub session: SessionId,
    /// What this user must see.
    pub freshness: Freshness,
}

/// What a token is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// To look at something.
    Read,
    /// To change something.
    Write,
}

/// A token is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It is not valid, or its session has ended.
    Invalid,
    /// Whether it is valid cannot be found out at the moment.
    Unavailable,
}

#[derive(Debug, Serialize, Deserialize)]
struct Record {
    user: Uuid,
    /// Seconds since 1970.
    created_at: i64,
}

impl Sessions {
    /// Sessions with these keys; without any, with one that the servers share through Redis.
    ///
    /// # Errors
    /// None that can happen: keys that are made are keys.
    pub fn new(keys: Option<Keys>, redis: Option<Arc<Redis>>, ttl: Duration) -> Result<Self, KeyError> {
        Ok(Self {
            keys: Keyring::new(keys, redis.clone())?,
            redis,
            ttl,
            wrote: Cache::new(WRITERS),
        })
    }

    /// Whether a session could begin now: asked before a password is compared, which costs much more.
    ///
    /// # Errors
    /// It could not.
    pub fn check_available(&self) -> Result<(), Unavailable> {
        self.redis()?.check_available()
    }

    /// Whether sessions can be looked up at the moment.
    pub fn state(&self) -> CacheState {
        match &self.redis {
            None => CacheState::NotConfigured,
            Some(redis) if redis.is_available() => CacheState::Available,
            Some(_) => CacheState::Unavailable,
        }
    }

    /// Finds out when Redis is back, without waiting for a request; until it is dropped.
    pub async fn keep_trying(&self) {
        if let Some(redis) = &self.redis {
            redis.keep_trying().await;
        }
    }

    /// Begins a session.
    ///
    /// # Errors
    /// Without Redis nobody signs in.
    pub async fn create(&self, user: UserId, now: Timestamp) -> Result<Begun, Unavailable> {
        let redis = self.redis()?;
        let session = SessionId(Uuid::new_v4());
        let record = Record {
            user: user.0,
            created_at: seconds(now),
        };
        let record = serde_json::to_string(&record).map_err(|_| Unavailable)?;
        let mut commands = redis::pipe();
        self.keys.share(&mut commands);
        commands
            .cmd("EVAL")
            .arg(CREATE)
            .arg(1)
            .arg(set_key(user))
            .arg(record_prefix())
            .arg(session.to_string())
            .arg(record)
            .arg(self.ttl.as_secs())
            .arg(now.as_millisecond())
            .arg(MOST)
            .ignore();
        Keyring::ask(&mut commands);
        let (shared,): (Option<String>,) = redis.run_all(commands).await?;
        self.keys.adopt(shared);
        let claims = Claims {
            sub: user.0,
            sid: session.0,
            iat: seconds(now),
            exp: seconds(now.saturating_add(LONGEST).unwrap_or(Timestamp::MAX)),
        };
        Ok(Begun {
            token: self.keys.sign(&claims).map_err(|_| Unavailable)?.into(),
            expires_at: self.end(now),
            view: SessionView {
                id: session,
                created_at: Timestamp::from_second(seconds(now)).unwrap_or(now),
                current: true,
            },
        })
    }

    /// Who a token is from. Using a session keeps it alive.
    ///
    /// # Errors
    /// The token is not accepted.
    pub async fn validate(&self, token: &str, purpose: Use, now: Timestamp) -> Result<Valid, Refused> {
        let claims = self.keys.verify(token).await?;
        let (user, session) = (UserId(claims.sub), SessionId(claims.sid));
        match self.record(user, session).await {
            Ok((Some(record), wrote)) => {
                let record: Record = serde_json::from_str(&record).map_err(|_| Refused::Invalid)?;
                if record.user != claims.sub {
                    return Err(Refused::Invalid);
                }
                let freshness = if wrote { Freshness::Latest } else { self.freshness(user) };
                Ok(Valid {
                    user,
                    session,
                    freshness,
                })
            }
            Ok((None, _)) => Err(Refused::Invalid),
            Err(Unavailable) => {
                let ttl = i64::try_from(self.ttl.as_secs()).unwrap_or(i64::MAX);
                let could_be_idle = seconds(now).saturating_sub(claims.iat) >= ttl;
                match purpose {
                    Use::Read if !could_be_idle => Ok(Valid {
                        user,
                        session,
                        // Another server's note of a write cannot be read either.
                        freshness: Freshness::Latest,
                    }),
                    Use::Read | Use::Write => Err(Refused::Unavailable),
                }
            }
        }
    }

    /// Ends one session of a user.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn destroy(&self, user: UserId, session: SessionId) -> Result<Ended, Unavailable> {
        let mut eval = redis::cmd("EVAL");
        eval.arg(DESTROY)
            .arg(1)
            .arg(set_key(user))
            .arg(record_prefix())
            .arg(session.to_string());
        let ended: u32 = self.redis()?.run(eval).await?;
        Ok(if ended == 0 { Ended::NoSuchSession } else { Ended::Done })
    }

    /// Ends all sessions of a user but this one, and returns how many.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn destroy_all(&self, user: UserId, but: Option<SessionId>) -> Result<u64, Unavailable> {
        let mut eval = redis::cmd("EVAL");
        eval.arg(DESTROY_ALL)
            .arg(1)
            .arg(set_key(user))
            .arg(record_prefix())
            .arg(but.map(|session| session.to_string()).unwrap_or_default());
        self.redis()?.run(eval).await
    }

    /// A user's sessions, the newest first.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn list(&self, user: UserId, current: SessionId) -> Result<Vec<SessionView>, Unavailable> {
        let redis = self.redis()?;
        let mut members = redis::cmd("ZRANGE");
        members.arg(set_key(user)).arg(0).arg(-1).arg("REV");
        let ids: Vec<String> = redis.run(members).await?;
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut read = redis::cmd("MGET");
        for id in &ids {
            read.arg(record_prefix() + id);
        }
        let records: Vec<Option<String>> = redis.run(read).await?;
        let (there, gone): (Vec<_>, Vec<_>) = ids.iter().zip(records).partition(|(_, record)| record.is_some());
        if !gone.is_empty() {
            let mut remove = redis::cmd("ZREM");
            remove.arg(set_key(user));
            for (id, _) in gone {
                remove.arg(id);
            }
            let _tidied: u32 = redis.run(remove).await?;
        }
        let views = there.into_iter().filter_map(|(id, record)| view(id, &record?, current));
        Ok(views.collect())
    }

    /// The user wrote something, and must see it from now on. Without Redis only this server knows.
    pub async fn wrote(&self, user: UserId) {
        self.wrote.insert(user, Instant::now());
        if let Ok(redis) = self.redis() {
            let mut set = redis::cmd("SET");
            set.arg(wrote_key(user)).arg("1").arg("EX").arg(FRESH_FOR.as_secs());
            let _optional: Result<(), Unavailable> = redis.run(set).await;
        }
    }

    /// When a session ends that is used now and never again.
    pub fn end(&self, now: Timestamp) -> Timestamp {
        now.saturating_add(self.ttl).unwrap_or(Timestamp::MAX)
    }

    /// Learns the key that the servers share, ahead of the first request.
    pub async fn warm_up(&self) {
        self.keys.warm_up().await;
    }

    /// The record, which lives on, and whether the user wrote something lately.
    async fn record(&self, user: UserId, session: SessionId) -> Result<(Option<String>, bool), Unavailable> {
        let mut commands = redis::pipe();
        let ttl = self.ttl.as_secs();
        commands.cmd("GETEX").arg(record_key(session)).arg("EX").arg(ttl);
        commands.cmd("EXPIRE").arg(set_key(user)).arg(ttl).ignore();
        commands.cmd("EXISTS").arg(wrote_key(user));
        self.redis()?.run_all(commands).await
    }

    fn freshness(&self, user: UserId) -> Freshness {
        match self.wrote.get(&user) {
            Some(at) if at.elapsed() < FRESH_FOR => Freshness::Latest,
            Some(_) | None => Freshness::Any,
        }
    }

    fn redis(&self) -> Result<&Redis, Unavailable> {
        self.redis.as_deref().ok_or(Unavailable)
    }
}

/// What became of the end of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It has ended.
    Done,
    /// The user has no such session.
    NoSuchSession,
}

fn view(id: &str, record: &str, current: SessionId) -> Option<SessionView> {
    let id = SessionId(Uuid::try_parse(id).ok()?);
    let record: Record = serde_json::from_str(record).ok()?;
    Some(SessionView {
        id,
        created_at: Timestamp::from_second(record.created_at).ok()?,
        current: id == current,
    })
}

fn record_prefix() -> String {
    format!("{PREFIX}:session:")
}

fn record_key(session: SessionId) -> String {
    format!("{PREFIX}:session:{session}")
}

fn set_key(user: UserId) -> String {
    format!("{PREFIX}:sessions:{user}")
}

fn wrote_key(user: UserId) -> String {
    format!("{PREFIX}:wrote:{user}")
}
