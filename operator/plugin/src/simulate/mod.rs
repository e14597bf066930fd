//! `simulate`: a recorded load, played to Pathfinder and its peers on simulated pods.
//!
//! Puts the parts together: `source` reads, `contest` runs, `report` says, `page` draws. Nothing is written but the page.

pub(crate) mod args;
mod axis;
mod contest;
mod page;
mod plot;
mod prometheus;
pub(crate) mod report;
mod samples;
mod source;
mod spec;
mod svg;
pub(crate) mod trouble;

use std::{
    fs,
    path::{Path, PathBuf},
    process,
};

use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;

use crate::{
    args::Connection,
    failure::Failure,
    simulate::{args::SimulateArguments, contest::Contest, report::Report, trouble::Trouble},
};

/// Reads, runs, and writes the page if one is wanted.
pub(crate) async fn simulate(
    arguments: &SimulateArguments,
    connection: &Connection,
    now: Timestamp,
) -> Result<Report, Failure> {
    // Before anything that takes time.
    let target = arguments.html.as_deref().map(Target::of).transpose()?;
    let subject = source::subject(arguments, connection, now).await?;
    let plan = contest::Plan::of(&subject, arguments)?;
    let bar = progress();
    let contest = Contest::run(&subject.history.trace, &plan, &mut |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let mut report = Report::of(&subject, &plan, &contest);
    if let Some(target) = target {
        target.write(&page::page(&report, &contest, subject.history.begin))?;
        report.page = Some(target.file);
    }
    Ok(report)
}

/// On stderr, and only where a person looks.
fn progress() -> ProgressBar {
    let bar = ProgressBar::new(1);
    if let Ok(style) = ProgressStyle::with_template("simulating {wide_bar} {percent:>3}% {eta}") {
        bar.set_style(style);
    }
    bar
}

/// Where a page goes.
#[derive(Debug)]
struct Target {
    path: PathBuf,
    file: String,
}

impl Target {
    fn of(path: &Path) -> Result<Self, Trouble> {
        let file = path.display().to_string();
        let refuse = |cause: &str| {
            Err(Trouble::NoPage {
                file: file.clone(),
                cause: cause.to_owned(),
            })
        };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        if path.is_dir() {
            return refuse("it is a directory: write the name of a file");
        }
        if path.file_name().is_none() {
            return refuse("that is no name of a file");
        }
        if let Some(folder) = folder
            && !folder.is_dir()
        {
            return refuse(&format!("there is no directory {}: create it first", folder.display()));
        }
        Ok(Self {
            path: path.to_owned(),
            file,
        })
    }

    /// As a whole or not at all: a browser that reloads never sees half of it.
    fn write(&self, text: &str) -> Result<(), Trouble> {
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.part", process::id()));
        let part = self.path.with_file_name(name);
        let written = fs::write(&part, text).and_then(|()| fs::rename(&part, &self.path));
        written.map_err(|cause| {
            // What is left of it is of no use; that it cannot be removed changes nothing.
            let _ = fs::remove_file(&part);
            Trouble::NoPage {
                file: self.file.clone(),
                cause: cause.to_string(),
            }
        })
    }
}
