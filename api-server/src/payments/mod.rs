//! Entry fees, from the outbox to the gateway and back. [`gateway`] speaks the gateway's REST dialect (Razorpay's),
//! [`bucket`] keeps all replicas together below its rate, [`webhook`] reads what it tells us, and [`worker`] does what the
//! outbox asks for. What an event changes is decided by [`crate::domain::payment`] alone.

pub mod bucket;
pub mod gateway;
pub mod webhook;
pub mod worker;

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use thiserror::Error;
use tokio::sync::Notify;

use crate::cache::redis::Redis;
use bucket::Bucket;
use gateway::Gateway;

/// The gateway and how it is used.
#[derive(Debug, Clone)]
pub struct PaymentConfig {
    /// Where the gateway's API is.
    pub url: String,
    /// The public half of the credentials; clients need it too.
    pub key_id: String,
    /// The secret half.
    pub key_secret: SecretString,
    /// Signs the gateway's messages.
    pub webhook_secret: SecretString,
    /// Requests per second that all replicas may send together.
    pub per_second: u32,
    /// How long a user may take to pay.
    pub window: Duration,
    /// The longest wait for one answer of the gateway.
    pub timeout: Duration,
}

/// Payments of this process.
#[derive(Debug)]
pub struct Payments {
    /// The gateway.
    pub gateway: Gateway,
    /// The rate that all replicas share.
    pub bucket: Bucket,
    /// How they are used.
    pub config: PaymentConfig,
    /// Wakes the worker.
    pub wake: Notify,
}

/// The client of the gateway cannot be made.
#[derive(Debug, Error)]
#[error("cannot set up the payment gateway's client")]
pub struct NoClient(#[from] reqwest::Error);

impl Payments {
    /// Payments as configured. Connects to nothing yet.
    ///
    /// # Errors
    /// The client of the gateway cannot be made.
    pub fn new(config: &PaymentConfig, redis: Option<Arc<Redis>>) -> Result<Self, NoClient> {
        Ok(Self {
            gateway: Gateway::new(config)?,
            bucket: Bucket::new(config.per_second, redis),
            config: config.clone(),
            wake: Notify::new(),
        })
    }
}
