//! The course of a few short runs, kept to be read: when the engine changes them, the difference is seen and judged.
//!
//! A snapshot has a head that says what it shows and by which laws, and then one line per change of floor, order or reason:
//! the time, the load that was seen, the floor, what is ordered, and the sentence. Every line was checked against
//! `docs/SCALING.md`; whoever accepts another one does the same.

use pathfinder_scaling::sim::faults::{Fault, Incident, StoreSeen};

use crate::course::{Course, Tick, incident};

/// The most lines that a person reads.
const MOST_LINES: usize = 40;

/// A run of these rates at the defaults, in the words of its changes below a head.
fn told(head: &str, rates: impl IntoIterator<Item = f64>, incidents: &[Incident]) -> String {
    let course = Course::of(rates, incidents);
    let mut lines: Vec<String> = head.lines().map(|line| format!("# {line}")).collect();
    let mut before = None;
    for tick in &course.ticks {
        let record = &tick.decision.record;
        let suspect = record.latency_not_scalable.map(|found| found.suspect.name());
        let seen = (tick.floor(), tick.ordered, record.reason.name(), suspect);
        if before != Some(seen) {
            lines.push(line(tick));
            before = Some(seen);
        }
    }
    assert!(
        lines.len() <= MOST_LINES,
        "{} lines:\n{}",
        lines.len(),
        lines.join("\n")
    );
    lines.join("\n")
}

fn line(tick: &Tick) -> String {
    let (minutes, seconds) = (tick.second / 60, tick.second % 60);
    let (floor, reason) = (tick.floor(), tick.decision.record.reason.name());
    format!(
        "{minutes:>2}:{seconds:02} {floor:>3} of {:>3} {reason:<8} {}",
        tick.ordered,
        tick.sentence()
    )
}

fn snapshot(name: &str, course: &str) {
    insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true}, {
        insta::assert_snapshot!(name, course);
    });
}

#[test]
fn a_step_that_stays_is_ordered_at_once_and_let_go_step_by_step() {
    let rates = (0..2700).map(|second| if (600..1200).contains(&second) { 2000.0 } else { 400.0 });
    let head = "\
From 400 to 2000 requests/s at 10:00 and back at 20:00.
Demand and trend: at 10:10 two rises show it, and a fifth is believed of them: 2438 for 2032, and 1.5 x 2438 + sqrt(3658 / 0.5)
= 3744, at 140 per replica 27. That is held for 10 min and a fifteenth, and while noise is learned to be small it becomes 24 and 21. Then
the largest step down is half: 11, 6, with one window between them.";
    snapshot("step", &told(head, rates, &[]));
}

#[test]
fn a_ramp_is_ordered_ahead() {
    let rates = (0..1500).map(|second| 400.0 + 4.0 * f64::from(second.clamp(600, 1000) - 600));
    let head = "\
From 400 to 2000 requests/s between 10:00 and 16:40, 4 more every second.
Trend: in a horizon of 40 s the load rises by 160, and the margin of 1.5 comes on top: at 13:30 it is ready for 2107 where
1237 come. Never lower on the way, and nothing is given back at the top that a tenth more load would take again.";
    snapshot("ramp", &told(head, rates, &[]));
}

#[test]
fn a_silence_at_the_peak_changes_nothing() {
    let rates = (0..1800).map(|_| 1000.0);
    let head = "\
1000 requests/s throughout; the source is down from 15:00 to 25:00.
Signals and gates: nothing moves for ten minutes, nor for one window of 30 s after them. The start is held for 10 min, because
nobody knows what was before it. When it is back there is nothing to mend.";
    snapshot("silence", &told(head, rates, &[incident(Fault::SourceDown, 900, 1500)]));
}

#[test]
fn a_slow_database_is_named() {
    let rates = (0..1500).map(|_| 1000.0);
    let head = "\
1000 requests/s throughout; PostgreSQL is slow from 15:00 to 20:00.
Latency: it is four times its target, and not one replica comes; who is slow is said as long as the window of 30 s shows it.";
    let slow = Fault::SlowStore {
        seconds: 2.0,
        seen: StoreSeen::Saturated,
    };
    snapshot("slow_database", &told(head, rates, &[incident(slow, 900, 1200)]));
}

#[test]
fn a_restart_in_mid_burst_keeps_what_stands() {
    let rates = (0..1800).map(|second| if (600..660).contains(&second) { 2000.0 } else { 400.0 });
    let head = "\
400 requests/s, and 2000 from 10:00 to 11:00; the operator is gone from 10:20 to 10:40 and forgets everything.
Restart: the floor is what stands, 27, and neither less for the 10 min of the longest hold nor more: the 140 per replica were written to
status with the floor. Then half at a time at most, down to 6.";
    snapshot("restart", &told(head, rates, &[incident(Fault::Restart, 620, 640)]));
}
