//! The node image where none can be pulled: Debian's packages, our one Kubernetes binary, and kind's own node files.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;

use crate::cluster::{
    Engine, layer,
    paths::{Paths, fingerprint, once, recipe, remove},
    process::{self, command, read, works},
    programs::{self, KIND, KUBERNETES},
    step::step,
};

const REPOSITORY: &str = "localhost/pathfinder/node";
const PACKAGES: &str = "systemd,dbus,conntrack,iptables,nftables,iproute2,ethtool,util-linux,mount,kmod,libseccomp2,pigz,\
                        e2fsprogs,bash,ca-certificates,curl,jq,procps,runc,containerd,containernetworking-plugins,hostname";

/// Builds the image unless one of the same sources is there; gives its tag.
///
/// # Errors
/// When a step of the build fails.
pub fn ensure(paths: &Paths, engine: Engine) -> anyhow::Result<String> {
    let node = programs::node(paths)?;
    let provisioner = programs::local_path_provisioner(paths)?;
    let files = [recipe().join("node"), recipe().join("cni.yaml")];
    let print = fingerprint(&[KIND, KUBERNETES, PACKAGES, include_str!("layer.rs")], &files)?;
    let tag = format!("{REPOSITORY}:{print}");
    if works(engine.build(paths, &["image", "exists", &tag])) {
        return Ok(tag);
    }
    let base = base(paths, "bookworm", PACKAGES)?;
    step("building the node image", || {
        let context = paths.cache.join("node-image");
        remove(&context)?;
        prepare(paths, &context, (&node, &provisioner))?;
        let log = paths.logs().join("node-image.log");
        process::run(
            engine.build(
                paths,
                &["import", &base.to_string_lossy(), "localhost/pathfinder/node-base:1"],
            ),
            &log,
        )?;
        let folder = context.to_string_lossy();
        let words = [
            "build",
            "--isolation",
            "chroot",
            "--network",
            "host",
            "-t",
            &tag,
            &folder,
        ];
        process::run(engine.build(paths, &words), &log)?;
        remove(&context)
    })?;
    prune(paths, engine, &tag);
    Ok(tag)
}

// Half a gigabyte each; one that a node still uses is refused and goes the next time.
fn prune(paths: &Paths, engine: Engine, keep: &str) {
    let list = [
        "images",
        "--filter",
        &format!("reference={REPOSITORY}"),
        "--format",
        "{{.Repository}}:{{.Tag}}",
    ];
    for tag in stale(&read(engine.build(paths, &list)).unwrap_or_default(), keep) {
        let _ = works(engine.build(paths, &["rmi", tag]));
    }
}

fn stale<'a>(list: &'a str, keep: &str) -> Vec<&'a str> {
    let ours = format!("{REPOSITORY}:");
    list.lines()
        .map(str::trim)
        .filter(|tag| tag.starts_with(&ours) && *tag != keep)
        .collect()
}

/// A root file system of a Debian release, as an archive.
///
/// # Errors
/// When it cannot be made.
pub fn base(paths: &Paths, release: &str, packages: &str) -> anyhow::Result<PathBuf> {
    let print = fingerprint(&[release, packages], &[])?;
    let target = paths.cache.join("bases").join(format!("{release}-{print}.tar"));
    once(&target, |part| {
        step(&format!("making a Debian {release} root file system"), || {
            let mut make = command(&["mmdebstrap", "--variant=minbase", "--format=tar"]);
            if !packages.is_empty() {
                make.arg(format!("--include={packages}"));
            }
            make.arg(release).arg(part);
            process::run(make, &paths.logs().join("mmdebstrap.log"))
        })
    })?;
    Ok(target)
}

fn prepare(paths: &Paths, context: &Path, (node, provisioner): (&Path, &Path)) -> anyhow::Result<()> {
    for folder in ["bin", "manifests"] {
        fs::create_dir_all(context.join(folder))?;
    }
    let kind = programs::module_folder(paths, "sigs.k8s.io/kind", KIND)?;
    let files = kind.join("images/base/files");
    process::read(command(&[
        "cp",
        "-r",
        &files.to_string_lossy(),
        &context.join("files").to_string_lossy(),
    ]))?;
    process::read(command(&[
        "chmod",
        "-R",
        "u+w",
        &context.join("files").to_string_lossy(),
    ]))?;
    fs::copy(node, context.join("bin/node"))?;
    fs::copy(recipe().join("node/Dockerfile"), context.join("Dockerfile"))?;
    fs::copy(recipe().join("cni.yaml"), context.join("manifests/default-cni.yaml"))?;
    fs::write(context.join("manifests/default-storage.yaml"), storage_manifest(&kind)?)?;
    layer::write(&context.join("images.tar"), (node, provisioner))
}

// kind keeps its storage manifest in a Go constant with two image names joined in.
fn storage_manifest(kind: &Path) -> anyhow::Result<String> {
    let file = kind.join("pkg/build/nodeimage/const_storage.go");
    let text = fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
    let from = text
        .find("defaultStorageManifest")
        .context("kind's storage manifest has moved")?;
    let body = text[from..]
        .split_once('`')
        .context("kind's storage manifest has moved")?
        .1;
    let body = body.rsplit_once('`').context("kind's storage manifest has moved")?.0;
    let value = |name: &str| {
        let line = text
            .lines()
            .find(|line| line.trim_start().trim_start_matches("const ").starts_with(name))?;
        Some(line.split('"').nth(1)?.to_owned())
    };
    let mut manifest = body.to_owned();
    for name in ["storageProvisionerImage", "storageHelperImage"] {
        let image = value(name).with_context(|| format!("kind's constant {name} has moved"))?;
        for joint in [format!("` + {name} + `"), format!("`+{name}+`")] {
            manifest = manifest.replace(&joint, &image);
        }
    }
    anyhow::ensure!(
        !manifest.contains('`'),
        "kind's storage manifest has a joint that is not known"
    );
    Ok(manifest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_older_node_images_are_stale() {
        let list = "localhost/pathfinder/node:new\nlocalhost/pathfinder/node:old\n\
                    localhost/pathfinder/node-base:1\nlocalhost/pathfinder/prometheus:2.53\n";
        assert_eq!(
            stale(list, "localhost/pathfinder/node:new"),
            ["localhost/pathfinder/node:old"]
        );
    }
}
