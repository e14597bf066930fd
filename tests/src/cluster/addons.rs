//! What the cluster needs beside itself: metrics-server for the HPA, Prometheus for the operator.

use std::{fs, time::Duration};

use anyhow::Context;

use crate::cluster::{
    Engine, images,
    paths::{Paths, recipe},
    process::{self, read},
    step::{step, until},
};

/// The program of our own node image, and what Kubernetes publishes of it: kind's node image has none.
const METRICS_SERVER: [(&str, &str); 2] = [
    (
        "image: registry.k8s.io/kube-proxy:v1.37.2",
        "image: registry.k8s.io/metrics-server/metrics-server:v0.9.0",
    ),
    ("command: [/usr/local/bin/metrics-server]", "command: [/metrics-server]"),
];

const DEPLOYMENTS: [(&str, &str); 2] = [("kube-system", "metrics-server"), ("monitoring", "prometheus")];

/// Installs the add-ons and waits until they are available.
///
/// # Errors
/// What could not be installed, or did not become available.
pub fn ensure(paths: &Paths, engine: Engine) -> anyhow::Result<()> {
    images::ensure(paths, engine, &[images::prometheus()])?;
    step("installing metrics-server and Prometheus", || {
        let manifests = paths.state.join("addons.yaml");
        fs::write(&manifests, text(engine)?).with_context(|| format!("writing {}", manifests.display()))?;
        let mut apply = engine.inside("kubectl");
        apply
            .args(["apply", "--server-side", "--force-conflicts", "-f"])
            .arg(manifests);
        process::run(apply, &paths.logs().join("addons.log"))?;
        until("the add-ons to be available", Duration::from_secs(180), || {
            if ready(engine) {
                Ok(())
            } else {
                Err("see kubectl get pods -A".to_owned())
            }
        })
    })
}

// All manifests of the recipe, for the engine's node image.
fn text(engine: Engine) -> anyhow::Result<String> {
    let folder = recipe().join("manifests");
    let mut files: Vec<_> = fs::read_dir(&folder)
        .with_context(|| format!("reading {}", folder.display()))?
        .map(|entry| Ok(entry?.path()))
        .collect::<anyhow::Result<_>>()?;
    files.sort();
    let texts: Vec<String> = files
        .iter()
        .map(|file| fs::read_to_string(file).with_context(|| format!("reading {}", file.display())))
        .collect::<anyhow::Result<_>>()?;
    let text = texts.join("\n---\n");
    Ok(match engine {
        Engine::Podman => text,
        Engine::Docker => METRICS_SERVER
            .iter()
            .fold(text, |text, (ours, theirs)| text.replace(ours, theirs)),
    })
}

/// Whether every add-on is available.
pub fn ready(engine: Engine) -> bool {
    DEPLOYMENTS.iter().all(|(namespace, name)| {
        let mut get = engine.inside("kubectl");
        let columns = "jsonpath={.status.availableReplicas}";
        get.args([
            "get",
            "deployment",
            name,
            "-n",
            namespace,
            "-o",
            columns,
            "--request-timeout=2s",
        ]);
        read(get).is_ok_and(|count| count == "1")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_docker_metrics_server_is_the_published_image_and_with_podman_the_program_of_the_node_image() {
        let (docker, podman) = (text(Engine::Docker).unwrap(), text(Engine::Podman).unwrap());
        for (ours, theirs) in METRICS_SERVER {
            assert!(podman.contains(ours) && !podman.contains(theirs), "{ours}");
            assert!(docker.contains(theirs) && !docker.contains(ours), "{theirs}");
        }
        assert_eq!(docker.matches("\nkind: ").count(), podman.matches("\nkind: ").count());
    }

    #[test]
    fn the_published_metrics_server_is_of_the_version_that_is_built_into_the_node_image() {
        let modules = fs::read_to_string(recipe().join("node/go.mod")).unwrap();
        let (_, version) = METRICS_SERVER[0].1.rsplit_once(':').unwrap();
        assert!(
            modules.contains(&format!("sigs.k8s.io/metrics-server {version}\n")),
            "{version}"
        );
    }
}
