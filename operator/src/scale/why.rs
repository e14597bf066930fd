//! Why a source of metrics gave nothing, in words for the person who reads a condition.
//!
//! Plain data. No text holds a credential, an address that the endpoint chose, or more than a few words of what it sent.

use std::time::Duration;

use crate::config::endpoint::SecretKey;

/// Why there is no answer. Its text goes behind "Prometheus endpoint NAME ...".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// Nobody defined an endpoint of this name.
    #[error("is not defined")]
    NotDefined,
    /// It was asked, and may answer later.
    #[error("has not answered yet")]
    NotYet,
    /// It took longer than a tick can wait.
    #[error("gave no answer in {} s", .0.as_secs_f64())]
    Slow(Duration),
    /// No connection, or it broke: the system's own words.
    #[error("cannot be reached: {0}")]
    Connection(String),
    /// The certificates do not fit: the words of the TLS library.
    #[error("failed the TLS handshake: {0}")]
    Tls(String),
    /// 401 or 403.
    #[error("answered {0}: check the endpoint's credentials")]
    Refused(u16),
    /// Some other status that says no.
    #[error("answered {0}: check the endpoint's URL, and what answers there")]
    Status(u16),
    /// 3xx.
    #[error("redirects, which is not followed: write the URL that it leads to")]
    Redirects,
    /// More bytes than the question can explain.
    #[error("answered more than {} KiB", .limit_bytes / 1024)]
    TooLong {
        /// The limit.
        limit_bytes: usize,
    },
    /// A login page, most often.
    #[error("answered something else than Prometheus JSON (HTML?): check the endpoint's URL")]
    NotPrometheus,
    /// A result type that the question does not have.
    #[error("answered another type of result than {0}")]
    ResultType(&'static str),
    /// A warning: a part of the data is missing.
    #[error("answered with a part of the data only: {0}")]
    Partial(String),
    /// Prometheus understood that it was asked, and said no.
    #[error("refused the query: {0}")]
    Rejected(String),
    /// More points than one look into the past may have.
    #[error("was to be asked for {asked} points, at most {most} are: use a longer step or a shorter range")]
    TooManyPoints {
        /// Points of the range.
        asked: u64,
        /// Points that are asked at most.
        most: u64,
    },
    /// A Secret that the endpoint names, or its key, does not exist.
    #[error("cannot be asked: {0} is not there, in the operator's namespace")]
    NoSecret(SecretKey),
    /// What is in a Secret cannot be used.
    #[error("cannot be asked: {at} is not {expected}")]
    BadSecret {
        /// Which one.
        at: SecretKey,
        /// What it should be.
        expected: &'static str,
    },
}

// A condition is read in one look.
const LONGEST_QUOTE: usize = 200;

/// What somebody else wrote, as a part of our own sentence: one line, at most 200 characters.
pub fn quote(text: &str) -> String {
    let line = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c });
    line.take(LONGEST_QUOTE).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_is_one_short_line() {
        assert_eq!(quote(" one\ntwo\u{1b}[0m "), "one two [0m");
        assert_eq!(quote(&"é".repeat(500)).chars().count(), 200);
    }

    #[test]
    fn limits_are_said_in_units_that_people_use() {
        assert_eq!(Why::Slow(Duration::from_secs(3)).to_string(), "gave no answer in 3 s");
        let too_long = Why::TooLong { limit_bytes: 64 * 1024 };
        assert_eq!(too_long.to_string(), "answered more than 64 KiB");
    }
}
