//! The table of what may pay: how long a peak is held, what is looked at beside it, and how much more is ordered.
//!
//! A candidate is a number; everything about it follows from that. The prior is what each one costs before anything was
//! seen of a workload: a fit over very different loads (`docs/SCALING.md`), worth four hours of samples. What looks beside what
//! it holds costs a little more by it, and has to prove itself: a first step must not be taken for a slope.

use serde::{Deserialize, Serialize};

/// How long a candidate stays ready for a load after it was seen, in seconds.
pub(super) const HOLDS_SECONDS: [u32; 6] = [5, 60, 180, 300, 600, 1800];

/// How much more than that it orders, as factors.
const MARGINS: [f32; 11] = [1.0, 1.05, 1.1, 1.2, 1.35, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0];

/// What it looks at beside what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing.
    Held,
    /// Where the load is going.
    Trend,
    /// That, and what was there at this time yesterday and a week ago.
    Season,
}

const KINDS: [Kind; 3] = [Kind::Held, Kind::Trend, Kind::Season];

/// Envelopes: every hold with every kind.
pub(super) const ENVELOPES: usize = HOLDS_SECONDS.len() * KINDS.len();

/// Candidates: every envelope with every margin.
pub(super) const CANDIDATES: usize = ENVELOPES * MARGINS.len();

/// The first candidates of the kinds that do not look at the time of day.
pub(super) const WITHOUT_SEASON: usize = HOLDS_SECONDS.len() * 2 * MARGINS.len();

/// One candidate, by its number: kinds, then holds, then margins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "u16", into = "u16")]
pub(super) struct Candidate(u16);

impl From<u16> for Candidate {
    fn from(number: u16) -> Self {
        Self(number.min(MOST))
    }
}

impl From<Candidate> for u16 {
    fn from(candidate: Candidate) -> Self {
        candidate.0
    }
}

#[expect(clippy::cast_possible_truncation, reason = "some hundreds")]
const MOST: u16 = CANDIDATES as u16 - 1;

impl Candidate {
    /// The one with this number, at most the last one.
    pub(super) fn new(number: usize) -> Self {
        Self(u16::try_from(number).unwrap_or(MOST).min(MOST))
    }

    /// All of them, in order.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        (0..=MOST).map(Self)
    }

    /// Its number.
    pub(super) fn number(self) -> usize {
        usize::from(self.0)
    }

    fn envelope(self) -> usize {
        self.number() / MARGINS.len()
    }

    /// The place of its hold in [`HOLDS_SECONDS`].
    pub(super) fn hold_index(self) -> usize {
        self.envelope() % HOLDS_SECONDS.len()
    }

    /// How long it holds, in seconds.
    pub(super) fn hold_seconds(self) -> u32 {
        HOLDS_SECONDS[self.hold_index()]
    }

    /// What it looks at.
    pub(super) fn kind(self) -> Kind {
        KINDS[self.envelope() / HOLDS_SECONDS.len()]
    }

    /// Its margin; at least 1.
    pub(super) fn margin(self) -> f64 {
        f64::from(MARGINS[self.number() % MARGINS.len()])
    }

    /// What it costs before anything was seen: replicas, and the share of the load that comes too late, for a horizon.
    pub(super) fn prior(self, horizon_seconds: f32) -> (f32, f32) {
        let margin = MARGINS[self.number() % MARGINS.len()].ln();
        #[expect(clippy::cast_precision_loss, reason = "at most half an hour")]
        let hold = (self.hold_seconds() as f32 / 5.0).ln();
        let horizon = (horizon_seconds.max(1.0) / 30.0).ln();
        let beside = match self.kind() {
            Kind::Held => 0.0,
            Kind::Trend => 1.0,
            Kind::Season => 0.9,
        };
        let replicas = 0.177 + 0.895 * margin - 0.007 * hold
            + 0.05 * beside
            + 0.02 * horizon
            + 0.004 * margin * hold
            + 0.013 * hold * hold;
        let late =
            -2.55 - 1.312 * margin - 0.197 * hold + 0.541 * horizon - 0.147 * margin * hold - 0.011 * hold * hold;
        (replicas.exp(), late.exp())
    }
}

/// The margins in order, for loops over all candidates of an envelope.
pub(super) const fn margins() -> [f32; MARGINS.len()] {
    MARGINS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_candidate_has_a_number_and_the_number_says_all() {
        let all: Vec<Candidate> = Candidate::all().collect();
        assert_eq!(all.len(), CANDIDATES);
        assert!(all.iter().all(|one| Candidate::new(one.number()) == *one));
        let first_of_season = all.iter().position(|one| one.kind() == Kind::Season);
        assert_eq!(first_of_season, Some(WITHOUT_SEASON));
    }

    #[test]
    fn before_anything_was_seen_more_margin_costs_more_and_is_late_less_often() {
        let all: Vec<Candidate> = Candidate::all().collect();
        for pair in all.chunks(MARGINS.len()).flat_map(|envelope| envelope.windows(2)) {
            let (less, more) = (pair[0].prior(40.0), pair[1].prior(40.0));
            assert!(less.0 < more.0 && less.1 > more.1, "{pair:?}");
        }
    }
}
