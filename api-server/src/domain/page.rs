//! Pages of a list that goes from the newest to the oldest: how many, from where, and how a client asks for the next one.
//! A cursor names the last item that the client has seen, so pages neither repeat nor skip items while others are
//! added. It carries a version, because clients keep cursors across releases of this program.

use serde::Serialize;
use thiserror::Error;
use uuid::Uuid;

use crate::domain::tournament::{Tournament, TournamentId};

/// Items per page when the client does not say.
pub const LIMIT_DEFAULT: u16 = 20;
/// Most items per page.
pub const LIMIT_MAX: u16 = 100;

const CURSOR_VERSION: &str = "t1-";

/// Which page a client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRequest {
    limit: u16,
    after: Option<TournamentId>,
}

/// A page that cannot be asked for.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum PageError {
    /// The limit is not a number in range.
    #[error("limit must be a whole number from 1 to {LIMIT_MAX}")]
    Limit,
    /// The cursor was not made by [`encode_cursor`].
    #[error("cursor must be the next_cursor of an earlier page, unchanged")]
    Cursor,
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Page<T> {
    /// The items, newest first.
    pub items: Vec<T>,
    /// Asks for the next page; null on the last one.
    pub next_cursor: Option<String>,
}

impl PageRequest {
    /// Reads a page request from its two query parameters, as the client wrote them.
    ///
    /// # Errors
    /// A limit out of range or a cursor that is not one of ours.
    pub fn parse(limit: Option<&str>, cursor: Option<&str>) -> Result<Self, PageError> {
        let limit = match limit {
            None => LIMIT_DEFAULT,
            Some(text) => text
                .parse()
                .ok()
                .filter(|n| (1..=LIMIT_MAX).contains(n))
                .ok_or(PageError::Limit)?,
        };
        let after = cursor.map(decode_cursor).transpose()?;
        Ok(Self { limit, after })
    }

    /// Only items older than this one belong to the page.
    pub fn after(&self) -> Option<TournamentId> {
        self.after
    }

    /// How many items to fetch: one more than the page holds, which tells whether another page follows.
    pub fn fetch_count(&self) -> u16 {
        self.limit + 1
    }

    /// The page made of what was fetched with [`Self::after`] and [`Self::fetch_count`].
    pub fn page(&self, mut fetched: Vec<Tournament>) -> Page<Tournament> {
        let more = fetched.len() > usize::from(self.limit);
        fetched.truncate(usize::from(self.limit));
        let last = fetched.last().filter(|_| more);
        Page {
            next_cursor: last.map(|last| encode_cursor(last.id)),
            items: fetched,
        }
    }

    /// A text that is equal for equal requests, and only for them.
    pub fn cache_key(&self) -> String {
        let after = self.after.map(encode_cursor).unwrap_or_default();
        format!("{}:{after}", self.limit)
    }
}

/// The cursor for the items older than `last`.
pub fn encode_cursor(last: TournamentId) -> String {
    format!("{CURSOR_VERSION}{}", last.0.as_simple())
}

/// The inverse of [`encode_cursor`]. Strict: a second spelling of the same cursor would be a second cache entry.
///
/// # Errors
/// [`PageError::Cursor`] for any text that [`encode_cursor`] does not produce.
pub fn decode_cursor(cursor: &str) -> Result<TournamentId, PageError> {
    let digits = cursor.strip_prefix(CURSOR_VERSION).ok_or(PageError::Cursor)?;
    let canonical = digits.len() == 32 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if !canonical {
        return Err(PageError::Cursor);
    }
    Uuid::try_parse(digits).map(TournamentId).map_err(|_| PageError::Cursor)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use jiff::Timestamp;
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn tournament(id: u128) -> Tournament {
        let id = TournamentId(Uuid::from_u128(id));
        let time = Timestamp::UNIX_EPOCH;
        Tournament {
            id,
            name: "n".into(),
            game: "g".into(),
            seats: 2,
            starts_at: time,
            created_at: time,
        }
    }

    /// What the store does, on a set in memory.
    fn fetch(ids: &BTreeSet<u128>, request: &PageRequest) -> Vec<Tournament> {
        let before = request.after().map(|id| id.0.as_u128());
        let older = ids.iter().rev().filter(|id| before.is_none_or(|before| **id < before));
        older
            .take(usize::from(request.fetch_count()))
            .map(|id| tournament(*id))
            .collect()
    }

    proptest! {
        #[test]
        fn a_cursor_comes_back_as_it_went_out(id: u128) {
            let id = TournamentId(Uuid::from_u128(id));
            prop_assert_eq!(decode_cursor(&encode_cursor(id)), Ok(id));
        }

        #[test]
        fn any_text_is_either_refused_or_the_one_spelling_of_its_cursor(text in ".{0,48}|t1-[0-9a-fA-F-]{30,36}") {
            if let Ok(id) = decode_cursor(&text) {
                prop_assert_eq!(encode_cursor(id), text);
            }
        }

        #[test]
        fn following_the_cursors_shows_every_item_once_newest_first(
            ids in proptest::collection::btree_set(any::<u128>(), 0..60), limit in 1..=LIMIT_MAX,
        ) {
            let (mut seen, mut cursor) = (Vec::new(), None::<String>);
            for _ in 0..=ids.len() {
                let request = PageRequest::parse(Some(&limit.to_string()), cursor.as_deref()).expect("valid");
                let page = request.page(fetch(&ids, &request));
                prop_assert!(page.items.len() <= usize::from(limit));
                seen.extend(page.items.iter().map(|item| item.id.0.as_u128()));
                cursor = page.next_cursor;
                if cursor.is_none() { break; }
            }
            prop_assert_eq!(cursor, None);
            prop_assert_eq!(seen, ids.into_iter().rev().collect::<Vec<_>>());
        }

        #[test]
        fn different_requests_have_different_cache_keys(
            a in (1..=LIMIT_MAX, any::<Option<u128>>()), b in (1..=LIMIT_MAX, any::<Option<u128>>()),
        ) {
            let request = |(limit, after): (u16, Option<u128>)| {
                PageRequest { limit, after: after.map(|id| TournamentId(Uuid::from_u128(id))) }
            };
            let (a, b) = (request(a), request(b));
            prop_assert_eq!(a == b, a.cache_key() == b.cache_key());
        }
    }

    #[rstest]
    #[case("0")]
    #[case("101")]
    #[case("-1")]
    #[case("ten")]
    #[case("")]
    fn a_limit_out_of_range_is_refused(#[case] limit: &str) {
        assert_eq!(PageRequest::parse(Some(limit), None), Err(PageError::Limit));
    }

    #[test]
    fn without_parameters_the_first_page_has_the_default_size() {
        let request = PageRequest::parse(None, None).expect("valid");
        assert_eq!(request.fetch_count(), LIMIT_DEFAULT + 1);
        assert_eq!(request.after(), None);
    }

    #[test]
    fn a_page_that_is_exactly_full_and_the_last_has_no_cursor() {
        let request = PageRequest::parse(Some("2"), None).expect("valid");
        assert_eq!(request.page(vec![tournament(2), tournament(1)]).next_cursor, None);
    }
}
