//! One line of an exposition: the Prometheus text format 0.0.4 and OpenMetrics 1.0, which differ little.
//!
//! Pure, and total on any text. It borrows from the line and allocates nothing. What a name means is for `exposition`.
//!
//! Our own, because no kept crate does it: `prometheus-parse` 0.2 ends the labels at the first `}`, so it drops the
//! series of a route such as `/items/{id}` without a word, and all of an HTML page too; `openmetrics-parser` 0.5 is
//! under the LGPL. Both keep every label of every series as strings of their own.

use std::hash::{DefaultHasher, Hash, Hasher};

/// What one line says of one series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sample<'a> {
    /// The name as it is written, with its suffix.
    pub name: &'a str,
    /// Tells label sets apart, whatever the order of the labels.
    pub labels: u64,
    /// The label `le`.
    pub upper_bound: Option<&'a str>,
    /// Raw: NaN and infinities too.
    pub value: f64,
}

/// Why a line is not a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It begins with something else.
    #[error("a line begins with the name of a metric or with #")]
    Name,
    /// Braces, commas or quotes are wrong.
    #[error("labels are written {{name=\"value\",...}}")]
    Labels,
    /// No number where the value stands.
    #[error("after the name and its labels stands a number")]
    Value,
    /// Something that is no timestamp and no exemplar follows the value.
    #[error("after the value stands nothing, a timestamp or # and an exemplar")]
    Rest,
}

/// Reads one line; `None` for an empty line and for a comment.
pub(super) fn read(line: &str) -> Result<Option<Sample<'_>>, Malformed> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let (bare, rest) = name(line);
    let mut labels = Labels::default();
    let rest = match rest.trim_start().strip_prefix('{') {
        Some(inside) => labels.read(inside)?,
        None => rest,
    };
    let name = if bare.is_empty() { labels.metric } else { Some(bare) };
    let name = name
        .filter(|name| !name.starts_with(|first: char| first.is_ascii_digit()))
        .ok_or(Malformed::Name)?;
    Ok(Some(Sample {
        name,
        labels: labels.key,
        upper_bound: labels.upper_bound,
        value: value(rest)?,
    }))
}

// The value; a timestamp and an exemplar behind it are passed over, the moment of the scrape is the truer one.
fn value(rest: &str) -> Result<f64, Malformed> {
    let mut words = rest.split_ascii_whitespace();
    let value = words
        .next()
        .and_then(|word| word.parse().ok())
        .ok_or(Malformed::Value)?;
    let Some(word) = words.next().filter(|word| !word.starts_with('#')) else {
        return Ok(value);
    };
    word.parse::<f64>().map_err(|_| Malformed::Rest)?;
    match words.next() {
        Some(word) if !word.starts_with('#') => Err(Malformed::Rest),
        Some(_) | None => Ok(value),
    }
}

fn name(text: &str) -> (&str, &str) {
    let end = text
        .bytes()
        .position(|byte| !(byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':'));
    text.split_at(end.unwrap_or(text.len()))
}

// The text between quotes as it is written, escapes included, and what follows.
fn quoted(text: &str) -> Result<(&str, &str), Malformed> {
    let text = text.strip_prefix('"').ok_or(Malformed::Labels)?;
    let mut escaped = false;
    // Neither sign is a part of a longer letter in UTF-8.
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Ok((&text[..at], &text[at + 1..])),
            _ => {}
        }
    }
    Err(Malformed::Labels)
}

#[derive(Default)]
struct Labels<'a> {
    key: u64,
    upper_bound: Option<&'a str>,
    // A name with other letters stands in quotes among the labels.
    metric: Option<&'a str>,
}

impl<'a> Labels<'a> {
    // From behind the opening brace to behind the closing one.
    fn read(&mut self, mut text: &'a str) -> Result<&'a str, Malformed> {
        loop {
            text = text.trim_start();
            if let Some(rest) = text.strip_prefix('}') {
                return Ok(rest);
            }
            text = self.one(text)?.trim_start();
            match text.strip_prefix(',') {
                Some(next) => text = next,
                None if text.starts_with('}') => {}
                None => return Err(Malformed::Labels),
            }
        }
    }

    fn one(&mut self, text: &'a str) -> Result<&'a str, Malformed> {
        let in_quotes = text.starts_with('"');
        let (key, rest) = if in_quotes { quoted(text)? } else { name(text) };
        let rest = rest.trim_start();
        match rest.strip_prefix('=') {
            Some(rest) if !key.is_empty() => {
                let (value, rest) = quoted(rest.trim_start())?;
                self.add(key, value);
                Ok(rest)
            }
            None if in_quotes && self.metric.is_none() => {
                self.metric = Some(key);
                Ok(rest)
            }
            Some(_) | None => Err(Malformed::Labels),
        }
    }

    // A sum does not depend on the order.
    fn add(&mut self, key: &str, value: &'a str) {
        let mut hasher = DefaultHasher::new();
        (key, value).hash(&mut hasher);
        self.key = self.key.wrapping_add(hasher.finish());
        if key == "le" {
            self.upper_bound = Some(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::bare("a_total 5", "a_total", 5.0)]
    #[case::tabs_and_blanks("  a_total \t{ x = \"1\" , }\t 5  ", "a_total", 5.0)]
    #[case::a_brace_in_a_route(r#"a{route="/items/{id}"} 5"#, "a", 5.0)]
    #[case::an_escaped_quote_and_backslash(r#"a{x="\"} 7 \\",y="2"} 5"#, "a", 5.0)]
    #[case::letters_of_another_script(r#"a{x="größe, 値"} 5"#, "a", 5.0)]
    #[case::a_timestamp_in_milliseconds("a 5 1395066363000", "a", 5.0)]
    #[case::a_timestamp_in_seconds("a 5 1395066363.25", "a", 5.0)]
    #[case::an_exemplar(r#"a{le="1"} 5 # {trace="x} 9"} 0.4"#, "a", 5.0)]
    #[case::a_timestamp_and_an_exemplar(r#"a{le="1"} 5 1.5 # {trace="x"} 0.4 1.2"#, "a", 5.0)]
    #[case::a_quoted_name(r#"{"a.b",x="1"} 5"#, "a.b", 5.0)]
    #[case::an_exponent("a 1.5e+03", "a", 1500.0)]
    #[case::infinity("a +Inf", "a", f64::INFINITY)]
    #[case::carriage_return("a 5\r", "a", 5.0)]
    fn samples_are_read_in_every_spelling_of_both_formats(#[case] line: &str, #[case] name: &str, #[case] value: f64) {
        let sample = read(line).unwrap().unwrap();
        assert_eq!((sample.name, sample.value.to_bits()), (name, value.to_bits()));
    }

    #[rstest]
    #[case::empty("")]
    #[case::blank("  \t")]
    #[case::help("# HELP a {what} \"it\" is")]
    #[case::kind("# TYPE a counter")]
    #[case::unit("# UNIT a_seconds seconds")]
    #[case::end("# EOF")]
    fn lines_that_say_nothing_of_a_series_are_passed_over(#[case] line: &str) {
        assert_eq!(read(line), Ok(None));
    }

    #[rstest]
    #[case::html("<!DOCTYPE html>", Malformed::Name)]
    #[case::json(r#"{"status":"ok"}"#, Malformed::Labels)]
    #[case::a_digit_first("5xx_total 1", Malformed::Name)]
    #[case::no_name("{} 1", Malformed::Name)]
    #[case::open_braces(r#"a{x="1" 5"#, Malformed::Labels)]
    #[case::open_quotes(r#"a{x="1} 5"#, Malformed::Labels)]
    #[case::no_quotes("a{x=1} 5", Malformed::Labels)]
    #[case::no_comma(r#"a{x="1"y="2"} 5"#, Malformed::Labels)]
    #[case::no_label_name(r#"a{="1"} 5"#, Malformed::Labels)]
    #[case::no_value("a", Malformed::Value)]
    #[case::prose("not found", Malformed::Value)]
    #[case::words_behind("a 5 today", Malformed::Rest)]
    #[case::two_timestamps("a 5 6 7", Malformed::Rest)]
    fn what_is_not_a_sample_says_what_is_wrong(#[case] line: &str, #[case] wrong: Malformed) {
        assert_eq!(read(line), Err(wrong));
    }

    #[test]
    fn not_a_number_is_a_value_and_not_an_error() {
        assert!(read("a NaN").unwrap().unwrap().value.is_nan());
    }

    #[test]
    fn the_order_of_labels_does_not_tell_series_apart_and_their_values_do() {
        let key = |line| read(line).unwrap().unwrap().labels;
        let one = key(r#"a{x="1",y="2"} 5"#);
        assert_eq!(one, key(r#"a{y="2",x="1"} 7"#));
        assert_ne!(one, key(r#"a{x="2",y="1"} 5"#));
        assert_ne!(one, key(r#"a{x="1"} 5"#));
    }

    #[test]
    fn the_upper_bound_of_a_bucket_is_found_among_other_labels() {
        let sample = read(r#"a_bucket{x="1",le="0.5",y="2"} 5"#).unwrap().unwrap();
        assert_eq!(sample.upper_bound, Some("0.5"));
    }

    proptest! {
        #[test]
        fn every_line_is_read_or_refused(line in r#"([a-z_]{0,3}|[{}",=#\\ 0-9.]{1,3}|\PC)*"#) {
            let _ = read(&line);
        }

        #[test]
        fn any_label_value_is_passed_over_when_it_is_escaped(value in any::<String>(), number in 0.0..1e9) {
            let escaped = value.replace('\\', r"\\").replace('"', r#"\""#).replace('\n', r"\n");
            let line = format!("a{{x=\"{escaped}\"}} {number}");
            prop_assert_eq!(read(&line).map(|sample| sample.map(|it| it.value)), Ok(Some(number)));
        }
    }
}
