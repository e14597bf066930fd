//! Does what the outbox asks for, on every replica at once: tasks are claimed by lease, so each is one replica's at a time,
//! and comes back when that replica dies. Every step can be done again: what was done already shows in the payment's
//! state or at the gateway. What an event changes is decided by [`crate::domain::payment`].

use std::time::Duration;

use futures::future::join_all;
use rand::random_range;
use thiserror::Error;
use tokio::time::{Instant, sleep, timeout};
use tracing::{error, info, warn};
use uuid::Uuid;

use super::Payments;
use super::gateway::{GatewayError, Order};
use super::webhook::Message;
use crate::app::App;
use crate::domain::payment::{PaymentEvent, PaymentState, Seat, retry_pause};
use crate::error::ApiError;
use crate::store::StoreError;
use crate::store::db::Db;
use crate::store::payments::{self, Applied, Circumstances, StoredPayment, Task, TaskKind};

/// Tasks that one replica works on at a time.
const BATCH: i64 = 16;
/// Between two looks at an outbox that had nothing due.
const IDLE_PAUSE: Duration = Duration::from_secs(1);
/// Between two looks at a database that does not answer.
const AWAY_PAUSE: Duration = Duration::from_secs(2);
/// Old messages are forgotten this often.
const FORGET_EVERY: Duration = Duration::from_secs(3600);
/// The longest wait for the shared rate; then the task goes back.
const RATE_PATIENCE: Duration = Duration::from_secs(5);
/// A gateway that stays silent about an order for so many attempts no longer keeps the seat from others. Should the fee
/// have been paid after all, it goes back when the gateway tells.
const SETTLE_ATTEMPTS: u32 = 8;
/// Decisions against a payment that changes meanwhile.
const APPLY_ATTEMPTS: u32 = 8;

/// A task could not be done now.
#[derive(Debug, Error)]
enum TaskError {
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the gateway's rate is used up")]
    Rate(Duration),
    #[error("the payment changed again and again while it was being decided on")]
    Unsettled,
}

/// Works on the outbox until it is dropped.
pub async fn run(app: &App, db: &Db, payments: &Payments) {
    let mut forget_at = Instant::now() + FORGET_EVERY;
    loop {
        match payments::claim(db, BATCH, None).await {
            Ok(tasks) if tasks.is_empty() => {
                let pause = IDLE_PAUSE.mul_f64(random_range(0.8..1.2));
                // Either way it is time to look again.
                let _woken = timeout(pause, payments.wake.notified()).await;
            }
            Ok(tasks) => {
                join_all(tasks.iter().map(|task| work(app, db, payments, task))).await;
            }
            // The watch over the database reports it.
            Err(_) => sleep(AWAY_PAUSE.mul_f64(random_range(0.8..1.2))).await,
        }
        if Instant::now() > forget_at {
            forget_at = Instant::now() + FORGET_EVERY;
            // Whatever is left is forgotten the next time.
            let _later = payments::forget_messages(db).await;
        }
    }
}

/// Works on the tasks of one payment at once, if nobody else does.
///
/// # Errors
/// The database does not answer. What the gateway does shows in the payment.
pub async fn hurry(app: &App, db: &Db, payments: &Payments, payment: Uuid) -> Result<(), StoreError> {
    let tasks = payments::claim(db, 1, Some(payment)).await?;
    join_all(tasks.iter().map(|task| work(app, db, payments, task))).await;
    Ok(())
}

async fn work(app: &App, db: &Db, payments: &Payments, task: &Task) {
    let settled = match attempt(app, db, payments, task).await {
        Ok(()) => payments::finish(db, task.id).await,
        Err(error) => {
            let pause = pause(task, &error);
            let (kind, payment) = (name(&task.kind), task.payment);
            warn!(kind, %payment, attempts = task.attempts, %error, "a payment task comes again");
            payments::postpone(db, task.id, pause).await
        }
    };
    if let Err(error) = settled {
        warn!(%error, payment = %task.payment, "a payment task comes again after its lease");
    }
}

fn pause(task: &Task, error: &TaskError) -> Duration {
    let asked_for = match error {
        TaskError::Gateway(GatewayError::Later { retry_after, .. }) => *retry_after,
        TaskError::Rate(wait) => Some(*wait),
        // Someone must change the configuration: no hurry.
        TaskError::Gateway(GatewayError::Credentials) => Some(Duration::from_secs(30)),
        TaskError::Gateway(GatewayError::Refused { .. }) => Some(Duration::from_secs(300)),
        TaskError::Store(_) | TaskError::Unsettled => None,
    };
    retry_pause(task.attempts, random_range(0.0..1.0), asked_for)
}

async fn attempt(app: &App, db: &Db, payments: &Payments, task: &Task) -> Result<(), TaskError> {
    let Some(stored) = payments::get(db, task.payment).await? else {
        return Ok(());
    };
    match &task.kind {
        TaskKind::Order => make_order(app, db, payments, (task, &stored)).await,
        TaskKind::Settle => settle(app, db, payments, (task, &stored)).await,
        TaskKind::Withdraw => happened(app, db, stored.id, (&PaymentEvent::Withdrawn, Circumstances::default())).await,
        TaskKind::Refund(capture) => {
            refund(payments, capture).await?;
            let event = PaymentEvent::RefundMade(capture.clone());
            happened(app, db, stored.id, (&event, Circumstances::default())).await
        }
    }
}

async fn make_order(
    app: &App,
    db: &Db,
    payments: &Payments,
    (task, stored): (&Task, &StoredPayment),
) -> Result<(), TaskError> {
    if stored.payment.state != PaymentState::Ordering {
        return Ok(());
    }
    payments::open(db, stored.id, payments.config.window).await?;
    match order(payments, task, stored).await {
        Ok(order) => {
            let circumstances = Circumstances {
                order: Some(&order.id),
                message: None,
            };
            happened(app, db, stored.id, (&PaymentEvent::OrderMade, circumstances)).await
        }
        Err(TaskError::Gateway(GatewayError::Refused { reason })) => {
            error!(payment = %stored.id, reason, "the gateway refuses an order: the seat is free again");
            let event = (&PaymentEvent::OrderRefused, Circumstances::default());
            happened(app, db, stored.id, event).await
        }
        Err(error) => Err(error),
    }
}

/// The order of an earlier attempt whose answer was lost, or else a new one. An attempt that is still on its way could
/// make a second one; it is never shown to anybody, and an order that nobody knows cannot be paid.
async fn order(payments: &Payments, task: &Task, stored: &StoredPayment) -> Result<Order, TaskError> {
    if task.attempts > 1 {
        take_token(payments).await?;
        if let Some(order) = payments.gateway.find_order(stored.id).await? {
            return Ok(order);
        }
    }
    take_token(payments).await?;
    let (amount, currency) = (stored.payment.amount, &stored.payment.currency);
    Ok(payments.gateway.make_order(stored.id, amount, currency).await?)
}

/// The time is over. The gateway is asked before the seat is given away, and where it was given up: its message may be late
/// or lost, and what was paid belongs to somebody.
async fn settle(
    app: &App,
    db: &Db,
    payments: &Payments,
    (task, stored): (&Task, &StoredPayment),
) -> Result<(), TaskError> {
    let captured = match &stored.order {
        Some(order) if matches!(stored.payment.state, PaymentState::Awaiting | PaymentState::Withdrawn) => {
            take_token(payments).await?;
            match payments.gateway.captured(order).await {
                Ok(captured) => captured,
                // Nobody waits for the seat of a payment that was withdrawn: only the money would be lost.
                Err(error) if task.attempts < SETTLE_ATTEMPTS || stored.payment.state == PaymentState::Withdrawn => {
                    return Err(error.into());
                }
                Err(_) => None,
            }
        }
        Some(_) | None => None,
    };
    let event = captured.map_or(PaymentEvent::TimeOver, PaymentEvent::Captured);
    happened(app, db, stored.id, (&event, Circumstances::default())).await
}

async fn refund(payments: &Payments, capture: &str) -> Result<(), TaskError> {
    take_token(payments).await?;
    let refused = match payments.gateway.refund(capture).await {
        Err(error @ GatewayError::Refused { .. }) => error,
        outcome => return Ok(outcome?),
    };
    // It may have gone back already, by an attempt whose answer was lost or by someone's hand.
    take_token(payments).await?;
    if payments.gateway.is_refunded(capture).await? {
        Ok(())
    } else {
        error!(capture, error = %refused, "a refund is refused: someone must see to it at the gateway");
        Err(refused.into())
    }
}

/// Takes a token of the rate that all replicas share, and waits for one within reason.
async fn take_token(payments: &Payments) -> Result<(), TaskError> {
    let deadline = Instant::now() + RATE_PATIENCE;
    while let Err(wait) = payments.bucket.take().await {
        if Instant::now() + wait > deadline {
            return Err(TaskError::Rate(wait));
        }
        sleep(wait).await;
    }
    Ok(())
}

/// Decides what an event changes, and applies it; again, when the payment changed in between.
async fn happened(
    app: &App,
    db: &Db,
    payment: Uuid,
    (event, circumstances): (&PaymentEvent, Circumstances<'_>),
) -> Result<(), TaskError> {
    for _ in 0..APPLY_ATTEMPTS {
        let Some(stored) = payments::get(db, payment).await? else {
            return Ok(());
        };
        let Some(decision) = stored.payment.decide(event) else {
            return Ok(());
        };
        match payments::apply(db, &stored, &decision, circumstances).await? {
            Applied::Changed => {}
            Applied::Duplicate => return Ok(()),
            Applied::Done => {
                let (from, to) = (stored.payment.state.as_str(), decision.state.as_str());
                info!(%payment, from, to, "a payment moved on");
                if decision.seat != Seat::Keep {
                    app.seats_changed(stored.tournament).await;
                }
                let is_more = decision.refund.is_some() || decision.seat == Seat::Release;
                if let (Ok(payments), true) = (app.payments(), is_more) {
                    payments.wake.notify_one();
                }
                return Ok(());
            }
        }
    }
    Err(TaskError::Unsettled)
}

/// Takes up what a signed message of the gateway says.
///
/// # Errors
/// The database does not answer: the gateway will send the message again.
pub async fn heard(app: &App, db: &Db, id: &str, message: &Message) -> Result<(), ApiError> {
    let Some(stored) = payments::of_order(db, &message.order).await? else {
        warn!(order = message.order, "a message about an order that is not known here");
        return Ok(());
    };
    let circumstances = Circumstances {
        order: None,
        message: Some(id),
    };
    match happened(app, db, stored.id, (&message.event, circumstances)).await {
        Ok(()) => Ok(()),
        Err(TaskError::Store(error)) => Err(error.into()),
        Err(_) => Err(ApiError::Overloaded),
    }
}

fn name(kind: &TaskKind) -> &'static str {
    match kind {
        TaskKind::Order => "order",
        TaskKind::Settle => "settle",
        TaskKind::Withdraw => "withdraw",
        TaskKind::Refund(_) => "refund",
    }
}
