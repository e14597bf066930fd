//! Pages of a list: how many, from where, and how a client asks for the next one. A cursor names the last item that the
//! client has seen, so pages neither repeat nor skip items while others are added. It carries the list and a version,
//! because clients keep cursors across releases of this program and mix them up.

use serde::Serialize;
use thiserror::Error;
use utoipa::ToSchema;

/// Items per page when the client does not say.
pub const LIMIT_DEFAULT: u16 = 20;
/// Most items per page.
pub const LIMIT_MAX: u16 = 100;

/// The lists that come in pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    /// Tournaments, newest first, by id.
    Tournaments,
    /// A user's registrations, newest first, by id.
    OwnRegistrations,
    /// A tournament's registrations in the order of arrival, by position.
    Participants,
}

/// Which page a client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRequest {
    list: List,
    limit: u16,
    after: Option<u128>,
}

/// A page that cannot be asked for.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum PageError {
    /// The limit is not a number in range.
    #[error("limit must be a whole number from 1 to {LIMIT_MAX}")]
    Limit,
    /// The cursor was not made by [`encode_cursor`] for this list.
    #[error("cursor must be the nextCursor of an earlier page of this list, unchanged")]
    Cursor,
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    /// The items, in the order of the list.
    pub items: Vec<T>,
    /// Asks for the next page; null on the last one.
    pub next_cursor: Option<String>,
}

impl List {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Tournaments => "t1-",
            Self::OwnRegistrations => "m1-",
            Self::Participants => "p1-",
        }
    }
}

impl PageRequest {
    /// Reads a page request from its two query parameters, as the client wrote them.
    ///
    /// # Errors
    /// A limit out of range or a cursor that is not one of this list.
    pub fn parse(list: List, limit: Option<&str>, cursor: Option<&str>) -> Result<Self, PageError> {
        let limit = match limit {
            None => LIMIT_DEFAULT,
            Some(text) => text
                .parse()
                .ok()
                .filter(|n| (1..=LIMIT_MAX).contains(n))
                .ok_or(PageError::Limit)?,
        };
        let after = cursor.map(|cursor| decode_cursor(list, cursor)).transpose()?;
        Ok(Self { list, limit, after })
    }

    /// Only items behind the one with this key belong to the page.
    pub fn after(&self) -> Option<u128> {
        self.after
    }

    /// How many items to fetch: one more than the page holds, which tells whether another page follows.
    pub fn fetch_count(&self) -> u16 {
        self.limit + 1
    }

    /// The page made of what was fetched with [`Self::after`] and [`Self::fetch_count`]; `order` is the list's.
    pub fn page<T>(&self, mut fetched: Vec<T>, order: impl Fn(&T) -> u128) -> Page<T> {
        let more = fetched.len() > usize::from(self.limit);
        fetched.truncate(usize::from(self.limit));
        let last = fetched.last().filter(|_| more);
        Page {
            next_cursor: last.map(|last| encode_cursor(self.list, order(last))),
            items: fetched,
        }
    }

    /// A text that is equal for equal requests of one list, and only for them.
    pub fn cache_key(&self) -> String {
        match self.after {
            None => format!("{}:", self.limit),
            Some(after) => format!("{}:{after:032x}", self.limit),
        }
    }
}

/// The cursor for the items behind the one with this key.
pub fn encode_cursor(list: List, key: u128) -> String {
    format!("{}{key:032x}", list.prefix())
}

/// The inverse of [`encode_cursor`]. Strict: a second spelling of the same cursor would be a second cache entry.
///
/// # Errors
/// [`PageError::Cursor`] for any text that [`encode_cursor`] does not produce for this list.
pub fn decode_cursor(list: List, cursor: &str) -> Result<u128, PageError> {
    let digits = cursor.strip_prefix(list.prefix()).ok_or(PageError::Cursor)?;
    let canonical = digits.len() == 32 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if !canonical {
        return Err(PageError::Cursor);
    }
    u128::from_str_radix(digits, 16).map_err(|_| PageError::Cursor)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    const LIST: List = List::Tournaments;

    /// What a database returns, newest first.
    fn fetch(ids: &BTreeSet<u128>, request: &PageRequest) -> Vec<u128> {
        let older = ids
            .iter()
            .rev()
            .filter(|id| request.after().is_none_or(|before| **id < before));
        older.take(usize::from(request.fetch_count())).copied().collect()
    }

    proptest! {
        #[test]
        fn a_cursor_comes_back_as_it_went_out(id: u128) {
            prop_assert_eq!(decode_cursor(LIST, &encode_cursor(LIST, id)), Ok(id));
        }

        #[test]
        fn any_text_is_either_refused_or_the_one_spelling_of_its_cursor(text in ".{0,48}|t1-[0-9a-fA-F-]{30,36}") {
            if let Ok(id) = decode_cursor(LIST, &text) {
                prop_assert_eq!(encode_cursor(LIST, id), text);
            }
        }

        #[test]
        fn a_cursor_of_another_list_is_refused(id: u128) {
            let cursor = encode_cursor(List::Participants, id);
            prop_assert_eq!(decode_cursor(List::OwnRegistrations, &cursor), Err(PageError::Cursor));
        }

        #[test]
        fn following_the_cursors_shows_every_item_once_newest_first(
            ids in proptest::collection::btree_set(any::<u128>(), 0..60), limit in 1..=LIMIT_MAX,
        ) {
            let (mut seen, mut cursor) = (Vec::new(), None::<String>);
            for _ in 0..=ids.len() {
                let request = PageRequest::parse(LIST, Some(&limit.to_string()), cursor.as_deref()).expect("valid");
                let page = request.page(fetch(&ids, &request), |id| *id);
                prop_assert!(page.items.len() <= usize::from(limit));
                seen.extend(page.items);
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
            let request = |(limit, after): (u16, Option<u128>)| PageRequest { list: LIST, limit, after };
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
        assert_eq!(PageRequest::parse(LIST, Some(limit), None), Err(PageError::Limit));
    }

    #[test]
    fn without_parameters_the_first_page_has_the_default_size() {
        let request = PageRequest::parse(LIST, None, None).expect("valid");
        assert_eq!(request.fetch_count(), LIMIT_DEFAULT + 1);
        assert_eq!(request.after(), None);
    }

    #[test]
    fn a_page_that_is_exactly_full_and_the_last_has_no_cursor() {
        let request = PageRequest::parse(LIST, Some("2"), None).expect("valid");
        assert_eq!(request.page(vec![2, 1], |id| *id).next_cursor, None);
    }
}
