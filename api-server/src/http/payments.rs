//! Payments of entry fees: what a user has to pay, and the gateway's messages.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde::Serialize;
use tokio::time::timeout;
use tokio_util::bytes::Bytes;
use tracing::warn;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::answer::Personal;
use super::extract::{Authenticated, Path};
use crate::app::App;
use crate::domain::registration::{PaymentRequest, Registration, RegistrationStatus};
use crate::domain::tournament::TournamentId;
use crate::error::{ApiError, Problem};
use crate::hex;
use crate::payments::{Payments, webhook, worker};
use crate::store::payments::{self, StoredPayment};

/// The longest that a registration waits for its order; then the client asks for it.
const ORDER_PATIENCE: Duration = Duration::from_secs(3);
/// Longest id of a message that is kept as it is.
const MESSAGE_ID_MAX: usize = 64;

/// The paths of this area.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(get)).routes(routes!(hear))
}

/// A payment as its user sees it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PaymentView {
    /// Its id: that of the registration.
    id: Uuid,
    /// The tournament.
    tournament_id: TournamentId,
    /// `Ordering`, `Awaiting`, `Paid`, `Expired`, `Withdrawn`, `Failed`, `RefundDue` or `Refunded`.
    #[schema(value_type = String)]
    status: &'static str,
    /// The order at the gateway, once there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    order_id: Option<String>,
    /// How much, in minor units of the currency.
    amount: i64,
    /// ISO 4217.
    currency: String,
    /// The public key that the gateway's checkout asks for.
    key_id: String,
    /// When the seat goes to somebody else unless the fee is paid.
    #[schema(value_type = Option<String>, format = DateTime)]
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
}

/// One of the user's payments.
///
/// # Errors
/// The user has no such payment, or the database.
#[utoipa::path(get, path = "/api/payments/{id}", tag = "payments", security(("session" = [])),
    params(("id" = Uuid, Path)), responses(
    (status = 200, body = PaymentView), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 404, body = Problem), (status = 429, body = Problem), (status = 503, body = Problem)
))]
pub async fn get(
    State(app): State<Arc<App>>,
    Path(id): Path<Uuid>,
    asker: Authenticated,
) -> Result<Personal<PaymentView>, ApiError> {
    let key_id = app.payments()?.config.key_id.clone();
    let found = payments::get(app.db()?, id).await?;
    // Somebody else's is none: ids are no secrets.
    let own = found
        .filter(|payment| payment.user == asker.user)
        .ok_or(ApiError::NoSuchPayment)?;
    Ok(Personal(PaymentView {
        id,
        tournament_id: own.tournament,
        status: own.payment.state.as_str(),
        order_id: own.order,
        amount: own.payment.amount,
        currency: own.payment.currency,
        key_id,
        expires_at: own.expires_at,
    }))
}

/// Hears a message of the payment gateway. A message that comes again, or out of order, changes nothing twice.
///
/// # Errors
/// The message is not signed, or the database: then the gateway sends it again.
#[utoipa::path(post, path = "/api/payments/webhook", tag = "payments",
    params(("x-razorpay-signature" = String, Header), ("x-razorpay-event-id" = Option<String>, Header)),
    request_body(content = Vec<u8>, content_type = "application/json"), responses(
    (status = 200, description = "heard"), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 413, body = Problem), (status = 503, body = Problem)
))]
pub async fn hear(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, ApiError> {
    let payments = app.payments()?;
    let body = body.map_err(ApiError::Bytes)?;
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let message = webhook::read(&body, header("x-razorpay-signature"), &payments.config.webhook_secret)?;
    let Some(message) = message else {
        return Ok(StatusCode::OK);
    };
    let id = header("x-razorpay-event-id").filter(|id| (1..=MESSAGE_ID_MAX).contains(&id.len()));
    let id = id.map_or_else(
        || hex::encode(digest::digest(&digest::SHA256, &body).as_ref()),
        str::to_owned,
    );
    worker::heard(&app, app.db()?, &id, &message).await?;
    Ok(StatusCode::OK)
}

/// A registration with what is to be paid for it. Makes the order at once if the gateway answers; if not, the outbox does
/// it later and the client finds it under `/api/payments/{id}`.
pub async fn with_payment(app: &Arc<App>, mut registration: Registration) -> Registration {
    if registration.status == RegistrationStatus::AwaitingPayment
        && let Ok(payments) = app.payments()
    {
        registration.payment = order(app, payments, registration.id.0).await;
    }
    registration
}

async fn order(app: &Arc<App>, payments: &Payments, id: Uuid) -> Option<PaymentRequest> {
    let ordering = tokio::spawn({
        let app = Arc::clone(app);
        // Goes on when the client leaves: what was begun at the gateway should end in the database.
        async move {
            let (db, payments) = (app.db()?, app.payments()?);
            worker::hurry(&app, db, payments, id).await?;
            Ok::<_, ApiError>(payments::get(db, id).await?)
        }
    });
    match timeout(ORDER_PATIENCE, ordering).await {
        Ok(Ok(Ok(stored))) => stored.and_then(|stored| request(stored, payments)),
        Ok(Ok(Err(error))) => {
            warn!(%error, %id, "an order is left to the outbox");
            None
        }
        Ok(Err(_)) | Err(_) => None,
    }
}

fn request(stored: StoredPayment, payments: &Payments) -> Option<PaymentRequest> {
    Some(PaymentRequest {
        order_id: stored.order?,
        amount: stored.payment.amount,
        currency: stored.payment.currency,
        key_id: payments.config.key_id.clone(),
    })
}
