//! Why a schedule is refused: what is wrong, in which field, and what to write instead.
//!
//! Fields are called as the resource calls them. Knows texts alone, not how they are checked.

use std::time::Duration;

use thiserror::Error;

use super::field::CronField;

/// Why an input is not a [`Schedule`](super::Schedule). Every message names the schedule and its field.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum ScheduleError {
    /// The name cannot stand in a decision or a metric's label.
    #[error(
        "schedule {given:?}: name must be a DNS label: write 1 to 63 lower-case letters, digits and \"-\", with a letter \
         or a digit at both ends"
    )]
    Name {
        /// The name as given.
        given: String,
    },
    /// The expression cannot be read.
    #[error("schedule {name}: start {given:?}: {cause}")]
    Start {
        /// The schedule.
        name: String,
        /// The expression as given.
        given: String,
        /// What is wrong with it.
        cause: CronError,
    },
    /// The bundled database has no such zone.
    #[error("schedule {name}: timeZone {given:?} is not in the IANA database: write {instead}")]
    TimeZone {
        /// The schedule.
        name: String,
        /// The zone as given.
        given: String,
        /// Names that may be meant.
        instead: String,
    },
    /// It would never be on, or always.
    #[error(
        "schedule {name}: durationSeconds is {}: write more than 0 and at most {} (31 days)",
        given.as_secs_f64(),
        most.as_secs()
    )]
    Duration {
        /// The schedule.
        name: String,
        /// The duration as given.
        given: Duration,
        /// The longest one.
        most: Duration,
    },
    /// A lead of months is a mistake of units.
    #[error(
        "schedule {name}: leadSeconds is {}: write the seconds that pods need to be ready, at most {} (31 days)",
        given.as_secs_f64(),
        most.as_secs()
    )]
    Lead {
        /// The schedule.
        name: String,
        /// The lead as given.
        given: Duration,
        /// The longest one.
        most: Duration,
    },
    /// Nothing sensible can be multiplied by it.
    #[error(
        "schedule {name}: multiplier is {given}: write how many times the usual load is expected, more than 0 and at most {most}"
    )]
    Multiplier {
        /// The schedule.
        name: String,
        /// The multiplier as given.
        given: f64,
        /// The largest one.
        most: f64,
    },
    /// A floor of nothing.
    #[error("schedule {name}: replicas is 0: write 1 or more, or remove the schedule")]
    NoReplicas {
        /// The schedule.
        name: String,
    },
}

/// Why a text is not a cron expression.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CronError {
    /// Not five fields.
    #[error(
        "it has {found} fields, not 5: write minute, hour, day of month, month and day of week with spaces between, such as \
         \"0 9 1 * *\" (there is none for seconds or years)"
    )]
    FieldCount {
        /// How many there are.
        found: usize,
    },
    /// A word with `@` that is none of those that are known.
    #[error("{word:?} is not known: write @hourly, @daily, @weekly, @monthly or @yearly, or five fields")]
    UnknownWord {
        /// The word.
        word: String,
    },
    /// A zone within the expression.
    #[error("{given:?} does not belong here: write the zone into timeZone, and five fields here")]
    TimeZoneWithin {
        /// The part with the zone.
        given: String,
    },
    /// Two commas in a row, or one at an end.
    #[error("{field} {text:?} has an empty item: write values with single commas between")]
    EmptyItem {
        /// The field.
        field: CronField,
        /// The whole field.
        text: String,
    },
    /// Neither a number nor a name.
    #[error(
        "{field} {item:?}: {word:?} is no value: write {}",
        like.map_or_else(|| format!("{}, a range such as {}-{}, or *", field.values(), field.first(), field.last()), str::to_owned)
    )]
    NotAValue {
        /// The field.
        field: CronField,
        /// The item of the field.
        item: String,
        /// The part of the item.
        word: String,
        /// The name that is probably meant.
        like: Option<&'static str>,
    },
    /// A number that the field does not have.
    #[error("{field} {item:?}: {value} is out of range: write {}", field.values())]
    OutOfRange {
        /// The field.
        field: CronField,
        /// The item of the field.
        item: String,
        /// The number.
        value: String,
    },
    /// A range that ends before it begins.
    #[error("{field} {item:?} ends before it begins: write {instead}")]
    Reversed {
        /// The field.
        field: CronField,
        /// The item of the field.
        item: String,
        /// Two ranges that go on past the end of the field.
        instead: String,
    },
    /// No number, 0, or more than the field has.
    #[error("{field} {item:?}: {step:?} is no step: write a number from 1 to {} after the slash, such as */2", field.last())]
    Step {
        /// The field.
        field: CronField,
        /// The item of the field.
        item: String,
        /// What stands after the slash.
        step: String,
    },
    /// Some programs go on to the end of the field, others take the value alone.
    #[error("{field} {item:?} has a step without a range: write {instead}")]
    StepWithoutRange {
        /// The field.
        field: CronField,
        /// The item of the field.
        item: String,
        /// The range that it has elsewhere.
        instead: String,
    },
    /// A day that no month has.
    #[error("it never happens: no month of {month:?} has a day of month {day_of_month:?}: write a day that one has")]
    Never {
        /// The day of month as given.
        day_of_month: String,
        /// The month as given.
        month: String,
    },
}
