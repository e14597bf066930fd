//! The plots of a page: load, replicas of a policy, violations of all, and cost against violations.
//!
//! Pure: a contest in, SVG out. A plot names classes; which colour they have is the page's.

use jiff::Timestamp;

use crate::simulate::{
    axis::{self, Scale, Tick},
    contest::{Contest, Entry},
    report::{percent, rate},
    svg::{Anchor, Path, Svg},
};

const WIDTH: f64 = 960.0;
const LEFT: f64 = 58.0;
const RIGHT: f64 = 18.0;
const TOP: f64 = 24.0;
const BOTTOM: f64 = 28.0;

/// The least width of a mark, in pixels: one bad bucket of many must be seen.
const LEAST_WIDTH: f64 = 2.0;

/// The axes of a plot over time.
struct Frame {
    time: Scale,
    value: Scale,
    times: Vec<Tick>,
    height: f64,
}

impl Frame {
    fn new(contest: &Contest, begin: Option<Timestamp>, height: f64, values: &[Tick]) -> Self {
        let top = values.last().map_or(1.0, |tick| tick.value);
        Self {
            time: Scale {
                from: (0.0, LEFT),
                to: (f64::from(contest.seconds), WIDTH - RIGHT),
            },
            value: Scale {
                from: (0.0, height - BOTTOM),
                to: (top, TOP),
            },
            times: axis::times(contest.seconds, begin),
            height,
        }
    }

    fn times(&self, svg: &mut Svg) {
        let bottom = self.height - BOTTOM;
        for tick in &self.times {
            let x = self.time.at(tick.value);
            svg.line("grid", (x, TOP), (x, bottom));
            // A word at the very end would be cut off.
            let anchor = if x > WIDTH - RIGHT - 20.0 {
                Anchor::End
            } else {
                Anchor::Middle
            };
            svg.text("tick", anchor, (x, bottom + 18.0), &tick.label);
        }
    }

    fn values(&self, svg: &mut Svg, ticks: &[Tick], unit: &str) {
        for tick in ticks {
            let y = self.value.at(tick.value);
            svg.line("grid", (LEFT, y), (WIDTH - RIGHT, y));
            svg.text("tick", Anchor::End, (LEFT - 8.0, y + 4.0), &tick.label);
        }
        svg.text("unit", Anchor::Start, (2.0, 12.0), unit);
    }

    /// The beginning of a bucket, and of the one after the last the end.
    fn bucket(&self, contest: &Contest, index: usize) -> f64 {
        let second = u32::try_from(index)
            .unwrap_or(u32::MAX)
            .saturating_mul(contest.course.bucket_seconds);
        self.time.at(f64::from(second.min(contest.seconds)))
    }

    /// A line of steps, one per bucket.
    fn steps(&self, contest: &Contest, values: &[f64]) -> Path {
        let mut path = Path::default();
        let mut last: Option<f64> = None;
        for (index, value) in values.iter().enumerate() {
            let (x, y) = (self.bucket(contest, index), self.value.at(*value));
            match last {
                None => path.begin((x, y)),
                // Less than can be written.
                Some(before) if (y - before).abs() < 0.05 => continue,
                Some(_) => path.across(x).up(y),
            };
            last = Some(y);
        }
        path.across(self.bucket(contest, values.len()));
        path
    }

    /// The same, down to the axis.
    fn filled(&self, contest: &Contest, values: &[f64]) -> Path {
        let mut path = self.steps(contest, values);
        path.up(self.value.at(0.0)).across(LEFT).close();
        path
    }
}

/// Requests per second over time.
pub(crate) fn load(contest: &Contest, begin: Option<Timestamp>) -> String {
    let loads = &contest.course.load;
    let ticks = axis::from_zero(loads.iter().copied().fold(0.0, f64::max), 0.0);
    let frame = Frame::new(contest, begin, 230.0, &ticks);
    let mut svg = Svg::new(
        "plot-load",
        "Load in requests per second over time",
        (WIDTH, frame.height),
    );
    frame.times(&mut svg);
    frame.values(&mut svg, &ticks, "requests/s");
    svg.path("area load", frame.filled(contest, loads).commands());
    svg.path("line load", frame.steps(contest, loads).commands());
    svg.finish()
}

/// What one policy ordered, what was ready, and what the load needed.
pub(crate) fn replicas(contest: &Contest, entry: &Entry, begin: Option<Timestamp>, max_replicas: u32) -> String {
    let most = contest
        .entries
        .iter()
        .flat_map(|entry| &entry.replay.ordered)
        .chain(&contest.course.needed)
        .copied()
        .max()
        .unwrap_or(1);
    // The same axis for everybody, or their plots could not be compared.
    let ticks = axis::from_zero(f64::from(most.max(1)), 1.0);
    let frame = Frame::new(contest, begin, 250.0, &ticks);
    let id = format!("plot-replicas-{}", entry.policy);
    let title = format!(
        "Replicas that {} ordered, that were ready, and that the load needs",
        entry.policy
    );
    let mut svg = Svg::new(&id, &title, (WIDTH, frame.height));
    frame.times(&mut svg);
    frame.values(&mut svg, &ticks, "replicas");
    let float = |counts: &[u32]| counts.iter().copied().map(f64::from).collect::<Vec<_>>();
    svg.path(
        "area need",
        frame.filled(contest, &float(&contest.course.needed)).commands(),
    );
    let class = |kind: &str| format!("line {kind} {}", entry.policy);
    let ordered = frame.steps(contest, &float(&entry.replay.ordered));
    svg.path(&class("ordered"), ordered.commands());
    svg.path(
        &class("ready"),
        frame.steps(contest, &float(&entry.replay.ready)).commands(),
    );
    // Above the lines: it is what must not be overlooked.
    svg.path("lack", lacking(contest, entry, &frame).commands());
    if f64::from(max_replicas) <= ticks.last().map_or(0.0, |tick| tick.value) {
        let y = frame.value.at(f64::from(max_replicas));
        svg.line("bound", (LEFT, y), (WIDTH - RIGHT, y));
        svg.text("bound", Anchor::Start, (LEFT + 4.0, y - 4.0), "maxReplicas");
    }
    svg.finish()
}

/// Where fewer are ready than needed: from what is needed down to what is there.
fn lacking(contest: &Contest, entry: &Entry, frame: &Frame) -> Path {
    let mut path = Path::default();
    let lacks = contest.course.needed.iter().zip(&entry.replay.lacking).enumerate();
    for (index, (needed, lacking)) in lacks.filter(|(_, (_, lacking))| **lacking > 0) {
        let from = frame.bucket(contest, index);
        let to = frame.bucket(contest, index + 1).max(from + LEAST_WIDTH);
        let (top, bottom) = (f64::from(*needed), f64::from(needed - lacking.min(needed)));
        column(&mut path, (from, to), (frame.value.at(top), frame.value.at(bottom)));
    }
    path
}

fn column(path: &mut Path, (from, to): (f64, f64), (top, bottom): (f64, f64)) {
    path.begin((from, top)).across(to).up(bottom).across(from).close();
}

/// Violations over time, a row for every policy, all to the same scale.
pub(crate) fn violations(contest: &Contest, begin: Option<Timestamp>) -> String {
    const ROW: f64 = 62.0;
    // From this share on a bucket is always seen: more than the usual objective of 99.9 % allows.
    const SEEN: f64 = 0.001;
    let all = contest.entries.iter().flat_map(|entry| &entry.replay.violated);
    let most = all.copied().fold(0.01, f64::max);
    let height = contest.entries.iter().fold(TOP + BOTTOM, |height, _| height + ROW);
    let frame = Frame::new(contest, begin, height, &[]);
    let mut svg = Svg::new(
        "plot-violations",
        "Share of requests over the latency target over time, by policy",
        (WIDTH, height),
    );
    frame.times(&mut svg);
    svg.text(
        "unit",
        Anchor::Start,
        (2.0, 12.0),
        &format!(
            "share of requests over the target; the height of a row is {} %",
            rate(100.0 * most)
        ),
    );
    let mut base = TOP;
    for entry in &contest.entries {
        base += ROW;
        svg.line("axis", (LEFT, base), (WIDTH - RIGHT, base));
        let mut path = Path::default();
        for (index, share) in entry
            .replay
            .violated
            .iter()
            .enumerate()
            .filter(|(_, share)| **share > 0.0)
        {
            let from = frame.bucket(contest, index);
            let to = frame.bucket(contest, index + 1).max(from + LEAST_WIDTH);
            let least = if *share >= SEEN { 2.0 } else { 0.0 };
            let top = base - (share / most * (ROW - 14.0)).max(least);
            column(&mut path, (from, to), (top, base));
        }
        svg.path(&format!("fill {}", entry.policy), path.commands());
        svg.text(
            &format!("name {}", entry.policy),
            Anchor::End,
            (LEFT - 8.0, base - 18.0),
            entry.policy,
        );
        let total = percent(entry.replay.outcome.violation_share);
        svg.text("tick", Anchor::End, (LEFT - 8.0, base - 3.0), &total);
    }
    svg.finish()
}

/// Replica-hours against violations: further left is cheaper, further down is better.
pub(crate) fn scatter(contest: &Contest) -> String {
    const SIZE: (f64, f64) = (620.0, 330.0);
    let hours = |entry: &Entry| entry.replay.outcome.replica_hours;
    let least = contest.entries.iter().map(hours).fold(f64::INFINITY, f64::min);
    let most = contest.entries.iter().map(hours).fold(0.0, f64::max);
    let margin = (0.12 * (most - least)).max(0.02 * most).max(0.1);
    let ticks = axis::between((least - margin).max(0.0), most + margin, 0.0);
    let shares = Shares::of(contest, SIZE.1);
    let time = Scale {
        from: (ticks.first().map_or(0.0, |tick| tick.value), LEFT + 10.0),
        to: (ticks.last().map_or(1.0, |tick| tick.value), SIZE.0 - 56.0),
    };
    let mut svg = Svg::new("plot-scatter", "Replica-hours against violations, by policy", SIZE);
    for tick in &ticks {
        let x = time.at(tick.value);
        svg.line("grid", (x, TOP), (x, SIZE.1 - 2.0 * BOTTOM));
        svg.text("tick", Anchor::Middle, (x, SIZE.1 - 2.0 * BOTTOM + 18.0), &tick.label);
    }
    for (y, label) in &shares.ticks {
        svg.line("grid", (LEFT + 10.0, *y), (SIZE.0 - 56.0, *y));
        svg.text("tick", Anchor::End, (LEFT + 2.0, y + 4.0), label);
    }
    svg.text("unit", Anchor::Start, (2.0, 12.0), "violations");
    svg.text("unit", Anchor::Middle, (SIZE.0 / 2.0, SIZE.1 - 8.0), "replica-hours");
    let place = |entry: &Entry| (time.at(hours(entry)), shares.at(entry.replay.outcome.violation_share));
    let dots: Vec<(f64, f64)> = contest.entries.iter().map(place).collect();
    let mut words: Vec<(f64, f64)> = Vec::new();
    for (entry, dot) in contest.entries.iter().zip(&dots) {
        let share = percent(entry.replay.outcome.violation_share);
        let title = format!("{}: {share}, {:.1} replica-hours", entry.policy, hours(entry));
        svg.disc(&format!("dot {}", entry.policy), *dot, 6.5, &title);
        let word = free(*dot, &dots, &words);
        words.push(word);
        let at = (word.0, word.1 + 4.0);
        svg.text(&format!("name {}", entry.policy), Anchor::Start, at, entry.policy);
    }
    svg.finish()
}

/// Where the word of a dot begins: right of it, or a little above or below where another dot or word is in the way.
fn free((x, y): (f64, f64), dots: &[(f64, f64)], words: &[(f64, f64)]) -> (f64, f64) {
    const WIDTH: f64 = 42.0;
    let x = x + 12.0;
    let hits_dot = |y: f64, dot: &(f64, f64)| (x - 8.0..x + WIDTH).contains(&dot.0) && (dot.1 - y).abs() < 14.0;
    let hits_word = |y: f64, word: &(f64, f64)| (word.0 - x).abs() < WIDTH && (word.1 - y).abs() < 15.0;
    [0.0, -16.0, 16.0, -32.0, 32.0, -48.0, 48.0]
        .into_iter()
        .map(|shift| y + shift)
        .find(|y| !dots.iter().any(|dot| hits_dot(*y, dot)) && !words.iter().any(|word| hits_word(*y, word)))
        .map_or((x, y), |y| (x, y))
}

/// A logarithmic axis of shares with a line for none at its foot.
struct Shares {
    scale: Scale,
    foot: f64,
    ticks: Vec<(f64, String)>,
}

impl Shares {
    fn of(contest: &Contest, height: f64) -> Self {
        let shares = contest.entries.iter().map(|entry| entry.replay.outcome.violation_share);
        let (least, most) = shares
            .filter(|share| *share > 0.0)
            .fold((f64::INFINITY, 0.0), |(least, most), share| {
                (share.min(least), share.max(most))
            });
        let (low, high) = if most > 0.0 {
            (least.log10().floor(), most.log10().ceil().min(0.0))
        } else {
            (-4.0, -2.0)
        };
        let (low, high) = (low.max(-6.0), high.max(low.max(-6.0) + 1.0));
        let foot = height - 2.0 * BOTTOM;
        let scale = Scale {
            from: (low, foot - 26.0),
            to: (high, TOP),
        };
        let decades =
            std::iter::successors(Some(low), |decade| Some(decade + 1.0)).take_while(|decade| *decade <= high + 0.5);
        let label = |decade: f64| {
            let digits = (0..4_u8).find(|digits| decade + 2.0 + f64::from(*digits) >= 0.0);
            let digits = usize::from(digits.unwrap_or(4));
            format!("{:.digits$} %", 10_f64.powf(decade + 2.0))
        };
        let ticks = decades.map(|decade| (scale.at(decade), label(decade)));
        Self {
            foot,
            ticks: ticks.chain([(foot, "0 %".to_owned())]).collect(),
            scale,
        }
    }

    fn at(&self, share: f64) -> f64 {
        if share > 0.0 {
            self.scale.at(share.log10().max(self.scale.from.0))
        } else {
            self.foot
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_evades_dots_and_words() {
        let dots = [(100.0, 50.0), (130.0, 52.0)];
        // The second dot lies where the word of the first would be: 16 pixels higher it is free of both.
        let first = free(dots[0], &dots, &[]);
        assert_eq!(first, (112.0, 34.0));
        // 142 is 30 right of the first word and 18 below it.
        assert_eq!(free(dots[1], &dots, &[first]), (142.0, 52.0));
    }
}
