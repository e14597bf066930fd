//! What must not happen when something goes wrong: no decrease on a lie, no pods that cannot help.
//!
//! Every story has an hour and a half of ordinary life before its fault, most of it at its peak of 2000 requests/s, and its fault lasts
//! ten minutes where nothing else is said. The floor is judged, what is ordered (the floor and the HPA's on top), and the
//! sentence that a person would read meanwhile.

use pathfinder_scaling::{
    Ratio, Suspect,
    sim::{
        faults::{Fault, StoreSeen},
        ours::OursSetting,
    },
};
use rstest::rstest;

use crate::course::{Course, POD_START_SECONDS, Tick, incident};

const FAULT: u32 = 5400;
const OVER: u32 = 6000;
const END: u32 = 9000;
/// Fresh data must cover so many seconds before anything is lowered.
const WINDOW: u32 = 30;
/// The longest that a load is held.
const LONGEST_HOLD: u32 = 600;

const NIGHT: f64 = 0.0;
const LOW: f64 = 400.0;
const PEAK: f64 = 2000.0;

/// From [`LOW`] to [`PEAK`] within twenty minutes, and from `second` on at another rate.
fn peak_until(second: u32, after: f64) -> impl Iterator<Item = f64> {
    (0..END).map(move |now| match now {
        now if now >= second => after,
        now if now < 1200 => LOW + (PEAK - LOW) * f64::from(now) / 1200.0,
        _ => PEAK,
    })
}

fn at_peak() -> impl Iterator<Item = f64> {
    peak_until(END, LOW)
}

/// The floor at the beginning of the fault, where nothing from then to `until` goes below it, neither floor nor order.
fn kept(course: &Course, until: u32) -> u32 {
    let before = course.before(FAULT).floor();
    for tick in course.between(FAULT, until) {
        assert!(tick.floor() >= before, "at {}: {}", tick.second, tick.sentence());
        assert!(tick.ordered >= before, "at {}: {} ordered", tick.second, tick.ordered);
    }
    before
}

fn most(course: &Course, (from, to): (u32, u32), of: fn(&Tick) -> u32) -> u32 {
    course.between(from, to).map(of).max().unwrap()
}

#[rstest]
#[case::source_down(
    Fault::SourceDown,
    "no usable data for 10 min, the metrics endpoint does not answer (no data is not no load)"
)]
#[case::empty_answer(
    Fault::EmptyAnswer,
    "no usable data for 10 min, the pods are not scraped (no data is not no load)"
)]
// The last sample is of second 5398, and 597 s old at the last tick.
#[case::stale(
    Fault::Stale,
    "no usable data for 9 min, the last sample is 9 min old (no data is not no load)"
)]
fn a_load_that_nobody_sees_lowers_nothing_although_it_falls(#[case] fault: Fault, #[case] why: &str) {
    let course = Course::of(peak_until(FAULT + 300, LOW), &[incident(fault, FAULT, OVER)]);
    let floor = kept(&course, OVER + WINDOW);
    assert_eq!(course.before(OVER).sentence(), format!("held at {floor}: {why}"));
    assert_eq!(
        most(&course, (FAULT, END), Tick::floor),
        floor,
        "nor is anything raised"
    );
    let lowered = course.lowered_after(FAULT).unwrap();
    assert!(
        lowered <= OVER + LONGEST_HOLD,
        "it is followed once it is seen: {lowered}"
    );
}

#[test]
fn a_peak_that_goes_on_behind_a_silence_finds_its_pods_after_it() {
    let course = Course::of(at_peak(), &[incident(Fault::SourceDown, FAULT, OVER)]);
    kept(&course, OVER + LONGEST_HOLD);
}

#[test]
fn a_range_that_is_half_filled_after_a_gap_lowers_nothing() {
    let filled = OVER + 20;
    let incidents = [
        incident(Fault::SourceDown, FAULT, OVER),
        incident(Fault::HalfFilled, OVER, filled),
    ];
    let course = Course::of(at_peak(), &incidents);
    let floor = kept(&course, OVER + LONGEST_HOLD);
    let half = course.before(OVER + 11);
    let asked = half.asked_by_load().unwrap();
    assert!(asked < floor, "half of the load would need fewer: {asked} of {floor}");
    assert!(
        half.sentence().starts_with(&format!("held at {floor} ")),
        "{}",
        half.sentence()
    );
    assert!(half.limits().contains(&"WindowNotFull"), "{:?}", half.limits());
}

#[test]
fn a_latency_that_is_not_a_number_at_night_raises_nothing_and_freezes_nothing() {
    let course = Course::of(peak_until(FAULT, NIGHT), &[]);
    let floor = course.before(FAULT).floor();
    assert_eq!(most(&course, (FAULT, END), Tick::floor), floor);
    let night = course.before(END);
    assert_eq!(night.decision.record.signals[1].verdict.name(), "Invalid");
    assert_eq!((night.floor(), night.ordered), (2, 2));
    assert!(
        night
            .sentence()
            .starts_with("2 replicas (minReplicas): 0 requests/s need 0 at "),
        "{}",
        night.sentence()
    );
}

#[test]
fn a_latency_that_is_not_a_number_at_the_peak_lowers_nothing() {
    let course = Course::of(at_peak(), &[incident(Fault::LatencyNotANumber, FAULT, OVER)]);
    let floor = kept(&course, OVER + WINDOW);
    assert_eq!(most(&course, (FAULT, OVER), Tick::floor), floor);
}

#[test]
fn a_rollout_at_the_peak_lowers_nothing_and_its_surge_is_no_demand() {
    let course = Course::of(
        peak_until(FAULT, LOW),
        &[incident(Fault::Rollout, FAULT, OVER + LONGEST_HOLD)],
    );
    let floor = kept(&course, OVER + LONGEST_HOLD);
    assert_eq!(most(&course, (FAULT, END), |tick| tick.ordered), floor);
    let held = course.before(OVER + LONGEST_HOLD).sentence();
    assert!(
        held.starts_with(&format!("held at {floor} while a rollout is in progress: ")),
        "{held}"
    );
    assert!(course.lowered_after(OVER + LONGEST_HOLD).is_some());
}

#[rstest]
#[case::with_room(0.999)]
#[case::without_room(0.5)]
fn a_slow_database_adds_at_most_two_pods_and_is_named(
    #[case] objective: f64,
    #[values((StoreSeen::Saturated, 0), (StoreSeen::Unseen, 2))] (seen, added): (StoreSeen, u32),
) {
    let setting = OursSetting {
        objective,
        ..OursSetting::default_at(POD_START_SECONDS)
    };
    let slow = Fault::SlowStore { seconds: 2.0, seen };
    let course = Course::with(setting, at_peak(), &[incident(slow, FAULT, OVER)]);
    let usual = Course::with(setting, at_peak(), &[]);
    // Noise moves what demand asks for: the same run without the fault is what to compare with.
    for (tick, without) in course.between(FAULT, OVER).zip(usual.between(FAULT, OVER)) {
        let more = tick.ordered.saturating_sub(without.ordered);
        assert!(more <= added, "at {}: {more} more, {}", tick.second, tick.sentence());
    }
    let last = course.before(OVER);
    let (suspect, words) = match seen {
        StoreSeen::Saturated => (
            Suspect::Postgres {
                saturation: Ratio::new(1.0).unwrap(),
            },
            "more replicas would not help: PostgreSQL is at 100 %",
        ),
        StoreSeen::Unseen => (
            Suspect::Unknown,
            "more replicas would not help: look at what the API waits for",
        ),
    };
    let found = last.decision.record.latency_not_scalable.map(|found| found.suspect);
    assert_eq!(found, Some(suspect), "{}", last.sentence());
    assert!(last.sentence().ends_with(words), "{}", last.sentence());
}

#[test]
fn pods_that_crash_again_and_again_do_not_multiply_and_demand_is_still_followed() {
    let more = 1.5 * PEAK;
    let failing = 12;
    let course = Course::of(
        peak_until(FAULT + 300, more),
        &[incident(Fault::CrashLooping { pods: failing }, FAULT, OVER)],
    );
    let floor = kept(&course, OVER);
    assert!(floor < 2 * failing, "more than half of {floor} fail");
    assert_eq!(most(&course, (FAULT, FAULT + 300), |tick| tick.ordered), floor);
    let crashing = course.before(FAULT + 300);
    let latency = crashing.decision.record.signals[1];
    assert!(latency.value > Some(0.5) && latency.asked.is_none(), "{latency:?}");
    assert!(
        crashing.sentence().ends_with(
            "; latency is over its target, but 12 replicas crash again and again, and latency adds none to them"
        ),
        "{}",
        crashing.sentence()
    );
    let followed = course.before(OVER);
    assert!(followed.floor() >= followed.asked_by_load().unwrap() && followed.floor() > floor);
}

#[rstest]
#[case::ahead(600)]
#[case::back(-600)]
fn a_clock_that_steps_ends_no_hold(#[case] seconds: i32) {
    let load = || peak_until(FAULT, LOW);
    let stepped = Course::of(load(), &[incident(Fault::ClockStep { seconds }, FAULT + 10, END)]);
    let usual = Course::of(load(), &[]).lowered_after(FAULT).unwrap();
    let lowered = stepped.lowered_after(FAULT).unwrap();
    // The step counts as one gap between samples at most, 15 s, and the window after it has to fill again.
    assert!(
        lowered + 15 >= usual && lowered <= usual + WINDOW,
        "{lowered}, without a step {usual}"
    );
    let floor = kept(&stepped, lowered);
    let after = stepped.before(FAULT + 60).sentence();
    assert!(
        after.contains(&format!("{floor} ")) && after.contains(" were seen within 10 min"),
        "{after}"
    );
}

#[test]
fn a_restart_in_mid_burst_keeps_the_floor_for_the_longest_hold() {
    let burst = (0..END).map(|now| if (FAULT..FAULT + 100).contains(&now) { PEAK } else { LOW });
    let (gone, back) = (FAULT + 20, FAULT + 40);
    let course = Course::of(burst, &[incident(Fault::Restart, gone, back)]);
    let floor = course.before(gone).floor();
    assert!(floor > course.before(FAULT).floor(), "the burst was seen");
    for tick in course.between(gone, back + LONGEST_HOLD) {
        assert!(
            tick.floor() >= floor && tick.ordered >= floor,
            "{}: {}",
            tick.second,
            tick.sentence()
        );
    }
    let held = course.before(back + LONGEST_HOLD);
    assert!(held.limits().contains(&"ScaleDownCooldown"), "{:?}", held.limits());
    assert!(
        held.sentence().starts_with(&format!("held at {} ", held.floor())),
        "{}",
        held.sentence()
    );
    assert!(course.lowered_after(back).is_some());
}
