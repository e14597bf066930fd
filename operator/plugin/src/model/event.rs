//! The recent events about a resource, oldest first, as `kubectl describe` orders them.
//!
//! Pure. Events come in two generations of the API with four places for a time; the latest that is set counts.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event;
use serde::Serialize;

use crate::failure::one_line;

/// How many a person wants to see.
const MOST_SHOWN: usize = 10;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventRow {
    /// When it happened last.
    pub(crate) time: Option<Timestamp>,
    /// `Normal` or `Warning`.
    #[serde(rename = "type")]
    pub(crate) type_: String,
    /// A CamelCase word.
    pub(crate) reason: String,
    /// For people.
    pub(crate) message: String,
    /// How often it happened.
    pub(crate) count: i64,
}

/// The last few events, oldest first.
pub(crate) fn recent(events: &[Event]) -> Vec<EventRow> {
    let mut rows: Vec<EventRow> = events.iter().map(row).collect();
    rows.sort_by_key(|row| row.time);
    rows.split_off(rows.len().saturating_sub(MOST_SHOWN))
}

fn row(event: &Event) -> EventRow {
    let series = event.series.as_ref();
    let times = [
        series
            .and_then(|series| series.last_observed_time.as_ref())
            .map(|time| time.0),
        event.last_timestamp.as_ref().map(|time| time.0),
        event.event_time.as_ref().map(|time| time.0),
        event.first_timestamp.as_ref().map(|time| time.0),
        event.metadata.creation_timestamp.as_ref().map(|time| time.0),
    ];
    EventRow {
        time: times.into_iter().flatten().max(),
        type_: event.type_.clone().unwrap_or_default(),
        reason: event.reason.clone().unwrap_or_default(),
        message: one_line(event.message.as_deref().unwrap_or_default()),
        count: i64::from(series.and_then(|series| series.count).or(event.count).unwrap_or(1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;

    #[test]
    fn the_last_ten_are_shown_oldest_first() {
        let events: Vec<Event> = (0..12).rev().map(|minute| fixtures::event(minute, "Scaled")).collect();
        let times: Vec<Option<Timestamp>> = recent(&events).into_iter().map(|row| row.time).collect();
        assert_eq!(times.len(), 10);
        assert_eq!(times.first(), Some(&Some("2026-01-01T00:02:00Z".parse().unwrap())));
        assert_eq!(times.last(), Some(&Some("2026-01-01T00:11:00Z".parse().unwrap())));
    }

    #[test]
    fn a_repeated_event_has_the_time_and_count_of_its_series() {
        let event = serde_json::from_value(serde_json::json!({
            "metadata": {"name": "e", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "involvedObject": {},
            "eventTime": "2026-01-01T00:00:00.000000Z",
            "series": {"count": 7, "lastObservedTime": "2026-01-01T00:05:00.000000Z"},
            "message": "two\nlines",
        }));
        let row = row(&event.unwrap());
        assert_eq!(row.time, Some("2026-01-01T00:05:00Z".parse().unwrap()));
        assert_eq!((row.count, row.message.as_str()), (7, "two lines"));
    }

    #[test]
    fn no_events_are_no_rows() {
        assert!(recent(&[]).is_empty());
    }
}
