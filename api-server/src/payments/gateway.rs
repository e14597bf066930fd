//! The payment gateway's client, in the shape of Razorpay's REST API: basic authentication, amounts in minor units,
//! orders that carry our id as their receipt. One call is one attempt: who waits and tries again is the outbox, which
//! also survives this process. Every call that moves something can be repeated without moving it twice: refunds carry an
//! idempotency key, and an order is first looked for under its receipt.

use std::time::Duration;

use reqwest::header::RETRY_AFTER;
use reqwest::{Client, RequestBuilder, Response, StatusCode, redirect};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use thiserror::Error;
use uuid::Uuid;

use super::PaymentConfig;
use crate::domain::payment::Capture;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Far more than any answer that is asked for here.
const ANSWER_MAX: usize = 256 * 1024;

/// The gateway.
pub struct Gateway {
    http: Client,
    url: String,
    key_id: String,
    key_secret: SecretString,
}

/// What was asked of the gateway did not work.
#[derive(Debug, Error)]
pub enum GatewayError {
    /// It may work later: too many requests, a fault of the gateway, or no answer.
    #[error("the payment gateway does not answer at the moment: {reason}")]
    Later {
        /// What it said.
        reason: String,
        /// When it wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// It does not know us. Nothing is wrong with the payment.
    #[error("the payment gateway refuses our credentials: check PAYMENTS_KEY_ID and PAYMENTS_KEY_SECRET")]
    Credentials,
    /// It will never work.
    #[error("the payment gateway refuses: {reason}")]
    Refused {
        /// What it said.
        reason: String,
    },
}

/// An order at the gateway.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Order {
    /// Its id there.
    pub id: String,
}

#[derive(Debug, Deserialize)]
struct Page<T> {
    items: Vec<T>,
}

/// A payment as the gateway tells it, here and in its messages.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct PaymentEntity {
    pub(super) id: String,
    pub(super) amount: i64,
    pub(super) currency: String,
    #[serde(default)]
    pub(super) order_id: Option<String>,
    #[serde(default)]
    status: String,
    #[serde(default)]
    amount_refunded: i64,
}

impl PaymentEntity {
    pub(super) fn capture(self) -> Capture {
        Capture {
            id: self.id,
            amount: self.amount,
            currency: self.currency,
        }
    }
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl Gateway {
    /// The gateway as configured. Connects to nothing yet.
    ///
    /// # Errors
    /// The HTTP client cannot be made.
    pub fn new(config: &PaymentConfig) -> Result<Self, reqwest::Error> {
        let http = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(config.timeout)
            // Credentials and orders go to the address that was configured and nowhere else.
            .redirect(redirect::Policy::none())
            .build()?;
        Ok(Self {
            http,
            url: config.url.trim_end_matches('/').to_owned(),
            key_id: config.key_id.clone(),
            key_secret: config.key_secret.clone(),
        })
    }

    /// The order of this payment, if the gateway has made it already: an attempt whose answer was lost may have.
    ///
    /// # Errors
    /// As every call.
    pub async fn find_order(&self, payment: Uuid) -> Result<Option<Order>, GatewayError> {
        let request = self.http.get(format!("{}/v1/orders?receipt={payment}", self.url));
        let found: Page<Order> = self.send(request).await?;
        Ok(found.items.into_iter().next())
    }

    /// Makes the order of this payment.
    ///
    /// # Errors
    /// As every call.
    pub async fn make_order(&self, payment: Uuid, amount: i64, currency: &str) -> Result<Order, GatewayError> {
        let order = json!({"amount": amount, "currency": currency, "receipt": payment.to_string()});
        let request = self.http.post(format!("{}/v1/orders", self.url));
        let request = request.header("Idempotency-Key", payment.to_string()).json(&order);
        self.send(request).await
    }

    /// The money that was taken for an order, if any was.
    ///
    /// # Errors
    /// As every call.
    pub async fn captured(&self, order: &str) -> Result<Option<Capture>, GatewayError> {
        let request = self.http.get(format!("{}/v1/orders/{order}/payments", self.url));
        let payments: Page<PaymentEntity> = self.send(request).await?;
        let captured = payments.items.into_iter().find(|payment| payment.status == "captured");
        Ok(captured.map(PaymentEntity::capture))
    }

    /// Gives the whole amount of a capture back.
    ///
    /// # Errors
    /// As every call.
    pub async fn refund(&self, capture: &str) -> Result<(), GatewayError> {
        let request = self.http.post(format!("{}/v1/payments/{capture}/refund", self.url));
        let request = request
            .header("X-Refund-Idempotency", format!("refund-{capture}"))
            .header("Idempotency-Key", format!("refund-{capture}"))
            .json(&json!({"receipt": format!("refund-{capture}")}));
        let _refund: serde_json::Value = self.send(request).await?;
        Ok(())
    }

    /// Whether the whole amount of a capture went back, by whomever.
    ///
    /// # Errors
    /// As every call.
    pub async fn is_refunded(&self, capture: &str) -> Result<bool, GatewayError> {
        let request = self.http.get(format!("{}/v1/payments/{capture}", self.url));
        let payment: PaymentEntity = self.send(request).await?;
        Ok(payment.amount_refunded >= payment.amount)
    }

    async fn send<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, GatewayError> {
        let request = request.basic_auth(&self.key_id, Some(self.key_secret.expose_secret()));
        // Without its URL: an error must not repeat what a URL may hold.
        let later = |error: reqwest::Error| GatewayError::Later {
            reason: error.without_url().to_string(),
            retry_after: None,
        };
        let response = request.send().await.map_err(later)?;
        let (status, retry_after) = (response.status(), retry_after(&response));
        let body = bounded(response).await?;
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(|error| GatewayError::Later {
                reason: format!("its answer is not as expected: {error}"),
                retry_after: None,
            });
        }
        Err(failure(status, retry_after, &body))
    }
}

fn failure(status: StatusCode, retry_after: Option<Duration>, body: &[u8]) -> GatewayError {
    let reason = format!("{status}{}", description(body));
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => GatewayError::Credentials,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT | StatusCode::CONFLICT => {
            GatewayError::Later { reason, retry_after }
        }
        status if status.is_client_error() => GatewayError::Refused { reason },
        _ => GatewayError::Later { reason, retry_after },
    }
}

/// The gateway's own words, if they are short and plain: they end up in the log.
fn description(body: &[u8]) -> String {
    let told: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let told = told.as_ref().and_then(|told| told["error"]["description"].as_str());
    let plain = told.map(|told| told.chars().filter(|c| !c.is_control()).take(200).collect::<String>());
    plain.map(|told| format!(": {told}")).unwrap_or_default()
}

fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    seconds.parse().ok().map(Duration::from_secs)
}

async fn bounded(mut response: Response) -> Result<Vec<u8>, GatewayError> {
    let later = |reason: String| GatewayError::Later {
        reason,
        retry_after: None,
    };
    let mut body = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| later(error.without_url().to_string()))?
    {
        if body.len() + chunk.len() > ANSWER_MAX {
            return Err(later("its answer is too long".to_owned()));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn kind(error: &GatewayError) -> &'static str {
        match error {
            GatewayError::Later { .. } => "later",
            GatewayError::Credentials => "credentials",
            GatewayError::Refused { .. } => "refused",
        }
    }

    #[rstest]
    #[case(429, "later")]
    #[case(500, "later")]
    #[case(503, "later")]
    #[case(408, "later")]
    #[case(409, "later")]
    #[case(302, "later")]
    #[case(401, "credentials")]
    #[case(403, "credentials")]
    #[case(400, "refused")]
    #[case(404, "refused")]
    fn only_what_the_gateway_will_never_take_is_given_up(#[case] status: u16, #[case] expected: &str) {
        let status = StatusCode::from_u16(status).expect("a status");
        assert_eq!(kind(&failure(status, None, b"")), expected);
    }

    #[test]
    fn the_gateways_words_are_cut_to_a_plain_line() {
        let body = json!({"error": {"description": format!("bad\r\namount{}", "x".repeat(500))}}).to_string();
        let told = description(body.as_bytes());
        assert!(told.starts_with(": badamount") && told.len() < 210, "{told}");
        assert_eq!(description(b"<html>"), "");
    }
}
