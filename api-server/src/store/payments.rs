//! Payments and their outbox in the database. A task is claimed by a lease: whoever claims it has it for a while, and when
//! that process dies the task is due again. Decisions are applied by a function of the schema, in one piece, and only to
//! the payment that they were made for. What happens next is not known here.

use std::time::Duration;

use jiff::Timestamp;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row, query_as};
use uuid::Uuid;

use super::StoreError;
use super::db::{Db, Freshness};
use crate::domain::payment::{Decision, Payment, PaymentState};
use crate::domain::tournament::TournamentId;
use crate::domain::user::UserId;
use crate::metrics::labels::QueryType;

/// A claimed task is nobody else's for this long: longer than any attempt at it.
const LEASE: Duration = Duration::from_secs(60);

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "select id, tournament_id, user_id, status, amount, currency, order_id, capture, returned,
                (extract(epoch from expires_at) * 1000000)::bigint as expires
            from payments where ",
            $rest
        )
    };
}

const GET: &str = select!("id = $1");
const OF_ORDER: &str = select!("order_id = $1");
macro_rules! claim {
    ($of:literal) => {
        concat!(
            "with due as (select id from payment_tasks where due_at <= now()",
            $of,
            " order by due_at limit $1 for update skip locked)
            update payment_tasks t set attempts = t.attempts + 1, due_at = now() + $2 * interval '1 millisecond'
            from due where t.id = due.id returning t.id, t.payment_id, t.kind, t.capture, t.attempts"
        )
    };
}

const CLAIM: &str = claim!("");
const CLAIM_OF: &str = claim!(" and payment_id = $3");
const FINISH: &str = "delete from payment_tasks where id = $1 returning id";
const POSTPONE: &str =
    "update payment_tasks set due_at = now() + $2 * interval '1 millisecond' where id = $1 returning id";
const OPEN: &str = "with opened as (
        update payments set expires_at = now() + $2 * interval '1 millisecond' where id = $1 and expires_at is null returning id, expires_at)
    insert into payment_tasks (payment_id, kind, due_at) select id, 'Settle', expires_at from opened
    on conflict do nothing returning id";
const APPLY: &str = "select apply_payment($1, $2, $3, $4, $5, $6, $7, $8, $9)";
const FORGET: &str =
    "with old as (delete from payment_messages where received_at < now() - interval '7 days' returning 1)
    select count(*) from old";

/// A payment as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPayment {
    /// Its id, which is that of its registration too.
    pub id: Uuid,
    /// The tournament.
    pub tournament: TournamentId,
    /// Who pays.
    pub user: UserId,
    /// What decisions are made by.
    pub payment: Payment,
    /// The order at the gateway, once there is one.
    pub order: Option<String>,
    /// When the time to pay is over; unknown until the first attempt at the gateway.
    pub expires_at: Option<Timestamp>,
}

/// Something to be done at the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Its id.
    pub id: i64,
    /// The payment.
    pub payment: Uuid,
    /// What to do.
    pub kind: TaskKind,
    /// How often it was attempted, this time included.
    pub attempts: u32,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskKind {
    /// Make the order.
    Order,
    /// The time to pay is over: see what became of it.
    Settle,
    /// The seat was given up.
    Withdraw,
    /// Give this capture back.
    Refund(String),
}

/// How a decision was taken up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// It is done.
    Done,
    /// The payment is not as it was: decide again.
    Changed,
    /// The message that led to it was heard before.
    Duplicate,
}

/// What came with an event, beside the decision.
#[derive(Debug, Clone, Copy, Default)]
pub struct Circumstances<'a> {
    /// The order that was made.
    pub order: Option<&'a str>,
    /// The gateway's message that told the event.
    pub message: Option<&'a str>,
}

/// Claims up to `limit` tasks that are due, of one payment or of all.
///
/// # Errors
/// The database does not answer; tasks that were claimed are due again later.
pub async fn claim(db: &Db, limit: i64, only: Option<Uuid>) -> Result<Vec<Task>, StoreError> {
    let query = || {
        let claim = query_as::<_, (i64, Uuid, String, String, i32)>(if only.is_some() { CLAIM_OF } else { CLAIM });
        let claim = claim.bind(limit).bind(millis(LEASE));
        match only {
            Some(payment) => claim.bind(payment),
            None => claim,
        }
    };
    let rows = db.write(QueryType::ClaimPaymentTasks, query).await?;
    rows.into_iter().map(task).collect()
}

/// Ends a task.
///
/// # Errors
/// The database does not answer; the task comes again, which its payment's state makes harmless.
pub async fn finish(db: &Db, task: i64) -> Result<(), StoreError> {
    let query = || query_as::<_, (i64,)>(FINISH).bind(task);
    db.write(QueryType::FinishPaymentTask, query).await.map(drop)
}

/// Makes a task due again after a pause.
///
/// # Errors
/// The database does not answer; the task is due after its lease.
pub async fn postpone(db: &Db, task: i64, pause: Duration) -> Result<(), StoreError> {
    let query = || query_as::<_, (i64,)>(POSTPONE).bind(task).bind(millis(pause));
    db.write(QueryType::FinishPaymentTask, query).await.map(drop)
}

/// Starts the time in which a payment may be paid, unless it runs already.
///
/// # Errors
/// The database does not answer.
pub async fn open(db: &Db, payment: Uuid, window: Duration) -> Result<(), StoreError> {
    let query = || query_as::<_, (i64,)>(OPEN).bind(payment).bind(millis(window));
    db.write(QueryType::OpenPayment, query).await.map(drop)
}

/// One payment, if it exists.
///
/// # Errors
/// The database does not answer.
pub async fn get(db: &Db, payment: Uuid) -> Result<Option<StoredPayment>, StoreError> {
    let query = || query_as::<_, PaymentRow>(GET).bind(payment);
    let rows = db.read(QueryType::GetPayment, Freshness::Latest, query).await?;
    rows.into_iter().next().map(|row| row.0).transpose()
}

/// The payment of an order, if it exists.
///
/// # Errors
/// The database does not answer.
pub async fn of_order(db: &Db, order: &str) -> Result<Option<StoredPayment>, StoreError> {
    let query = || query_as::<_, PaymentRow>(OF_ORDER).bind(order);
    let rows = db.read(QueryType::GetPayment, Freshness::Latest, query).await?;
    rows.into_iter().next().map(|row| row.0).transpose()
}

/// Applies a decision that was made for the payment as it was `seen`.
///
/// # Errors
/// The database does not answer; the decision may or may not be applied, and trying again is safe.
pub async fn apply(
    db: &Db,
    seen: &StoredPayment,
    decision: &Decision,
    circumstances: Circumstances<'_>,
) -> Result<Applied, StoreError> {
    let query = || {
        query_as::<_, (String,)>(APPLY)
            .bind(seen.id)
            .bind(seen.payment.state.as_str())
            .bind(seen.payment.capture.as_deref())
            .bind(decision.state.as_str())
            .bind(circumstances.order)
            .bind(decision.capture.as_deref())
            .bind(decision.seat.as_str())
            .bind(decision.refund.as_deref())
            .bind(circumstances.message)
    };
    let rows = db.write(QueryType::ApplyPayment, query).await?;
    match rows.first().map(|(word,)| word.as_str()) {
        Some("Done") => Ok(Applied::Done),
        Some("Changed") => Ok(Applied::Changed),
        Some("Duplicate") => Ok(Applied::Duplicate),
        other => Err(corrupt(seen.id, &format!("outcome {other:?}"))),
    }
}

/// Forgets messages that are too old to be sent again.
///
/// # Errors
/// The database does not answer.
pub async fn forget_messages(db: &Db) -> Result<(), StoreError> {
    db.write(QueryType::FinishPaymentTask, || query_as::<_, (i64,)>(FORGET))
        .await
        .map(drop)
}

/// A row, or why it cannot be read.
struct PaymentRow(Result<StoredPayment, StoreError>);

impl FromRow<'_, PgRow> for PaymentRow {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let (id, status): (Uuid, String) = (row.try_get(0)?, row.try_get(3)?);
        let expires_at: Option<i64> = row.try_get(9)?;
        let (tournament, user): (Uuid, Uuid) = (row.try_get(1)?, row.try_get(2)?);
        let (amount, currency) = (row.try_get(4)?, row.try_get(5)?);
        let (order, capture, returned) = (row.try_get(6)?, row.try_get(7)?, row.try_get(8)?);
        let state = PaymentState::named(&status).ok_or_else(|| corrupt(id, &format!("status `{status}`")));
        Ok(Self(state.and_then(|state| {
            Ok(StoredPayment {
                id,
                tournament: TournamentId(tournament),
                user: UserId(user),
                payment: Payment {
                    state,
                    amount,
                    currency,
                    capture,
                    returned,
                },
                order,
                expires_at: expires_at
                    .map(|micros| super::timestamp("payment", micros))
                    .transpose()?,
            })
        })))
    }
}

fn task((id, payment, kind, capture, attempts): (i64, Uuid, String, String, i32)) -> Result<Task, StoreError> {
    let kind = match kind.as_str() {
        "Order" => TaskKind::Order,
        "Settle" => TaskKind::Settle,
        "Withdraw" => TaskKind::Withdraw,
        "Refund" => TaskKind::Refund(capture),
        other => return Err(corrupt(payment, &format!("task `{other}`"))),
    };
    Ok(Task {
        id,
        payment,
        kind,
        attempts: attempts.unsigned_abs(),
    })
}

fn corrupt(id: Uuid, problem: &str) -> StoreError {
    StoreError::Corrupt {
        what: "payment",
        problem: format!("{id}: {problem}"),
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
