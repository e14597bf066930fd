//! The front of a set of settings, and the rules of ties, interpolation and ratios that the goals state.

use crate::sim::bench::Row;

/// Relative; see the goals.
const EQUAL_HOURS: f64 = 1e-3;
const EQUAL_VIOLATIONS: f64 = 1e-7;
const IN_LOGARITHM: f64 = 1e-6;
const IN_RATIO: f64 = 1e-5;

/// A setting by its two figures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub(super) hours: f64,
    pub(super) violations: f64,
}

impl Point {
    pub(super) fn of(row: &Row) -> Self {
        Self {
            hours: row.replica_hours,
            violations: row.violation_share,
        }
    }

    pub(super) fn is_worse_in_both_than(self, other: Self) -> bool {
        self.hours > other.hours * (1.0 + EQUAL_HOURS) && self.violations > other.violations + EQUAL_VIOLATIONS
    }
}

/// Violations of one over those of another.
pub(super) fn ratio(one: f64, other: f64) -> f64 {
    (one + IN_RATIO) / (other + IN_RATIO)
}

/// More hours and fewer violations from point to point.
#[derive(Clone, Debug)]
pub(super) struct Front {
    points: Vec<Point>,
}

impl Front {
    pub(super) fn of(points: impl Iterator<Item = Point>) -> Self {
        let mut all: Vec<Point> = points.collect();
        all.sort_by(|one, other| {
            one.hours
                .total_cmp(&other.hours)
                .then(one.violations.total_cmp(&other.violations))
        });
        let mut best = f64::INFINITY;
        all.retain(|point| {
            let better = point.violations < best;
            best = best.min(point.violations);
            better
        });
        Self { points: all }
    }

    /// The violation share at these hours; `None` outside of the range.
    pub(super) fn violations_at(&self, hours: f64) -> Option<f64> {
        let (first, last) = (self.points.first()?, self.points.last()?);
        // The ends of the range are as wide as a tie.
        if hours < first.hours * (1.0 - EQUAL_HOURS) || hours > last.hours * (1.0 + EQUAL_HOURS) {
            return None;
        }
        let hours = hours.clamp(first.hours, last.hours);
        let after = self.points.iter().position(|point| point.hours >= hours)?;
        let right = self.points[after];
        let Some(left) = after.checked_sub(1).map(|before| self.points[before]) else {
            return Some(right.violations);
        };
        let share = (hours - left.hours) / (right.hours - left.hours);
        let logarithm = |point: Point| (point.violations + IN_LOGARITHM).ln();
        let between = logarithm(left) + share * (logarithm(right) - logarithm(left));
        Some((between.exp() - IN_LOGARITHM).max(0.0))
    }

    /// Whether `point` lies beyond the most hours, and has more violations than are left there.
    pub(super) fn beats_from_its_end(&self, point: Point) -> bool {
        self.points
            .last()
            .is_some_and(|last| point.is_worse_in_both_than(*last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn front(points: &[(f64, f64)]) -> Front {
        Front::of(points.iter().map(|(hours, violations)| Point {
            hours: *hours,
            violations: *violations,
        }))
    }

    #[test]
    fn what_another_setting_beats_is_not_on_the_front() {
        let seen = front(&[(12.0, 0.02), (10.0, 0.1), (11.0, 0.2), (20.0, 0.02), (10.0, 0.3)]);
        let hours: Vec<f64> = seen.points.iter().map(|point| point.hours).collect();
        assert_eq!(hours, [10.0, 12.0]);
    }

    #[test]
    fn halfway_in_hours_is_the_geometric_mean_of_violations() {
        // sqrt((1e-2 + 1e-6) (1e-4 + 1e-6)) - 1e-6 = sqrt(1.0101e-6...) - 1e-6.
        let expected = (0.010_001_f64 * 0.000_101).sqrt() - 1e-6;
        let seen = front(&[(10.0, 1e-2), (20.0, 1e-4)]).violations_at(15.0).unwrap();
        assert!((seen - expected).abs() < 1e-12, "{seen} {expected}");
    }

    #[test]
    fn the_ends_are_exact_and_nothing_is_said_outside() {
        let front = front(&[(10.0, 0.01), (20.0, 0.0)]);
        let close = |hours: f64, wanted: f64| (front.violations_at(hours).unwrap() - wanted).abs() < 1e-12;
        assert!(close(10.0, 0.01) && close(20.0, 0.0) && close(20.01, 0.0));
        assert_eq!(front.violations_at(9.0), None);
        assert_eq!(front.violations_at(21.0), None);
    }

    #[test]
    fn a_tie_in_either_figure_is_not_worse_in_both() {
        let point = |hours, violations| Point { hours, violations };
        let base = point(100.0, 0.01);
        assert!(point(101.0, 0.011).is_worse_in_both_than(base));
        assert!(!point(100.05, 0.011).is_worse_in_both_than(base));
        assert!(!point(101.0, 0.010_000_05).is_worse_in_both_than(base));
    }

    #[test]
    fn nothing_against_nothing_is_one() {
        assert!((ratio(0.0, 0.0) - 1.0).abs() < 1e-12);
        // (1e-5 + 1e-5) / (0 + 1e-5)
        assert!((ratio(1e-5, 0.0) - 2.0).abs() < 1e-9);
    }
}
