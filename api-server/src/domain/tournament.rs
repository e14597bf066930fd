//! What a tournament is, and which drafts become one. Rules only: ids and the time are parameters, and where
//! tournaments are kept is not known here.

use std::fmt;

use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::rule::{self, Checks, Violation};
use super::user::UserId;

/// Longest name, in characters; the table has the same bound.
pub const NAME_MAX_CHARS: usize = 120;
/// Longest name of a game, in characters; the table has the same bound.
pub const GAME_MAX_CHARS: usize = 60;
/// Fewest seats: nobody plays a tournament alone.
pub const SEATS_MIN: u32 = 2;
/// Most seats; the table has the same bound.
pub const SEATS_MAX: u32 = 100_000;
/// Largest entry fee in minor units.
pub const FEE_MAX: i64 = 100_000_000;
/// How far ahead a tournament may start: farther is a typing mistake in the year.
const START_MAX_DAYS: i64 = 5 * 366;

/// Identifies a tournament. Version 7, so that newer tournaments have greater ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct TournamentId(pub Uuid);

impl fmt::Display for TournamentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Whether a tournament takes place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub enum TournamentStatus {
    /// It does; registrations are taken until it starts.
    Open,
    /// It does not.
    Cancelled,
}

impl TournamentStatus {
    /// The name that clients and the database use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "Open",
            Self::Cancelled => "Cancelled",
        }
    }

    /// The status of this name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Open, Self::Cancelled]
            .into_iter()
            .find(|status| status.as_str() == name)
    }
}

/// What a seat costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EntryFee {
    /// In minor units of the currency, like cents or paise.
    #[schema(minimum = 1, maximum = 100_000_000)]
    pub amount: i64,
    /// ISO 4217: three capital letters.
    #[schema(pattern = "^[A-Z]{3}$")]
    pub currency: String,
}

/// A tournament as clients see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tournament {
    /// Its id.
    pub id: TournamentId,
    /// Who may change it; null if nobody may any more.
    pub owner_id: Option<UserId>,
    /// Its name, 1 to [`NAME_MAX_CHARS`] characters.
    pub name: String,
    /// The game, 1 to [`GAME_MAX_CHARS`] characters.
    pub game: String,
    /// Places, [`SEATS_MIN`] to [`SEATS_MAX`].
    pub seats: u32,
    /// Places that are taken. May lag a little behind: a registration counts exactly, this is for looking at.
    pub seats_taken: u32,
    /// Users on the waiting list; may lag like `seats_taken`.
    pub waiting: u32,
    /// Whether it takes place.
    pub status: TournamentStatus,
    /// What a seat costs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry_fee: Option<EntryFee>,
    /// The path of its newest poster on this server; there is no image under it until that is uploaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub poster_url: Option<String>,
    /// When it starts, to the microsecond.
    #[schema(value_type = String, format = DateTime)]
    pub starts_at: Timestamp,
    /// When it was created, to the microsecond.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// What a client sends to create a tournament; not checked yet.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TournamentDraft {
    /// The name.
    #[schema(min_length = 1, max_length = 120)]
    pub name: String,
    /// The game.
    #[schema(min_length = 1, max_length = 60)]
    pub game: String,
    /// The places.
    #[schema(minimum = 2, maximum = 100_000)]
    pub seats: i64,
    /// When it starts.
    #[schema(value_type = String, format = DateTime)]
    pub starts_at: Timestamp,
    /// What a seat costs; nothing when left out.
    #[serde(default)]
    pub entry_fee: Option<EntryFee>,
}

/// What the owner sends to change a tournament: only the fields that change; not checked yet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TournamentPatch {
    /// Another name.
    #[schema(min_length = 1, max_length = 120)]
    pub name: Option<String>,
    /// Another game.
    #[schema(min_length = 1, max_length = 60)]
    pub game: Option<String>,
    /// More or fewer places, but not fewer than are taken.
    #[schema(minimum = 2, maximum = 100_000)]
    pub seats: Option<i64>,
    /// Another start.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub starts_at: Option<Timestamp>,
}

impl TournamentDraft {
    /// The tournament that this draft asks for, or everything that is wrong with the draft at once.
    ///
    /// # Errors
    /// One [`Violation`] per field that breaks its rule.
    pub fn establish(self, id: TournamentId, owner: UserId, now: Timestamp) -> Result<Tournament, Vec<Violation>> {
        let (name, game) = (self.name.trim().to_owned(), self.game.trim().to_owned());
        let seats = u32::try_from(self.seats).unwrap_or(0);
        let mut checks = Checks::default();
        checks.check("name", rule::text(&name, NAME_MAX_CHARS));
        checks.check("game", rule::text(&game, GAME_MAX_CHARS));
        checks.check("seats", seats_rule(seats));
        checks.check("startsAt", start_rule(self.starts_at, now));
        checks.check("entryFee", self.entry_fee.as_ref().map_or(Ok(()), fee_rule));
        checks.passed()?;
        Ok(Tournament {
            id,
            owner_id: Some(owner),
            name,
            game,
            seats,
            seats_taken: 0,
            waiting: 0,
            status: TournamentStatus::Open,
            entry_fee: self.entry_fee,
            poster_url: None,
            starts_at: to_microsecond(self.starts_at),
            created_at: to_microsecond(now),
        })
    }
}

impl TournamentPatch {
    /// The same change with trimmed texts, or everything that is wrong with it at once.
    ///
    /// # Errors
    /// One [`Violation`] per field that breaks its rule.
    pub fn checked(self, now: Timestamp) -> Result<Self, Vec<Violation>> {
        let name = self.name.map(|name| name.trim().to_owned());
        let game = self.game.map(|game| game.trim().to_owned());
        let seats = self.seats.map(|seats| u32::try_from(seats).unwrap_or(0));
        let mut checks = Checks::default();
        checks.check(
            "name",
            name.as_deref().map_or(Ok(()), |name| rule::text(name, NAME_MAX_CHARS)),
        );
        checks.check(
            "game",
            game.as_deref().map_or(Ok(()), |game| rule::text(game, GAME_MAX_CHARS)),
        );
        checks.check("seats", seats.map_or(Ok(()), seats_rule));
        checks.check(
            "startsAt",
            self.starts_at.map_or(Ok(()), |start| start_rule(start, now)),
        );
        checks.passed()?;
        Ok(Self {
            name,
            game,
            seats: seats.map(i64::from),
            starts_at: self.starts_at.map(to_microsecond),
        })
    }
}

fn seats_rule(seats: u32) -> Result<(), String> {
    if (SEATS_MIN..=SEATS_MAX).contains(&seats) {
        Ok(())
    } else {
        Err(format!("must be from {SEATS_MIN} to {SEATS_MAX}"))
    }
}

fn fee_rule(fee: &EntryFee) -> Result<(), String> {
    let is_currency = fee.currency.len() == 3 && fee.currency.bytes().all(|b| b.is_ascii_uppercase());
    if !(1..=FEE_MAX).contains(&fee.amount) {
        Err(format!("amount must be from 1 to {FEE_MAX} minor units"))
    } else if is_currency {
        Ok(())
    } else {
        Err("currency must be three capital letters (ISO 4217)".to_owned())
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
pub(super) fn to_microsecond(time: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(time.as_microsecond()).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const ID: TournamentId = TournamentId(Uuid::nil());
    const OWNER: UserId = UserId(Uuid::nil());

    fn now() -> Timestamp {
        "2030-01-01T00:00:00Z".parse().expect("a time")
    }

    fn draft() -> TournamentDraft {
        TournamentDraft {
            name: "  Winter Cup ".to_owned(),
            game: "chess".to_owned(),
            seats: 64,
            starts_at: "2030-02-01T18:00:00.123456789Z".parse().expect("a time"),
            entry_fee: None,
        }
    }

    fn fee(amount: i64, currency: &str) -> EntryFee {
        let currency = currency.to_owned();
        EntryFee { amount, currency }
    }

    #[test]
    fn a_change_is_checked_only_in_the_fields_that_it_has() {
        let nothing = TournamentPatch::default();
        assert_eq!(nothing.clone().checked(now()), Ok(nothing));
        let patch = TournamentPatch {
            name: Some(" ".to_owned()),
            seats: Some(1),
            ..TournamentPatch::default()
        };
        let violations = patch.checked(now()).expect_err("broken");
        assert_eq!(
            violations.iter().map(|it| it.field).collect::<Vec<_>>(),
            ["name", "seats"]
        );
    }

    #[test]
    fn a_sound_draft_becomes_a_tournament_with_trimmed_texts() {
        let tournament = draft().establish(ID, OWNER, now()).expect("sound");
        assert_eq!(tournament.name, "Winter Cup");
        assert_eq!(tournament.created_at, now());
    }

    #[test]
    fn times_are_kept_to_the_microsecond_as_the_database_does() {
        let tournament = draft().establish(ID, OWNER, now()).expect("sound");
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
    #[case::starts_now(TournamentDraft { starts_at: now(), ..draft() }, "startsAt")]
    #[case::free_of_charge_for_a_fee(TournamentDraft { entry_fee: Some(fee(0, "EUR")), ..draft() }, "entryFee")]
    #[case::fee_in_no_currency(TournamentDraft { entry_fee: Some(fee(500, "eur")), ..draft() }, "entryFee")]
    #[case::starts_in_far_future(TournamentDraft { starts_at: Timestamp::MAX, ..draft() }, "startsAt")]
    fn a_draft_that_breaks_one_rule_names_that_field(#[case] draft: TournamentDraft, #[case] field: &str) {
        let violations = draft.establish(ID, OWNER, now()).expect_err("broken");
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
        assert!(draft.establish(ID, OWNER, now()).is_ok());
    }

    #[test]
    fn all_broken_rules_are_reported_at_once() {
        let draft = TournamentDraft {
            name: String::new(),
            game: String::new(),
            seats: 0,
            starts_at: now(),
            entry_fee: None,
        };
        assert_eq!(draft.establish(ID, OWNER, now()).expect_err("broken").len(), 4);
    }
}
