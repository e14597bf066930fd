//! A user's place in a tournament: a seat, a seat that waits for its payment, or a place on the waiting list, which moves
//! up in the order of arrival. The counting is done under a lock by the database; the words for it are here.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::tournament::TournamentId;
use super::user::UserId;

/// Identifies a registration. Version 7, so that newer registrations have greater ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct RegistrationId(pub Uuid);

impl fmt::Display for RegistrationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where a registration stands. The database knows the same words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub enum RegistrationStatus {
    /// Has a seat.
    Registered,
    /// Has a seat that is kept until the entry fee is paid.
    AwaitingPayment,
    /// On the waiting list.
    Waiting,
}

impl RegistrationStatus {
    /// The status of this name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "Registered" => Some(Self::Registered),
            "AwaitingPayment" => Some(Self::AwaitingPayment),
            "Waiting" => Some(Self::Waiting),
            _ => None,
        }
    }
}

/// What a user pays to the gateway for a seat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PaymentRequest {
    /// The order at the gateway.
    pub order_id: String,
    /// How much, in minor units of the currency.
    pub amount: i64,
    /// ISO 4217.
    pub currency: String,
    /// The public key that the gateway's checkout asks for.
    pub key_id: String,
}

/// A registration as its user sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Registration {
    /// Its id.
    pub id: RegistrationId,
    /// The tournament.
    pub tournament_id: TournamentId,
    /// Where it stands.
    pub status: RegistrationStatus,
    /// The place on the waiting list, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting_position: Option<u64>,
    /// What to pay, while the status is `AwaitingPayment`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment: Option<PaymentRequest>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// One of a user's own registrations, with the tournament's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OwnRegistration {
    /// The registration.
    #[serde(flatten)]
    pub registration: Registration,
    /// The tournament's name.
    pub tournament_name: String,
    /// When the tournament starts.
    #[schema(value_type = String, format = DateTime)]
    pub starts_at: Timestamp,
}

/// A registration as everybody sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Participant {
    /// Who.
    pub user_id: UserId,
    /// The user's name.
    pub name: String,
    /// Where the registration stands.
    pub status: RegistrationStatus,
    /// The order of arrival in this tournament: smaller came first.
    pub position: u64,
}

/// How an attempt to register ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Registering {
    /// A new registration.
    Made(Registration),
    /// The user had this one already.
    Already(Registration),
    /// Not possible.
    Refused(Refusal),
}

/// Why a tournament does not take a registration, a change or a cancellation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such tournament.
    NoSuchTournament,
    /// It does not take place.
    Cancelled,
    /// It has begun.
    Started,
    /// Too many wait already.
    WaitingListFull,
    /// The user is not registered.
    NotRegistered,
    /// Only the owner may do this.
    NotOwner,
    /// More seats are taken than would be left.
    SeatsTaken,
}

impl Refusal {
    /// The refusal of this name; the database's functions return it.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "NoSuchTournament" => Some(Self::NoSuchTournament),
            "Cancelled" => Some(Self::Cancelled),
            "Started" => Some(Self::Started),
            "WaitingListFull" => Some(Self::WaitingListFull),
            "NotRegistered" => Some(Self::NotRegistered),
            "NotOwner" => Some(Self::NotOwner),
            "SeatsTaken" => Some(Self::SeatsTaken),
            _ => None,
        }
    }
}
