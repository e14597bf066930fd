//! Everything that can keep the plugin from answering: each in one line that says what to do.
//!
//! Pure: what an error of the client means is decided here, from values alone. Exit codes: 1 for all of these; wrong
//! usage is 2 and never gets here.

use std::{io, time::Duration};

use kube::core::Status;
use serde::Serialize;
use thiserror::Error;

use crate::simulate::trouble::Trouble;

/// Why there is no answer.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    /// There is nothing that says which cluster to ask.
    #[error("no kubeconfig at {path}: pass --kubeconfig FILE or set KUBECONFIG")]
    NoKubeconfig {
        /// Where it was looked for.
        path: String,
    },
    /// There is a kubeconfig, and it cannot be used.
    #[error("cannot use the kubeconfig: {cause}: check it with `kubectl config view`")]
    Kubeconfig {
        /// What is wrong with it.
        cause: String,
    },
    /// The kubeconfig names no current context.
    #[error("the kubeconfig has no current context: pass --context NAME ({known})")]
    NoCurrentContext {
        /// The contexts that it has, in words.
        known: String,
    },
    /// `--context` names one that is not there.
    #[error("the kubeconfig has no context {name}: {known}")]
    UnknownContext {
        /// The name that was asked for.
        name: String,
        /// The contexts that it has, in words.
        known: String,
    },
    /// The API server does not serve our resource.
    #[error(
        "this cluster does not know PathfinderCluster: install the operator with \
         `helm install pathfinder charts/pathfinder --namespace pathfinder-system --create-namespace`"
    )]
    NotInstalled,
    /// There is no resource of that name.
    #[error("no PathfinderCluster {name} in namespace {namespace}: {there}")]
    NotFound {
        /// The name that was asked for.
        name: String,
        /// Where it was looked for.
        namespace: String,
        /// What there is instead, in words.
        there: String,
    },
    /// The API server does not accept who we are.
    #[error(
        "the API server does not accept the credentials of this kubeconfig context: log in again, or pass --context"
    )]
    Unauthorized,
    /// We may not do that.
    #[error("forbidden to {action}: {message}: ask the cluster's administrator for that right")]
    Forbidden {
        /// What was tried.
        action: String,
        /// The API server's words.
        message: String,
    },
    /// Somebody else changed the resource each time between reading and writing it.
    #[error("{name} in namespace {namespace} was changed by somebody else {attempts} times meanwhile: try again")]
    Contended {
        /// The resource.
        name: String,
        /// Its namespace.
        namespace: String,
        /// How often it was tried.
        attempts: u32,
    },
    /// The API server drops a field that this version writes.
    #[error(
        "this cluster's PathfinderCluster has no {field}, so nothing is paused or resumed: bring its definition up to date with \
         `kubectl apply --server-side -f charts/pathfinder/files/pathfinderclusters.yaml`"
    )]
    OldDefinition {
        /// The field.
        field: &'static str,
    },
    /// Nobody answers.
    #[error("cannot reach the API server at {server}: {cause}: is it up, and is this the right --context?")]
    Unreachable {
        /// URL of the API server.
        server: String,
        /// The innermost cause.
        cause: String,
    },
    /// The answer took too long.
    #[error("no answer within {after:?} when trying to {action}: try again, or pass a longer --request-timeout")]
    TimedOut {
        /// What was tried.
        action: String,
        /// How long it was waited for.
        after: Duration,
    },
    /// The API server answered with another error.
    #[error("cannot {action}: {message}: try again; if it stays, ask the cluster's administrator")]
    Refused {
        /// What was tried.
        action: String,
        /// HTTP status code.
        code: u16,
        /// The API server's words.
        message: String,
    },
    /// The answer is not what this version understands.
    #[error("cannot read the answer when trying to {action}: {cause}: is this plugin of the operator's version?")]
    Malformed {
        /// What was tried.
        action: String,
        /// What did not fit.
        cause: String,
    },
    /// Something that only a simulation needs is not there or not right.
    #[error(transparent)]
    Simulate(#[from] Trouble),
    /// The result cannot be written.
    #[error("cannot print the result: {0}")]
    Print(#[from] io::Error),
}

/// A failure as `-o json` and `-o yaml` print it.
#[derive(Debug, Serialize)]
pub(crate) struct FailureDocument {
    error: FailureBody,
}

#[derive(Debug, Serialize)]
struct FailureBody {
    kind: &'static str,
    message: String,
}

impl Failure {
    /// A stable word for programs.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::NoKubeconfig { .. } => "NoKubeconfig",
            Self::Kubeconfig { .. } => "Kubeconfig",
            Self::NoCurrentContext { .. } => "NoCurrentContext",
            Self::UnknownContext { .. } => "UnknownContext",
            Self::NotInstalled => "NotInstalled",
            Self::NotFound { .. } => "NotFound",
            Self::Unauthorized => "Unauthorized",
            Self::Forbidden { .. } => "Forbidden",
            Self::Contended { .. } => "Contended",
            Self::OldDefinition { .. } => "OldDefinition",
            Self::Unreachable { .. } => "Unreachable",
            Self::TimedOut { .. } => "TimedOut",
            Self::Refused { .. } => "Refused",
            Self::Malformed { .. } => "Malformed",
            Self::Simulate(trouble) => trouble.kind(),
            Self::Print(_) => "Print",
        }
    }

    /// Whether the same question may well be answered a little later.
    pub(crate) fn passes(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::TimedOut { .. } => true,
            Self::Refused { code, .. } => *code == 429 || *code >= 500,
            Self::NoKubeconfig { .. }
            | Self::Kubeconfig { .. }
            | Self::NoCurrentContext { .. }
            | Self::UnknownContext { .. }
            | Self::NotInstalled
            | Self::NotFound { .. }
            | Self::Unauthorized
            | Self::Forbidden { .. }
            | Self::Contended { .. }
            | Self::OldDefinition { .. }
            | Self::Malformed { .. }
            | Self::Simulate(_)
            | Self::Print(_) => false,
        }
    }

    /// The failure as a document.
    pub(crate) fn document(&self) -> FailureDocument {
        FailureDocument {
            error: FailureBody {
                kind: self.kind(),
                message: self.to_string(),
            },
        }
    }

    /// What an error of the client means, for a call that tried to `action` at `server`.
    pub(crate) fn of_call(error: kube::Error, action: &str, server: &str) -> Self {
        match error {
            kube::Error::Api(status) => Self::of_status(&status, action),
            kube::Error::SerdeError(cause) => Self::Malformed {
                action: action.to_owned(),
                cause: cause.to_string(),
            },
            kube::Error::Auth(cause) => Self::Kubeconfig {
                cause: one_line(&cause.to_string()),
            },
            other => Self::Unreachable {
                server: server.to_owned(),
                cause: root_cause(&other),
            },
        }
    }

    /// What an error answer means.
    pub(crate) fn of_status(status: &Status, action: &str) -> Self {
        let action = action.to_owned();
        let message = match one_line(&status.message) {
            message if message.is_empty() => "the server gave no reason".to_owned(),
            message => message,
        };
        match status.code {
            401 => Self::Unauthorized,
            403 => Self::Forbidden { action, message },
            code => Self::Refused { action, code, message },
        }
    }
}

/// The innermost cause: the outer layers only say which library failed.
fn root_cause(error: &kube::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    one_line(&cause.to_string())
}

/// Messages of servers and libraries may have several lines; an error has one.
pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `there are shop and till`, `there is only shop`, `there is none`: what a person can choose from instead.
pub(crate) fn choices(names: &[String]) -> String {
    match names {
        [] => "there is none".to_owned(),
        [only] => format!("there is only {only}"),
        [rest @ .., last] => format!("there are {} and {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn status(code: u16, message: &str) -> kube::Error {
        kube::Error::Api(Status::failure(message, "Whatever").with_code(code).boxed())
    }

    #[rstest]
    #[case(401, "Unauthorized")]
    #[case(403, "Forbidden")]
    #[case(404, "Refused")]
    #[case(500, "Refused")]
    fn an_error_answer_is_told_by_its_code(#[case] code: u16, #[case] kind: &str) {
        assert_eq!(
            Failure::of_call(status(code, "no"), "list pods", "https://x").kind(),
            kind
        );
    }

    #[test]
    fn every_failure_is_one_line_even_when_the_server_sent_several() {
        let failure = Failure::of_call(status(500, "first\n  second\n"), "list pods", "https://x");
        assert_eq!(
            failure.to_string(),
            "cannot list pods: first second: try again; if it stays, ask the cluster's administrator"
        );
    }

    #[test]
    fn an_error_without_words_gets_some() {
        let failure = Failure::of_call(status(500, ""), "list pods", "https://x");
        assert!(
            failure
                .to_string()
                .starts_with("cannot list pods: the server gave no reason"),
            "{failure}"
        );
    }

    #[test]
    fn a_failure_says_what_to_do() {
        let failure = Failure::NotFound {
            name: "shpo".into(),
            namespace: "prod".into(),
            there: choices(&["shop".into(), "till".into()]),
        };
        assert_eq!(
            failure.to_string(),
            "no PathfinderCluster shpo in namespace prod: there are shop and till"
        );
        assert!(Failure::NotInstalled.to_string().contains("helm install pathfinder"));
    }

    #[test]
    fn as_a_document_it_has_a_kind_and_the_same_words() {
        let document = serde_json::to_value(Failure::Unauthorized.document()).unwrap();
        assert_eq!(document["error"]["kind"], "Unauthorized");
        assert_eq!(document["error"]["message"], Failure::Unauthorized.to_string());
    }

    #[rstest]
    #[case(&[], "there is none")]
    #[case(&["a"], "there is only a")]
    #[case(&["a", "b", "c"], "there are a, b and c")]
    fn choices_read_as_a_sentence(#[case] names: &[&str], #[case] expected: &str) {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        assert_eq!(choices(&names), expected);
    }
}
