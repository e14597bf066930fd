//! How far a bench is: a bar where a person looks on, a line per tenth where not. On stderr: stdout is for the figures.

use std::{
    io::{IsTerminal, stderr},
    sync::atomic::{AtomicU64, Ordering},
};

use indicatif::{ProgressBar, ProgressStyle};
use pathfinder_scaling::sim::bench::Progress;

pub(super) enum Shown {
    Bar(ProgressBar),
    Lines(AtomicU64),
}

impl Shown {
    pub(super) fn new() -> Self {
        if !stderr().is_terminal() {
            return Self::Lines(AtomicU64::new(0));
        }
        let bar = ProgressBar::new(1);
        let style = ProgressStyle::with_template("simulating {wide_bar} {percent:>3} %  {elapsed} of {duration}");
        Self::Bar(match style {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        })
    }

    pub(super) fn tell(&self, progress: Progress) {
        match self {
            Self::Bar(bar) => {
                bar.set_length(progress.total);
                bar.set_position(progress.done);
            }
            Self::Lines(told) => {
                let tenth = 10 * progress.done / progress.total.max(1);
                if told.fetch_max(tenth, Ordering::Relaxed) < tenth {
                    eprintln!("simulated {} %", 10 * tenth);
                }
            }
        }
    }

    pub(super) fn end(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}
