//! What stands between the network and the handlers: budgets of clients, the bound on requests in flight, and whose word
//! about addresses is taken. State only; the layers that use it are in [`crate::middleware`].

use std::hash::Hash;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, HeaderValue};
use tokio::sync::Semaphore;

use crate::accept::ConnectionLimits;
use crate::address::{TrustedProxies, budget_key};
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
    /// How often one address may be wrong about one account's password; `None` is not limited.
    pub wrong_passwords: Option<Rate>,
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
    per_address: Option<RateLimiter>,
    per_user: Option<RateLimiter>,
    wrong_passwords: Option<RateLimiter>,
    trusted_proxies: TrustedProxies,
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
            wrong_passwords: config.wrong_passwords.map(|rate| RateLimiter::new(rate, now)),
            trusted_proxies: config.trusted_proxies.clone(),
            origins: config.origins.clone(),
            tracing: config.tracing,
        }
    }

    /// Whose connection one from `peer` is, where connections are counted; `None` for loopback and for trusted proxies, which
    /// bring those of many.
    pub fn counted_address(&self, peer: IpAddr) -> Option<IpAddr> {
        let peer = peer.to_canonical();
        let is_counted = !peer.is_loopback() && !self.trusted_proxies.contains(peer);
        is_counted.then(|| budget_key(peer))
    }

    /// Who asks, as far as budgets go: the client behind proxies that are trusted. `None` for who connects from loopback: they
    /// run beside this process and have no budget. What a header says of loopback does not count.
    pub fn budgeted(&self, peer: IpAddr, headers: &HeaderMap) -> Option<IpAddr> {
        let client = self.trusted_proxies.client(peer, headers);
        let is_beside = client == peer.to_canonical() && client.is_loopback();
        (!is_beside).then(|| budget_key(client))
    }

    /// Takes one request from the budget of an address.
    ///
    /// # Errors
    /// It asks too often.
    pub fn take_of_address(&self, peer: IpAddr, headers: &HeaderMap) -> Result<(), ApiError> {
        let Some(limiter) = &self.per_address else {
            return Ok(());
        };
        self.budgeted(peer, headers)
            .map_or(Ok(()), |client| take(limiter, client))
    }

    /// Takes one try from what `client` may be wrong about the password of an account.
    ///
    /// # Errors
    /// It was wrong too often.
    pub fn take_try(&self, (client, account): (Option<IpAddr>, &str)) -> Result<(), ApiError> {
        let limiter = self.wrong_passwords.as_ref().zip(client);
        limiter.map_or(Ok(()), |(limiter, client)| take(limiter, (client, account)))
    }

    /// The password was right: the try does not count.
    pub fn give_back_try(&self, (client, account): (Option<IpAddr>, &str)) {
        if let (Some(limiter), Some(client)) = (&self.wrong_passwords, client) {
            limiter.give_back((client, account), Instant::now());
        }
    }

    /// Takes one request from a user's budget.
    ///
    /// # Errors
    /// The user asks too often.
    pub fn take_of_user(&self, user: UserId) -> Result<(), ApiError> {
        let limiter = self.per_user.as_ref();
        limiter.map_or(Ok(()), |limiter| take(limiter, user))
    }
}

fn take(limiter: &RateLimiter, key: impl Hash) -> Result<(), ApiError> {
    limiter
        .take(key, Instant::now())
        .map_err(|too_many| ApiError::TooManyRequests(too_many.retry_after))
}

/// The value of Retry-After: whole seconds, at least one.
pub fn retry_after(wait: Duration) -> HeaderValue {
    HeaderValue::from(wait.as_secs() + u64::from(wait.subsec_nanos() > 0).max(u64::from(wait.is_zero())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_of_an_address_count_unless_it_is_beside_or_brings_those_of_many() {
        let edge = Edge {
            in_flight: Semaphore::new(1),
            per_address: None,
            per_user: None,
            wrong_passwords: None,
            trusted_proxies: "10.0.0.0/8".parse().expect("a network"),
            origins: Origins::None,
            tracing: Tracing::Off,
        };
        for (peer, counted) in [
            ("192.0.2.7", Some("192.0.2.7")),
            ("::ffff:192.0.2.7", Some("192.0.2.7")),
            ("2001:db8::1:2:3:4", Some("2001:db8::")),
            ("10.1.2.3", None),
            ("127.0.0.1", None),
            ("::ffff:127.0.0.1", None),
        ] {
            let counted = counted.map(|address| address.parse().expect("an address"));
            assert_eq!(
                edge.counted_address(peer.parse().expect("an address")),
                counted,
                "{peer}"
            );
        }
    }

    #[test]
    fn a_wait_is_told_in_whole_seconds_and_never_too_short() {
        for (millis, expected) in [(0, "1"), (1, "1"), (999, "1"), (1000, "1"), (1001, "2")] {
            assert_eq!(retry_after(Duration::from_millis(millis)), expected, "{millis} ms");
        }
    }
}
