//! What happens to the payment of an entry fee: a machine of states and events, pure. Events come from the gateway and
//! from users in any order, late, and more than once; the machine decides what they change. Its promises: a seat is
//! confirmed only for the exact fee; money without a seat goes back, exactly once; nothing happens twice.
//!
//! ```text
//! Ordering -> Awaiting -> Paid ---------+
//!     |           |                     v
//!     +-----------+--> Expired   --> RefundDue -> Refunded
//!                      Withdrawn
//!                      Failed
//! ```

use std::time::Duration;

/// Where a payment stands. The database knows the same words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PaymentState {
    /// Its order is being made at the gateway.
    Ordering,
    /// The user may pay.
    Awaiting,
    /// The fee is here, and the seat is the user's.
    Paid,
    /// The fee did not come in time, and the seat went to someone else.
    Expired,
    /// The user gave the seat up, or the tournament does not take place, before anything was paid.
    Withdrawn,
    /// The gateway does not take the order.
    Failed,
    /// Money is here for which there is no seat.
    RefundDue,
    /// The money went back.
    Refunded,
}

/// What the gateway, the user or the clock did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PaymentEvent {
    /// The gateway made the order.
    OrderMade,
    /// The gateway will not make this order, however often it is asked.
    OrderRefused,
    /// The gateway took money for the order.
    Captured(Capture),
    /// The time to pay is over, and the gateway says that nothing was paid.
    TimeOver,
    /// The seat was given up, or the tournament was cancelled.
    Withdrawn,
    /// The gateway gave the money of this capture back.
    RefundMade(String),
}

/// Money that the gateway took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capture {
    /// The gateway's id of it.
    pub id: String,
    /// Minor units of the currency.
    pub amount: i64,
    /// ISO 4217.
    pub currency: String,
}

/// A payment as far as decisions need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// Where it stands.
    pub state: PaymentState,
    /// The fee in minor units of the currency.
    pub amount: i64,
    /// ISO 4217.
    pub currency: String,
    /// The capture that counts, once there is one.
    pub capture: Option<String>,
    /// The captures that went back or are on their way.
    pub returned: Vec<String>,
}

/// What becomes of the registration that the payment is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seat {
    /// Nothing.
    Keep,
    /// It is confirmed.
    Confirm,
    /// It goes to the first who waits.
    Release,
}

/// What an event changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The new state.
    pub state: PaymentState,
    /// What becomes of the seat.
    pub seat: Seat,
    /// The capture that counts from now on, if that changes.
    pub capture: Option<String>,
    /// A capture that must go back.
    pub refund: Option<String>,
}

impl PaymentState {
    /// All states.
    pub const ALL: [Self; 8] = [
        Self::Ordering,
        Self::Awaiting,
        Self::Paid,
        Self::Expired,
        Self::Withdrawn,
        Self::Failed,
        Self::RefundDue,
        Self::Refunded,
    ];

    /// The word for it, in the database and in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ordering => "Ordering",
            Self::Awaiting => "Awaiting",
            Self::Paid => "Paid",
            Self::Expired => "Expired",
            Self::Withdrawn => "Withdrawn",
            Self::Failed => "Failed",
            Self::RefundDue => "RefundDue",
            Self::Refunded => "Refunded",
        }
    }

    /// The state of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// Whether the user may still pay.
    fn is_open(self) -> bool {
        matches!(self, Self::Ordering | Self::Awaiting)
    }
}

impl Payment {
    /// What this event changes; `None` when it changes nothing.
    pub fn decide(&self, event: &PaymentEvent) -> Option<Decision> {
        match event {
            PaymentEvent::OrderMade => {
                (self.state == PaymentState::Ordering).then(|| Decision::to(PaymentState::Awaiting))
            }
            PaymentEvent::OrderRefused => (self.state == PaymentState::Ordering).then(|| Decision {
                seat: Seat::Release,
                ..Decision::to(PaymentState::Failed)
            }),
            PaymentEvent::Captured(capture) => self.captured(capture),
            PaymentEvent::TimeOver => self.state.is_open().then(|| Decision {
                seat: Seat::Release,
                ..Decision::to(PaymentState::Expired)
            }),
            PaymentEvent::Withdrawn => self.withdrawn(),
            PaymentEvent::RefundMade(id) => self.refunded(id),
        }
    }

    /// A payment after a decision.
    #[must_use]
    pub fn after(mut self, decision: &Decision) -> Self {
        self.state = decision.state;
        self.capture = decision.capture.clone().or(self.capture);
        self.returned.extend(decision.refund.clone());
        self
    }

    fn captured(&self, capture: &Capture) -> Option<Decision> {
        if self.capture.as_ref() == Some(&capture.id) || self.returned.contains(&capture.id) {
            return None;
        }
        if self.capture.is_some() {
            // Paid a second time: the first capture counts, this one goes back.
            return Some(Decision {
                refund: Some(capture.id.clone()),
                ..Decision::to(self.state)
            });
        }
        let is_exact = capture.amount == self.amount && capture.currency == self.currency;
        let counts = Some(capture.id.clone());
        if self.state.is_open() && is_exact {
            return Some(Decision {
                seat: Seat::Confirm,
                capture: counts,
                ..Decision::to(PaymentState::Paid)
            });
        }
        Some(Decision {
            seat: if self.state.is_open() {
                Seat::Release
            } else {
                Seat::Keep
            },
            refund: counts.clone(),
            capture: counts,
            ..Decision::to(PaymentState::RefundDue)
        })
    }

    fn withdrawn(&self) -> Option<Decision> {
        if self.state.is_open() {
            return Some(Decision::to(PaymentState::Withdrawn));
        }
        (self.state == PaymentState::Paid).then(|| Decision {
            refund: self.capture.clone(),
            ..Decision::to(PaymentState::RefundDue)
        })
    }

    /// Only the refund of the capture that counts ends the payment; that of a second one changes nothing.
    fn refunded(&self, id: &str) -> Option<Decision> {
        let is_ours = self.capture.as_deref() == Some(id);
        (is_ours && self.state == PaymentState::RefundDue).then(|| Decision::to(PaymentState::Refunded))
    }
}

impl Decision {
    fn to(state: PaymentState) -> Self {
        Self {
            state,
            seat: Seat::Keep,
            capture: None,
            refund: None,
        }
    }
}

impl Seat {
    /// The word for it in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "Keep",
            Self::Confirm => "Confirm",
            Self::Release => "Release",
        }
    }
}

/// The pause before the next attempt at the gateway: doubles from a quarter of a second to a minute, of which `share`
/// (0 to 1, drawn by the caller) spreads the later half, so that replicas do not return together. Never less than the
/// gateway asked for.
pub fn retry_pause(attempts: u32, share: f64, asked_for: Option<Duration>) -> Duration {
    const FIRST: Duration = Duration::from_millis(250);
    const LONGEST: Duration = Duration::from_secs(60);
    let doubled = FIRST
        .saturating_mul(1 << attempts.saturating_sub(1).min(16))
        .min(LONGEST);
    let pause = doubled.mul_f64(0.5 + share.clamp(0.0, 1.0) / 2.0);
    // A gateway that asks for days is not obeyed: the task looks again, which costs one call.
    pause.max(asked_for.unwrap_or_default().min(10 * LONGEST))
}

#[cfg(test)]
mod tests;
