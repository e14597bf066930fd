//! Which tournaments a client asks for: the filters of the list and the page. A filter narrows the list and never
//! changes its order, so a cursor stays good when a filter is added.

use jiff::Timestamp;
use thiserror::Error;

use super::page::{List, PageError, PageRequest};
use super::tournament::{GAME_MAX_CHARS, TournamentStatus};

/// The list's query parameters as the client wrote them.
#[derive(Debug, Clone, Copy, Default)]
pub struct RawSearch<'a> {
    /// Items per page.
    pub limit: Option<&'a str>,
    /// Where to go on.
    pub cursor: Option<&'a str>,
    /// Only this game.
    pub game: Option<&'a str>,
    /// Only this status.
    pub status: Option<&'a str>,
    /// Only what starts later.
    pub starts_after: Option<&'a str>,
}

/// Which tournaments a client asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TournamentSearch {
    /// The page.
    pub page: PageRequest,
    /// Only this game.
    pub game: Option<String>,
    /// Only this status.
    pub status: Option<TournamentStatus>,
    /// Only what starts later.
    pub starts_after: Option<Timestamp>,
}

/// A search that cannot be.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum SearchError {
    /// The page.
    #[error(transparent)]
    Page(#[from] PageError),
    /// The game.
    #[error("game must have 1 to {GAME_MAX_CHARS} characters")]
    Game,
    /// The status.
    #[error("status must be Open or Cancelled")]
    Status,
    /// The time.
    #[error("startsAfter must be a time like 2030-01-31T18:00:00Z")]
    StartsAfter,
}

impl TournamentSearch {
    /// Reads the query parameters.
    ///
    /// # Errors
    /// The first one that cannot be.
    pub fn parse(raw: &RawSearch<'_>) -> Result<Self, SearchError> {
        let page = PageRequest::parse(List::Tournaments, raw.limit, raw.cursor)?;
        let is_game = |game: &&str| (1..=GAME_MAX_CHARS).contains(&game.chars().count()) && !game.contains('\0');
        let game = raw.game.map(|game| Some(game).filter(is_game).ok_or(SearchError::Game));
        let status = raw
            .status
            .map(|status| TournamentStatus::named(status).ok_or(SearchError::Status));
        let starts_after = raw
            .starts_after
            .map(|time| time.parse().map_err(|_| SearchError::StartsAfter));
        Ok(Self {
            page,
            game: game.transpose()?.map(str::to_owned),
            status: status.transpose()?,
            // Nothing starts before 1970, and not every database writes such times as we do.
            starts_after: starts_after
                .transpose()?
                .map(|time: Timestamp| time.max(Timestamp::UNIX_EPOCH)),
        })
    }

    /// A text that is equal for equal searches, and only for them: what the client chooses freely comes last.
    pub fn cache_key(&self) -> String {
        let mut key = self.page.cache_key();
        if self.game.is_none() && self.status.is_none() && self.starts_after.is_none() {
            return key;
        }
        key.push(':');
        key.push_str(self.status.map_or("", TournamentStatus::as_str));
        key.push(':');
        if let Some(time) = self.starts_after {
            key.push_str(&time.as_nanosecond().to_string());
        }
        key.push(':');
        if let Some(game) = &self.game {
            key.push('=');
            key.push_str(game);
        }
        key
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::unknown_status(RawSearch { status: Some("open"), ..RawSearch::default() }, SearchError::Status)]
    #[case::empty_game(RawSearch { game: Some(""), ..RawSearch::default() }, SearchError::Game)]
    #[case::nul_in_game(RawSearch { game: Some("a\0"), ..RawSearch::default() }, SearchError::Game)]
    #[case::no_time(RawSearch { starts_after: Some("today"), ..RawSearch::default() }, SearchError::StartsAfter)]
    #[case::no_limit(RawSearch { limit: Some("0"), ..RawSearch::default() }, SearchError::Page(PageError::Limit))]
    fn a_search_that_cannot_be_is_refused(#[case] raw: RawSearch<'_>, #[case] error: SearchError) {
        assert_eq!(TournamentSearch::parse(&raw), Err(error));
    }

    #[test]
    fn a_time_before_all_tournaments_is_the_beginning() {
        let raw = RawSearch {
            starts_after: Some("-009999-01-02T02:00:00Z"),
            ..RawSearch::default()
        };
        let search = TournamentSearch::parse(&raw).expect("a time");
        assert_eq!(search.starts_after, Some(Timestamp::UNIX_EPOCH));
    }

    fn searches() -> impl Strategy<Value = TournamentSearch> {
        let game = proptest::option::of("[a:=]{1,3}");
        let status = proptest::option::of(prop_oneof![
            Just(TournamentStatus::Open),
            Just(TournamentStatus::Cancelled)
        ]);
        let starts_after = proptest::option::of(0..3_i64);
        (game, status, starts_after, 1..3_u16).prop_map(|(game, status, second, limit)| TournamentSearch {
            page: PageRequest::parse(List::Tournaments, Some(&limit.to_string()), None).expect("valid"),
            game,
            status,
            starts_after: second.and_then(|second| Timestamp::from_second(second).ok()),
        })
    }

    proptest! {
        #[test]
        fn different_searches_have_different_cache_keys(a in searches(), b in searches()) {
            prop_assert_eq!(a == b, a.cache_key() == b.cache_key());
        }
    }
}
