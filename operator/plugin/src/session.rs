//! The connection to one API server: which one, as whom, and how long a call may take.
//!
//! IO. Every call goes through `call`, which gives it a deadline and turns its error into a `Failure`. The client's own
//! retries are off: a person waits for the answer, and an error now is better than an answer in a minute.

use std::{env, fmt::Display, future::Future, io, time::Duration};

use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig, KubeconfigError},
};

use crate::{
    args::Connection,
    failure::{Failure, choices, one_line},
};

/// An API server to ask.
pub(crate) struct Session {
    /// The client; call it through `call`.
    pub(crate) client: Client,
    /// The namespace of `-n`, or of the kubeconfig's context.
    pub(crate) namespace: String,
    server: String,
    deadline: Duration,
}

impl Session {
    /// Finds the kubeconfig (or, in a pod, its service account) and makes a client. Sends nothing.
    pub(crate) async fn open(connection: &Connection) -> Result<Self, Failure> {
        Self::of(config(connection).await?, connection)
    }

    /// A server that is not an API server, by its URL: the same deadlines and the same TLS, nobody's credentials.
    pub(crate) fn direct(url: &str, connection: &Connection) -> Result<Self, String> {
        let url = url.parse().map_err(in_words)?;
        Self::of(Config::new(url), connection).map_err(in_words)
    }

    fn of(mut config: Config, connection: &Connection) -> Result<Self, Failure> {
        config.default_retry = false;
        // A server that cannot be reached is told apart from one that does not answer: the first ends a little before the
        // deadline of the call, the second is that deadline and nothing else.
        config.connect_timeout = Some(connection.request_timeout.mul_f64(0.75));
        config.read_timeout = Some(connection.request_timeout * 2);
        config.write_timeout = Some(connection.request_timeout * 2);
        let server = config.cluster_url.to_string();
        let namespace = connection
            .namespace
            .clone()
            .unwrap_or_else(|| config.default_namespace.clone());
        let client = Client::try_from(config).map_err(|cause| Failure::Kubeconfig {
            cause: one_line(&cause.to_string()),
        })?;
        Ok(Self {
            client,
            namespace,
            server: server.trim_end_matches('/').to_owned(),
            deadline: connection.request_timeout,
        })
    }

    /// Waits for one call, at most the request timeout. `action` completes "when trying to ...".
    pub(crate) async fn call<T>(
        &self,
        action: &str,
        call: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, Failure> {
        match tokio::time::timeout(self.deadline, call).await {
            Ok(answer) => answer.map_err(|error| Failure::of_call(error, action, &self.server)),
            Err(_elapsed) => Err(Failure::TimedOut {
                action: action.to_owned(),
                after: self.deadline,
            }),
        }
    }
}

fn in_words(error: impl Display) -> String {
    one_line(&error.to_string())
}

async fn config(connection: &Connection) -> Result<Config, Failure> {
    let read = match &connection.kubeconfig {
        Some(path) => Kubeconfig::read_from(path),
        None => Kubeconfig::read(),
    };
    let kubeconfig = match read {
        Ok(kubeconfig) => kubeconfig,
        Err(error) => return without_kubeconfig(error, connection),
    };
    let known: Vec<String> = kubeconfig.contexts.iter().map(|context| context.name.clone()).collect();
    let options = KubeConfigOptions {
        context: connection.context.clone(),
        ..KubeConfigOptions::default()
    };
    Config::from_custom_kubeconfig(kubeconfig, &options)
        .await
        .map_err(|error| of_kubeconfig(error, &known))
}

/// In a pod there is no kubeconfig but a service account. A kubeconfig that was named must be there.
fn without_kubeconfig(error: KubeconfigError, connection: &Connection) -> Result<Config, Failure> {
    let named = connection.kubeconfig.is_some() || connection.context.is_some() || env::var_os("KUBECONFIG").is_some();
    if !named && let Ok(config) = Config::incluster() {
        return Ok(config);
    }
    Err(of_kubeconfig(error, &[]))
}

fn of_kubeconfig(error: KubeconfigError, known: &[String]) -> Failure {
    match error {
        KubeconfigError::ReadConfig(cause, path) if cause.kind() == io::ErrorKind::NotFound => Failure::NoKubeconfig {
            path: path.display().to_string(),
        },
        KubeconfigError::FindPath => Failure::NoKubeconfig {
            path: "~/.kube/config".to_owned(),
        },
        KubeconfigError::CurrentContextNotSet => Failure::NoCurrentContext { known: choices(known) },
        KubeconfigError::LoadContext(name) => Failure::UnknownContext {
            name,
            known: choices(known),
        },
        other => Failure::Kubeconfig {
            cause: one_line(&other.to_string()),
        },
    }
}
