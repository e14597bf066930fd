//! The test cluster's Prometheus: asked through the API server's proxy, so that it works from anywhere; stopped and started.

use std::time::Duration;

use anyhow::Context;
use k8s_openapi::api::apps::v1::Deployment;
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};

use crate::suite::until;

// The client tries again and again where a Service has no endpoints, for minutes.
const ANSWER: Duration = Duration::from_secs(3);

/// The value of a query with one result; `None` when there is none.
///
/// # Errors
/// When Prometheus cannot be asked.
pub async fn scalar(client: &Client, query: &str) -> anyhow::Result<Option<f64>> {
    let text: String = query
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect();
    let path = format!("/api/v1/namespaces/monitoring/services/prometheus:9090/proxy/api/v1/query?query={text}");
    let request = http::Request::get(path).body(Vec::new())?;
    let answer: Value = tokio::time::timeout(ANSWER, client.request(request))
        .await
        .with_context(|| format!("Prometheus gave no answer in {} s", ANSWER.as_secs()))?
        .context("asking Prometheus")?;
    let value = answer.pointer("/data/result/0/value/1").and_then(Value::as_str);
    Ok(value
        .and_then(|value| value.parse().ok())
        .filter(|value: &f64| value.is_finite()))
}

/// Stops it (0) or starts it (1), and waits until that is so. It keeps nothing: a new one begins without history.
///
/// # Errors
/// When it does not follow in time.
pub async fn scale(client: &Client, replicas: i32) -> anyhow::Result<()> {
    let api: Api<Deployment> = Api::namespaced(client.clone(), "monitoring");
    let patch = json!({"spec": {"replicas": replicas}});
    api.patch_scale("prometheus", &PatchParams::default(), &Patch::Merge(patch))
        .await?;
    until("Prometheus to follow", Duration::from_secs(90), || async {
        let deployment = api.get("prometheus").await.map_err(|error| error.to_string())?;
        let ready = deployment
            .status
            .and_then(|status| status.ready_replicas)
            .unwrap_or_default();
        if ready == replicas {
            Ok(())
        } else {
            Err(format!("{ready} ready"))
        }
    })
    .await
}
