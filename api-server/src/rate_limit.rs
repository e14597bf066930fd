//! How often one client may ask: a budget per key that fills again at a steady rate (the generic cell rate algorithm).
//! Memory is fixed at the start, whatever clients send: keys share a table of sets of four slots, and a key that finds
//! its set full takes the slot of the one that asked least. So an attack with millions of keys can at worst make the
//! limiter forget, never grow, and never lock anybody out. Pure but for its table: the time is a parameter, and who the
//! keys stand for is not known here.

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Slots of a set.
const WAYS: usize = 4;
/// Sets of the table: 16,384 slots of 8 bytes.
const SETS: usize = 4096;
/// A slot is a key's tag in the high bits and a time in the low ones: microseconds since the start, for nine years.
const TIME_BITS: u32 = 48;
const TIME_MASK: u64 = (1 << TIME_BITS) - 1;

/// What one key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// One request comes back after this long; at least a microsecond.
    pub every: Duration,
    /// Requests that may come at once after a pause; at least 1.
    pub burst: u32,
}

/// A table of budgets.
#[derive(Debug)]
pub struct RateLimiter {
    slots: Box<[AtomicU64]>,
    hasher: RandomState,
    started: Instant,
    /// Microseconds that one request costs.
    cost: u64,
    /// Microseconds of cost that may be owed.
    allowance: u64,
}

/// The key asked too often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany {
    /// When the next request is allowed.
    pub retry_after: Duration,
}

/// The slot of a key, and what it held when it was found.
struct Found<'a> {
    slot: &'a AtomicU64,
    seen: u64,
    /// The time until which the key has used its budget; past times mean an unused budget.
    used_until: u64,
}

impl Found<'_> {
    /// Makes the slot the key's, used until then; not if another request changed it since it was found.
    fn change(&self, hash: u64, used_until: u64) -> bool {
        let next = tag(hash) | (used_until & TIME_MASK);
        (self.slot)
            .compare_exchange_weak(self.seen, next, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
    }
}

impl RateLimiter {
    /// A table in which every key has this budget.
    pub fn new(rate: Rate, now: Instant) -> Self {
        let cost = u64::try_from(rate.every.as_micros()).unwrap_or(TIME_MASK).max(1);
        Self {
            slots: (0..SETS * WAYS).map(|_| AtomicU64::new(0)).collect(),
            hasher: RandomState::new(),
            started: now,
            cost,
            allowance: cost.saturating_mul(u64::from(rate.burst.max(1))),
        }
    }

    /// Takes one request from the key's budget.
    ///
    /// # Errors
    /// The budget is used up.
    pub fn take(&self, key: impl Hash, now: Instant) -> Result<(), TooMany> {
        let now = self.micros(now);
        let hash = self.hasher.hash_one(key);
        // Each round ends unless another request changed the slot between reading and writing it.
        loop {
            let found = self.find(hash, now);
            let used_until = found.used_until.max(now) + self.cost;
            let owed = used_until - now;
            if owed > self.allowance {
                return Err(TooMany {
                    retry_after: Duration::from_micros(owed - self.allowance),
                });
            }
            if found.change(hash, used_until) {
                return Ok(());
            }
        }
    }

    /// Gives one request back that was taken: it turned out not to count.
    pub fn give_back(&self, key: impl Hash, now: Instant) {
        let now = self.micros(now);
        let hash = self.hasher.hash_one(key);
        loop {
            let found = self.find(hash, now);
            // Somebody else has the slot by now, or the budget is full again: nothing to give back.
            if found.used_until <= now || found.change(hash, found.used_until.saturating_sub(self.cost)) {
                return;
            }
        }
    }

    /// The key's own slot, else the slot whose owner has used its budget least, which is then taken over.
    fn find(&self, hash: u64, now: u64) -> Found<'_> {
        let first = usize::try_from(hash & (SETS as u64 - 1)).unwrap_or(0) * WAYS;
        let set = &self.slots[first..first + WAYS];
        let mut least = Found {
            slot: &set[0],
            seen: set[0].load(Ordering::Relaxed),
            used_until: now,
        };
        for slot in set {
            let seen = slot.load(Ordering::Relaxed);
            if seen & !TIME_MASK == tag(hash) {
                let used_until = seen & TIME_MASK;
                return Found { slot, seen, used_until };
            }
            if seen & TIME_MASK < least.seen & TIME_MASK {
                least = Found {
                    slot,
                    seen,
                    used_until: now,
                };
            }
        }
        least
    }

    fn micros(&self, now: Instant) -> u64 {
        let micros = now.saturating_duration_since(self.started).as_micros();
        u64::try_from(micros).unwrap_or(TIME_MASK)
    }
}

/// The high bits of the hash; never zero, because zero is an empty slot.
fn tag(hash: u64) -> u64 {
    (hash & !TIME_MASK).max(1 << TIME_BITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate {
        every: Duration::from_millis(100),
        burst: 5,
    };

    fn taken(limiter: &RateLimiter, key: &str, now: Instant) -> usize {
        (0..100).take_while(|_| limiter.take(key, now).is_ok()).count()
    }

    #[test]
    fn a_key_may_burst_and_is_then_told_when_to_come_back() {
        let now = Instant::now();
        let limiter = RateLimiter::new(RATE, now);
        assert_eq!(taken(&limiter, "a", now), 5);
        let retry_after = limiter.take("a", now).expect_err("the burst is used up").retry_after;
        assert_eq!(retry_after, Duration::from_millis(100));
        assert_eq!(limiter.take("a", now + retry_after), Ok(()));
    }

    #[test]
    fn a_budget_fills_at_its_rate_and_never_beyond_the_burst() {
        let now = Instant::now();
        let limiter = RateLimiter::new(RATE, now);
        assert_eq!(taken(&limiter, "a", now), 5);
        assert_eq!(taken(&limiter, "a", now + Duration::from_millis(300)), 3);
        assert_eq!(taken(&limiter, "a", now + Duration::from_secs(3600)), 5);
    }

    #[test]
    fn one_key_does_not_use_the_budget_of_another() {
        let now = Instant::now();
        let limiter = RateLimiter::new(RATE, now);
        assert_eq!(taken(&limiter, "a", now), 5);
        assert_eq!(taken(&limiter, "b", now), 5);
    }

    #[test]
    fn a_refused_request_costs_nothing() {
        let now = Instant::now();
        let limiter = RateLimiter::new(RATE, now);
        assert_eq!(taken(&limiter, "a", now), 5);
        for _ in 0..1000 {
            assert!(limiter.take("a", now).is_err());
        }
        assert_eq!(taken(&limiter, "a", now + Duration::from_millis(100)), 1);
    }

    #[test]
    fn what_is_given_back_can_be_taken_again_and_never_more_than_that() {
        let now = Instant::now();
        let limiter = RateLimiter::new(RATE, now);
        limiter.give_back("a", now);
        assert_eq!(taken(&limiter, "a", now), 5);
        limiter.give_back("a", now);
        limiter.give_back("a", now);
        assert_eq!(taken(&limiter, "a", now), 2);
    }

    #[test]
    fn a_flood_of_keys_takes_no_memory_and_does_not_free_the_one_that_asks_too_often() {
        let now = Instant::now();
        let limiter = RateLimiter::new(RATE, now);
        assert_eq!(taken(&limiter, "greedy", now), 5);
        let slots = limiter.slots.len();
        for key in 0..slots * 4 {
            assert!(limiter.take(key, now).is_ok(), "a first request is always allowed");
        }
        assert_eq!(limiter.slots.len(), slots);
        assert!(limiter.take("greedy", now).is_err());
    }

    #[test]
    fn requests_of_many_threads_share_one_budget_exactly() {
        let now = Instant::now();
        let limiter = RateLimiter::new(
            Rate {
                every: Duration::from_secs(1),
                burst: 1000,
            },
            now,
        );
        let allowed: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| (0..500).filter(|_| limiter.take("a", now).is_ok()).count()))
                .collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).sum()
        });
        assert_eq!(allowed, 1000);
    }
}
