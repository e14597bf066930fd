//! Asks Prometheus for the request rates of an API's past, through the API server's proxy or by a URL.
//!
//! IO. What the answers mean is decided in `samples`.

use std::ops::RangeInclusive;

use kube::{
    client::Body,
    core::{Status, request::Request},
};

use crate::{
    failure::{Failure, one_line},
    names,
    session::Session,
    simulate::{args::Service, samples, trouble::Trouble},
};

/// Prometheus answers at most 11,000 points; whole thousands below.
const POINTS_PER_QUERY: i64 = 10_000;

/// Where Prometheus is.
pub(crate) struct Prometheus {
    session: Session,
    /// Before `/api/v1/query_range`.
    path: String,
    /// For people.
    at: String,
}

impl Prometheus {
    /// Behind a Service, through the API server.
    pub(crate) fn behind(session: Session, service: &Service) -> Self {
        Self {
            path: names::service_path(&service.namespace, &service.name, &service.port),
            at: format!("Service {service}"),
            session,
        }
    }

    /// At a URL of its own.
    pub(crate) fn at(session: Session, url: &str) -> Self {
        Self {
            path: String::new(),
            at: url.to_owned(),
            session,
        }
    }

    /// The values of `query` at every step of `times`, in as many queries as that takes; what has none is left out.
    pub(crate) async fn values(
        &self,
        query: &str,
        times: RangeInclusive<i64>,
        step: i64,
    ) -> Result<Vec<(i64, String)>, Failure> {
        let mut values = Vec::new();
        let (mut from, end) = times.into_inner();
        while from <= end {
            let to = end.min(from + (POINTS_PER_QUERY - 1) * step);
            values.extend(self.chunk(query, from..=to, step).await?);
            from = to + step;
        }
        Ok(values)
    }

    async fn chunk(&self, query: &str, times: RangeInclusive<i64>, step: i64) -> Result<Vec<(i64, String)>, Failure> {
        let path = format!("{}/api/v1", self.path);
        let words = form_urlencoded::Serializer::new(String::new())
            .append_pair("query", query)
            .append_pair("start", &times.start().to_string())
            .append_pair("end", &times.end().to_string())
            .append_pair("step", &step.to_string())
            .finish();
        let request = Request::new(path).get(&format!("query_range?{words}"), &kube::api::GetParams::default());
        let answer = async {
            let request = request.map_err(kube::Error::BuildRequest)?.map(Body::from);
            let response = self.session.client.send(request).await?;
            let code = response.status().as_u16();
            Ok((code, response.into_body().collect_bytes().await?))
        };
        let action = format!("query Prometheus at {}", self.at);
        let called = self.session.call(&action, answer).await;
        let (code, body) = called.map_err(|failure| self.unreached(failure))?;
        self.read(code, &body, &action)
    }

    fn unreached(&self, failure: Failure) -> Failure {
        match failure {
            Failure::Unreachable { cause, .. } if self.path.is_empty() => self.missing(cause),
            other => other,
        }
    }

    /// An error may come from the API server (a `Status` of its own) or from Prometheus behind it.
    fn read(&self, code: u16, body: &[u8], action: &str) -> Result<Vec<(i64, String)>, Failure> {
        if let Some(status) = of_api_server(body) {
            return Err(match code {
                401 | 403 => Failure::of_status(&status, action),
                _ => self.missing(one_line(&status.message)),
            });
        }
        match (code, samples::read(body)) {
            (200, Ok(values)) => Ok(values),
            (200 | 400 | 422, Err(cause)) => Err(Trouble::NoAnswer {
                at: self.at.clone(),
                cause: one_line(&cause),
            }
            .into()),
            (code, _) => Err(self.missing(format!("it answered with HTTP status {code}"))),
        }
    }

    fn missing(&self, cause: String) -> Failure {
        Trouble::NoPrometheus {
            at: self.at.clone(),
            cause,
        }
        .into()
    }
}

fn of_api_server(body: &[u8]) -> Option<Status> {
    let document: serde_json::Value = serde_json::from_slice(body).ok()?;
    if document.get("kind")? == "Status" {
        serde_json::from_value(document).ok()
    } else {
        None
    }
}
