//! One token bucket for all replicas, in Redis, by its own clock: replicas that come and go share the gateway's rate
//! without knowing of each other. One round trip takes a token or tells how long to wait. Without Redis each replica has
//! a small bucket of its own; the gateway's 429 corrects what that cannot know.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::cache::redis::Redis;

const KEY: &str = "pathfinder:1:payments:bucket";
/// A replica alone takes this part of the rate: there may be as many others.
const SHARE_ALONE: u32 = 4;

/// Keys: the bucket. Arguments: tokens per second, most tokens. Returns milliseconds to wait; 0 means that a token was
/// taken. The state is the time at which the bucket will be full again, so it needs one number and no reset.
const TAKE: &str = r"
local now = redis.call('TIME')
now = now[1] * 1000000 + now[2]
local cost = 1000000 / ARGV[1]
local full = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now) + cost
local wait = full - now - cost * ARGV[2]
if wait > 0 then
    return math.ceil(wait / 1000)
end
redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000) + 1000)
return 0
";

/// The rate that all replicas share.
#[derive(Debug)]
pub struct Bucket {
    redis: Option<Arc<Redis>>,
    per_second: u32,
    alone: Mutex<Alone>,
}

/// The bucket of a replica that is on its own.
#[derive(Debug)]
struct Alone {
    full_at: Instant,
}

impl Bucket {
    /// A bucket that gives `per_second` tokens to all replicas together.
    pub fn new(per_second: u32, redis: Option<Arc<Redis>>) -> Self {
        Self {
            redis,
            per_second: per_second.max(1),
            alone: Mutex::new(Alone {
                full_at: Instant::now(),
            }),
        }
    }

    /// Takes a token, or says how long to wait before asking again.
    ///
    /// # Errors
    /// The wait.
    pub async fn take(&self) -> Result<(), Duration> {
        match self.take_shared().await {
            Some(0) => Ok(()),
            Some(millis) => Err(Duration::from_millis(millis)),
            None => {
                let mut alone = self.alone.lock().unwrap_or_else(PoisonError::into_inner);
                alone.take((self.per_second / SHARE_ALONE).max(1), Instant::now())
            }
        }
    }

    /// Milliseconds to wait; `None` without Redis.
    async fn take_shared(&self) -> Option<u64> {
        let mut take = redis::cmd("EVAL");
        // What may come at once is one second's worth.
        take.arg(TAKE).arg(1).arg(KEY).arg(self.per_second).arg(self.per_second);
        self.redis.as_ref()?.run(take).await.ok()
    }
}

impl Alone {
    fn take(&mut self, per_second: u32, now: Instant) -> Result<(), Duration> {
        let cost = Duration::from_secs(1) / per_second;
        let full_at = self.full_at.max(now) + cost;
        // What may come at once is one second's worth.
        let wait = (full_at - now).saturating_sub(cost * per_second);
        if !wait.is_zero() {
            return Err(wait);
        }
        self.full_at = full_at;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_replica_without_redis_keeps_to_its_share() {
        let bucket = Bucket::new(40, None);
        let mut taken = 0;
        let wait = loop {
            match bucket.take().await {
                Ok(()) => taken += 1,
                Err(wait) => break wait,
            }
        };
        // A second's worth of a quarter of the rate, and what flowed in while counting.
        assert!((10..14).contains(&taken), "{taken}");
        assert!(wait <= Duration::from_millis(100), "{wait:?}");
    }

    #[test]
    fn a_bucket_fills_again_at_its_rate() {
        let now = Instant::now();
        let mut alone = Alone { full_at: now };
        for _ in 0..5 {
            assert_eq!(alone.take(5, now), Ok(()));
        }
        assert_eq!(alone.take(5, now), Err(Duration::from_millis(200)));
        assert_eq!(alone.take(5, now + Duration::from_millis(200)), Ok(()));
        assert!(alone.take(5, now + Duration::from_millis(200)).is_err());
    }
}
