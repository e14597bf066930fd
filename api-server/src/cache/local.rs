//! The layer of this process before Redis: bounded in bytes, and trusted for about a second. An entry counts only in the
//! epoch of its tag in which its loading began; forgetting a tag begins a new epoch. Tags share a fixed number of epochs
//! by their hash: a collision costs one question to Redis, and memory does not grow with the tags. Where entries come
//! from is not known here.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::answer::Answer;

/// Epochs that all tags share.
const EPOCHS: usize = 32_768;
/// What an entry costs beside its texts.
const OVERHEAD_BYTES: u64 = 256;
/// A guess, for the size of the table.
const USUAL_BYTES: u64 = 2048;

/// The layer.
#[derive(Debug)]
pub(super) struct Local {
    entries: Cache<String, Kept, Weight>,
    epochs: Box<[Epoch]>,
    hasher: RandomState,
    started: Instant,
    /// Whether other servers' invalidations are heard; while not, nothing is served after its time.
    hears: AtomicBool,
    lives: Lives,
}

/// How long entries live.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lives {
    /// Served without a question.
    pub(super) fresh: Duration,
    /// Served once more while it is being renewed.
    pub(super) stale: Duration,
}

#[derive(Debug, Default)]
struct Epoch {
    number: AtomicU64,
    /// Milliseconds after the start when the number last moved; 0 for never.
    moved: AtomicU64,
}

#[derive(Debug, Clone)]
struct Kept {
    answer: Arc<Answer>,
    at: At,
    since: Instant,
}

/// Whether other servers' invalidations are heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hearing {
    /// All of them.
    All,
    /// Some may be missed.
    Perhaps,
}

/// A tag's epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct At {
    slot: usize,
    number: u64,
}

impl At {
    /// Names an entry in this epoch.
    pub(super) fn within(self, key: &str) -> String {
        format!("{}:{key}", self.number)
    }
}

/// What the layer has.
#[derive(Debug)]
pub(super) enum Found {
    /// Good as it is.
    Fresh(Arc<Answer>),
    /// Good for now, but to be renewed.
    Stale(Arc<Answer>),
    /// Nothing.
    Nothing,
}

#[derive(Debug, Clone)]
struct Weight;

impl Weighter<String, Kept> for Weight {
    fn weight(&self, key: &String, kept: &Kept) -> u64 {
        (key.len() + kept.answer.body.len()) as u64 + OVERHEAD_BYTES
    }
}

impl Local {
    pub(super) fn new(max_bytes: u64, lives: Lives) -> Self {
        let usual = usize::try_from(max_bytes / USUAL_BYTES).unwrap_or(usize::MAX).max(16);
        Self {
            entries: Cache::with_weighter(usual, max_bytes, Weight),
            epochs: (0..EPOCHS).map(|_| Epoch::default()).collect(),
            hasher: RandomState::new(),
            started: Instant::now(),
            hears: AtomicBool::new(false),
            lives,
        }
    }

    pub(super) fn find(&self, key: &str, now: Instant) -> Found {
        let Some(kept) = self.entries.get(key) else {
            return Found::Nothing;
        };
        let age = now.saturating_duration_since(kept.since);
        if self.number(kept.at.slot) != kept.at.number {
            Found::Nothing
        } else if age < self.lives.fresh {
            Found::Fresh(kept.answer)
        } else if age < self.lives.stale && self.hears.load(Ordering::Relaxed) {
            Found::Stale(kept.answer)
        } else {
            Found::Nothing
        }
    }

    /// The epoch of a tag, to be taken before an entry is loaded.
    pub(super) fn at(&self, tag: &str) -> At {
        let slot = self.slot(tag);
        At {
            slot,
            number: self.number(slot),
        }
    }

    /// Keeps an entry that was loaded in this epoch, unless it is over: a newer one may be there.
    pub(super) fn keep(&self, key: String, answer: Arc<Answer>, (at, now): (At, Instant)) {
        if self.number(at.slot) == at.number {
            self.entries.insert(key, Kept { answer, at, since: now });
        }
    }

    /// Entries of the tag, also those that are being loaded, count no longer.
    pub(super) fn forget(&self, tag: &str, now: Instant) {
        self.begin(self.slot(tag), now);
    }

    /// No entry counts any longer.
    pub(super) fn forget_all(&self, now: Instant) {
        for slot in 0..EPOCHS {
            self.begin(slot, now);
        }
    }

    /// Whether the tag, or one that shares its epoch, was forgotten within this time.
    pub(super) fn forgot_within(&self, tag: &str, time: Duration, now: Instant) -> bool {
        let moved = self
            .epochs
            .get(self.slot(tag))
            .map_or(0, |epoch| epoch.moved.load(Ordering::Relaxed));
        moved > 0 && self.millis(now).saturating_sub(moved) < u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
    }

    /// Whether other servers' invalidations are heard from now on.
    pub(super) fn listens(&self, hearing: Hearing) {
        self.hears.store(hearing == Hearing::All, Ordering::Relaxed);
    }

    fn begin(&self, slot: usize, now: Instant) {
        if let Some(epoch) = self.epochs.get(slot) {
            epoch.moved.store(self.millis(now).max(1), Ordering::Relaxed);
            epoch.number.fetch_add(1, Ordering::Release);
        }
    }

    fn millis(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.started).as_millis()).unwrap_or(u64::MAX)
    }

    fn number(&self, slot: usize) -> u64 {
        self.epochs
            .get(slot)
            .map_or(0, |epoch| epoch.number.load(Ordering::Acquire))
    }

    fn slot(&self, tag: &str) -> usize {
        usize::try_from(self.hasher.hash_one(tag) % EPOCHS as u64).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use tokio_util::bytes::Bytes;

    use super::*;

    const LIVES: Lives = Lives {
        fresh: Duration::from_secs(1),
        stale: Duration::from_secs(10),
    };

    fn answer(body: &'static str) -> Arc<Answer> {
        Arc::new(Answer::new(Bytes::from(body)))
    }

    fn with_one_entry(now: Instant) -> Local {
        let local = Local::new(1024 * 1024, LIVES);
        local.keep("k".to_owned(), answer("one"), (local.at("tag"), now));
        local
    }

    fn kind(found: &Found) -> &'static str {
        match found {
            Found::Fresh(_) => "fresh",
            Found::Stale(_) => "stale",
            Found::Nothing => "nothing",
        }
    }

    #[test]
    fn an_entry_is_fresh_then_stale_then_gone_while_invalidations_are_heard() {
        let now = Instant::now();
        let local = with_one_entry(now);
        local.listens(Hearing::All);
        for (millis, expected) in [
            (0, "fresh"),
            (999, "fresh"),
            (1000, "stale"),
            (9999, "stale"),
            (10_000, "nothing"),
        ] {
            assert_eq!(
                kind(&local.find("k", now + Duration::from_millis(millis))),
                expected,
                "after {millis} ms"
            );
        }
    }

    #[test]
    fn nothing_stale_is_served_while_invalidations_may_be_missed() {
        let now = Instant::now();
        let local = with_one_entry(now);
        assert_eq!(kind(&local.find("k", now + Duration::from_secs(2))), "nothing");
    }

    #[test]
    fn an_entry_that_was_being_loaded_when_its_tag_was_forgotten_does_not_count() {
        let now = Instant::now();
        let local = Local::new(1024 * 1024, LIVES);
        let at = local.at("tag");
        local.forget("tag", now);
        local.keep("k".to_owned(), answer("old"), (at, now));
        assert_eq!(kind(&local.find("k", now)), "nothing");
        assert!(local.forgot_within("tag", LIVES.stale, now + Duration::from_secs(9)));
        assert!(!local.forgot_within("tag", LIVES.stale, now + Duration::from_secs(11)));
    }

    #[test]
    fn whatever_is_kept_the_bytes_stay_bounded() {
        let now = Instant::now();
        let local = Local::new(64 * 1024, LIVES);
        let body: &'static str = "0123456789".repeat(100).leak();
        for number in 0..10_000 {
            local.keep(format!("k{number}"), answer(body), (local.at("tag"), now));
        }
        assert!(local.entries.weight() <= 64 * 1024, "{}", local.entries.weight());
    }
}
