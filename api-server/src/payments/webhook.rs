//! The gateway's messages: who signed them, and what they say. A message counts only with a signature of its exact bytes;
//! what it says is judged by the payment's own state, not by the message. Pure: bytes in, an event out.

use aws_lc_rs::hmac;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use thiserror::Error;

use super::gateway::PaymentEntity;
use crate::domain::payment::PaymentEvent;
use crate::hex;

/// A message that is not heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BadMessage {
    /// The signature is missing or is not the gateway's.
    #[error("X-Razorpay-Signature does not fit the body")]
    Signature,
    /// The message is signed, but is not as expected.
    #[error("the message is not one of the gateway's events")]
    Shape,
}

/// What a message says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The order that it is about.
    pub order: String,
    /// What happened.
    pub event: PaymentEvent,
}

#[derive(Debug, Deserialize)]
struct Envelope {
    event: String,
    #[serde(default)]
    payload: Payload,
}

#[derive(Debug, Default, Deserialize)]
struct Payload {
    payment: Option<Wrapped>,
}

#[derive(Debug, Deserialize)]
struct Wrapped {
    entity: PaymentEntity,
}

/// Reads a message; `None` for events that change nothing here.
///
/// # Errors
/// It is not signed by the gateway, or not as expected.
pub fn read(body: &[u8], signature: Option<&str>, secret: &SecretString) -> Result<Option<Message>, BadMessage> {
    let signature = signature.and_then(hex::decode).ok_or(BadMessage::Signature)?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
    // Compares in constant time.
    hmac::verify(&key, body, &signature).map_err(|_| BadMessage::Signature)?;
    let envelope: Envelope = serde_json::from_slice(body).map_err(|_| BadMessage::Shape)?;
    match envelope.event.as_str() {
        "payment.captured" | "order.paid" => {
            let payment = envelope.payload.payment.ok_or(BadMessage::Shape)?.entity;
            let order = payment.order_id.clone();
            // A payment without an order was not asked for by us.
            Ok(order.map(|order| Message {
                order,
                event: PaymentEvent::Captured(payment.capture()),
            }))
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::payment::Capture;

    fn secret() -> SecretString {
        "whsec".into()
    }

    fn sign(body: &[u8]) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"whsec");
        hex::encode(hmac::sign(&key, body).as_ref())
    }

    fn message(event: &str) -> Value {
        json!({"entity": "event", "event": event, "payload": {"payment": {"entity": {
            "id": "pay_1", "order_id": "order_1", "amount": 50_000, "currency": "INR", "status": "captured"}}}})
    }

    #[rstest]
    #[case("payment.captured")]
    #[case("order.paid")]
    fn a_signed_capture_is_an_event_of_its_order(#[case] event: &str) {
        let body = message(event).to_string();
        let read = read(body.as_bytes(), Some(&sign(body.as_bytes())), &secret()).expect("signed");
        let capture = Capture {
            id: "pay_1".to_owned(),
            amount: 50_000,
            currency: "INR".to_owned(),
        };
        assert_eq!(
            read,
            Some(Message {
                order: "order_1".to_owned(),
                event: PaymentEvent::Captured(capture)
            })
        );
    }

    #[test]
    fn a_changed_body_is_not_heard() {
        let signature = sign(message("order.paid").to_string().as_bytes());
        let forged = message("order.paid").to_string().replace("50000", "1");
        assert_eq!(
            read(forged.as_bytes(), Some(&signature), &secret()),
            Err(BadMessage::Signature)
        );
    }

    #[rstest]
    #[case::none(None)]
    #[case::empty(Some(""))]
    #[case::no_hex(Some("zz"))]
    #[case::too_short(Some("abcd"))]
    fn a_message_without_a_signature_is_not_heard(#[case] signature: Option<&str>) {
        let body = message("order.paid").to_string();
        assert_eq!(read(body.as_bytes(), signature, &secret()), Err(BadMessage::Signature));
    }

    #[test]
    fn other_events_are_heard_and_change_nothing() {
        let body = message("payment.failed").to_string();
        assert_eq!(read(body.as_bytes(), Some(&sign(body.as_bytes())), &secret()), Ok(None));
    }

    #[test]
    fn a_signed_message_of_another_shape_is_refused() {
        let body = br#"{"event":"order.paid"}"#;
        assert_eq!(read(body, Some(&sign(body)), &secret()), Err(BadMessage::Shape));
    }
}
