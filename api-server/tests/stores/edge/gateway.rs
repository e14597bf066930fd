//! A payment gateway of the test's own, in Razorpay's shape, with a will of its own: it limits, fails and hangs as it is
//! told to, and tells the server of payments as often as it is told to.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use aws_lc_rs::hmac;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use pathfinder_api::hex;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::people::url;
use crate::support::Server;

pub(crate) const KEY_ID: &str = "rzp_test_key";
pub(crate) const KEY_SECRET: &str = "gateway-key-secret";
pub(crate) const WEBHOOK_SECRET: &str = "gateway-webhook-secret";

/// What happens to one attempt to make an order.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// 429.
    Limit,
    /// 500.
    Fail,
    /// The order is made, but the answer takes longer than anybody waits.
    Hang,
    /// 400: it will never be made.
    Refuse,
}

#[derive(Debug, Default)]
struct Book {
    faults: VecDeque<Fault>,
    /// Receipt and amount of each order.
    orders: BTreeMap<String, (String, i64)>,
    /// Order of each captured payment.
    captured: BTreeMap<String, String>,
    refunds: Vec<String>,
    refund_keys: BTreeSet<String>,
}

/// The gateway.
#[derive(Clone)]
pub(crate) struct Gateway {
    book: Arc<Mutex<Book>>,
    address: String,
}

impl Gateway {
    pub(crate) async fn start(faults: &[Fault]) -> Self {
        let book = Book {
            faults: faults.iter().copied().collect(),
            ..Book::default()
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let gateway = Self {
            book: Arc::new(Mutex::new(book)),
            address: format!("http://{}", listener.local_addr().expect("bound")),
        };
        let routes = Router::new()
            .route("/v1/orders", post(make_order).get(find_orders))
            .route("/v1/orders/{id}/payments", get(payments))
            .route("/v1/payments/{id}", get(payment))
            .route("/v1/payments/{id}/refund", post(refund))
            .with_state(gateway.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        gateway
    }

    /// What a server needs to know of it.
    pub(crate) fn environment(&self) -> [(&str, &str); 6] {
        [
            ("PAYMENTS_URL", &self.address),
            ("PAYMENTS_KEY_ID", KEY_ID),
            ("PAYMENTS_KEY_SECRET", KEY_SECRET),
            ("PAYMENTS_WEBHOOK_SECRET", WEBHOOK_SECRET),
            ("PAYMENTS_TIMEOUT_MILLIS", "500"),
            ("RUST_LOG", "info,pathfinder_api=debug"),
        ]
    }

    pub(crate) fn orders(&self) -> usize {
        self.book().orders.len()
    }

    pub(crate) fn refunds(&self) -> Vec<String> {
        self.book().refunds.clone()
    }

    pub(crate) fn will(&self, fault: Fault) {
        self.book().faults.push_back(fault);
    }

    /// Somebody pays an order; nobody is told.
    pub(crate) fn pay(&self, order: &str) -> String {
        let mut book = self.book();
        let id = format!("pay_{}", book.captured.len() + 1);
        book.captured.insert(id.clone(), order.to_owned());
        id
    }

    /// Tells the server of a payment.
    pub(crate) async fn tell(&self, server: &Server, payment: &str, event_id: &str) -> StatusCode {
        let body = self.message(payment).to_string();
        send(server, &body, &sign(&body), event_id).await
    }

    pub(crate) fn message(&self, payment: &str) -> Value {
        json!({"entity": "event", "event": "payment.captured", "payload": {"payment": {"entity": self.entity(payment)}}})
    }

    fn entity(&self, payment: &str) -> Value {
        let book = self.book();
        let order = book.captured.get(payment).expect("a payment");
        let amount = book.orders.get(order).expect("an order").1;
        let refunded = if book.refunds.iter().any(|id| id == payment) {
            amount
        } else {
            0
        };
        json!({"id": payment, "order_id": order, "amount": amount, "currency": "INR", "status": "captured",
            "amount_refunded": refunded})
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().expect("no panic")
    }
}

/// Sends a message with this signature.
pub(crate) async fn send(server: &Server, body: &str, signature: &str, event_id: &str) -> StatusCode {
    let request = reqwest::Client::new()
        .post(url(server, "/api/payments/webhook"))
        .header("x-razorpay-signature", signature)
        .header("x-razorpay-event-id", event_id)
        .header("content-type", "application/json")
        .body(body.to_owned());
    request.send().await.expect("an answer").status()
}

pub(crate) fn sign(body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, WEBHOOK_SECRET.as_bytes());
    hex::encode(hmac::sign(&key, body.as_bytes()).as_ref())
}

async fn make_order(State(gateway): State<Gateway>, headers: HeaderMap, Json(order): Json<Value>) -> Response {
    // "rzp_test_key:gateway-key-secret" in base 64.
    let known = "Basic cnpwX3Rlc3Rfa2V5OmdhdGV3YXkta2V5LXNlY3JldA==";
    if headers.get("authorization").is_none_or(|given| given != known) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let fault = gateway.book().faults.pop_front();
    match fault {
        Some(Fault::Limit) => return (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "1")]).into_response(),
        Some(Fault::Fail) => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Some(Fault::Refuse) => {
            let told = json!({"error": {"code": "BAD_REQUEST_ERROR", "description": "not this one"}});
            return (StatusCode::BAD_REQUEST, Json(told)).into_response();
        }
        Some(Fault::Hang) | None => {}
    }
    let id = {
        let mut book = gateway.book();
        let id = format!("order_{}", book.orders.len() + 1);
        let receipt = order["receipt"].as_str().expect("a receipt").to_owned();
        book.orders
            .insert(id.clone(), (receipt, order["amount"].as_i64().expect("an amount")));
        id
    };
    if matches!(fault, Some(Fault::Hang)) {
        tokio::time::sleep(Duration::from_secs(3)).await;
    }
    Json(json!({"id": id, "status": "created"})).into_response()
}

async fn find_orders(State(gateway): State<Gateway>, Query(query): Query<BTreeMap<String, String>>) -> Json<Value> {
    let book = gateway.book();
    let found = book
        .orders
        .iter()
        .filter(|(_, (receipt, _))| Some(receipt) == query.get("receipt"));
    let items: Vec<_> = found.map(|(id, _)| json!({"id": id})).collect();
    Json(json!({"items": items}))
}

async fn payments(State(gateway): State<Gateway>, Path(order): Path<String>) -> Json<Value> {
    let ids: Vec<_> = {
        let book = gateway.book();
        let paid = book.captured.iter().filter(|(_, of)| **of == order);
        paid.map(|(id, _)| id.clone()).collect()
    };
    let items: Vec<_> = ids.iter().map(|id| gateway.entity(id)).collect();
    Json(json!({"items": items}))
}

async fn payment(State(gateway): State<Gateway>, Path(id): Path<String>) -> Json<Value> {
    Json(gateway.entity(&id))
}

async fn refund(State(gateway): State<Gateway>, Path(id): Path<String>, headers: HeaderMap) -> Json<Value> {
    let key = headers["x-refund-idempotency"].to_str().expect("text").to_owned();
    let mut book = gateway.book();
    if book.refund_keys.insert(key) {
        book.refunds.push(id);
    }
    Json(json!({"id": "rfnd_1"}))
}
