//! `cargo dev test`: the stages in order, fast ones first, and one closing line that counts.

mod api;
mod evidence;

use std::{
    io::{BufRead, BufReader},
    process::{Command, ExitCode, Stdio},
    thread,
    time::Instant,
};

use anyhow::Context;
use pathfinder_tests::{
    cluster::{
        Engine, Paths, images, interrupt,
        kind::{self, Wanted},
        leftovers::Machine,
        packages,
        paths::{once, workspace},
        process::{self, works},
        step::step,
    },
    install,
};
use serde_json::Value;

use crate::args::Suite;

// Test targets that need no cluster.
const OUTSIDE: &[&str] = &[
    "generated",
    "layering",
    "stores",
    "commands",
    "explain",
    "pause",
    "watch",
    "real_prometheus",
    "replay",
];
const OF_SCALING: &[&str] = &[
    "allocations",
    "closed_loop",
    "properties",
    "scenarios",
    "schedule_properties",
    "schedule_refusals",
    "schedules",
    "simulate",
    "history",
];

const CARGO_DENY: &str = "0.20.2";
const NODES: usize = 3;
// They wait most of the time, but each stack's probes cost processor time: with eight at once, two cores were busy with
// starting probes alone, and nothing came in time.
const SIDE_BY_SIDE: usize = 4;

#[derive(Default)]
struct Count {
    passed: u32,
    failed: u32,
}

impl Count {
    // Shows a line of libtest's and adds it up, when it is a closing one.
    fn tell(&mut self, line: &str) {
        if let Some((passed, failed)) = closing(line) {
            self.passed += passed;
            self.failed += failed;
        }
        if !line.is_empty() && !line.starts_with("running 0") && !line.contains(" 0 passed; 0 failed") {
            println!("{line}");
        }
    }
}

pub(crate) fn run(paths: &Paths, suite: Suite, filter: &str) -> anyhow::Result<ExitCode> {
    paths.create()?;
    let mut count = Count::default();
    if matches!(suite, Suite::All | Suite::Fast) {
        fast(paths, &mut count)?;
    }
    if count.failed == 0 && matches!(suite, Suite::All | Suite::Api) {
        stage("the API suite", &mut count, |count| api::run(paths, filter, count));
    }
    if suite == Suite::Scaling {
        scaling(paths, &mut count)?;
    }
    if count.failed == 0 && matches!(suite, Suite::All | Suite::DownUp) {
        stage("nothing is left over after down, and up comes back", &mut count, |_| {
            down_up(paths)
        });
    }
    if count.failed == 0 && matches!(suite, Suite::All | Suite::Cluster) {
        stage("the cluster suite", &mut count, |count| {
            cluster(paths, (filter, ["beside::", "alone::"]), count)
        });
    }
    if suite == Suite::ScalingCluster {
        stage("scaling on the cluster", &mut count, |count| {
            cluster(paths, (filter, ["beside::scaling::", "alone::scaling::"]), count)
        });
    }
    println!("\n{} passed, {} failed", count.passed, count.failed);
    Ok(if count.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn stage(name: &str, count: &mut Count, work: impl FnOnce(&mut Count) -> anyhow::Result<()>) {
    if interrupt::came() {
        return;
    }
    println!("== {name}");
    let started = Instant::now();
    match work(count) {
        Ok(()) => {
            count.passed += 1;
            println!("== {name}: ok ({:.0} s)", started.elapsed().as_secs_f64());
        }
        Err(error) => {
            count.failed += 1;
            println!(
                "== {name}: FAILED ({:.0} s): {error:#}",
                started.elapsed().as_secs_f64()
            );
        }
    }
}

fn fast(paths: &Paths, count: &mut Count) -> anyhow::Result<()> {
    packages::ensure(paths, packages::STORES)?;
    packages::ensure(paths, packages::BROWSERS)?;
    packages::ensure(paths, packages::PROMETHEUS)?;
    stage("format", count, |_| cargo(&["fmt", "--all", "--check"], &[]));
    stage("clippy", count, |_| {
        cargo(
            &["clippy", "-q", "--workspace", "--all-targets", "--", "-D", "warnings"],
            &[],
        )
    });
    stage("documentation", count, |_| {
        cargo(
            &["doc", "-q", "--workspace", "--no-deps"],
            &[("RUSTDOCFLAGS", "-D warnings")],
        )
    });
    // Everything but the cluster suite: it needs a cluster.
    stage("unit, property, snapshot, drift and layering tests", count, |count| {
        let mut words = vec!["test", "--no-fail-fast", "--workspace", "--lib", "--bins"];
        words.extend(OUTSIDE.iter().chain(OF_SCALING).flat_map(|target| ["--test", *target]));
        tested(cargo_command(&words), count)
    });
    stage("examples of the documentation", count, |count| {
        tested(
            cargo_command(&["test", "--no-fail-fast", "--workspace", "--doc"]),
            count,
        )
    });
    stage("one crypto provider: no ring in the tree", count, |_| {
        let tree = process::read(cargo_command(&["tree", "-i", "ring"])).unwrap_or_default();
        anyhow::ensure!(!tree.contains("ring v"), "{tree}");
        Ok(())
    });
    stage("cargo deny: bans, licenses, sources", count, |_| {
        let deny = cargo_deny(paths)?;
        let mut check = Command::new(&deny);
        check
            .args(["--log-level", "error", "check", "bans", "licenses", "sources"])
            .current_dir(workspace());
        run_loud(check)?;
        let mut database = Command::new(&deny);
        database.args(["fetch", "db"]).current_dir(workspace());
        if !works(database) {
            println!("   advisories: NOT checked, their database cannot be reached from here");
            return Ok(());
        }
        let mut advisories = Command::new(&deny);
        advisories
            .args(["--log-level", "error", "check", "advisories"])
            .current_dir(workspace());
        run_loud(advisories)?;
        println!("   advisories: checked, none");
        Ok(())
    });
    Ok(())
}

// The engine and what is built around it, without the rest of the fast stage.
fn scaling(paths: &Paths, count: &mut Count) -> anyhow::Result<()> {
    packages::ensure(paths, packages::BROWSERS)?;
    packages::ensure(paths, packages::PROMETHEUS)?;
    stage("the decision engine, the simulator and the bench", count, |count| {
        let mut words = vec![
            "test",
            "-p",
            "pathfinder-scaling",
            "-p",
            "kubectl-pathfinder",
            "-p",
            "pathfinder-tests",
        ];
        words.extend(["--lib", "--bins"]);
        words.extend(OF_SCALING.iter().flat_map(|target| ["--test", *target]));
        tested(cargo_command(&words), count)?;
        let examples = ["test", "-p", "pathfinder-scaling", "--features", "sim", "--doc"];
        tested(cargo_command(&examples), count)
    });
    Ok(())
}

fn cargo_deny(paths: &Paths) -> anyhow::Result<std::path::PathBuf> {
    let root = paths.cache.join("tools").join(format!("cargo-deny-{CARGO_DENY}"));
    once(&root, |part| {
        let mut install = images::cargo();
        install
            .args([
                "install",
                "--quiet",
                "--locked",
                "cargo-deny",
                "--version",
                CARGO_DENY,
                "--root",
            ])
            .arg(part);
        // Not optimised: it runs once and builds in half the time.
        install.args(["--profile", "dev"]).env_remove("CARGO_TARGET_DIR");
        step("building cargo-deny (once)", || {
            process::run(install, &paths.logs().join("cargo.log"))
        })
    })?;
    Ok(root.join("bin/cargo-deny"))
}

fn cargo_command(words: &[&str]) -> Command {
    let mut command = images::cargo();
    command.args(words).current_dir(workspace());
    command
}

fn cargo(words: &[&str], variables: &[(&str, &str)]) -> anyhow::Result<()> {
    let mut command = cargo_command(words);
    command.envs(variables.iter().copied());
    run_loud(command)
}

fn run_loud(command: Command) -> anyhow::Result<()> {
    let text = process::words(&command);
    let status = interrupt::wait(process::start(command)?, process::LONGEST).with_context(|| text.clone())?;
    anyhow::ensure!(status.success(), "{text} ended with {status}");
    Ok(())
}

// Runs libtest binaries, shows what they say, and adds up their closing lines.
fn tested(mut command: Command, count: &mut Count) -> anyhow::Result<()> {
    let text = process::words(&command);
    // A failed test says what it waited for and what it saw; a hundred frames of a runtime would bury that.
    command.stdout(Stdio::piped()).env("RUST_BACKTRACE", "0");
    let mut child = process::start(command)?;
    let out = child.stdout.take().context("no output")?;
    let teller = thread::spawn(move || {
        let mut seen = Count::default();
        let started = Instant::now();
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            seen.tell(&dated(line, started.elapsed().as_secs()));
        }
        seen
    });
    let status = interrupt::wait(child, process::LONGEST).with_context(|| text.clone());
    let seen = teller.join().unwrap_or_default();
    count.passed += seen.passed;
    count.failed += seen.failed;
    let status = status?;
    anyhow::ensure!(status.success(), "{text} ended with {status}");
    Ok(())
}

// What takes long is seen by when each test ended.
fn dated(line: String, seconds: u64) -> String {
    let ended = line.starts_with("test ") && (line.ends_with("... ok") || line.ends_with("... FAILED"));
    if ended && seconds > 60 {
        format!("{line}, at {seconds} s")
    } else {
        line
    }
}

// "test result: ok. 12 passed; 0 failed; ..."
fn closing(line: &str) -> Option<(u32, u32)> {
    let rest = line.strip_prefix("test result: ")?;
    let number = |word: &str| rest.split(word).next()?.split_whitespace().last()?.parse().ok();
    Some((number(" passed")?, number(" failed")?))
}

fn down_up(paths: &Paths) -> anyhow::Result<()> {
    kind::down(paths)?;
    let before = Machine::look();
    let engine = Engine::current(paths);
    let wanted = Wanted { nodes: NODES, engine };
    kind::up(paths, wanted)?;
    anyhow::ensure!(
        !Machine::look().since(&before).is_empty(),
        "a running cluster must be seen, or the comparison proves nothing"
    );
    kind::down(paths)?;
    let left = Machine::look().since(&before);
    anyhow::ensure!(left.is_empty(), "left over after down:\n  {}", left.join("\n  "));
    let started = Instant::now();
    kind::up(paths, wanted)?;
    println!(
        "   up again, programs and images cached: {:.0} s",
        started.elapsed().as_secs_f64()
    );
    let started = Instant::now();
    kind::up(paths, wanted)?;
    println!("   up when it was up: {:.1} s", started.elapsed().as_secs_f64());
    Ok(())
}

fn cluster(paths: &Paths, (filter, [beside, alone]): (&str, [&str; 2]), count: &mut Count) -> anyhow::Result<()> {
    let engine = Engine::current(paths);
    kind::up(paths, Wanted { nodes: NODES, engine })?;
    images::all(paths, engine)?;
    let image = images::operator_fingerprint()?;
    step("installing the operator by its chart", || {
        let mut helm = engine.inside("helm");
        helm.args(install::words(&image));
        process::run(helm, &paths.logs().join("helm.log"))
    })?;
    let suite = suite_binary("cluster")?;
    let groups = match filter {
        "" => vec![(beside, SIDE_BY_SIDE), (alone, 1)],
        _ if filter.starts_with("beside::") => vec![(filter, SIDE_BY_SIDE)],
        _ => vec![(filter, 1)],
    };
    for (group, threads) in groups {
        let mut tests = engine.inside(&suite);
        tests.args([group, &format!("--test-threads={threads}")]);
        tests.env("PATHFINDER_OPERATOR_IMAGE", &image);
        let before = count.passed + count.failed;
        tested(tests, count).inspect_err(|_| evidence::keep(paths, engine))?;
        anyhow::ensure!(
            count.passed + count.failed > before,
            "no test of the cluster suite has `{group}` in its name: cargo dev test cluster runs all of them"
        );
    }
    Ok(())
}

// Built here, outside of the cluster's network, where the registry is; of the whole workspace, since one package alone
// would have its dependencies built once more, with fewer features.
fn suite_binary(name: &str) -> anyhow::Result<String> {
    step(&format!("building the suite `{name}`"), || {
        built(&["test", "-q", "--workspace", "--test", name, "--no-run"], name)
    })
}

// The program of this name that cargo builds by these words.
fn built(words: &[&str], name: &str) -> anyhow::Result<String> {
    let words = [words, &["--message-format=json"]].concat();
    let text = process::read_within(cargo_command(&words), process::LONGEST)?;
    text.lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == name)
        .find_map(|message| message["executable"].as_str().map(str::to_owned))
        .with_context(|| format!("cargo named no program {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closing_line_of_a_test_run_is_counted() {
        let line = "test result: FAILED. 12 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s";
        assert_eq!(closing(line), Some((12, 3)));
        assert_eq!(closing("running 3 tests"), None);
    }
}
