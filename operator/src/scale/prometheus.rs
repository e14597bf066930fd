//! Asks a Prometheus endpoint the grouped question.
//!
//! IO. Every failure is an answer ("unreachable"), never an error that stops the tick: no data is not no load.

use std::{collections::BTreeMap, time::Duration};

use prometheus_http_query::Client;
use reqwest::redirect;

use crate::{
    config::Endpoint,
    scale::{
        query::{self, RATE, SAMPLED, SIGNAL_LABEL, UP},
        sample::{Answer, PodSample, Samples},
    },
};

// A tick is five seconds; an endpoint that is slower than this has no say in it.
const DEADLINE: Duration = Duration::from_secs(3);

/// The endpoints that the administrator defined, ready to be asked.
pub struct Endpoints(BTreeMap<String, Source>);

struct Source {
    client: Client,
    question: String,
    scrape_interval: Duration,
}

/// An endpoint cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("Prometheus endpoint {name}: {reason}")]
pub struct Error {
    name: String,
    reason: String,
}

impl Endpoints {
    /// Makes one client per endpoint.
    ///
    /// # Errors
    /// When a client cannot be made of a URL, naming the endpoint.
    pub fn new(endpoints: &BTreeMap<String, Endpoint>) -> Result<Self, Error> {
        endpoints
            .iter()
            .map(|(name, endpoint)| {
                let failed = |reason: String| Error {
                    name: name.clone(),
                    reason,
                };
                let http = reqwest::Client::builder()
                    .timeout(DEADLINE)
                    // A redirect would let the endpoint choose whom we talk to.
                    .redirect(redirect::Policy::none())
                    .build()
                    .map_err(|error| failed(chain(&error)))?;
                let client = Client::from(http, endpoint.url.as_str()).map_err(|error| failed(chain(&error)))?;
                let question = query::grouped(endpoint.scrape_interval);
                Ok((
                    name.clone(),
                    Source {
                        client,
                        question,
                        scrape_interval: endpoint.scrape_interval,
                    },
                ))
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The names, for a message that says what may be written.
    pub fn names(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }

    /// Time between two scrapes of the pods by this endpoint.
    pub fn scrape_interval(&self, name: &str) -> Duration {
        self.0.get(name).map_or(Duration::ZERO, |source| source.scrape_interval)
    }

    /// Asks one endpoint.
    pub async fn ask(&self, name: &str) -> Answer {
        let Some(source) = self.0.get(name) else {
            return Answer::Unknown;
        };
        match tokio::time::timeout(DEADLINE, source.client.query(&source.question).get()).await {
            Ok(Ok(result)) => match result.data().as_vector() {
                Some(vector) => Answer::Samples(collect(vector)),
                None => unreachable(name, "it answered something else than an instant vector"),
            },
            Ok(Err(error)) => unreachable(name, &chain(&error)),
            Err(_) => unreachable(name, "no answer in time"),
        }
    }
}

// An error with its causes: reqwest's own text names none.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn unreachable(name: &str, why: &str) -> Answer {
    tracing::debug!(endpoint = name, why, "an endpoint gave no answer");
    Answer::Unreachable
}

fn collect(vector: &[prometheus_http_query::response::InstantVector]) -> Samples {
    let mut samples = Samples::new();
    for series in vector {
        let label = |name: &str| series.metric().get(name).cloned();
        let (Some(namespace), Some(pod), Some(signal)) = (label("namespace"), label("pod"), label(SIGNAL_LABEL)) else {
            continue;
        };
        let value = Some(series.sample().value());
        let sample: &mut PodSample = samples.entry((namespace, pod)).or_default();
        match signal.as_str() {
            RATE => sample.rate = value,
            UP => sample.up = value,
            SAMPLED => sample.sampled = value,
            _ => {}
        }
    }
    samples
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use wiremock::{Mock, MockServer, ResponseTemplate, matchers::path};

    use super::*;

    async fn endpoint(response: ResponseTemplate) -> (MockServer, Endpoints) {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let server = MockServer::start().await;
        Mock::given(path("/api/v1/query"))
            .respond_with(response)
            .mount(&server)
            .await;
        let endpoint = Endpoint {
            url: server.uri().parse().unwrap(),
            scrape_interval: Duration::from_secs(5),
        };
        let endpoints = Endpoints::new(&BTreeMap::from([("default".to_owned(), endpoint)])).unwrap();
        (server, endpoints)
    }

    #[tokio::test]
    async fn the_three_parts_of_a_pod_come_together() {
        let series = |signal: &str, value: &str| json!({"metric": {"namespace": "shop", "pod": "shop-api-1", "signal": signal}, "value": [1.0, value]});
        let result = json!([series("rate", "12.5"), series("up", "1"), series("sampled", "99")]);
        let body = json!({"status": "success", "data": {"resultType": "vector", "result": result}});
        let (_server, endpoints) = endpoint(ResponseTemplate::new(200).set_body_json(body)).await;
        let Answer::Samples(samples) = endpoints.ask("default").await else {
            panic!("no samples")
        };
        let expected = PodSample {
            rate: Some(12.5),
            up: Some(1.0),
            sampled: Some(99.0),
            ..PodSample::default()
        };
        assert_eq!(samples[&("shop".to_owned(), "shop-api-1".to_owned())], expected);
    }

    #[tokio::test]
    async fn a_server_error_html_and_a_redirect_are_no_answer() {
        for response in [
            ResponseTemplate::new(503),
            ResponseTemplate::new(200).set_body_string("<html>login</html>"),
            ResponseTemplate::new(302).insert_header("location", "http://127.0.0.1:1/"),
        ] {
            let (_server, endpoints) = endpoint(response).await;
            assert_eq!(endpoints.ask("default").await, Answer::Unreachable);
        }
    }

    #[tokio::test]
    async fn a_name_that_nobody_defined_is_unknown() {
        let (_server, endpoints) = endpoint(ResponseTemplate::new(200)).await;
        assert_eq!(endpoints.ask("east").await, Answer::Unknown);
    }
}
