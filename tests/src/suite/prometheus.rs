//! The test cluster's Prometheus, asked through the API server's proxy, so that it works from anywhere.

use anyhow::Context;
use kube::Client;
use serde_json::Value;

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
    let answer: Value = client.request(request).await.context("asking Prometheus")?;
    let value = answer.pointer("/data/result/0/value/1").and_then(Value::as_str);
    Ok(value
        .and_then(|value| value.parse().ok())
        .filter(|value: &f64| value.is_finite()))
}
