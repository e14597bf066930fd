//! schemathesis, which makes requests from an OpenAPI document: installed once into the cache, in a version that stays.

use std::path::PathBuf;

use crate::cluster::{
    packages,
    paths::{Paths, once},
    process,
    step::step,
};

/// Names the program for the suite.
pub const PROGRAM: &str = "PATHFINDER_SCHEMATHESIS";
const VERSION: &str = "4.32.5";
const PYTHON: &str = "/usr/bin/python3";

/// Makes sure that it is in the cache; gives its program.
///
/// # Errors
/// When it cannot be installed.
pub fn ensure(paths: &Paths) -> anyhow::Result<PathBuf> {
    packages::ensure(paths, packages::FUZZER)?;
    let folder = paths.cache.join("tools").join(format!("schemathesis-{VERSION}"));
    // Its programs name their folder, so it is made where it stays, and counts once the mark is there.
    once(&folder.join("complete"), |mark| {
        step("installing schemathesis (once)", || {
            let log = paths.logs().join("schemathesis.log");
            let folder = folder.to_string_lossy();
            process::run(process::command(&[PYTHON, "-m", "venv", "--clear", &folder]), &log)?;
            let pip = format!("{folder}/bin/pip");
            let wanted = format!("schemathesis=={VERSION}");
            process::run(process::command(&[&pip, "install", "--quiet", &wanted]), &log)?;
            Ok(std::fs::write(mark, VERSION)?)
        })
    })?;
    Ok(folder.join("bin/schemathesis"))
}

/// Words that let it ask a server everything for a bounded time, as somebody with a session.
pub fn words(port: u16, token: &str) -> Vec<String> {
    let fixed = [
        "run",
        "--checks=not_a_server_error",
        "--phases=examples,coverage,fuzzing",
        "--max-time=45",
        "--max-examples=40",
        "--seed=1",
        // With two, Python 3.11 loses count of its recursion.
        "--workers=1",
        "--continue-on-failure",
        "--request-timeout=20",
        "--warnings=off",
        "--no-color",
        "--suppress-health-check=all",
        // It would end its own session, and from there on be refused everywhere.
        "--exclude-name-regex=^DELETE /api/sessions",
    ];
    let mut words: Vec<String> = fixed.map(str::to_owned).to_vec();
    words.push(format!("--header=Authorization: Bearer {token}"));
    words.push(format!("http://127.0.0.1:{port}/openapi.json"));
    words
}
