//! A real load generator (vegeta) as a pod in the test's namespace: a constant rate, whatever the answers are.

use std::time::Duration;

use anyhow::Context;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client,
    api::{DeleteParams, LogParams, PostParams},
};
use serde_json::{Value, json};

use crate::suite::{Stack, until};

/// The image of the load generator.
pub const IMAGE: &str = "localhost/pathfinder/load:dev";

/// A running load.
#[derive(Clone)]
pub struct Load {
    client: Client,
    namespace: String,
    name: String,
}

/// What vegeta reports at the end.
#[derive(Clone, Debug)]
pub struct LoadReport {
    /// Time of the first request.
    pub earliest: jiff::Timestamp,
    /// Requests sent.
    pub requests: u64,
    /// Share of answers that were 2xx, 0 to 1.
    pub success: f64,
    /// 95th percentile of the response time, seconds.
    pub p95_seconds: f64,
    /// How many answers of each status, `"0"` for none, and the errors that there were; as vegeta says it.
    pub answers: String,
}

impl Load {
    /// Starts `rate` requests per second at `url` for `duration`; returns once the pod runs.
    ///
    /// # Errors
    /// When the pod does not start.
    pub async fn start(
        client: &Client,
        place: (&str, &str),
        url: &str,
        (rate, duration): (u32, Duration),
    ) -> anyhow::Result<Self> {
        Self::run(client, place, (&format!("GET {url}"), "http"), (rate, duration)).await
    }

    /// The same, where each request reads the stack's tournaments.
    ///
    /// # Errors
    /// When the pod does not start.
    pub async fn of_reads(stack: &Stack, name: &str, rate: (u32, Duration)) -> anyhow::Result<Self> {
        let url = stack.url("/api/tournaments");
        Self::start(&stack.client, (&stack.namespace, name), &url, rate).await
    }

    /// The same, where each request posts `body`.
    ///
    /// # Errors
    /// When the pod does not start.
    pub async fn start_posts(
        client: &Client,
        place: (&str, &str),
        (url, body): (&str, &Value),
        (rate, duration): (u32, Duration),
    ) -> anyhow::Result<Self> {
        let body = STANDARD.encode(body.to_string());
        let header = json!({"Content-Type": ["application/json"]});
        let target = json!({"method": "POST", "url": url, "body": body, "header": header}).to_string();
        Self::run(client, place, (&target, "json"), (rate, duration)).await
    }

    // A target in one of vegeta's formats.
    async fn run(
        client: &Client,
        (namespace, name): (&str, &str),
        (target, format): (&str, &str),
        (rate, duration): (u32, Duration),
    ) -> anyhow::Result<Self> {
        let seconds = duration.as_secs();
        // Every request on a connection of its own: the Service spreads connections, not requests.
        let script = format!(
            "date +%s.%N; echo '{target}' | vegeta attack -format={format} -rate={rate}/s -duration={seconds}s -keepalive=false -timeout=5s -max-workers=400 | vegeta report -type=json"
        );
        let pod: Pod = serde_json::from_value(json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": namespace, "labels": {"pathfinder-tests/role": "load"}},
            "spec": {
                "restartPolicy": "Never",
                "automountServiceAccountToken": false,
                "terminationGracePeriodSeconds": 1,
                "securityContext": {"runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
                "containers": [{
                    "name": "vegeta",
                    "image": IMAGE,
                    "imagePullPolicy": "IfNotPresent",
                    "command": ["sh", "-c", script],
                    "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
                    "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}},
                }],
            },
        }))?;
        let api: Api<Pod> = Api::namespaced(client.clone(), namespace);
        api.create(&PostParams::default(), &pod)
            .await
            .context("creating the load pod")?;
        let load = Self {
            client: client.clone(),
            namespace: namespace.into(),
            name: name.into(),
        };
        until("the load to run", Duration::from_secs(60), || async {
            match load.phase().await {
                Ok(phase) if phase != "Pending" => Ok(()),
                other => Err(other),
            }
        })
        .await?;
        Ok(load)
    }

    async fn phase(&self) -> Result<String, kube::Error> {
        let pod = self.api().get(&self.name).await?;
        Ok(pod.status.and_then(|status| status.phase).unwrap_or_default())
    }

    fn api(&self) -> Api<Pod> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// When it began, known while it still runs: within milliseconds of the first request.
    ///
    /// # Errors
    /// When it did not say so within seconds.
    pub async fn began(&self) -> anyhow::Result<jiff::Timestamp> {
        until("the load to begin", Duration::from_secs(15), || async {
            let text = self.api().logs(&self.name, &LogParams::default()).await;
            let text = text.map_err(|error| error.to_string())?;
            let line = text.lines().next().unwrap_or_default();
            let seconds: f64 = line.parse().map_err(|_| format!("{line:?}"))?;
            let since = jiff::SignedDuration::try_from_secs_f64(seconds).map_err(|error| error.to_string())?;
            jiff::Timestamp::from_duration(since).map_err(|error| error.to_string())
        })
        .await
    }

    /// Waits for the end and reads the report.
    ///
    /// # Errors
    /// When it does not end within `deadline`, or the report is not one.
    pub async fn report(&self, deadline: Duration) -> anyhow::Result<LoadReport> {
        until("the load to end", deadline, || async {
            match self.phase().await {
                Ok(phase) if phase == "Succeeded" || phase == "Failed" => Ok(()),
                other => Err(other),
            }
        })
        .await?;
        let text = self.api().logs(&self.name, &LogParams::default()).await?;
        let line = text.lines().find(|line| line.starts_with('{')).unwrap_or_default();
        let report: Value = serde_json::from_str(line).with_context(|| format!("not a report: {text}"))?;
        let earliest = report["earliest"].as_str().unwrap_or_default();
        Ok(LoadReport {
            earliest: earliest
                .parse()
                .with_context(|| format!("time of the first request: {earliest:?}"))?,
            requests: report["requests"].as_u64().unwrap_or_default(),
            success: report["success"].as_f64().unwrap_or_default(),
            p95_seconds: report["latencies"]["95th"].as_f64().unwrap_or_default() / 1e9,
            answers: format!("{} {}", report["status_codes"], report["errors"]),
        })
    }

    /// Ends it now.
    ///
    /// # Errors
    /// When the pod cannot be deleted.
    pub async fn stop(&self) -> anyhow::Result<()> {
        self.api()
            .delete(&self.name, &DeleteParams::default().grace_period(0))
            .await?;
        Ok(())
    }
}
