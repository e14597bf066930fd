//! The project's images: built from the Dockerfiles that users build with Docker, and loaded into every node.
//!
//! An image is built and loaded again only when its Dockerfile or the program in it changed.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::{Child, Command},
};

use anyhow::Context;

use crate::cluster::{
    Engine, interrupt, kind, node_image, packages,
    paths::{Paths, fingerprint, remove, workspace},
    process::{self, works},
    programs,
    step::step,
};

const BASE: &str = "docker.io/library/debian:trixie-slim";

/// One image: its tag, its Dockerfile, and the program that is copied into it.
#[derive(Clone, Debug)]
pub struct Image {
    /// The tag that pods use.
    pub tag: &'static str,
    /// Folder of the Dockerfile, in the workspace.
    pub folder: &'static str,
    /// What goes to `dist/` of the build context.
    pub program: Option<PathBuf>,
}

/// The test cluster's Prometheus.
pub fn prometheus() -> Image {
    Image {
        tag: "localhost/pathfinder/prometheus:2.53",
        folder: "tests/cluster/images/prometheus",
        program: None,
    }
}

fn ours(paths: &Paths) -> anyhow::Result<Vec<Image>> {
    let release = |name: &str| Some(target_folder().join("release").join(name));
    let image = |tag, folder, program| Image { tag, folder, program };
    Ok(vec![
        image("ghcr.io/pathfinder/postgres:17", "operator/images/postgres", None),
        image("ghcr.io/pathfinder/redis:8", "operator/images/redis", None),
        image(
            "ghcr.io/pathfinder/operator:0.1.0",
            "operator",
            release("pathfinder-operator"),
        ),
        image(
            "ghcr.io/pathfinder/api-server:0.1.0",
            "api-server",
            release("pathfinder-api"),
        ),
        image(
            "localhost/pathfinder/load:dev",
            "tests/cluster/images/load",
            Some(programs::vegeta(paths)?),
        ),
    ])
}

/// A build of our programs that runs beside something else; it ends with this value, done or not.
#[derive(Debug)]
pub struct Ahead(Child);

impl Drop for Ahead {
    fn drop(&mut self) {
        // It is gone, or cannot be ended: nothing depends on it.
        let _ = interrupt::end(&mut self.0);
    }
}

/// Begins to build our programs where the machine has nothing better to do, such as while nodes start: [`all`] goes on
/// from there, and says what is wrong with it.
///
/// # Errors
/// When it cannot be started.
pub fn begin(paths: &Paths) -> anyhow::Result<Ahead> {
    paths.create()?;
    let build = release();
    let mut nice = Command::new("nice");
    nice.args(["-n", "10"])
        .arg(build.get_program())
        .args(build.get_args())
        .current_dir(workspace());
    process::say_into(&mut nice, &paths.logs().join("cargo.log"))?;
    process::start(nice).map(Ahead)
}

fn release() -> Command {
    let mut build = cargo();
    build.args(["build", "--release", "--bins"]);
    for package in ["pathfinder-operator", "pathfinder-api", "kubectl-pathfinder"] {
        build.args(["-p", package]);
    }
    build.current_dir(workspace());
    build
}

/// Builds our programs, their images, and loads what changed.
///
/// # Errors
/// The step that failed.
pub fn all(paths: &Paths, engine: Engine) -> anyhow::Result<()> {
    let _lock = kind::lock(paths)?;
    if engine == Engine::Podman {
        packages::ensure(paths, packages::CLUSTER)?;
    }
    step("building the operator, the API server and the plugin (release)", || {
        process::run(release(), &paths.logs().join("cargo.log"))
    })?;
    let plugin = target_folder().join("release/kubectl-pathfinder");
    let place = paths.bin().join("kubectl-pathfinder");
    // A running plugin's file cannot be written, but it can be replaced.
    let part = place.with_extension("part");
    fs::copy(&plugin, &part).with_context(|| format!("copying {}", plugin.display()))?;
    fs::rename(&part, &place)?;
    ensure(paths, engine, &ours(paths)?)
}

/// The hash of what is in the operator's image: a changed image restarts the operator.
///
/// # Errors
/// When the program was not built.
pub fn operator_fingerprint() -> anyhow::Result<String> {
    print(&Image {
        tag: "",
        folder: "operator",
        program: Some(target_folder().join("release/pathfinder-operator")),
    })
}

/// cargo, of the toolchain that runs us.
pub fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Where cargo builds.
pub fn target_folder() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from)
}

/// Builds these images and loads those that the nodes do not have yet.
///
/// # Errors
/// The step that failed.
pub fn ensure(paths: &Paths, engine: Engine, images: &[Image]) -> anyhow::Result<()> {
    let file = paths.state.join("loaded.json");
    let mut loaded: BTreeMap<String, String> = fs::read_to_string(&file)
        .ok()
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default();
    let mut changed = Vec::new();
    for image in images {
        let print = print(image)?;
        if loaded.get(image.tag) != Some(&print) {
            changed.push((image, print));
        }
    }
    if changed.is_empty() {
        return Ok(());
    }
    if engine == Engine::Podman {
        base(paths, engine)?;
    }
    for (image, print) in &changed {
        build(paths, engine, (image, print))?;
    }
    step(&format!("loading {} image(s) into every node", changed.len()), || {
        let archive = paths.cache.join("images.tar");
        remove(&archive)?;
        let text = archive.to_string_lossy();
        let mut words = match engine {
            Engine::Docker => vec!["save", "-o", &text],
            Engine::Podman => vec!["save", "-m", "-o", &text],
        };
        words.extend(changed.iter().map(|(image, _)| image.tag));
        process::run(engine.build(paths, &words), &paths.logs().join("load.log"))?;
        kind::load(paths, engine, &archive)?;
        remove(&archive)
    })?;
    loaded.extend(changed.into_iter().map(|(image, print)| (image.tag.to_owned(), print)));
    fs::write(&file, serde_json::to_string_pretty(&loaded)?)?;
    Ok(())
}

fn print(image: &Image) -> anyhow::Result<String> {
    let mut files = vec![workspace().join(image.folder).join("Dockerfile")];
    files.extend(image.program.clone());
    fingerprint(&[], &files)
}

fn build(paths: &Paths, engine: Engine, (image, print): (&Image, &str)) -> anyhow::Result<()> {
    let context = paths.cache.join("contexts").join(print);
    remove(&context)?;
    fs::create_dir_all(context.join("dist"))?;
    fs::copy(
        workspace().join(image.folder).join("Dockerfile"),
        context.join("Dockerfile"),
    )?;
    if let Some(program) = &image.program {
        fs::copy(program, context.join("dist").join(stem(program)))?;
    }
    step(&format!("building {}", image.tag), || {
        let folder = context.to_string_lossy();
        let words = match engine {
            Engine::Docker => vec!["build", "-t", image.tag, &folder],
            Engine::Podman => {
                vec![
                    "build",
                    "--isolation",
                    "chroot",
                    "--network",
                    "host",
                    "--layers",
                    "-t",
                    image.tag,
                    &folder,
                ]
            }
        };
        process::run(engine.build(paths, &words), &paths.logs().join("images.log"))
    })?;
    remove(&context)
}

// Programs of the cache carry their version: `vegeta-v12.13.0` is `vegeta` in its image.
fn stem(program: &Path) -> String {
    let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
    name.split("-v").next().unwrap_or(&name).to_owned()
}

// Where no registry answers, `debian:trixie-slim` is made of Debian's packages: every Dockerfile builds as it is.
fn base(paths: &Paths, engine: Engine) -> anyhow::Result<()> {
    if works(engine.build(paths, &["image", "exists", BASE])) {
        return Ok(());
    }
    let archive = node_image::base(paths, "trixie", "")?;
    let words = ["import", &archive.to_string_lossy(), BASE];
    process::run(engine.build(paths, &words), &paths.logs().join("images.log"))
}
