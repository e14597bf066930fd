//! The form in which an entry and its tag's generation are kept in Redis, and what they mean together. Pure but for the
//! chance in a new generation: the time is a parameter. Servers' clocks may differ a little; that moves the end of an
//! entry's life by as much and does nothing else.

use std::time::Duration;

use jiff::Timestamp;
use tokio_util::bytes::Bytes;

use crate::store::db::Freshness;

const GENERATION_BYTES: usize = 16;
const HEAD_BYTES: usize = GENERATION_BYTES + 8;

/// Changes whenever the tag is invalidated: 8 bytes by chance, then when, in milliseconds since 1970. A tag that was not
/// invalidated for a day has the nil one, which is safe, because generations outlive entries by far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Generation([u8; GENERATION_BYTES]);

/// What Redis has.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Good as it is.
    Fresh(Bytes),
    /// Past its time, of the present generation.
    Stale(Generation, Bytes),
    /// Nothing that counts.
    Nothing(Generation),
}

impl Generation {
    /// A new one.
    pub(super) fn begun(now: Timestamp) -> Self {
        let mut bytes = [0; GENERATION_BYTES];
        bytes[..8].copy_from_slice(&rand::random::<[u8; 8]>());
        bytes[8..].copy_from_slice(&now.as_millisecond().to_be_bytes());
        Self(bytes)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// What a loading in this generation must see.
    pub(super) fn freshness(self, now: Timestamp, fresh_for: Duration) -> Freshness {
        let mut begun = [0; 8];
        begun.copy_from_slice(&self.0[8..]);
        let age = now.as_millisecond().saturating_sub(i64::from_be_bytes(begun));
        if age < i64::try_from(fresh_for.as_millis()).unwrap_or(i64::MAX) {
            Freshness::Latest
        } else {
            Freshness::Any
        }
    }
}

/// An entry that is fresh for `life` from now on.
pub(super) fn encode(generation: Generation, now: Timestamp, (life, body): (Duration, &[u8])) -> Vec<u8> {
    let until = now
        .as_millisecond()
        .saturating_add(i64::try_from(life.as_millis()).unwrap_or(i64::MAX));
    [generation.bytes(), &until.to_be_bytes(), body].concat()
}

/// An entry counts only under the generation that its tag has now.
pub(super) fn judge(generation: Option<&[u8]>, value: Option<Vec<u8>>, now: Timestamp) -> Found {
    let generation = Generation(generation.and_then(|bytes| bytes.try_into().ok()).unwrap_or_default());
    let Some(value) = value.filter(|value| value.len() >= HEAD_BYTES && value.starts_with(generation.bytes())) else {
        return Found::Nothing(generation);
    };
    let mut until = [0; 8];
    until.copy_from_slice(&value[GENERATION_BYTES..HEAD_BYTES]);
    let body = Bytes::from(value).slice(HEAD_BYTES..);
    if now.as_millisecond() < i64::from_be_bytes(until) {
        Found::Fresh(body)
    } else {
        Found::Stale(generation, body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFE: Duration = Duration::from_secs(10);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    #[test]
    fn an_entry_of_the_current_generation_comes_back_as_it_was_kept() {
        let now = Generation::begun(at(100));
        let value = encode(now, at(100), (LIFE, b"[]"));
        assert_eq!(
            judge(Some(now.bytes()), Some(value.clone()), at(109)),
            Found::Fresh(Bytes::from("[]"))
        );
        assert_eq!(
            judge(Some(now.bytes()), Some(value), at(110)),
            Found::Stale(now, Bytes::from("[]"))
        );
    }

    #[test]
    fn an_entry_loaded_before_an_invalidation_counts_no_longer() {
        let (old, new) = (Generation::begun(at(100)), Generation::begun(at(100)));
        let value = encode(old, at(100), (LIFE, b"[]"));
        assert_eq!(judge(Some(new.bytes()), Some(value), at(100)), Found::Nothing(new));
    }

    #[test]
    fn an_entry_loaded_before_the_first_invalidation_counts_until_it() {
        let value = encode(Generation::default(), at(100), (LIFE, b"[]"));
        assert_eq!(
            judge(None, Some(value.clone()), at(100)),
            Found::Fresh(Bytes::from("[]"))
        );
        let new = Generation::begun(at(100));
        assert_eq!(judge(Some(new.bytes()), Some(value), at(100)), Found::Nothing(new));
    }

    #[test]
    fn a_truncated_entry_does_not_count() {
        let value = encode(Generation::default(), at(100), (LIFE, b""));
        for length in 0..value.len() {
            let cut = value[..length].to_vec();
            assert_eq!(judge(None, Some(cut), at(100)), Found::Nothing(Generation::default()));
        }
    }

    #[test]
    fn what_is_loaded_soon_after_an_invalidation_must_be_the_latest() {
        let generation = Generation::begun(at(100));
        assert_eq!(generation.freshness(at(109), LIFE), Freshness::Latest);
        assert_eq!(generation.freshness(at(110), LIFE), Freshness::Any);
        assert_eq!(Generation::default().freshness(at(100), LIFE), Freshness::Any);
    }
}
