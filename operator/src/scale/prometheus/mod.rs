//! Asks the Prometheus endpoints that the administrator defined.
//!
//! IO, as little as there can be: which question goes where. Every failure is an answer with its reason, never an error that
//! stops the tick: no data is not no load. What a question is stands in `query`, what an answer means in `reading`.

pub mod answer;
pub mod beside;
pub mod client;
pub mod collect;
pub mod connection;
pub mod credentials;
pub mod history;
pub mod own;
pub mod user;

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    ops::Range,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use prometheus_http_query::{Client, response::InstantVector};
use tokio::sync::Semaphore;

use crate::{
    config::endpoint::{Endpoint, UserQueries},
    scale::{
        pods,
        prometheus::{
            answer::Reply, beside::Background, client::Bounds, connection::Connection, history::Point, user::UserAnswer,
        },
        query::{self, Questions, Scope},
        sample::{Answer, Beside, Look},
        why::Why,
    },
};

// A tick is five seconds; an endpoint that is slower than this has no say in it.
const DEADLINE: Duration = Duration::from_secs(3);
// What is asked beside the load delays nothing: with a series for each pod and bucket it may take longer.
const BESIDE_DEADLINE: Duration = Duration::from_secs(10);
// How long the load waits for what is asked beside it.
const PATIENCE: Duration = Duration::from_millis(750);
// A look into the past is rare, and its answer long.
const HISTORY_DEADLINE: Duration = Duration::from_secs(15);
// 11,000 points of about 40 bytes, twice.
const HISTORY_LIMIT_BYTES: usize = 1024 * 1024;
// Own queries that one endpoint is asked at a time: Prometheus answers twenty at once, and the load is one of them.
const USER_QUERIES: usize = 8;
const USER_LIMIT_BYTES: usize = 64 * 1024;
// Proxies and servers refuse longer URLs; escaping makes a query longer by half.
const LONGEST_IN_URL: usize = 1500;

/// The endpoints that the administrator defined, ready to be asked.
pub struct Endpoints {
    sources: BTreeMap<String, Source>,
    deadline: Duration,
    patience: Duration,
}

struct Source {
    endpoint: Arc<Endpoint>,
    connection: Connection,
    background: Background<Beside>,
    user_queries: Semaphore,
}

impl Endpoints {
    /// Nothing is read or asked yet. `credentials` is the folder with a file `SECRET/KEY` for every Secret that is named.
    pub fn new(endpoints: &BTreeMap<String, Endpoint>, credentials: &Path) -> Self {
        let source = |(name, endpoint): (&String, &Endpoint)| {
            let source = Source {
                endpoint: Arc::new(endpoint.clone()),
                connection: Connection::new(credentials),
                background: Background::default(),
                user_queries: Semaphore::new(USER_QUERIES),
            };
            (name.clone(), source)
        };
        Self {
            sources: endpoints.iter().map(source).collect(),
            deadline: DEADLINE,
            patience: PATIENCE,
        }
    }

    /// The names, for a message that says what may be written.
    pub fn names(&self) -> Vec<&str> {
        self.sources.keys().map(String::as_str).collect()
    }

    /// Time between two scrapes of the pods by this endpoint.
    pub fn scrape_interval(&self, name: &str) -> Duration {
        self.sources
            .get(name)
            .map_or(Duration::ZERO, |source| source.endpoint.scrape_interval)
    }

    /// What the API's metrics are called there, for asking the pods themselves.
    pub fn metric_names(&self, name: &str) -> pods::MetricNames {
        let usual = pods::MetricNames::default();
        self.sources
            .get(name)
            .map_or(usual.clone(), |source| pods::MetricNames {
                requests: source.endpoint.metrics.requests.to_string(),
                durations: source.endpoint.metrics.durations.to_string(),
                ..usual
            })
    }

    /// Asks one endpoint for the default signals of all clusters, whose pods `scope` says.
    pub async fn ask(&self, name: &str, scope: &Scope<'_>) -> Look {
        let Some(source) = self.sources.get(name) else {
            return Look::only(Answer::Unknown);
        };
        let client = match source.client().await {
            Ok(client) => client,
            Err(why) => return Look::only(Answer::Unreachable(why)),
        };
        let bounds = Bounds {
            deadline: self.deadline,
            limit_bytes: limit_bytes(scope.pods),
        };
        let Questions {
            load,
            durations,
            stores,
        } = query::questions(&source.endpoint, scope);
        let bounds_beside = Bounds {
            deadline: self.deadline.max(BESIDE_DEADLINE),
            ..bounds
        };
        let beside = beside(
            source.endpoint.clone(),
            (durations, stores),
            (client.clone(), bounds_beside),
        );
        let (load, beside) = tokio::join!(
            vector(&client, &load, bounds),
            source.background.look(beside, (Instant::now(), self.patience)),
        );
        let beside = beside.as_ref().map(|(beside, age)| (&**beside, *age));
        let look = collect::look(&source.endpoint, load, beside);
        if let Answer::Unreachable(why) = &look.answer {
            tracing::debug!(endpoint = name, %why, "an endpoint gave no answer");
        }
        look
    }

    /// Asks one endpoint what a user wrote, if its administrator allows that. Waits while it is asked enough of that kind.
    pub async fn ask_user(&self, endpoint: &str, query: &str) -> UserAnswer {
        let Some(source) = self.sources.get(endpoint) else {
            return UserAnswer::Unknown;
        };
        match source.endpoint.user_queries {
            UserQueries::Forbidden => return UserAnswer::Forbidden,
            UserQueries::Allowed => {}
        }
        // Never closed; without a place the answer would only be less polite.
        let _place = source.user_queries.acquire().await;
        let bounds = Bounds {
            deadline: self.deadline,
            limit_bytes: USER_LIMIT_BYTES,
        };
        let reply = match source.client().await {
            Ok(client) => instant(&client, query, bounds).await,
            Err(why) => Err(why),
        };
        user::value(reply.and_then(|reply| answer::data(&reply)))
    }

    /// The requests per second of one cluster (namespace, name), oldest first. Where there are no samples there is no point.
    ///
    /// # Errors
    /// When the endpoint gives no answer to one of the queries that it takes.
    pub async fn history(
        &self,
        endpoint: &str,
        cluster: (&str, &str),
        range: Range<Timestamp>,
        step: Duration,
    ) -> Result<Vec<Point>, Why> {
        let source = self.sources.get(endpoint).ok_or(Why::NotDefined)?;
        let client = source.client().await?;
        let query = query::of_cluster(&source.endpoint, cluster, step);
        let step = Duration::from_secs(history::step_seconds(step)).as_secs_f64();
        let bounds = Bounds {
            deadline: self.deadline.max(HISTORY_DEADLINE),
            limit_bytes: HISTORY_LIMIT_BYTES,
        };
        let mut points = Vec::new();
        for chunk in history::chunks(&range, Duration::from_secs_f64(step))? {
            let asked = client
                .query_range(&query, chunk.start, chunk.end, step)
                .timeout(milliseconds(bounds.deadline));
            let reply = client::fetch(asked.get_raw(), bounds).await?;
            points.extend(history::points(answer::data(&reply)?)?);
        }
        Ok(points)
    }
}

impl Source {
    async fn client(&self) -> Result<Client, Why> {
        self.connection.client(&self.endpoint, Instant::now()).await
    }
}

async fn beside(
    endpoint: Arc<Endpoint>,
    (durations, stores): (String, String),
    (client, bounds): (Client, Bounds),
) -> Beside {
    let (durations, stores) = tokio::join!(vector(&client, &durations, bounds), vector(&client, &stores, bounds),);
    collect::beside(&endpoint, durations, stores)
}

// A pod has about twenty series of 200 bytes: four times as much, and some room for pods that nobody knows any more.
fn limit_bytes(pods: usize) -> usize {
    256 * 1024 + pods.saturating_mul(16 * 1024)
}

async fn vector(client: &Client, query: &str, bounds: Bounds) -> Result<Vec<InstantVector>, Why> {
    answer::vector(&instant(client, query, bounds).await?)
}

async fn instant(client: &Client, query: &str, bounds: Bounds) -> Result<Reply, Why> {
    // Prometheus gives up when we do.
    let asked = client.query(query).timeout(milliseconds(bounds.deadline));
    if query.len() <= LONGEST_IN_URL {
        client::fetch(asked.get_raw(), bounds).await
    } else {
        client::fetch(asked.post_raw(), bounds).await
    }
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
