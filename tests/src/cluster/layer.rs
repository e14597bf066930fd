//! The images inside a node: one layer with every program, under all the tags that kubeadm and kind ask for.
//!
//! A small writer of image archives: no container engine is needed to pack files that we have.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

use anyhow::Context;
use serde_json::json;
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};

use crate::cluster::{
    process::{command, read},
    programs::KUBERNETES,
};

/// The tag of the image that runs metrics-server.
pub const NODE_PROGRAMS: &str = "registry.k8s.io/kube-proxy";

struct Tagged {
    tags: Vec<String>,
    entrypoint: &'static [&'static str],
}

// What `kubeadm config images list` and kind's pkg/build/nodeimage name.
fn tagged() -> Vec<Tagged> {
    let kubernetes = |name: &str| format!("registry.k8s.io/{name}:{KUBERNETES}");
    let mut programs: Vec<String> = [
        "kube-apiserver",
        "kube-controller-manager",
        "kube-scheduler",
        "kube-proxy",
    ]
    .map(kubernetes)
    .to_vec();
    programs.push("registry.k8s.io/etcd:3.7.0-0".to_owned());
    let owned = |tags: &[&str]| tags.iter().map(|&tag| tag.to_owned()).collect();
    vec![
        Tagged {
            tags: programs,
            entrypoint: &[],
        },
        Tagged {
            tags: owned(&["registry.k8s.io/coredns/coredns:v1.14.6"]),
            entrypoint: &["/usr/local/bin/coredns"],
        },
        Tagged {
            tags: owned(&["registry.k8s.io/pause:3.10", "registry.k8s.io/pause:3.10.2"]),
            entrypoint: &["/bin/catatonit", "-P"],
        },
        Tagged {
            tags: owned(&["docker.io/kindest/local-path-provisioner:v20260820-69b56db7"]),
            entrypoint: &["/usr/local/bin/local-path-provisioner"],
        },
        Tagged {
            tags: owned(&["docker.io/kindest/local-path-helper:v20260131-7181c60a"]),
            entrypoint: &[],
        },
    ]
}

const FOLDERS: &str = "bin tmp etc proc sys dev run usr usr/bin usr/local usr/local/bin usr/sbin usr/lib \
                       usr/lib/x86_64-linux-gnu usr/lib/x86_64-linux-gnu/xtables lib lib64 lib/x86_64-linux-gnu var root";
const BUSYBOX: &str = "sh ls cat sleep echo ps env mkdir rm cp mv ip grep sed awk hostname id";
const IPTABLES: &str = "iptables iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore";
const KUBERNETES_PROGRAMS: &str =
    "kube-apiserver kube-controller-manager kube-scheduler kube-proxy etcd coredns kubectl metrics-server";

// nft writes a protocol by its name only where it finds it here. kube-proxy compares what nft lists with what it wrote: with
// numbers it took every Service's rule for a stranger's, and an hour after its start, when it compares, none answered any more.
const PROTOCOLS: &str = "icmp 1 ICMP\ntcp 6 TCP\nudp 17 UDP\nipv6-icmp 58 IPv6-ICMP\nsctp 132 SCTP\n";

/// Writes an archive that `ctr images import` takes.
///
/// # Errors
/// When a program is missing or a file cannot be written.
pub fn write(archive: &Path, (node, provisioner): (&Path, &Path)) -> anyhow::Result<()> {
    let layer = archive.with_extension("layer");
    write_layer(&layer, node, provisioner)?;
    let digest = digest(&layer)?;
    let mut out = Builder::new(File::create(archive)?);
    let mut manifest = Vec::new();
    for image in tagged() {
        let config = json!({
            "architecture": "amd64",
            "os": "linux",
            "config": {
                "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
                "Entrypoint": if image.entrypoint.is_empty() { json!(null) } else { json!(image.entrypoint) },
            },
            "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{digest}")]},
            "history": [{"created_by": image.tags[0]}],
        })
        .to_string();
        let name = format!("{}.json", hex(&Sha256::digest(config.as_bytes())));
        add_text(&mut out, &name, &config)?;
        manifest.push(json!({"Config": name, "RepoTags": image.tags, "Layers": [format!("{digest}/layer.tar")]}));
    }
    out.append_path_with_name(&layer, format!("{digest}/layer.tar"))?;
    add_text(&mut out, "manifest.json", &json!(manifest).to_string())?;
    out.finish()?;
    fs::remove_file(&layer)?;
    Ok(())
}

fn write_layer(layer: &Path, node: &Path, provisioner: &Path) -> anyhow::Result<()> {
    let mut out = Builder::new(File::create(layer)?);
    for folder in FOLDERS.split_whitespace() {
        let mode = if folder == "tmp" { 0o1777 } else { 0o755 };
        add(&mut out, (folder, EntryType::Directory, mode), &[][..], 0)?;
    }
    add_file(&mut out, Path::new("/bin/busybox"), "bin/busybox")?;
    add_file(&mut out, Path::new("/usr/bin/catatonit"), "bin/catatonit")?;
    add_file(&mut out, node, "usr/bin/node")?;
    add_file(&mut out, provisioner, "usr/local/bin/local-path-provisioner")?;
    for file in dynamic_programs()? {
        add_file(&mut out, &file, &file.to_string_lossy()[1..])?;
    }
    for (names, folder, target) in [
        (BUSYBOX, "bin", "busybox"),
        (IPTABLES, "usr/sbin", "xtables-nft-multi"),
        (KUBERNETES_PROGRAMS, "usr/local/bin", "/usr/bin/node"),
    ] {
        for name in names.split_whitespace() {
            let mut header = header(EntryType::Symlink, 0o777, 0);
            out.append_link(&mut header, format!("{folder}/{name}"), target)?;
        }
    }
    add_text(
        &mut out,
        "etc/passwd",
        "root:x:0:0:root:/root:/bin/sh\nnonroot:x:65532:65532::/:/bin/sh\n",
    )?;
    add_text(&mut out, "etc/group", "root:x:0:\nnonroot:x:65532:\n")?;
    add_text(&mut out, "etc/protocols", PROTOCOLS)?;
    out.finish()?;
    Ok(())
}

// nft, iptables and conntrack with every library that they load.
fn dynamic_programs() -> anyhow::Result<BTreeSet<PathBuf>> {
    let programs = ["/usr/sbin/nft", "/usr/sbin/xtables-nft-multi", "/usr/sbin/conntrack"];
    let mut files: BTreeSet<PathBuf> = programs.iter().map(PathBuf::from).collect();
    for entry in fs::read_dir("/usr/lib/x86_64-linux-gnu/xtables").context("reading the iptables extensions")? {
        files.insert(entry?.path());
    }
    let mut libraries = BTreeSet::new();
    for file in &files {
        let text = read(command(&["ldd", &file.to_string_lossy()])).unwrap_or_default();
        libraries.extend(
            text.split_whitespace()
                .filter(|word| word.starts_with('/'))
                .map(PathBuf::from),
        );
    }
    files.extend(libraries);
    Ok(files)
}

fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_mtime(0);
    header
}

fn add(
    out: &mut Builder<File>,
    (name, kind, mode): (&str, EntryType, u32),
    data: impl Read,
    size: u64,
) -> anyhow::Result<()> {
    out.append_data(&mut header(kind, mode, size), name, data)
        .with_context(|| format!("packing {name}"))
}

fn add_file(out: &mut Builder<File>, from: &Path, to: &str) -> anyhow::Result<()> {
    let real = fs::canonicalize(from).with_context(|| format!("{} is missing", from.display()))?;
    let file = File::open(&real)?;
    let size = file.metadata()?.len();
    add(out, (to, EntryType::Regular, 0o755), file, size)
}

fn add_text(out: &mut Builder<File>, name: &str, text: &str) -> anyhow::Result<()> {
    add(
        out,
        (name, EntryType::Regular, 0o644),
        text.as_bytes(),
        u64::try_from(text.len())?,
    )
}

fn digest(path: &Path) -> anyhow::Result<String> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(hex(&hasher.finalize()));
        }
        hasher.update(&buffer[..read]);
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
