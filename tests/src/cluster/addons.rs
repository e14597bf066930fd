//! What the cluster needs beside itself: metrics-server for the HPA, Prometheus for the operator.

use std::time::Duration;

use crate::cluster::{
    Engine, images,
    paths::{Paths, recipe},
    process::{self, read},
    step::{step, until},
};

const DEPLOYMENTS: [(&str, &str); 2] = [("kube-system", "metrics-server"), ("monitoring", "prometheus")];

/// Installs the add-ons and waits until they are available.
///
/// # Errors
/// What could not be installed, or did not become available.
pub fn ensure(paths: &Paths, engine: Engine) -> anyhow::Result<()> {
    images::ensure(paths, engine, &[images::prometheus()])?;
    step("installing metrics-server and Prometheus", || {
        let manifests = recipe().join("manifests");
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
