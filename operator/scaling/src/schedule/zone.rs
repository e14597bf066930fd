//! Time zones by name, from the database that is compiled in.
//!
//! Never asks the machine: neither for its zone nor for its files, so that a schedule means the same everywhere and after
//! every update of the base image. Names are case-sensitive, as in Kubernetes.

use jiff::tz::{TimeZone, TimeZoneDatabase};

/// As many names as a person reads.
const MOST_SUGGESTIONS: usize = 3;

/// The zone, or what to write instead.
pub(super) fn find(name: &str) -> Result<TimeZone, String> {
    let zones = TimeZoneDatabase::bundled();
    let known = zones.available().any(|zone| zone.as_str() == name);
    match zones.get(name) {
        Ok(zone) if known => Ok(zone),
        Ok(_) | Err(_) => Err(instead(&zones, name)),
    }
}

/// The zones with the same name in other letters, else those with the same last word.
fn instead(zones: &TimeZoneDatabase, name: &str) -> String {
    let wanted = name.trim().replace(' ', "_");
    let same = |part: fn(&str) -> &str| -> Vec<String> {
        zones
            .available()
            .filter(|zone| part(zone.as_str()).eq_ignore_ascii_case(part(&wanted)))
            .take(MOST_SUGGESTIONS)
            .map(|zone| zone.as_str().to_owned())
            .collect()
    };
    let mut names = same(|name| name);
    if names.is_empty() {
        names = same(last_word);
    }
    if names.is_empty() {
        "an area and a city, such as Europe/Berlin, or UTC".to_owned()
    } else {
        names.join(" or ")
    }
}

fn last_word(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("UTC")]
    #[case("Asia/Kolkata")]
    #[case::an_old_name("Asia/Calcutta")]
    #[case("America/Argentina/Buenos_Aires")]
    fn a_zone_of_the_database_is_found(#[case] name: &str) {
        find(name).unwrap();
    }

    #[rstest]
    #[case::letter_case("europe/berlin", "Europe/Berlin")]
    #[case::a_space("America/New York", "America/New_York")]
    #[case::the_city_alone("Kathmandu", "Asia/Kathmandu")]
    #[case::another_continent("Asia/Berlin", "Europe/Berlin")]
    #[case::letter_case_of_utc("utc", "UTC")]
    #[case::an_abbreviation("IST", "an area and a city, such as Europe/Berlin, or UTC")]
    #[case::nothing("", "an area and a city, such as Europe/Berlin, or UTC")]
    #[case::the_unknown_zone("Etc/Unknown", "an area and a city, such as Europe/Berlin, or UTC")]
    #[case::the_zone_of_the_machine("Local", "an area and a city, such as Europe/Berlin, or UTC")]
    fn a_name_that_is_not_there_is_answered_by_one_that_is(#[case] name: &str, #[case] instead: &str) {
        assert_eq!(find(name).unwrap_err(), instead);
    }
}
