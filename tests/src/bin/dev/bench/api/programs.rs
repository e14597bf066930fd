//! The programs of the bench: ours as it ships, the generators, and the peer with its packages.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use pathfinder_tests::cluster::{
    Paths, images, packages,
    paths::{fingerprint, once, workspace},
    process::{self, command, works},
    step::step,
};

/// Where each is.
#[derive(Debug)]
pub(super) struct Programs {
    /// `pathfinder-api`.
    pub(super) ours: PathBuf,
    /// axum alone.
    pub(super) bare: PathBuf,
    /// The mixed load.
    pub(super) mixed: PathBuf,
    /// The spectators.
    pub(super) spectators: PathBuf,
    /// The folder of the peer, complete with its packages.
    pub(super) peer: PathBuf,
}

impl Programs {
    pub(super) fn build(paths: &Paths) -> anyhow::Result<Self> {
        step("building the API server and the generators (release)", || {
            let mut build = images::cargo();
            build.args([
                "build",
                "--release",
                "-p",
                "pathfinder-api",
                "-p",
                "pathfinder-bench",
                "--bins",
            ]);
            build.current_dir(workspace());
            process::run(build, &paths.logs().join("cargo.log"))
        })?;
        // Copies: a build meanwhile must not change what is measured.
        let folder = paths.cache.join("bench");
        fs::create_dir_all(&folder)?;
        let take = |name: &str| -> anyhow::Result<PathBuf> {
            let (from, to) = (images::target_folder().join("release").join(name), folder.join(name));
            let part = to.with_extension("part");
            fs::copy(&from, &part).with_context(|| format!("copying {}", from.display()))?;
            fs::rename(&part, &to)?;
            Ok(to)
        };
        Ok(Self {
            ours: take("pathfinder-api")?,
            bare: take("bare")?,
            mixed: take("mixed")?,
            spectators: take("spectators")?,
            peer: peer(paths)?,
        })
    }

    /// The script that makes wrk send the lines of a file.
    pub(super) fn script() -> PathBuf {
        workspace().join("tests/bench/wrk/requests.lua")
    }
}

// In the cache by the hash of what it is made of.
fn peer(paths: &Paths) -> anyhow::Result<PathBuf> {
    if !works(command(&["npm", "--version"])) {
        packages::ensure(paths, packages::NODE)?;
    }
    let sources = workspace().join("tests/bench/node-api");
    let files: Vec<PathBuf> = ["package.json", "package-lock.json", "server.js"]
        .iter()
        .map(|name| sources.join(name))
        .collect();
    let folder = paths
        .cache
        .join("bench")
        .join(format!("node-api-{}", fingerprint(&[], &files)?));
    once(&folder, |part| {
        step("installing the packages of the Node.js server (once)", || {
            fs::create_dir_all(part)?;
            files.iter().try_for_each(|file| copy_into(file, part))?;
            // Its one native package brings its binaries along: nothing needs to be built.
            let mut install = command(&["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
            install.current_dir(part);
            process::run(install, &paths.logs().join("npm.log"))
        })
    })?;
    Ok(folder)
}

fn copy_into(file: &Path, folder: &Path) -> anyhow::Result<()> {
    let name = file.file_name().context("a file without a name")?;
    fs::copy(file, folder.join(name))?;
    Ok(())
}
