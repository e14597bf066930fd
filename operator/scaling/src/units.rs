//! The quantities of scaling as types, so that a rate is never taken for a count.
//!
//! Construction is checked once; whoever holds a [`RequestsPerSecond`] never asks again whether it is a number. Nothing
//! here knows what a quantity is used for.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A number of replicas (pods).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Replicas(u32);

impl Replicas {
    /// Any count is one; bounds belong to the policy.
    pub const fn new(count: u32) -> Self {
        Self(count)
    }

    /// The count.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Replicas {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)
    }
}

/// A rate in requests per second: finite and not negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct RequestsPerSecond(f64);

impl RequestsPerSecond {
    /// A rate from a raw number.
    ///
    /// # Errors
    /// [`UnitError`] for what is not a number, infinite, or below zero.
    pub fn new(rate: f64) -> Result<Self, UnitError> {
        if rate.is_nan() {
            Err(UnitError::NotANumber)
        } else if rate.is_infinite() {
            Err(UnitError::Infinite)
        } else if rate < 0.0 {
            Err(UnitError::Negative { rate })
        } else {
            // Adding zero turns -0.0 into 0.0, so that equal rates also print equally.
            Ok(Self(rate + 0.0))
        }
    }

    /// The rate in requests per second.
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for RequestsPerSecond {
    type Error = UnitError;

    fn try_from(rate: f64) -> Result<Self, UnitError> {
        Self::new(rate)
    }
}

impl From<RequestsPerSecond> for f64 {
    fn from(rate: RequestsPerSecond) -> Self {
        rate.0
    }
}

impl fmt::Display for RequestsPerSecond {
    /// The bare number with at most one decimal, or as many as the formatter's precision says; no trailing zeros.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{:.*}", formatter.precision().unwrap_or(1), self.0);
        let short = match digits.split_once('.') {
            Some((_, _)) => digits.trim_end_matches('0').trim_end_matches('.'),
            None => &digits,
        };
        formatter.write_str(short)
    }
}

/// Why a number is not a rate.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
pub enum UnitError {
    /// NaN.
    #[error("the rate is not a number: requests per second must be 0 or more")]
    NotANumber,
    /// Positive or negative infinity.
    #[error("the rate is infinite: requests per second must be finite")]
    Infinite,
    /// Below zero.
    #[error("the rate is {rate}: requests per second must be 0 or more")]
    Negative {
        /// What was given.
        rate: f64,
    },
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(f64::NAN)]
    #[case(f64::INFINITY)]
    #[case(f64::NEG_INFINITY)]
    #[case(-0.1)]
    fn a_number_that_cannot_be_a_rate_is_refused(#[case] raw: f64) {
        assert!(RequestsPerSecond::new(raw).is_err());
    }

    #[test]
    fn minus_zero_is_plain_zero() {
        assert_eq!(RequestsPerSecond::new(-0.0).unwrap().to_string(), "0");
    }

    #[rstest]
    #[case(590.0, "590")]
    #[case(600.0, "600")]
    #[case(589.96, "590")]
    #[case(12.34, "12.3")]
    fn a_rate_prints_without_needless_decimals(#[case] raw: f64, #[case] printed: &str) {
        assert_eq!(RequestsPerSecond::new(raw).unwrap().to_string(), printed);
    }

    #[test]
    fn a_precision_gives_more_decimals() {
        let rate = RequestsPerSecond::new(600.04).unwrap();
        assert_eq!(format!("{rate:.2}"), "600.04");
        assert_eq!(format!("{rate:.0}"), "600");
    }

    #[test]
    fn a_rate_is_checked_when_it_is_read_too() {
        assert!(serde_json::from_str::<RequestsPerSecond>("-1.0").is_err());
        assert_eq!(
            serde_json::from_str::<RequestsPerSecond>("1.5")
                .unwrap()
                .get()
                .to_bits(),
            1.5_f64.to_bits()
        );
    }
}
