//! What a tournament is, and which drafts become one. Rules only: ids and the time are parameters, and where
//! tournaments are kept is not known here.

use std::fmt;

use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Longest name, in characters; the table has the same bound.
pub const NAME_MAX_CHARS: usize = 120;
/// Longest name of a game, in characters; the table has the same bound.
pub const GAME_MAX_CHARS: usize = 60;
/// Fewest seats: nobody plays a tournament alone.
pub const SEATS_MIN: u32 = 2;
/// Most seats; the table has the same bound.
pub const SEATS_MAX: u32 = 100_000;
/// How far ahead a tournament may start: farther is a typing mistake in the year.
const START_MAX_DAYS: i64 = 5 * 366;

/// Identifies a tournament. Version 7, so that newer tournaments have greater ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TournamentId(pub Uuid);

impl fmt::Display for TournamentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A tournament as clients see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tournament {
    /// Its id.
    pub id: TournamentId,
    /// Its name, 1 to [`NAME_MAX_CHARS`] characters.
    pub name: String,
    /// The game, 1 to [`GAME_MAX_CHARS`] characters.
    pub game: String,
    /// Places, [`SEATS_MIN`] to [`SEATS_MAX`].
    pub seats: u32,
    /// When it starts, to the microsecond.
    pub starts_at: Timestamp,
    /// When it was created, to the microsecond.
    pub created_at: Timestamp,
}

/// What a client sends to create a tournament; not checked yet.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TournamentDraft {
    /// The name.
    pub name: String,
    /// The game.
    pub game: String,
    /// The places.
    pub seats: i64,
    /// When it starts.
    pub starts_at: Timestamp,
}

/// One thing that is wrong with a draft.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// The field.
    pub field: &'static str,
    /// What to write instead.
    pub problem: String,
}

impl TournamentDraft {
    /// The tournament that this draft asks for, or everything that is wrong with the draft at once.
    ///
    /// # Errors
    /// One [`Violation`] per field that breaks its rule.
    pub fn establish(self, id: TournamentId, now: Timestamp) -> Result<Tournament, Vec<Violation>> {
        let mut violations = Vec::new();
        let mut check = |field, rule: Result<(), String>| {
            if let Err(problem) = rule {
                violations.push(Violation { field, problem });
            }
        };
        let (name, game) = (self.name.trim().to_owned(), self.game.trim().to_owned());
        check("name", text_rule(&name, NAME_MAX_CHARS));
        check("game", text_rule(&game, GAME_MAX_CHARS));
        let seats = u32::try_from(self.seats).unwrap_or(0);
        check("seats", seats_rule(seats));
        check("starts_at", start_rule(self.starts_at, now));
        if !violations.is_empty() {
            return Err(violations);
        }
        let (starts_at, created_at) = (to_microsecond(self.starts_at), to_microsecond(now));
        Ok(Tournament {
            id,
            name,
            game,
            seats,
            starts_at,
            created_at,
        })
    }
}

fn text_rule(text: &str, max_chars: usize) -> Result<(), String> {
    if text.is_empty() || text.chars().count() > max_chars {
        return Err(format!("must have 1 to {max_chars} characters"));
    }
    if text.chars().any(char::is_control) {
        return Err("must not hold control characters".to_owned());
    }
    Ok(())
}

fn seats_rule(seats: u32) -> Result<(), String> {
    if (SEATS_MIN..=SEATS_MAX).contains(&seats) {
        Ok(())
    } else {
        Err(format!("must be from {SEATS_MIN} to {SEATS_MAX}"))
    }
}

fn start_rule(starts_at: Timestamp, now: Timestamp) -> Result<(), String> {
    let latest = now
        .saturating_add((START_MAX_DAYS * 24).hours())
        .unwrap_or(Timestamp::MAX);
    if starts_at <= now {
        return Err("must be in the future".to_owned());
    }
    if starts_at > latest {
        return Err(format!("must be at most {START_MAX_DAYS} days ahead"));
    }
    Ok(())
}

/// The database keeps microseconds: without this the answer to a creation would differ from every later reading.
fn to_microsecond(time: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(time.as_microsecond()).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const ID: TournamentId = TournamentId(Uuid::nil());

    fn now() -> Timestamp {
        "2030-01-01T00:00:00Z".parse().expect("a time")
    }

    fn draft() -> TournamentDraft {
        TournamentDraft {
            name: "  Winter Cup ".to_owned(),
            game: "chess".to_owned(),
            seats: 64,
            starts_at: "2030-02-01T18:00:00.123456789Z".parse().expect("a time"),
        }
    }

    #[test]
    fn a_sound_draft_becomes_a_tournament_with_trimmed_texts() {
        let tournament = draft().establish(ID, now()).expect("sound");
        assert_eq!(tournament.name, "Winter Cup");
        assert_eq!(tournament.created_at, now());
    }

    #[test]
    fn times_are_kept_to_the_microsecond_as_the_database_does() {
        let tournament = draft().establish(ID, now()).expect("sound");
        assert_eq!(tournament.starts_at.subsec_nanosecond(), 123_456_000);
    }

    #[rstest]
    #[case::empty_name(TournamentDraft { name: "  ".into(), ..draft() }, "name")]
    #[case::long_name(TournamentDraft { name: "é".repeat(NAME_MAX_CHARS + 1), ..draft() }, "name")]
    #[case::nul_in_name(TournamentDraft { name: "a\0b".into(), ..draft() }, "name")]
    #[case::long_game(TournamentDraft { game: "g".repeat(GAME_MAX_CHARS + 1), ..draft() }, "game")]
    #[case::one_seat(TournamentDraft { seats: 1, ..draft() }, "seats")]
    #[case::negative_seats(TournamentDraft { seats: -5, ..draft() }, "seats")]
    #[case::seats_beyond_u32(TournamentDraft { seats: i64::MAX, ..draft() }, "seats")]
    #[case::starts_now(TournamentDraft { starts_at: now(), ..draft() }, "starts_at")]
    #[case::starts_in_far_future(TournamentDraft { starts_at: Timestamp::MAX, ..draft() }, "starts_at")]
    fn a_draft_that_breaks_one_rule_names_that_field(#[case] draft: TournamentDraft, #[case] field: &str) {
        let violations = draft.establish(ID, now()).expect_err("broken");
        assert_eq!(
            violations.iter().map(|violation| violation.field).collect::<Vec<_>>(),
            [field]
        );
    }

    #[test]
    fn the_longest_name_is_counted_in_characters_not_bytes() {
        let draft = TournamentDraft {
            name: "é".repeat(NAME_MAX_CHARS),
            ..draft()
        };
        assert!(draft.establish(ID, now()).is_ok());
    }

    #[test]
    fn all_broken_rules_are_reported_at_once() {
        let draft = TournamentDraft {
            name: String::new(),
            game: String::new(),
            seats: 0,
            starts_at: now(),
        };
        assert_eq!(draft.establish(ID, now()).expect_err("broken").len(), 4);
    }
}
