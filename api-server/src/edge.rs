//! What stands between the network and the handlers: budgets of clients, the bound on requests in flight, and whose word
//! about addresses is taken. State only; the layers that use it are in [`crate::middleware`].

use std::time::{Duration, Instant};

use axum::http::HeaderValue;
use tokio::sync::Semaphore;

use crate::accept::ConnectionLimits;
use crate::address::TrustedProxies;
use crate::config::Tracing;
use crate::domain::user::UserId;
use crate::error::ApiError;
use crate::rate_limit::{Rate, RateLimiter};

/// The bounds at the edge.
#[derive(Debug, Clone)]
pub struct EdgeConfig {
    /// What connections may cost.
    pub connections: ConnectionLimits,
    /// Most requests in flight.
    pub max_in_flight: usize,
    /// What one address may do; `None` is not limited.
    pub per_address: Option<Rate>,
    /// What one user may do; `None` is not limited.
    pub per_user: Option<Rate>,
    /// Whose word about addresses is taken.
    pub trusted_proxies: TrustedProxies,
    /// Sites whose pages may use the API from a browser.
    pub origins: Origins,
    /// Whether requests are traced.
    pub tracing: Tracing,
}

/// Sites whose pages may use the API from a browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origins {
    /// None but the API's own.
    None,
    /// All of them.
    Any,
    /// These.
    Listed(Vec<HeaderValue>),
}

/// The state of the edge.
#[derive(Debug)]
pub struct Edge {
    /// A permit for each request in flight.
    pub in_flight: Semaphore,
    /// The budgets of addresses.
    pub per_address: Option<RateLimiter>,
    per_user: Option<RateLimiter>,
    /// Whose word about addresses is taken.
    pub trusted_proxies: TrustedProxies,
    /// Sites whose pages may use the API from a browser.
    pub origins: Origins,
    /// Whether requests are traced.
    pub tracing: Tracing,
}

impl Edge {
    /// The edge as configured.
    pub fn new(config: &EdgeConfig) -> Self {
        let now = Instant::now();
        Self {
            in_flight: Semaphore::new(config.max_in_flight),
            per_address: config.per_address.map(|rate| RateLimiter::new(rate, now)),
            per_user: config.per_user.map(|rate| RateLimiter::new(rate, now)),
            trusted_proxies: config.trusted_proxies.clone(),
            origins: config.origins.clone(),
            tracing: config.tracing,
        }
    }

    /// Takes one request from a user's budget.
    ///
    /// # Errors
    /// The user asks too often.
    pub fn take_of_user(&self, user: UserId) -> Result<(), ApiError> {
        let Some(limiter) = &self.per_user else {
            return Ok(());
        };
        limiter
            .take(user, Instant::now())
            .map_err(|too_many| ApiError::TooManyRequests(too_many.retry_after))
    }
}

/// The value of Retry-After: whole seconds, at least one.
pub fn retry_after(wait: Duration) -> HeaderValue {
    HeaderValue::from(wait.as_secs() + u64::from(wait.subsec_nanos() > 0).max(u64::from(wait.is_zero())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_told_in_whole_seconds_and_never_too_short() {
        for (millis, expected) in [(0, "1"), (1, "1"), (999, "1"), (1000, "1"), (1001, "2")] {
            assert_eq!(retry_after(Duration::from_millis(millis)), expected, "{millis} ms");
        }
    }
}
