//! A trace: how many requests per second came, bin by bin, and the load that is made of it.
//!
//! Knows the file format and how bins become seconds; knows neither policies nor pods.

use thiserror::Error;

/// The first line of a trace.
pub const HEADER: &str = "seconds,requests_per_second";

/// The longest bin in seconds.
pub const LONGEST_BIN_SECONDS: u32 = 300;

/// The longest trace in seconds: 62 days.
pub const LONGEST_SECONDS: u32 = 62 * 86_400;

/// The mean rate of every bin of a time.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    name: String,
    bins: Vec<Bin>,
    seconds: u32,
}

/// From its beginning to the beginning of the next one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bin {
    /// Its beginning, in seconds since the beginning of the trace.
    pub from_second: u32,
    /// Mean rate in requests per second.
    pub requests_per_second: f64,
}

/// Why a text is no trace.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TraceError {
    /// Another first line.
    #[error("line 1: expected the header `{HEADER}`, found `{found}`")]
    Header {
        /// What stands there, shortened.
        found: String,
    },
    /// A line that is not two numbers.
    #[error("line {line}: expected `SECONDS,REQUESTS_PER_SECOND` such as `300,12.5`, found `{found}`")]
    Row {
        /// Its number, from 1.
        line: usize,
        /// What stands there, shortened.
        found: String,
    },
    /// A rate that cannot be.
    #[error("line {line}: `{found}` is no rate: write a finite number of requests per second, 0 or more")]
    Rate {
        /// Its number, from 1.
        line: usize,
        /// What stands there, shortened.
        found: String,
    },
    /// Times that do not run forwards by at most one longest bin.
    #[error(
        "line {line}: second {second} after second {previous}: bins are 1 to {LONGEST_BIN_SECONDS} s long and in order"
    )]
    Order {
        /// Its number, from 1.
        line: usize,
        /// The time in this line.
        second: u32,
        /// The time in the line before.
        previous: u32,
    },
    /// Too few rows to have a length.
    #[error("a trace needs at least two rows below its header, this one has {rows}")]
    Short {
        /// How many there are.
        rows: usize,
    },
    /// Longer than anything that is simulated.
    #[error("a trace spans at most {LONGEST_SECONDS} s (62 days), this one spans {seconds}: cut it")]
    Long {
        /// How long it is.
        seconds: u32,
    },
    /// Nothing to scale.
    #[error("every rate is 0: a trace needs a load")]
    Empty,
}

impl Trace {
    /// Reads a trace: the header, then one row per bin.
    ///
    /// # Errors
    /// [`TraceError`] with the line that is wrong.
    pub fn parse(name: &str, text: &str) -> Result<Self, TraceError> {
        let mut lines = text.lines().map(str::trim_end).zip(1_usize..);
        let first = lines.next().map_or("", |(line, _)| line.trim_start_matches('\u{feff}'));
        if first != HEADER {
            return Err(TraceError::Header {
                found: shortened(first),
            });
        }
        let mut bins: Vec<Bin> = Vec::new();
        for (text, line) in lines.filter(|(text, _)| !text.is_empty()) {
            let bin = row(text, line)?;
            follows(bins.last(), bin, line)?;
            bins.push(bin);
        }
        Self::of(name, bins)
    }

    /// A trace of bins that are in order.
    ///
    /// # Errors
    /// [`TraceError`] for too few, too long, or no load at all.
    pub fn of(name: &str, mut bins: Vec<Bin>) -> Result<Self, TraceError> {
        let [.., before_last, last] = bins.as_slice() else {
            return Err(TraceError::Short { rows: bins.len() });
        };
        let start = bins.first().map_or(0, |bin| bin.from_second);
        // The last bin is as long as the one before it: nothing says when it ends.
        let end = last.from_second + (last.from_second - before_last.from_second);
        let seconds = end - start;
        if seconds > LONGEST_SECONDS {
            return Err(TraceError::Long { seconds });
        }
        if bins.iter().all(|bin| bin.requests_per_second <= 0.0) {
            return Err(TraceError::Empty);
        }
        for bin in &mut bins {
            bin.from_second -= start;
        }
        Ok(Self {
            name: name.to_owned(),
            bins,
            seconds,
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its length.
    pub fn seconds(&self) -> u32 {
        self.seconds
    }

    /// Its bins.
    pub fn bins(&self) -> &[Bin] {
        &self.bins
    }

    /// The rate of every second: the means of neighbouring bins, taken at their middles, joined by straight lines; flat
    /// before the first middle and after the last.
    pub fn joined(&self) -> Vec<f64> {
        let middles: Vec<(f64, f64)> = self
            .bins
            .iter()
            .zip(
                self.bins
                    .iter()
                    .skip(1)
                    .map(|bin| bin.from_second)
                    .chain([self.seconds]),
            )
            .map(|(bin, end)| {
                (
                    f64::midpoint(f64::from(bin.from_second), f64::from(end)),
                    bin.requests_per_second,
                )
            })
            .collect();
        let mut next = 0;
        (0..self.seconds)
            .map(|second| {
                let time = f64::from(second) + 0.5;
                while middles.get(next).is_some_and(|(middle, _)| *middle < time) {
                    next += 1;
                }
                between(
                    next.checked_sub(1).and_then(|before| middles.get(before)),
                    middles.get(next),
                    time,
                )
            })
            .collect()
    }
}

fn between(before: Option<&(f64, f64)>, after: Option<&(f64, f64)>, time: f64) -> f64 {
    match (before, after) {
        (Some((from, low)), Some((to, high))) => low + (high - low) * (time - from) / (to - from),
        (Some((_, rate)), None) | (None, Some((_, rate))) => *rate,
        (None, None) => 0.0,
    }
}

fn row(text: &str, line: usize) -> Result<Bin, TraceError> {
    let bad = || TraceError::Row {
        line,
        found: shortened(text),
    };
    let (second, rate) = text.split_once(',').ok_or_else(bad)?;
    let from_second = second.trim().parse().map_err(|_| bad())?;
    let requests_per_second: f64 = rate.trim().parse().map_err(|_| bad())?;
    if requests_per_second.is_finite() && requests_per_second >= 0.0 {
        Ok(Bin {
            from_second,
            requests_per_second,
        })
    } else {
        Err(TraceError::Rate {
            line,
            found: shortened(rate),
        })
    }
}

fn follows(previous: Option<&Bin>, bin: Bin, line: usize) -> Result<(), TraceError> {
    let Some(previous) = previous else { return Ok(()) };
    let (second, previous) = (bin.from_second, previous.from_second);
    if second > previous && second - previous <= LONGEST_BIN_SECONDS {
        Ok(())
    } else {
        Err(TraceError::Order { line, second, previous })
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(60).collect()
}
