//! One `PathfinderCluster` in a namespace of its own, from apply to gone.

use std::{fmt::Write, time::Duration};

use anyhow::Context;
use k8s_openapi::{
    api::{
        apps::v1::{Deployment, StatefulSet},
        autoscaling::v2::HorizontalPodAutoscaler,
        core::v1::{Event, Namespace, Pod, Secret},
    },
    apimachinery::pkg::apis::meta::v1::Condition,
};
use kube::{
    Api, Client,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use pathfinder_crds::PathfinderCluster;
use serde_json::{Value, json};

use crate::suite::{kubectl, until, wait::always};

/// How long a stack may take until it is Ready on a busy machine.
pub const READY: Duration = Duration::from_secs(240);

/// A client for the cluster of `KUBECONFIG`.
///
/// # Errors
/// When there is none.
pub async fn client() -> anyhow::Result<Client> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    Client::try_default()
        .await
        .context("no cluster: run the suite with `cargo dev test cluster`")
}

/// A test's namespace and the resource in it.
#[derive(Clone)]
pub struct Stack {
    /// Talks to the cluster.
    pub client: Client,
    /// The namespace, fresh for this test.
    pub namespace: String,
    /// Name of the resource.
    pub name: String,
}

impl Stack {
    /// A fresh namespace, Pod Security `restricted` enforced; nothing in it yet.
    ///
    /// # Errors
    /// When a namespace of that name from an earlier run does not go away.
    pub async fn fresh(test: &str) -> anyhow::Result<Self> {
        Self::fresh_named(&format!("t-{test}")).await
    }

    /// As [`Stack::fresh`], in a namespace of exactly this name.
    ///
    /// # Errors
    /// As [`Stack::fresh`].
    pub async fn fresh_named(namespace: &str) -> anyhow::Result<Self> {
        let client = client().await?;
        let stack = Self {
            client,
            namespace: namespace.to_owned(),
            name: "shop".to_owned(),
        };
        stack.remove().await?;
        stack.gone().await?;
        let api: Api<Namespace> = Api::all(stack.client.clone());
        let namespace: Namespace = serde_json::from_value(json!({
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": stack.namespace, "labels": {
                "pod-security.kubernetes.io/enforce": "restricted",
                "pathfinder-tests/owner": "suite",
            }},
        }))?;
        api.create(&PostParams::default(), &namespace).await?;
        Ok(stack)
    }

    /// Asks for the namespace to be deleted; what is in it goes on its own time.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub async fn remove(&self) -> anyhow::Result<()> {
        let api: Api<Namespace> = Api::all(self.client.clone());
        if api
            .get_opt(&self.namespace)
            .await?
            .is_some_and(|it| it.metadata.deletion_timestamp.is_none())
        {
            api.delete(&self.namespace, &DeleteParams::default()).await?;
        }
        Ok(())
    }

    /// Waits until the namespace is gone, with all that was in it.
    ///
    /// # Errors
    /// What was seen last.
    pub async fn gone(&self) -> anyhow::Result<()> {
        let api: Api<Namespace> = Api::all(self.client.clone());
        until(
            &format!("namespace {} to be gone", self.namespace),
            Duration::from_secs(120),
            || async {
                match api.get_opt(&self.namespace).await {
                    Ok(None) => Ok(()),
                    Ok(Some(namespace)) => Err(format!("{:?}", namespace.status)),
                    Err(error) => Err(error.to_string()),
                }
            },
        )
        .await
    }

    /// The smallest stack that fits many times on a small machine: stores managed, few resources.
    pub fn small(&self) -> Value {
        json!({
            "apiVersion": "pathfinder.dev/v1alpha1",
            "kind": "PathfinderCluster",
            "metadata": {"name": self.name, "namespace": self.namespace},
            "spec": {
                "api": {
                    "image": "ghcr.io/pathfinder/api-server:0.1.0",
                    "resources": {"requests": {"cpu": "20m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
                },
                "scaling": {"cpu": {"averageUtilization": 1000}, "memory": {"averageUtilization": 500}},
                "postgres": {"storage": {"size": "1Gi"}},
                "redis": {},
            },
        })
    }

    /// Applies a resource as a person would.
    ///
    /// # Errors
    /// What kubectl said.
    pub async fn apply(&self, resource: &Value) -> anyhow::Result<()> {
        kubectl::kubectl_with(&["apply", "--server-side", "-f", "-"], &resource.to_string())
            .await?
            .ok()
            .map(drop)
    }

    /// Changes fields of the resource's spec (JSON merge patch).
    ///
    /// # Errors
    /// When the API server refuses.
    pub async fn patch(&self, spec: Value) -> anyhow::Result<()> {
        let patch = Patch::Merge(json!({"spec": spec}));
        self.resources()
            .patch(&self.name, &PatchParams::default(), &patch)
            .await?;
        Ok(())
    }

    /// The resources of the namespace.
    pub fn resources(&self) -> Api<PathfinderCluster> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// The resource as it is now.
    ///
    /// # Errors
    /// When it is not there.
    pub async fn get(&self) -> anyhow::Result<PathfinderCluster> {
        Ok(self.resources().get(&self.name).await?)
    }

    /// A condition of the resource.
    ///
    /// # Errors
    /// When the resource is not there.
    pub async fn condition(&self, type_: &str) -> anyhow::Result<Option<Condition>> {
        let status = self.get().await?.status.unwrap_or_default();
        Ok(status.conditions.into_iter().find(|condition| condition.type_ == type_))
    }

    /// Waits until a condition has this status (and, when given, this reason).
    ///
    /// # Errors
    /// The condition as it was seen last, with the pods of the namespace.
    pub async fn wait_condition(
        &self,
        (type_, status): (&str, &str),
        reason: Option<&str>,
        deadline: Duration,
    ) -> anyhow::Result<Condition> {
        let what = format!("{type_}={status} {} in {}", reason.unwrap_or_default(), self.namespace);
        let waited = until(&what, deadline, || async {
            let resource = self.get().await.map_err(|error| error.to_string())?;
            let generation = resource.metadata.generation;
            let observed = resource.status.as_ref().and_then(|status| status.observed_generation);
            match self.condition(type_).await {
                Ok(Some(it))
                    if it.status == status
                        && reason.is_none_or(|reason| it.reason == reason)
                        && observed == generation =>
                {
                    Ok(it)
                }
                other => Err(format!("{other:?}, observedGeneration {observed:?} of {generation:?}")),
            }
        })
        .await;
        match waited {
            Ok(condition) => Ok(condition),
            Err(error) => Err(error.context(self.picture().await)),
        }
    }

    /// Waits until the stack is Ready.
    ///
    /// # Errors
    /// As [`Stack::wait_condition`].
    pub async fn wait_ready(&self) -> anyhow::Result<()> {
        self.wait_condition(("Ready", "True"), None, READY).await.map(drop)
    }

    /// What a person would look at first when something is wrong.
    pub async fn picture(&self) -> String {
        let mut text = String::new();
        for words in [
            vec!["get", "pfc,pods,hpa,pvc", "-n", &self.namespace, "-o", "wide"],
            vec!["get", "events", "-n", &self.namespace, "--sort-by=.lastTimestamp"],
            vec![
                "logs",
                "-n",
                "pathfinder-system",
                "deployment/pathfinder-operator",
                "--tail=30",
            ],
        ] {
            if let Ok(said) = kubectl::kubectl(&words).await {
                let _ = writeln!(text, "$ kubectl {}\n{}{}", words.join(" "), said.out, said.err);
            }
        }
        text
    }

    /// The API Deployment.
    ///
    /// # Errors
    /// When it is not there.
    pub async fn deployment(&self) -> anyhow::Result<Deployment> {
        Ok(self.api::<Deployment>().get(&format!("{}-api", self.name)).await?)
    }

    /// The API's HPA.
    ///
    /// # Errors
    /// When it is not there.
    pub async fn autoscaler(&self) -> anyhow::Result<HorizontalPodAutoscaler> {
        Ok(self
            .api::<HorizontalPodAutoscaler>()
            .get(&format!("{}-api", self.name))
            .await?)
    }

    /// An API of a namespaced kind in the test's namespace.
    pub fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Pods of a component (`api`, `postgres`, `redis`).
    ///
    /// # Errors
    /// When they cannot be listed.
    pub async fn pods(&self, component: &str) -> anyhow::Result<Vec<Pod>> {
        let selector = format!("app.kubernetes.io/instance={}-{component}", self.name);
        Ok(self
            .api::<Pod>()
            .list(&ListParams::default().labels(&selector))
            .await?
            .items)
    }

    /// Keys of a Secret, decoded.
    ///
    /// # Errors
    /// When it is not there.
    pub async fn secret(&self, store: &str) -> anyhow::Result<std::collections::BTreeMap<String, String>> {
        let secret = self.api::<Secret>().get(&format!("{}-{store}", self.name)).await?;
        let data = secret.data.unwrap_or_default();
        Ok(data
            .into_iter()
            .map(|(key, value)| (key, String::from_utf8_lossy(&value.0).into_owned()))
            .collect())
    }

    /// Events about the resource with this reason: (how many objects, how often in all).
    ///
    /// # Errors
    /// When they cannot be listed.
    pub async fn events(&self, reason: &str) -> anyhow::Result<(usize, i32)> {
        let events = self.api::<Event>().list(&ListParams::default()).await?.items;
        let ours: Vec<_> = events
            .into_iter()
            .filter(|event| event.involved_object.kind.as_deref() == Some("PathfinderCluster"))
            .filter(|event| event.reason.as_deref() == Some(reason))
            .collect();
        let times = ours
            .iter()
            .map(|event| event.series.as_ref().and_then(|series| series.count).unwrap_or(1))
            .sum();
        Ok((ours.len(), times))
    }

    /// Waits until there is one event about the resource with this reason, told once: it follows its condition in a moment.
    ///
    /// # Errors
    /// How many events there were, and how often.
    pub async fn told_once(&self, reason: &str) -> anyhow::Result<()> {
        until(&format!("the event {reason}"), Duration::from_secs(20), || {
            self.is_told_once(reason)
        })
        .await
    }

    /// The same, and that it stays so for half a minute while the trouble lasts: several rounds of every loop.
    ///
    /// # Errors
    /// How many events there were, and how often.
    pub async fn told_once_while_it_lasts(&self, reason: &str) -> anyhow::Result<()> {
        self.told_once(reason).await?;
        always(&format!("one event {reason}"), Duration::from_secs(30), || {
            self.is_told_once(reason)
        })
        .await
    }

    async fn is_told_once(&self, reason: &str) -> Result<(), anyhow::Result<(usize, i32)>> {
        match self.events(reason).await {
            Ok((1, 1)) => Ok(()),
            other => Err(other),
        }
    }

    /// What `kubectl pathfinder explain` says of the resource, as JSON.
    ///
    /// # Errors
    /// What it said instead.
    pub async fn explain(&self) -> anyhow::Result<Value> {
        let words = ["pathfinder", "explain", &self.name, "-n", &self.namespace, "-o", "json"];
        Ok(serde_json::from_str(&kubectl::kubectl(&words).await?.ok()?)?)
    }

    /// Address of the API's Service for pods of the cluster.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}-api.{}.svc{path}", self.name, self.namespace)
    }

    /// The store's StatefulSet.
    ///
    /// # Errors
    /// When it is not there.
    pub async fn stateful_set(&self, store: &str) -> anyhow::Result<StatefulSet> {
        Ok(self.api::<StatefulSet>().get(&format!("{}-{store}", self.name)).await?)
    }
}
