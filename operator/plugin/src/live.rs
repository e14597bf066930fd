//! Fetches the live decision record: from the operator's leader, through the API server's proxy.
//!
//! IO. The leader is the holder of the operator's Lease. Every way in which that can fail has its own words, because the
//! caller falls back to the resource's status and tells why.

use k8s_openapi::api::coordination::v1::Lease;
use kube::{
    Api,
    client::Body,
    core::{Status, request::Request},
};
use thiserror::Error;

use crate::{
    failure::{Failure, one_line},
    model::explanation::{Live, LiveBody},
    names,
    session::Session,
};

/// Why there is no live record.
#[derive(Debug, Error)]
pub(crate) enum NoRecord {
    /// There is no Lease: no operator, or it runs elsewhere.
    #[error(
        "no operator found in namespace {namespace} (it has no Lease {}): pass --operator-namespace",
        names::LEADER_LEASE
    )]
    NoOperator {
        /// Where it was looked for.
        namespace: String,
    },
    /// The Lease is held by nobody.
    #[error("the operator has no leader at the moment")]
    NoLeader,
    /// The leader's pod is not there any more.
    #[error("the leader's pod {leader} is gone, and no other has taken over yet")]
    LeaderGone {
        /// Name of its pod.
        leader: String,
    },
    /// The leader does not know the resource.
    #[error("the leader {leader} has not decided about it yet ({message})")]
    Undecided {
        /// Name of its pod.
        leader: String,
        /// Its words.
        message: String,
    },
    /// We may not read it.
    #[error("forbidden: {message} (ask to be bound to the Role pathfinder-explain of namespace {namespace})")]
    Forbidden {
        /// The API server's words.
        message: String,
        /// The operator's namespace.
        namespace: String,
    },
    /// The API server cannot reach the leader.
    #[error("the leader {leader} does not answer: {message}")]
    Unanswered {
        /// Name of its pod.
        leader: String,
        /// The API server's words.
        message: String,
    },
    /// Anything else that a call can end in.
    #[error("{0}")]
    Failed(Failure),
}

impl NoRecord {
    fn of(failure: Failure, namespace: &str) -> Self {
        match failure {
            Failure::Forbidden { message, .. } => Self::Forbidden {
                message,
                namespace: namespace.to_owned(),
            },
            other => Self::Failed(other),
        }
    }
}

/// The live record of the resource `name` in the session's namespace.
pub(crate) async fn record(session: &Session, operator_namespace: &str, name: &str) -> Result<Live, NoRecord> {
    let leader = leader(session, operator_namespace).await?;
    let path = names::records_path(operator_namespace, &leader, &session.namespace);
    let request = Request::new(path).get(name, &kube::api::GetParams::default());
    let action = format!("read the live record from pod {leader}");
    let answer = async {
        let response = session
            .client
            .send(request.map_err(kube::Error::BuildRequest)?.map(Body::from))
            .await?;
        let code = response.status().as_u16();
        Ok((code, response.into_body().collect_bytes().await?))
    };
    let failed = |failure| NoRecord::of(failure, operator_namespace);
    let (code, body) = session.call(&action, answer).await.map_err(failed)?;
    let body = read(code, &body, (operator_namespace, &leader))?;
    Ok(Live { leader, body })
}

async fn leader(session: &Session, namespace: &str) -> Result<String, NoRecord> {
    let leases: Api<Lease> = Api::namespaced(session.client.clone(), namespace);
    let action = format!("get Lease {} in namespace {namespace}", names::LEADER_LEASE);
    let lease = session.call(&action, leases.get_opt(names::LEADER_LEASE)).await;
    let lease = lease.map_err(|failure| NoRecord::of(failure, namespace))?;
    let lease = lease.ok_or_else(|| NoRecord::NoOperator {
        namespace: namespace.to_owned(),
    })?;
    let holder = lease
        .spec
        .and_then(|spec| spec.holder_identity)
        .filter(|holder| !holder.is_empty());
    holder.ok_or(NoRecord::NoLeader)
}

/// An error may come from the API server (a `Status` of its own) or from the operator behind it; only the code is sure.
fn read(code: u16, body: &[u8], (namespace, leader): (&str, &str)) -> Result<LiveBody, NoRecord> {
    let leader = leader.to_owned();
    if code == 200 {
        return serde_json::from_slice(body).map_err(|cause| {
            NoRecord::Failed(Failure::Malformed {
                action: format!("read the live record from pod {leader}"),
                cause: cause.to_string(),
            })
        });
    }
    let status: Option<Status> = serde_json::from_slice(body).ok();
    let message = status
        .as_ref()
        .map(|status| status.message.as_str())
        .filter(|message| !message.is_empty());
    let message = message.map_or_else(|| one_line(&String::from_utf8_lossy(body)), one_line);
    Err(match code {
        403 => NoRecord::Forbidden {
            message,
            namespace: namespace.to_owned(),
        },
        404 if status.is_some_and(|status| is_about_a_pod(&status)) => NoRecord::LeaderGone { leader },
        404 => NoRecord::Undecided { leader, message },
        502..=504 => NoRecord::Unanswered { leader, message },
        code => NoRecord::Failed(Failure::Refused {
            action: format!("read the live record from pod {leader}"),
            code,
            message,
        }),
    })
}

fn is_about_a_pod(status: &Status) -> bool {
    status.details.as_ref().is_some_and(|details| details.kind == "pods")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const POD_GONE: &str = r#"{"kind":"Status","apiVersion":"v1","status":"Failure","code":404,"reason":"NotFound",
        "message":"pods \"op-1\" not found","details":{"name":"op-1","kind":"pods"}}"#;
    const NO_ENDPOINT: &str = r#"{"kind":"Status","code":503,"message":"error trying to reach service: refused"}"#;
    const FORBIDDEN: &str = r#"{"kind":"Status","code":403,"message":"pods \"op-1:8080\" is forbidden"}"#;

    #[rstest]
    #[case::leader_gone(404, POD_GONE, "the leader's pod op-1 is gone, and no other has taken over yet")]
    #[case::unknown_to_the_operator(404, "no decision\n", "the leader op-1 has not decided about it yet (no decision)")]
    #[case::unreachable(
        503,
        NO_ENDPOINT,
        "the leader op-1 does not answer: error trying to reach service: refused"
    )]
    #[case::forbidden(
        403,
        FORBIDDEN,
        "forbidden: pods \"op-1:8080\" is forbidden (ask to be bound to the Role pathfinder-explain of namespace tools)"
    )]
    fn every_error_answer_has_its_own_words(#[case] code: u16, #[case] body: &str, #[case] expected: &str) {
        assert_eq!(
            read(code, body.as_bytes(), ("tools", "op-1")).unwrap_err().to_string(),
            expected
        );
    }

    #[test]
    fn a_json_error_that_is_no_status_is_told_by_its_code() {
        let error = read(404, br#"{"error":"unknown"}"#, ("tools", "op-1"))
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("the leader op-1 has not decided about it yet"),
            "{error}"
        );
    }

    #[test]
    fn an_answer_of_another_version_is_told_as_such() {
        let error = read(200, b"{\"record\": 5}", ("tools", "op-1"))
            .unwrap_err()
            .to_string();
        assert!(error.contains("is this plugin of the operator's version?"), "{error}");
    }
}
