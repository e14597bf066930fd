//! The traces of a bench: synthetic ones, and those of a folder. What is not a trace stops it, with its file and line.

use std::{fs, path::Path};

use anyhow::Context;
use pathfinder_scaling::sim::{
    synthetic,
    trace::{HEADER, LONGEST_BIN_SECONDS, Trace},
};

use crate::args::ScalingOptions;

const SEED: u64 = 1;

pub(super) fn wanted(options: &ScalingOptions) -> anyhow::Result<Vec<Trace>> {
    let all = match &options.traces {
        None => synthetic::traces(SEED),
        Some(folder) => {
            let mut of_folder = folder_of(folder)?;
            if options.with_synthetic {
                beside(synthetic::traces(SEED), &mut of_folder)?;
            }
            of_folder
        }
    };
    only(all, &options.only)
}

fn folder_of(folder: &Path) -> anyhow::Result<Vec<Trace>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("reading the traces' folder {}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "csv") {
            files.push(path);
        }
    }
    files.sort();
    anyhow::ensure!(
        !files.is_empty(),
        "{} holds no NAME.csv: a trace is a file with the header `{HEADER}` and a row per bin of 1 to {LONGEST_BIN_SECONDS} s",
        folder.display()
    );
    let (mut traces, mut wrong) = (Vec::new(), Vec::new());
    for file in files {
        match parsed(&file) {
            Ok(trace) => traces.push(trace),
            Err(error) => wrong.push(format!("  {}: {error:#}", file.display())),
        }
    }
    anyhow::ensure!(wrong.is_empty(), "no trace, nothing was run:\n{}", wrong.join("\n"));
    Ok(traces)
}

fn parsed(file: &Path) -> anyhow::Result<Trace> {
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    let text = fs::read_to_string(file)?;
    Ok(Trace::parse(&name, &text)?)
}

fn beside(more: Vec<Trace>, traces: &mut Vec<Trace>) -> anyhow::Result<()> {
    for one in &more {
        anyhow::ensure!(
            traces.iter().all(|trace| trace.name() != one.name()),
            "{}.csv has the name of a synthetic trace: rename it, or leave out --with-synthetic",
            one.name()
        );
    }
    traces.splice(0..0, more);
    Ok(())
}

fn only(traces: Vec<Trace>, names: &[String]) -> anyhow::Result<Vec<Trace>> {
    for name in names {
        let known: Vec<&str> = traces.iter().map(Trace::name).collect();
        anyhow::ensure!(
            known.contains(&name.as_str()),
            "there is no trace {name}; there are: {}",
            known.join(", ")
        );
    }
    let wanted = |trace: &Trace| names.is_empty() || names.iter().any(|name| name == trace.name());
    Ok(traces.into_iter().filter(wanted).collect())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn folder(name: &str, files: &[(&str, &str)]) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("pathfinder-traces-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        for (name, text) in files {
            fs::write(folder.join(name), text).unwrap();
        }
        folder
    }

    fn read(folder: &Path) -> Result<Vec<String>, String> {
        let options = ScalingOptions {
            traces: Some(folder.to_owned()),
            ..ScalingOptions::default()
        };
        let read = wanted(&options);
        fs::remove_dir_all(folder).unwrap();
        read.map(|traces| traces.iter().map(|trace| trace.name().to_owned()).collect())
            .map_err(|error| format!("{error:#}"))
    }

    const GOOD: &str = "seconds,requests_per_second\n0,1\n60,2\n";

    #[test]
    fn a_folder_is_read_in_the_order_of_names_and_other_files_are_left_alone() {
        let folder = folder("good", &[("b.csv", GOOD), ("a.csv", GOOD), ("README.md", "no trace")]);
        assert_eq!(read(&folder), Ok(vec!["a".to_owned(), "b".to_owned()]));
    }

    #[test]
    fn every_file_that_is_no_trace_is_named_with_its_line() {
        let folder = folder(
            "bad",
            &[
                ("good.csv", GOOD),
                ("header.csv", "time,load\n"),
                ("row.csv", "seconds,requests_per_second\n0,1\n60,many\n"),
            ],
        );
        let error = read(&folder).unwrap_err();
        assert!(error.contains("header.csv: line 1: expected the header"), "{error}");
        assert!(error.contains("row.csv: line 3: expected"), "{error}");
        assert!(
            !error.contains("good.csv") && error.contains("nothing was run"),
            "{error}"
        );
    }

    #[test]
    fn an_empty_folder_says_what_belongs_into_it() {
        let error = read(&folder("empty", &[])).unwrap_err();
        assert!(error.contains("holds no NAME.csv") && error.contains(HEADER), "{error}");
    }

    #[test]
    fn an_unknown_trace_is_answered_with_the_known_ones() {
        let error = only(synthetic::traces(SEED), &["stp".to_owned()]).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("there is no trace stp; there are: step, ramp"),
            "{error}"
        );
    }
}
