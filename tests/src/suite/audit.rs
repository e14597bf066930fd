//! The API server's audit log: who wrote what, the only witness that cannot be talked out of it.

use std::{fs, path::PathBuf};

use anyhow::Context;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

/// One finished request that could change something.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Write {
    /// `create`, `update`, `patch`, `delete`.
    pub verb: String,
    /// Who asked.
    pub user: User,
    /// What it was about.
    pub object_ref: Option<ObjectRef>,
    /// How it ended.
    pub response_status: Option<ResponseStatus>,
    /// What was sent, for the kinds whose bodies are logged.
    pub request_object: Option<Value>,
    /// When it came in.
    pub request_received_timestamp: Timestamp,
}

/// Who asked.
#[derive(Clone, Debug, Deserialize)]
pub struct User {
    /// For example `system:serviceaccount:pathfinder-system:pathfinder-operator`.
    pub username: String,
}

/// What a request was about.
#[derive(Clone, Debug, Deserialize)]
pub struct ObjectRef {
    /// Plural of the kind.
    #[serde(default)]
    pub resource: String,
    /// Namespace, where it has one.
    #[serde(default)]
    pub namespace: String,
    /// Name of the object.
    #[serde(default)]
    pub name: String,
    /// `scale`, `status`, or empty.
    #[serde(default)]
    pub subresource: String,
}

/// How a request ended.
#[derive(Clone, Debug, Deserialize)]
pub struct ResponseStatus {
    /// HTTP status.
    pub code: u16,
}

/// The operator's user.
pub const OPERATOR: &str = "system:serviceaccount:pathfinder-system:pathfinder-operator";
/// The HPA controller's user.
pub const AUTOSCALER: &str = "system:serviceaccount:kube-system:horizontal-pod-autoscaler";

/// Every logged write in `namespace` from `since` on.
///
/// # Errors
/// When the log cannot be read.
pub fn writes(namespace: &str, since: Timestamp) -> anyhow::Result<Vec<Write>> {
    let path = log();
    let text = fs::read_to_string(&path).with_context(|| format!("reading the audit log {}", path.display()))?;
    Ok(text
        .lines()
        // The last line may be half written.
        .filter_map(|line| serde_json::from_str::<Write>(line).ok())
        .filter(|write| write.request_received_timestamp >= since)
        .filter(|write| {
            write
                .object_ref
                .as_ref()
                .is_some_and(|object| object.namespace == namespace)
        })
        .collect())
}

fn log() -> PathBuf {
    crate::cluster::paths::Paths::from_env().audit_log()
}

impl Write {
    /// Resource and subresource, for example `deployments/scale`.
    pub fn what(&self) -> String {
        let Some(object) = &self.object_ref else {
            return String::new();
        };
        match object.subresource.as_str() {
            "" => object.resource.clone(),
            subresource => format!("{}/{subresource}", object.resource),
        }
    }

    /// Whether the API server took it.
    pub fn taken(&self) -> bool {
        self.response_status.as_ref().is_some_and(|status| status.code < 300)
    }
}
