//! The quantities of scaling as types, so that a rate is never taken for a count, nor a latency for a share.
//!
//! Construction is checked once: whoever holds a [`RequestsPerSecond`] never asks again whether it is a number. Nothing
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

    /// That many more, as far as can be counted.
    pub(crate) const fn plus(self, more: u32) -> Self {
        Self(self.0.saturating_add(more))
    }

    /// That many fewer, down to none.
    pub(crate) const fn minus(self, fewer: u32) -> Self {
        Self(self.0.saturating_sub(fewer))
    }
}

impl fmt::Display for Replicas {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)
    }
}

/// A checked number with a unit: finite and not negative.
pub trait Quantity: Copy + fmt::Display {
    /// The unit as it stands behind the number.
    const UNIT: &'static str;

    /// A quantity from a raw number.
    ///
    /// # Errors
    /// [`UnitError`] for what is not a number, infinite, or below zero.
    fn checked(raw: f64) -> Result<Self, UnitError>;

    /// The number in the unit.
    fn raw(self) -> f64;
}

macro_rules! quantity {
    ($(#[$docs:meta])* $name:ident, $unit:literal) => {
        $(#[$docs])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
        #[serde(try_from = "f64", into = "f64")]
        pub struct $name(f64);

        impl $name {
            /// From a raw number.
            ///
            /// # Errors
            /// [`UnitError`] for what is not a number, infinite, or below zero.
            pub fn new(raw: f64) -> Result<Self, UnitError> {
                check(raw).map(Self)
            }

            /// The number in the unit.
            pub const fn get(self) -> f64 {
                self.0
            }

            /// From the engine's own arithmetic, which can only overflow: stops at the largest number.
            pub(crate) const fn saturating(raw: f64) -> Self {
                // NaN compares false, and becomes 0.
                Self(if raw >= f64::MAX { f64::MAX } else if raw > 0.0 { raw } else { 0.0 })
            }
        }

        impl Quantity for $name {
            const UNIT: &'static str = $unit;

            fn checked(raw: f64) -> Result<Self, UnitError> {
                Self::new(raw)
            }

            fn raw(self) -> f64 {
                self.0
            }
        }

        impl TryFrom<f64> for $name {
            type Error = UnitError;

            fn try_from(raw: f64) -> Result<Self, UnitError> {
                Self::new(raw)
            }
        }

        impl From<$name> for f64 {
            fn from(quantity: $name) -> Self {
                quantity.0
            }
        }

        impl fmt::Display for $name {
            /// The bare number, with as many decimals as the formatter's precision says; no trailing zeros.
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                short(self.0, formatter)
            }
        }
    };
}

quantity! {
    /// A rate in requests per second: finite and not negative.
    RequestsPerSecond, " requests/s"
}

quantity! {
    /// A time in seconds, of a request for example: finite and not negative.
    Seconds, " s"
}

quantity! {
    /// A share of a whole: 0 is none, 1 is all; above 1 where the whole is exceeded. Finite and not negative.
    Ratio, ""
}

fn check(raw: f64) -> Result<f64, UnitError> {
    if raw.is_nan() {
        Err(UnitError::NotANumber)
    } else if raw.is_infinite() {
        Err(UnitError::Infinite)
    } else if raw < 0.0 {
        Err(UnitError::Negative { given: raw })
    } else {
        // Adding zero turns -0.0 into 0.0, so that equal figures also print equally.
        Ok(raw + 0.0)
    }
}

/// One decimal, from ten on; three significant decimals below, where one would hide the figure (a latency of 0.05 s).
fn short(raw: f64, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    let decimals = formatter.precision().unwrap_or(if raw < 10.0 { 3 } else { 1 });
    let digits = format!("{raw:.decimals$}");
    let short = match digits.split_once('.') {
        Some((_, _)) => digits.trim_end_matches('0').trim_end_matches('.'),
        None => &digits,
    };
    formatter.write_str(short)
}

/// Why a number is not a quantity.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
pub enum UnitError {
    /// NaN.
    #[error("the figure is not a number: it must be 0 or more")]
    NotANumber,
    /// Positive or negative infinity.
    #[error("the figure is infinite: it must be finite")]
    Infinite,
    /// Below zero.
    #[error("the figure is {given}: it must be 0 or more")]
    Negative {
        /// What was given.
        given: f64,
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
    fn a_number_that_cannot_be_a_quantity_is_refused(#[case] raw: f64) {
        assert!(RequestsPerSecond::new(raw).is_err());
        assert!(Seconds::new(raw).is_err());
        assert!(Ratio::new(raw).is_err());
    }

    #[rstest]
    #[case(f64::NAN, 0.0)]
    #[case(-1.0, 0.0)]
    #[case(3.5, 3.5)]
    #[case(f64::INFINITY, f64::MAX)]
    fn arithmetic_of_our_own_always_gives_a_quantity(#[case] raw: f64, #[case] kept: f64) {
        assert_eq!(RequestsPerSecond::saturating(raw).get().to_bits(), kept.to_bits());
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
    #[case(0.05, "0.05")]
    #[case(0.61, "0.61")]
    fn a_figure_prints_without_needless_decimals(#[case] raw: f64, #[case] printed: &str) {
        assert_eq!(RequestsPerSecond::new(raw).unwrap().to_string(), printed);
    }

    #[test]
    fn a_precision_gives_more_decimals() {
        let rate = RequestsPerSecond::new(600.04).unwrap();
        assert_eq!(format!("{rate:.2}"), "600.04");
        assert_eq!(format!("{rate:.0}"), "600");
    }

    #[test]
    fn a_figure_is_checked_when_it_is_read_too() {
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
