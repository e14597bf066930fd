//! A payment gateway of the suite's own, in the shape of Razorpay's: it limits, breaks, forgets to answer, and counts.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle, time::sleep};

use crate::api::{
    Client,
    client::Answer,
    token::{hex, hmac},
};

/// What the server must be told to use it, beside its URL.
pub const VARIABLES: [(&str, &str); 3] = [
    ("PAYMENTS_KEY_ID", "proof"),
    ("PAYMENTS_KEY_SECRET", "proof-secret"),
    ("PAYMENTS_WEBHOOK_SECRET", WEBHOOK_SECRET),
];
const WEBHOOK_SECRET: &str = "proof-webhook-secret";

// Longer than the server waits for an answer in the suite.
const SLOW: Duration = Duration::from_secs(3);

#[derive(Debug, Default)]
struct Books {
    // By receipt.
    orders: BTreeMap<String, Value>,
    calls_to_make: BTreeMap<String, u32>,
    refunds: BTreeMap<String, u32>,
    captures: BTreeMap<String, Value>,
    answered: u32,
}

type Shared = Arc<Mutex<Books>>;

/// A running gateway; it ends with this value.
#[derive(Debug)]
pub struct Gateway {
    /// What the server is told.
    pub url: String,
    books: Shared,
    task: JoinHandle<()>,
}

impl Gateway {
    /// Starts one. Of each order's first three calls one is refused for haste, one breaks and one is made but not answered.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start() -> anyhow::Result<Self> {
        let books = Shared::default();
        let router = Router::new()
            .route("/v1/orders", post(make).get(find))
            .route("/v1/orders/{order}/payments", get(payments))
            .route("/v1/payments/{capture}", get(capture))
            .route("/v1/payments/{capture}/refund", post(refund))
            .with_state(books.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let task = tokio::spawn(async move {
            // It ends when the value that stands for it is dropped.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { url, books, task })
    }

    /// How many orders there are.
    pub fn orders(&self) -> usize {
        lock(&self.books).orders.len()
    }

    /// How often money went back, by capture.
    pub fn refunds(&self) -> BTreeMap<String, u32> {
        lock(&self.books).refunds.clone()
    }

    /// Takes the money of an order: what the gateway's message of it says.
    pub fn pay(&self, order: &str, amount: i64) -> Value {
        let entity = json!({"id": format!("pay_{order}"), "order_id": order, "amount": amount, "currency": "INR",
            "status": "captured", "amount_refunded": 0});
        lock(&self.books)
            .captures
            .insert(format!("pay_{order}"), entity.clone());
        json!({"entity": "event", "event": "payment.captured", "payload": {"payment": {"entity": entity}}})
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Sends a message to the server as the gateway does, signed.
///
/// # Errors
/// When there is no answer.
pub async fn tell(client: &Client, message: &Value, event_id: &str) -> anyhow::Result<Answer> {
    let body = message.to_string();
    let signature = hex(&hmac(WEBHOOK_SECRET.as_bytes(), body.as_bytes()));
    let client = client
        .with("x-razorpay-signature", &signature)?
        .with("x-razorpay-event-id", event_id)?;
    let to = (reqwest::Method::POST, "/api/payments/webhook");
    client.upload(to, "application/json", body.into_bytes()).await
}

fn lock(books: &Shared) -> MutexGuard<'_, Books> {
    books.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn make(State(books): State<Shared>, Json(body): Json<Value>) -> Response {
    let receipt = body["receipt"].as_str().unwrap_or_default().to_owned();
    let (calls, order) = {
        let mut books = lock(&books);
        let calls = books.calls_to_make.entry(receipt.clone()).or_default();
        *calls += 1;
        let calls = *calls;
        if calls < 3 {
            (calls, Value::Null)
        } else {
            books.answered += 1;
            let id = format!("order_{}", books.answered);
            let order = json!({"id": id, "amount": body["amount"], "currency": body["currency"], "receipt": receipt});
            (calls, books.orders.entry(receipt).or_insert(order).clone())
        }
    };
    match calls {
        1 => (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "1")], "slow down").into_response(),
        2 => (StatusCode::INTERNAL_SERVER_ERROR, "broken").into_response(),
        3 => {
            sleep(SLOW).await;
            StatusCode::GATEWAY_TIMEOUT.into_response()
        }
        _ => Json(order).into_response(),
    }
}

async fn find(State(books): State<Shared>, Query(query): Query<BTreeMap<String, String>>) -> Json<Value> {
    let receipt = query.get("receipt").map(String::as_str).unwrap_or_default();
    let found: Vec<Value> = lock(&books).orders.get(receipt).cloned().into_iter().collect();
    Json(json!({"items": found}))
}

async fn payments(State(books): State<Shared>, Path(order): Path<String>) -> Json<Value> {
    let found: Vec<Value> = lock(&books)
        .captures
        .values()
        .filter(|capture| capture["order_id"] == *order)
        .cloned()
        .collect();
    Json(json!({"items": found}))
}

async fn capture(State(books): State<Shared>, Path(capture): Path<String>) -> Response {
    let found = lock(&books).captures.get(&capture).cloned();
    found.map_or(StatusCode::NOT_FOUND.into_response(), |found| {
        Json(found).into_response()
    })
}

async fn refund(State(books): State<Shared>, Path(capture): Path<String>) -> Json<Value> {
    let mut books = lock(&books);
    *books.refunds.entry(capture.clone()).or_default() += 1;
    if let Some(entity) = books.captures.get_mut(&capture) {
        entity["amount_refunded"] = entity["amount"].clone();
    }
    Json(json!({"id": format!("rfnd_{capture}"), "payment_id": capture}))
}
