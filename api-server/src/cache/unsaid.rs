//! Invalidations: how one is said to Redis and to the other servers, and those that Redis missed. What it has of their tags
//! counts no longer here, and they are said again when it is back. Which entries a tag has is not known here.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::PREFIX;
use super::redis::{Redis, Unavailable};
use super::stored::Generation;

/// Far longer than any entry lives.
const GENERATION_TTL_SECONDS: u64 = 24 * 60 * 60;

/// Tags whose invalidation Redis has not heard of.
#[derive(Debug, Default)]
pub(super) struct Unsaid(Mutex<BTreeSet<String>>);

impl Unsaid {
    /// More than so many are not remembered: their entries end by their time.
    const MOST: usize = 4096;

    pub(super) fn add(&self, tag: &str) {
        let mut tags = self.tags();
        if tags.len() < Self::MOST {
            tags.insert(tag.to_owned());
        }
    }

    pub(super) fn has(&self, tag: &str) -> bool {
        self.tags().contains(tag)
    }

    pub(super) fn all(&self) -> Vec<String> {
        self.tags().iter().cloned().collect()
    }

    pub(super) fn remove(&self, tag: &str) {
        self.tags().remove(tag);
    }

    fn tags(&self) -> MutexGuard<'_, BTreeSet<String>> {
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
        for number in 0..=Unsaid::MOST {
            unsaid.add(&format!("tag {number:05}"));
        }
        assert_eq!(unsaid.all().len(), Unsaid::MOST);
        assert!(unsaid.has("tag 00000") && !unsaid.has("another"));
        unsaid.remove("tag 00000");
        assert!(!unsaid.has("tag 00000"));
    }
}
