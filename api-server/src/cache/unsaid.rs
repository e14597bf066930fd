//! Invalidations: how one is said to Redis and to the other servers, and those that Redis missed. What it has of their tags
//! counts no longer here, and they are said again when it is back. Which entries a tag has is not known here.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::PREFIX;
use super::redis::{Redis, Unavailable};
use super::stored::Generation;

/// Far longer than any entry lives.
const GENERATION_TTL_SECONDS: u64 = 24 * 60 * 60;

/// Tags whose invalidation Redis has not heard of.
#[derive(Debug, Default)]
pub(super) struct Unsaid(Mutex<Tags>);

/// A tag, and which of its invalidations is to be said: a later one is not said by an earlier one's answer.
#[derive(Debug, Default)]
struct Tags {
    waiting: BTreeMap<String, u64>,
    count: u64,
}

impl Unsaid {
    /// With so many, all that Redis has counts no longer; more are not remembered, and their entries end by their time.
    const MOST: usize = 4096;

    /// Gives the number by which it is removed.
    pub(super) fn add(&self, tag: &str) -> u64 {
        let mut tags = self.tags();
        tags.count += 1;
        let count = tags.count;
        if tags.waiting.len() < Self::MOST || tags.waiting.contains_key(tag) {
            tags.waiting.insert(tag.to_owned(), count);
        }
        count
    }

    pub(super) fn has(&self, tag: &str) -> bool {
        let tags = self.tags();
        tags.waiting.len() >= Self::MOST || tags.waiting.contains_key(tag)
    }

    pub(super) fn all(&self) -> Vec<(String, u64)> {
        let waiting = &self.tags().waiting;
        waiting.iter().map(|(tag, number)| (tag.clone(), *number)).collect()
    }

    /// It was said; not if it was added again since.
    pub(super) fn remove(&self, tag: &str, number: u64) {
        let mut tags = self.tags();
        if tags.waiting.get(tag) == Some(&number) {
            tags.waiting.remove(tag);
        }
    }

    fn tags(&self) -> MutexGuard<'_, Tags> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Begins a new generation of the tag, and says so to the other servers.
pub(super) async fn say(redis: &Redis, tag: &str) -> Result<(), Unavailable> {
    let mut commands = redis::pipe();
    commands
        .cmd("SET")
        .arg(generation_key(tag))
        .arg(Generation::begun(Timestamp::now()).bytes())
        .arg("EX")
        .arg(GENERATION_TTL_SECONDS)
        .ignore();
    commands.cmd("PUBLISH").arg(channel()).arg(tag).ignore();
    redis.run_all(commands).await
}

pub(super) fn generation_key(tag: &str) -> String {
    format!("{PREFIX}:generation:{tag}")
}

pub(super) fn channel() -> String {
    format!("{PREFIX}:invalidated")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_said_is_known_until_it_is_and_there_is_a_bound() {
        let unsaid = Unsaid::default();
        let first = unsaid.add("tag");
        assert!(unsaid.has("tag") && !unsaid.has("another"));
        let second = unsaid.add("tag");
        unsaid.remove("tag", first);
        assert!(unsaid.has("tag"), "it was invalidated again meanwhile");
        unsaid.remove("tag", second);
        assert!(!unsaid.has("tag"));
        for number in 0..=Unsaid::MOST {
            unsaid.add(&format!("tag {number}"));
        }
        assert_eq!(unsaid.all().len(), Unsaid::MOST);
        assert!(unsaid.has("another"), "nothing of Redis counts any longer");
    }
}
