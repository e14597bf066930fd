//! What a schedule must not be, and what is said: the schedule, the field, the text, and what to write instead.
//!
//! Each case changes one field of a good schedule.

#![expect(
    clippy::unwrap_used,
    reason = "the fixtures of a test may panic like the test itself"
)]

use std::time::Duration;

use pathfinder_scaling::{Schedule, ScheduleEffect, ScheduleInput};
use rstest::rstest;

fn good() -> ScheduleInput {
    ScheduleInput {
        name: "registration".to_owned(),
        start: "0 9 1 * *".to_owned(),
        duration: Duration::from_secs(7200),
        time_zone: "Asia/Kolkata".to_owned(),
        effect: ScheduleEffect::Multiplier(10.0),
        lead: Duration::from_secs(300),
    }
}

fn refusal(input: &ScheduleInput) -> String {
    Schedule::parse(input).unwrap_err().to_string()
}

#[test]
fn the_good_one_is_good() {
    Schedule::parse(&good()).unwrap();
}

#[rstest]
#[case::nothing("", "it has 0 fields, not 5", "such as \"0 9 1 * *\"")]
#[case::four_fields(
    "0 9 1 *",
    "it has 4 fields, not 5",
    "write minute, hour, day of month, month and day of week"
)]
#[case::seconds("0 0 9 1 * *", "it has 6 fields, not 5", "there is none for seconds or years")]
#[case::reboot(
    "@reboot",
    "\"@reboot\" is not known",
    "write @hourly, @daily, @weekly, @monthly or @yearly, or five fields"
)]
#[case::every("@every 5m", "\"@every 5m\" is not known", "or five fields")]
#[case::a_zone_within(
    "CRON_TZ=UTC 0 9 1 * *",
    "\"CRON_TZ=UTC\" does not belong here",
    "write the zone into timeZone"
)]
#[case::minute("60 9 1 * *", "minute \"60\": 60 is out of range", "write a number from 0 to 59")]
#[case::hour("0 24 1 * *", "hour \"24\": 24 is out of range", "write a number from 0 to 23")]
#[case::day_zero("0 9 0 * *", "day of month \"0\": 0 is out of range", "write a number from 1 to 31")]
#[case::day_of_month(
    "0 9 1,32 * *",
    "day of month \"32\": 32 is out of range",
    "write a number from 1 to 31"
)]
#[case::month(
    "0 9 1 6-13 *",
    "month \"6-13\": 13 is out of range",
    "write a number from 1 to 12 or one of JAN, FEB"
)]
#[case::day_of_week(
    "0 9 * * 8",
    "day of week \"8\": 8 is out of range",
    "write a number from 0 to 7 or one of SUN, MON"
)]
#[case::too_large_to_count(
    "99999999999999999999 9 1 * *",
    "99999999999999999999 is out of range",
    "from 0 to 59"
)]
#[case::negative(
    "-5 9 1 * *",
    "minute \"-5\": \"\" is no value",
    "write a number from 0 to 59, a range such as 0-59, or *"
)]
#[case::a_decimal("1.5 9 1 * *", "minute \"1.5\": \"1.5\" is no value", "write a number from 0 to 59")]
#[case::a_plus("0 +9 1 * *", "hour \"+9\": \"+9\" is no value", "write a number from 0 to 23")]
#[case::a_sign_of_quartz("0 9 ? * MON", "day of month \"?\": \"?\" is no value", "or *")]
#[case::last_day("0 9 L * *", "day of month \"L\": \"L\" is no value", "write a number from 1 to 31")]
#[case::unknown_month(
    "0 9 1 FOO *",
    "month \"FOO\": \"FOO\" is no value",
    "one of JAN, FEB, MAR, APR, MAY, JUN"
)]
#[case::a_long_month("0 9 1 January *", "month \"January\": \"January\" is no value", "write JAN")]
#[case::unknown_weekday("0 9 * * MO-FR", "day of week \"MO-FR\": \"MO\" is no value", "one of SUN, MON, TUE")]
#[case::a_long_weekday("0 9 * * thursday", "\"thursday\" is no value", "write THU")]
#[case::a_name_in_another_field(
    "0 9 MON * *",
    "day of month \"MON\": \"MON\" is no value",
    "write a number from 1 to 31"
)]
#[case::not_ascii("0 9 1 é *", "month \"é\": \"é\" is no value", "write a number from 1 to 12")]
#[case::reversed("0 22-4 * * *", "hour \"22-4\" ends before it begins", "write 22-23,0-4")]
#[case::reversed_names("0 9 1 NOV-FEB *", "month \"NOV-FEB\" ends before it begins", "write NOV-12,1-FEB")]
#[case::half_a_range("0 9- 1 * *", "hour \"9-\": \"\" is no value", "write a number from 0 to 23")]
#[case::an_empty_item("0,,30 9 1 * *", "minute \"0,,30\" has an empty item", "single commas between")]
#[case::a_comma_at_the_end("0 9, 1 * *", "hour \"9,\" has an empty item", "single commas between")]
#[case::step_zero(
    "*/0 9 1 * *",
    "minute \"*/0\": \"0\" is no step",
    "write a number from 1 to 59 after the slash"
)]
#[case::step_too_large("0 */24 1 * *", "hour \"*/24\": \"24\" is no step", "write a number from 1 to 23")]
#[case::step_without_number("*/ 9 1 * *", "minute \"*/\": \"\" is no step", "write a number from 1 to 59")]
#[case::two_steps(
    "*/2/3 9 1 * *",
    "minute \"*/2/3\": \"2/3\" is no step",
    "write a number from 1 to 59"
)]
#[case::step_without_range("5/15 9 1 * *", "minute \"5/15\" has a step without a range", "write 5-59/15")]
#[case::thirtieth_of_february(
    "0 9 30 2 *",
    "no month of \"2\" has a day of month \"30\"",
    "write a day that one has"
)]
#[case::short_months(
    "0 9 31 FEB,4,6,9,11 *",
    "no month of \"FEB,4,6,9,11\" has a day of month \"31\"",
    "write a day"
)]
#[case::never_on_any_weekday("0 9 30 2 */2", "it never happens", "write a day that one has")]
fn an_expression_that_cannot_be_meant_is_refused(#[case] start: &str, #[case] wrong: &str, #[case] instead: &str) {
    let message = refusal(&ScheduleInput {
        start: start.to_owned(),
        ..good()
    });
    let head = format!("schedule registration: start {start:?}: ");
    assert!(message.starts_with(&head), "{message}");
    assert!(message.contains(wrong), "{message}");
    assert!(message.contains(instead), "{message}");
}

#[rstest]
#[case::empty("")]
#[case::upper_case("Registration")]
#[case::a_dot("registration.v2")]
#[case::a_hyphen_first("-registration")]
#[case::a_hyphen_last("registration-")]
#[case::too_long(&"a".repeat(64))]
fn a_name_that_is_not_a_dns_label_is_refused(#[case] name: &str) {
    let message = refusal(&ScheduleInput {
        name: name.to_owned(),
        ..good()
    });
    let head = format!("schedule {name:?}: name must be a DNS label: write 1 to 63 lower-case letters");
    assert!(message.starts_with(&head), "{message}");
}

#[rstest]
#[case("a")]
#[case("9-to-5")]
#[case(&"a".repeat(63))]
fn a_name_that_is_a_dns_label_is_taken(#[case] name: &str) {
    let input = ScheduleInput {
        name: name.to_owned(),
        ..good()
    };
    assert_eq!(Schedule::parse(&input).unwrap().name(), name);
}

#[rstest]
#[case("asia/kolkata", "write Asia/Kolkata")]
#[case("America/New York", "write America/New_York")]
#[case("Berlin", "write Europe/Berlin")]
#[case("IST", "write an area and a city, such as Europe/Berlin, or UTC")]
#[case("", "write an area and a city, such as Europe/Berlin, or UTC")]
fn a_time_zone_that_is_not_known_is_refused(#[case] time_zone: &str, #[case] instead: &str) {
    let message = refusal(&ScheduleInput {
        time_zone: time_zone.to_owned(),
        ..good()
    });
    let expected = format!("schedule registration: timeZone {time_zone:?} is not in the IANA database: {instead}");
    assert_eq!(message, expected);
}

#[rstest]
#[case::nothing(ScheduleInput { duration: Duration::ZERO, ..good() }, "durationSeconds is 0: write more than 0")]
// 31 days are 31 x 86400 s = 2678400 s.
#[case::too_long(ScheduleInput { duration: Duration::from_secs(2_678_401), ..good() },
    "durationSeconds is 2678401: write more than 0 and at most 2678400 (31 days)")]
#[case::too_early(ScheduleInput { lead: Duration::from_secs(2_678_401), ..good() }, "leadSeconds is 2678401: write the seconds")]
#[case::zero(ScheduleInput { effect: ScheduleEffect::Multiplier(0.0), ..good() }, "multiplier is 0: write how many times")]
#[case::negative(ScheduleInput { effect: ScheduleEffect::Multiplier(-1.0), ..good() }, "multiplier is -1: write")]
#[case::not_a_number(ScheduleInput { effect: ScheduleEffect::Multiplier(f64::NAN), ..good() }, "multiplier is NaN: write")]
#[case::infinite(ScheduleInput { effect: ScheduleEffect::Multiplier(f64::INFINITY), ..good() }, "multiplier is inf: write")]
#[case::too_large(ScheduleInput { effect: ScheduleEffect::Multiplier(1000.5), ..good() }, "more than 0 and at most 1000")]
#[case::no_replicas(ScheduleInput { effect: ScheduleEffect::Replicas(0), ..good() }, "replicas is 0: write 1 or more")]
fn a_number_out_of_bounds_is_refused(#[case] input: ScheduleInput, #[case] wrong: &str) {
    let message = refusal(&input);
    assert!(message.starts_with("schedule registration: "), "{message}");
    assert!(message.contains(wrong), "{message}");
}

#[rstest]
#[case(ScheduleInput { duration: Duration::from_secs(2_678_400), ..good() })]
#[case(ScheduleInput { lead: Duration::ZERO, ..good() })]
#[case(ScheduleInput { effect: ScheduleEffect::Multiplier(1000.0), ..good() })]
#[case(ScheduleInput { effect: ScheduleEffect::Multiplier(0.5), ..good() })]
#[case(ScheduleInput { effect: ScheduleEffect::Replicas(1), ..good() })]
fn numbers_at_their_bounds_are_taken(#[case] input: ScheduleInput) {
    Schedule::parse(&input).unwrap();
}
