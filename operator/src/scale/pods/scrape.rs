//! Asks pods for their metrics.
//!
//! IO. Every look ends in time whatever pods do: each has a second and a megabyte, a few are asked at once, and a pod
//! that does not answer is down, which is not the same as idle. It decides nothing and remembers only what `counters`
//! keeps.

use std::{
    net::SocketAddr,
    pin::pin,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use futures::{FutureExt, StreamExt, future::BoxFuture, stream};
use jiff::Timestamp;
use reqwest::{Response, StatusCode, header::ACCEPT, redirect};

use super::{
    counters::{Counters, Moment, Pace},
    exposition::{self, Exposition, ExpositionError, MetricNames},
    target::Target,
};
use crate::scale::sample::{PodSample, Samples};

const FORMATS: &str = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

/// What pods may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For one pod, from the connection to the last byte.
    pub timeout: Duration,
    /// Of one answer; a longer one is refused.
    pub body_bytes: usize,
    /// Pods that are asked at the same time.
    pub parallel: usize,
    /// For one look at all pods; those that had no turn by then are absent.
    pub deadline: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(1),
            body_bytes: 1024 * 1024,
            parallel: 64,
            deadline: Duration::from_secs(3),
        }
    }
}

/// Looks at pods and remembers what it saw of each, as long as that is of use.
#[derive(Debug)]
pub struct Scraper {
    client: reqwest::Client,
    names: MetricNames,
    limits: Limits,
    pace: Pace,
    counters: Mutex<Counters>,
}

/// A client cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("the client that reads the metrics of pods cannot be made")]
pub struct Error(#[source] reqwest::Error);

/// Why a pod counts as down.
#[derive(Debug, thiserror::Error)]
enum ScrapeError {
    #[error("it did not answer")]
    Unreachable(#[from] reqwest::Error),
    #[error("it did not answer in {0:?}")]
    TimedOut(Duration),
    #[error("it answered {0}; /metrics must answer 200, and redirects are not followed")]
    Status(StatusCode),
    #[error("it answered more than {0} bytes; give its metrics fewer labels")]
    TooLong(usize),
    #[error(transparent)]
    Exposition(#[from] ExpositionError),
}

impl Scraper {
    /// One client for all pods.
    ///
    /// # Errors
    /// When the client cannot be made.
    pub fn new(pace: Pace, names: MetricNames, limits: Limits) -> Result<Self, Error> {
        let client = reqwest::Client::builder()
            .timeout(limits.timeout)
            // A redirect would let a pod choose whom we talk to, and a proxy knows no pods.
            .redirect(redirect::Policy::none())
            .no_proxy()
            .pool_max_idle_per_host(1)
            .pool_idle_timeout(pace.interval() * 2)
            .build()
            .map_err(Error)?;
        Ok(Self {
            client,
            names,
            limits,
            pace,
            counters: Mutex::new(Counters::new(pace)),
        })
    }

    /// Asks every target once. Unreachable ones are down; those that had no turn before the deadline are absent.
    ///
    /// Rates need two looks; call it at the scraper's pace.
    pub async fn look(&self, targets: &[Target]) -> Samples {
        let asked: Vec<BoxFuture<'_, _>> = self
            .in_order(targets)
            .into_iter()
            .map(|it| self.answer(it).boxed())
            .collect();
        let answers = stream::iter(asked)
            .buffer_unordered(self.limits.parallel)
            .take_until(tokio::time::sleep(self.limits.deadline));
        let mut answers = pin!(answers);
        let mut samples = Samples::with_capacity(targets.len());
        while let Some((target, answer)) = answers.next().await {
            let key = (target.namespace.clone(), target.name.clone());
            samples.insert(key, self.sample(target, answer));
        }
        self.counters().forget_silent(Instant::now());
        samples
    }

    /// How often it is to be called.
    pub fn pace(&self) -> Pace {
        self.pace
    }

    // Pods of a lost node take their whole second each: those that answered of late go before them.
    fn in_order<'t>(&self, targets: &'t [Target]) -> Vec<&'t Target> {
        let counters = self.counters();
        let (known, others): (Vec<_>, Vec<_>) = targets.iter().partition(|target| counters.knows(&target.uid));
        [known, others].concat()
    }

    fn sample(&self, target: &Target, answer: Result<(Exposition, Moment), ScrapeError>) -> PodSample {
        match answer {
            Ok((exposition, moment)) => self.counters().scraped(&target.uid, exposition, moment),
            Err(error) => {
                let why: &dyn std::error::Error = &error;
                tracing::debug!(
                    namespace = target.namespace,
                    pod = target.name,
                    why,
                    "a pod gave no metrics"
                );
                PodSample {
                    up: Some(0.0),
                    ..PodSample::default()
                }
            }
        }
    }

    async fn answer<'t>(&self, target: &'t Target) -> (&'t Target, Result<(Exposition, Moment), ScrapeError>) {
        (target, self.ask(target.address).await)
    }

    async fn ask(&self, address: SocketAddr) -> Result<(Exposition, Moment), ScrapeError> {
        let timeout = self.limits.timeout;
        tokio::time::timeout(timeout, self.fetch(address))
            .await
            .map_err(|_| ScrapeError::TimedOut(timeout))?
    }

    async fn fetch(&self, address: SocketAddr) -> Result<(Exposition, Moment), ScrapeError> {
        let url = format!("http://{address}/metrics");
        let response = self.client.get(url).header(ACCEPT, FORMATS).send().await?;
        // The counters are read just before the head is sent; a slow body must not bend the rate.
        let moment = Moment {
            monotonic: Instant::now(),
            wall: Timestamp::now(),
        };
        if response.status() != StatusCode::OK {
            return Err(ScrapeError::Status(response.status()));
        }
        let body = self.body(response).await?;
        Ok((exposition::read(&body, &self.names)?, moment))
    }

    async fn body(&self, mut response: Response) -> Result<Vec<u8>, ScrapeError> {
        let most = self.limits.body_bytes;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > most {
                return Err(ScrapeError::TooLong(most));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    // What a panic left behind is still the last look.
    fn counters(&self) -> MutexGuard<'_, Counters> {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
