//! Quantities of Kubernetes as numbers, to compare a quota with what a pod asks for.
//!
//! Pure. The grammar is that of apimachinery's `resource.Quantity`: a decimal number with a binary suffix (`Ki` to `Ei`),
//! a decimal one (`n` to `E`) or an exponent. The API server has checked the text; what cannot be read is `None` all the
//! same. Floats are exact enough to divide by, not to account with.

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

// The binary suffixes first: `Mi` must not be read as `M`.
const SUFFIXES: [(&str, f64); 15] = [
    ("Ki", 1024.0),
    ("Mi", 1_048_576.0),
    ("Gi", 1_073_741_824.0),
    ("Ti", 1_099_511_627_776.0),
    ("Pi", 1_125_899_906_842_624.0),
    ("Ei", 1_152_921_504_606_846_976.0),
    ("n", 1e-9),
    ("u", 1e-6),
    ("m", 1e-3),
    ("k", 1e3),
    ("M", 1e6),
    ("G", 1e9),
    ("T", 1e12),
    ("P", 1e15),
    ("E", 1e18),
];

/// The number: cores, bytes, or a count.
pub(super) fn amount(quantity: &Quantity) -> Option<f64> {
    let text = quantity.0.as_str();
    let (number, times) = SUFFIXES
        .iter()
        .find_map(|(suffix, times)| Some((text.strip_suffix(suffix)?, *times)))
        .unwrap_or((text, 1.0));
    // Words such as `inf` are numbers to the parser and to nobody else.
    let plain = number.starts_with(|first: char| first.is_ascii_digit() || "+-.".contains(first));
    let number: f64 = plain.then(|| number.parse().ok()).flatten()?;
    Some(number * times).filter(|amount| amount.is_finite())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("250m", Some(0.25))]
    #[case("2", Some(2.0))]
    #[case("1.5", Some(1.5))]
    #[case("1.5Gi", Some(1_610_612_736.0))]
    #[case("512Mi", Some(536_870_912.0))]
    #[case("1G", Some(1e9))]
    #[case("3k", Some(3000.0))]
    #[case("2E", Some(2e18))]
    #[case("2e3", Some(2000.0))]
    #[case("2E3", Some(2000.0))]
    #[case("100u", Some(1e-4))]
    #[case("-1", Some(-1.0))]
    #[case("", None)]
    #[case("inf", None)]
    #[case("-inf", None)]
    #[case("+nan", None)]
    #[case("12Qi", None)]
    #[case("Mi", None)]
    fn a_quantity_is_a_number_with_a_suffix(#[case] text: &str, #[case] number: Option<f64>) {
        let found = amount(&Quantity(text.to_owned()));
        let close = found
            .zip(number)
            .is_some_and(|(found, number)| (found - number).abs() <= number.abs() * 1e-12);
        assert!(close || found == number, "{text}: {found:?}");
    }
}
