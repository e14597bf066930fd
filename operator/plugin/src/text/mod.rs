//! The answers as text for people.
//!
//! Pure: from the types of `model` to a String that ends in a newline; the present time is a parameter, ages are
//! relative to it. No colours, so that the text is the same in a terminal, a pipe and a test.

pub(crate) mod detail;
pub(crate) mod explanation;
pub(crate) mod heartbeat;
pub(crate) mod overview;
pub(crate) mod pause;
pub(crate) mod replicas;
pub(crate) mod signals;
pub(crate) mod table;

use jiff::Timestamp;

use crate::span;

/// What stands for a figure that there is none of: never 0, which is a figure.
pub(crate) const NONE: &str = "-";

/// A figure, or the sign for none.
pub(crate) fn figure(value: Option<i64>) -> String {
    value.map_or_else(|| NONE.to_owned(), |value| value.to_string())
}

/// The time since a moment, or the sign for none.
pub(crate) fn age(from: Option<Timestamp>, now: Timestamp) -> String {
    from.map_or_else(|| NONE.to_owned(), |from| span::between(from, now))
}

/// Each item as a line of its own.
pub(crate) fn lines(items: impl IntoIterator<Item = String>) -> String {
    items.into_iter().flat_map(|line| [line, "\n".to_owned()]).collect()
}

/// `Note: ...`, one line each, after an empty line; nothing when there are none.
pub(crate) fn notes(notes: &[String]) -> String {
    if notes.is_empty() {
        return String::new();
    }
    format!("\n{}", lines(notes.iter().map(|note| format!("Note: {note}"))))
}
