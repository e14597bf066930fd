//! Points in a tournament, and the board that they make: most points first, equal points share a rank.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::rule::{Checks, Violation};
use super::tournament::TournamentId;
use super::user::UserId;

/// Most points either way; a JavaScript number holds it exactly.
pub const POINTS_MAX: i64 = 1_000_000_000_000;

/// What the owner sends to set a player's points; not checked yet.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScoreDraft {
    /// The points.
    #[schema(minimum = -1_000_000_000_000_i64, maximum = 1_000_000_000_000_i64)]
    pub points: i64,
}

impl ScoreDraft {
    /// The points, if they are in range.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn points(&self) -> Result<i64, Vec<Violation>> {
        let mut checks = Checks::default();
        let range = -POINTS_MAX..=POINTS_MAX;
        let rule = if range.contains(&self.points) {
            Ok(())
        } else {
            Err(format!("must be from -{POINTS_MAX} to {POINTS_MAX}"))
        };
        checks.check("points", rule);
        checks.passed().map(|()| self.points)
    }
}

/// One line of the board.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    /// From 1; equal points share a rank.
    pub rank: u64,
    /// Who.
    pub user_id: UserId,
    /// The user's name.
    pub name: String,
    /// The points.
    pub points: i64,
}

/// The board of a tournament.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Leaderboard {
    /// The best, most points first.
    pub items: Vec<Standing>,
}

/// A player's points changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Score {
    /// The tournament.
    pub tournament_id: TournamentId,
    /// Who.
    pub user_id: UserId,
    /// The points now.
    pub points: i64,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_beyond_what_a_browser_counts_are_refused() {
        assert_eq!(ScoreDraft { points: POINTS_MAX }.points(), Ok(POINTS_MAX));
        assert!(ScoreDraft { points: POINTS_MAX + 1 }.points().is_err());
        assert!(ScoreDraft { points: i64::MIN }.points().is_err());
    }
}
