//! The stage of the API suite: builds the program and what tests it, and runs both halves against real stores.

use std::{env, fs, os::unix::fs::DirBuilderExt, path::PathBuf};

use anyhow::Context;
use pathfinder_tests::{
    api::{schemathesis, server},
    cluster::{packages, paths::Paths, process, step::step},
};

use super::{Count, built, suite_binary, tested};

// They wait for stores most of the time; each of the second half starts three or four servers of its own.
const BESIDE: usize = 6;
const ALONE: usize = 2;

/// A folder for everything that the suite starts; nobody must be able to enter it, since PostgreSQL runs as nobody.
struct Place(PathBuf);

impl Place {
    fn new() -> anyhow::Result<Self> {
        let path = env::temp_dir().join(format!("pathfinder-api-suite-{}", std::process::id()));
        fs::DirBuilder::new()
            .mode(0o755)
            .create(&path)
            .with_context(|| format!("making {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // A file that is left in the folder for temporary files harms nobody.
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(super) fn run(paths: &Paths, filter: &str, count: &mut Count) -> anyhow::Result<()> {
    packages::ensure(paths, packages::STORES)?;
    let fuzzer = schemathesis::ensure(paths)?;
    let place = Place::new()?;
    let program = step("building the API server", || {
        built(
            &["build", "-q", "--workspace", "--bin", "pathfinder-api"],
            "pathfinder-api",
        )
    })?;
    // A copy: a build meanwhile must not change what is tested.
    let copy = place.0.join("pathfinder-api");
    fs::copy(&program, &copy).with_context(|| format!("copying {program}"))?;
    let suite = suite_binary("api")?;
    let groups = if filter.is_empty() {
        vec![("beside::", BESIDE), ("alone::", ALONE)]
    } else {
        vec![(filter, ALONE)]
    };
    for (group, threads) in groups {
        let mut tests = process::command(&[&suite, group, &format!("--test-threads={threads}")]);
        tests.env(server::PROGRAM, &copy);
        tests.env(schemathesis::PROGRAM, &fuzzer);
        tests.env("TMPDIR", &place.0);
        tested(tests, count)?;
    }
    Ok(())
}
