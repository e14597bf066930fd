//! The name of a cached answer: its tag, and what it is among the tag's.

use std::fmt::Display;

/// Names one cached answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    // The tag, and behind a slash what it is among the tag's.
    key: String,
    tag_bytes: usize,
}

impl Entry {
    /// The answer `key` among those of the tag, which invalidates it.
    pub fn new(tag: impl Display, key: &str) -> Self {
        let among = key.len() + 1;
        let key = format!("{tag}/{key}");
        Self {
            tag_bytes: key.len() - among,
            key,
        }
    }

    /// What invalidates it.
    pub(super) fn tag(&self) -> &str {
        self.key.get(..self.tag_bytes).unwrap_or_default()
    }

    /// It among all answers.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// The same, to be kept.
    pub(super) fn into_key(self) -> String {
        self.key
    }
}
