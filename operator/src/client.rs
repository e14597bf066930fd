//! Calls to the API server, each with a deadline, and every write counted and logged once.
//!
//! IO. It knows nothing of what is written or why. kube's client retries for minutes by default and has no read
//! timeout; here it does neither, so that a reconcile ends when it should.

use std::{fmt::Debug, future::Future, time::Duration};

use kube::{
    Api, Client, Resource,
    api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams, Preconditions},
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::metrics::{Metrics, WriteLabels};

/// The longest that one call may take.
pub const CALL_DEADLINE: Duration = Duration::from_secs(10);

/// A call that failed: what was being done to which object, and why it failed.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The API server said no, or could not be reached.
    #[error("{doing}: {source}")]
    Kube {
        /// For example `applying Deployment shop/shop-api`.
        doing: String,
        /// The client's error.
        #[source]
        source: Box<kube::Error>,
    },
    /// No answer in time.
    #[error("{doing}: no answer within {} s", CALL_DEADLINE.as_secs())]
    Deadline {
        /// What was being done.
        doing: String,
    },
}

impl CallError {
    /// The HTTP status of the answer, if there was one.
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Kube { source, .. } => match source.as_ref() {
                kube::Error::Api(status) => Some(status.code),
                _ => None,
            },
            Self::Deadline { .. } => None,
        }
    }
}

/// Runs one call with a deadline.
///
/// # Errors
/// [`CallError`], saying what was being done.
pub async fn call<T>(
    doing: impl FnOnce() -> String,
    future: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, CallError> {
    match tokio::time::timeout(CALL_DEADLINE, future).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(source)) => Err(CallError::Kube {
            doing: doing(),
            source: Box::new(source),
        }),
        Err(_) => Err(CallError::Deadline { doing: doing() }),
    }
}

/// The one place that writes.
#[derive(Clone)]
pub struct Writer {
    client: Client,
    metrics: Metrics,
}

impl Writer {
    /// A writer over `client`.
    pub fn new(client: Client, metrics: Metrics) -> Self {
        Self { client, metrics }
    }

    /// The client, for reading.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Applies an object by server-side apply with force: our fields are ours.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn apply(&self, to: &Target<'_>, manager: &str, body: &Value) -> Result<DynamicObject, CallError> {
        let params = PatchParams::apply(manager).force();
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), to.namespace, to.resource);
        let doing = || format!("applying {to}");
        let applied = call(doing, api.patch(to.name, &params, &Patch::Apply(body))).await?;
        self.wrote(to, "apply");
        Ok(applied)
    }

    /// Creates an object; an object of that name that is already there is an error (409), never overwritten.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn create(&self, to: &Target<'_>, manager: &str, body: &Value) -> Result<DynamicObject, CallError> {
        let params = PostParams {
            field_manager: Some(manager.to_owned()),
            ..PostParams::default()
        };
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), to.namespace, to.resource);
        let doing = || format!("creating {to}");
        let object: DynamicObject = serde_json::from_value(body.clone()).map_err(|source| CallError::Kube {
            doing: doing(),
            source: Box::new(kube::Error::SerdeError(source)),
        })?;
        let created = call(doing, api.create(&params, &object)).await?;
        self.wrote(to, "create");
        Ok(created)
    }

    /// Changes the named fields only (JSON merge patch).
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn merge(&self, to: &Target<'_>, manager: &str, body: &Value) -> Result<DynamicObject, CallError> {
        let params = PatchParams {
            field_manager: Some(manager.to_owned()),
            ..PatchParams::default()
        };
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), to.namespace, to.resource);
        let patched = call(
            || format!("patching {to}"),
            api.patch(to.name, &params, &Patch::Merge(body)),
        )
        .await?;
        self.wrote(to, "patch");
        Ok(patched)
    }

    /// Deletes exactly the object that was seen: same uid, same resourceVersion.
    ///
    /// # Errors
    /// [`CallError`]; 409 when it changed since.
    pub async fn delete(&self, to: &Target<'_>, seen: &DynamicObject) -> Result<(), CallError> {
        let preconditions = Preconditions {
            uid: seen.metadata.uid.clone(),
            resource_version: seen.metadata.resource_version.clone(),
        };
        let params = DeleteParams {
            preconditions: Some(preconditions),
            ..DeleteParams::background()
        };
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), to.namespace, to.resource);
        call(|| format!("deleting {to}"), api.delete(to.name, &params)).await?;
        self.wrote(to, "delete");
        Ok(())
    }

    /// Applies fields of a status.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn apply_status<K>(&self, to: &Target<'_>, manager: &str, body: &Value) -> Result<K, CallError>
    where
        K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
        K: Resource<Scope = k8s_openapi::NamespaceResourceScope>,
    {
        let api: Api<K> = Api::namespaced(self.client.clone(), to.namespace);
        let params = PatchParams::apply(manager).force();
        let doing = || format!("writing the status of {to}");
        let object = call(doing, api.patch_status(to.name, &params, &Patch::Apply(body))).await?;
        self.metrics.writes.get_or_create(&labels(to, "status")).inc();
        Ok(object)
    }

    /// Counts and logs a write that was made with the client itself.
    pub fn wrote(&self, to: &Target<'_>, verb: &'static str) {
        self.metrics.writes.get_or_create(&labels(to, verb)).inc();
        tracing::info!(
            kind = to.resource.kind,
            namespace = to.namespace,
            name = to.name,
            verb,
            "wrote"
        );
    }
}

fn labels(to: &Target<'_>, verb: &'static str) -> WriteLabels {
    WriteLabels {
        kind: to.resource.kind.clone(),
        verb,
    }
}

/// The object that a call is about.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// Its kind.
    pub resource: &'a ApiResource,
    /// Its namespace.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
}

impl std::fmt::Display for Target<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}/{}", self.resource.kind, self.namespace, self.name)
    }
}
