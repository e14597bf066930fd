//! The Go programs: kind, the load generator, and one binary that is every Kubernetes program of the node image.

use std::{
    env, fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context;

use crate::cluster::{
    Engine,
    paths::{Paths, fingerprint, once, recipe, remove},
    process::{self, command, works},
    step::step,
};

/// kind: with it come the node files and the node image's constants.
pub const KIND: &str = "v0.33.0";
/// Kubernetes.
pub const KUBERNETES: &str = "v1.37.2";
const LOCAL_PATH: &str = "v0.0.30";
const VEGETA: &str = "v12.13.0";

/// Makes sure that kind, kubectl and helm are in the cache's `bin`.
///
/// # Errors
/// When Go is missing, or a build fails.
pub fn ensure(paths: &Paths, engine: Engine) -> anyhow::Result<()> {
    let kind = install(paths, "sigs.k8s.io/kind", KIND)?;
    link(paths, "kind", &kind)?;
    match engine {
        Engine::Podman => {
            let node = node(paths)?;
            link(paths, "kubectl", &node)?;
            link(paths, "helm", &node)
        }
        // Who has Docker has these, or installs them in a minute; building them takes ten.
        Engine::Docker => {
            for program in ["kubectl", "helm"] {
                anyhow::ensure!(
                    works(command(&["sh", "-c", &format!("command -v {program}")])),
                    "{program} is not on PATH: install it (https://kubernetes.io/docs/tasks/tools, https://helm.sh/docs/intro/install)"
                );
            }
            Ok(())
        }
    }
}

fn link(paths: &Paths, name: &str, to: &Path) -> anyhow::Result<()> {
    let link = paths.bin().join(name);
    if fs::read_link(&link).is_ok_and(|target| target == to) {
        return Ok(());
    }
    remove(&link)?;
    symlink(to, &link).with_context(|| format!("linking {}", link.display()))
}

/// The load generator.
///
/// # Errors
/// When it cannot be built.
pub fn vegeta(paths: &Paths) -> anyhow::Result<PathBuf> {
    install(paths, "github.com/tsenart/vegeta/v12", VEGETA)
}

/// The provisioner of local volumes, for the node image.
///
/// # Errors
/// When it cannot be built.
pub fn local_path_provisioner(paths: &Paths) -> anyhow::Result<PathBuf> {
    install(paths, "github.com/rancher/local-path-provisioner", LOCAL_PATH)
}

fn install(paths: &Paths, module: &str, version: &str) -> anyhow::Result<PathBuf> {
    let stem = module.trim_end_matches("/v12");
    let name = stem.rsplit('/').next().unwrap_or(stem);
    let target = paths.cache.join("programs").join(format!("{name}-{version}"));
    once(&target, |part| {
        step(&format!("building {name} {version}"), || {
            let folder = paths.cache.join("programs").join(format!("{name}.gobin"));
            remove(&folder)?;
            fs::create_dir_all(&folder)?;
            let mut install = go(paths, &["install", &format!("{module}@{version}")])?;
            install.env("GOBIN", &folder);
            process::run(install, &paths.logs().join("go.log"))?;
            fs::rename(folder.join(name), part)?;
            remove(&folder)
        })
    })?;
    Ok(target)
}

/// Every Kubernetes program in one binary, chosen by its name: cached by the hash of its sources.
///
/// # Errors
/// When it cannot be built.
pub fn node(paths: &Paths) -> anyhow::Result<PathBuf> {
    let sources = recipe().join("node");
    let files: Vec<PathBuf> = ["main.go", "go.mod", "go.sum"]
        .iter()
        .map(|name| sources.join(name))
        .collect();
    let print = fingerprint(&[KUBERNETES], &files)?;
    let target = paths.cache.join("programs").join(format!("node-{print}"));
    once(&target, |part| {
        step(
            "building Kubernetes, etcd, CoreDNS and helm (about 10 minutes the first time)",
            || {
                let mut build = go(paths, &["build", "-trimpath", "-ldflags", &linker_flags(), "-o"])?;
                build.arg(part).arg(".").current_dir(&sources);
                process::run(build, &paths.logs().join("go.log"))
            },
        )
    })?;
    Ok(target)
}

fn linker_flags() -> String {
    let version = "k8s.io/component-base/version";
    let (major, minor) = KUBERNETES.trim_start_matches('v').split_once('.').unwrap_or_default();
    let minor = minor.split('.').next().unwrap_or_default();
    let set = [
        ("gitVersion", KUBERNETES),
        ("gitMajor", major),
        ("gitMinor", minor),
        ("gitTreeState", "clean"),
        ("gitCommit", "local"),
        ("buildDate", "2026-01-01T00:00:00Z"),
    ];
    let flags: Vec<String> = set
        .iter()
        .map(|(name, value)| format!("-X {version}.{name}={value}"))
        .collect();
    format!("-s -w {}", flags.join(" "))
}

// Everything that Go keeps stays in our cache, and can be deleted with it.
fn go(paths: &Paths, words: &[&str]) -> anyhow::Result<Command> {
    anyhow::ensure!(
        works(command(&["go", "version"])),
        "Go is not on PATH: install Go 1.26 or newer (https://go.dev/dl)"
    );
    let mut command = command(&["go"]);
    let root = paths.cache.join("go");
    let flags = env::var("GOFLAGS").unwrap_or_default();
    command
        .args(words)
        .env("CGO_ENABLED", "0")
        .env("GOPATH", &root)
        .env("GOMODCACHE", root.join("mod"))
        .env("GOCACHE", root.join("build"))
        .env("GOFLAGS", format!("{flags} -modcacherw").trim());
    Ok(command)
}

/// The folder of a module in Go's cache.
///
/// # Errors
/// When the module is not there.
pub fn module_folder(paths: &Paths, module: &str, version: &str) -> anyhow::Result<PathBuf> {
    let module_version = format!("{module}@{version}");
    let text = process::read(go(paths, &["mod", "download", "-json", &module_version])?)?;
    let value: serde_json::Value = serde_json::from_str(&text)?;
    let folder = value["Dir"]
        .as_str()
        .with_context(|| format!("{module} has no folder"))?;
    Ok(PathBuf::from(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_kubernetes_is_linked_in_as_its_parts() {
        let flags = linker_flags();
        for expected in [
            format!("gitVersion={KUBERNETES} "),
            "gitMajor=1 ".to_owned(),
            "gitMinor=37 ".to_owned(),
        ] {
            assert!(flags.contains(&expected), "{flags}");
        }
    }
}
