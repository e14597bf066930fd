//! The labels of the metrics: closed sets, so that the number of series is fixed by this file and not by clients. The
//! route of a request is the template of its path; the router takes its paths from here, so that both always agree.

use std::fmt::{Error, Write as _};

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};

/// Labels of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct HttpLabels {
    /// The request's method.
    pub method: Method,
    /// The template that its path matched.
    pub route: Route,
    /// The status of its answer.
    pub status_code: u16,
}

/// Labels of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct QueryLabels {
    /// Which statement.
    pub query_type: QueryType,
}

/// Labels of a cacheable read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct CacheLabels {
    /// Who answered.
    pub outcome: CacheOutcome,
}

/// Labels of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct PoolLabels {
    /// Which pool.
    pub pool: Pool,
}

/// Declares a closed set of label values: its variants, all of them in one constant, and each one's text.
macro_rules! label {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:expr,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant,)+ }

        impl $name {
            /// Every value.
            pub const ALL: [Self; [$($text),+].len()] = [$(Self::$variant),+];

            /// The value as it stands in the metrics.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }

        impl EncodeLabelValue for $name {
            fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), Error> {
                encoder.write_str(self.as_str())
            }
        }
    };
}

label! {
    /// The methods worth telling apart.
    Method {
        /// GET
        Get = "GET",
        /// HEAD
        Head = "HEAD",
        /// POST
        Post = "POST",
        /// PUT
        Put = "PUT",
        /// PATCH
        Patch = "PATCH",
        /// DELETE
        Delete = "DELETE",
        /// OPTIONS
        Options = "OPTIONS",
        /// Any other, invented ones included.
        Other = "OTHER",
    }
}

label! {
    /// The templates of all counted paths.
    Route {
        /// The list of tournaments.
        Tournaments = "/api/tournaments",
        /// One tournament.
        Tournament = "/api/tournaments/{id}",
        /// Its cancellation.
        TournamentCancel = "/api/tournaments/{id}/cancel",
        /// Its registrations.
        Registrations = "/api/tournaments/{id}/registrations",
        /// The user's own registration in it.
        OwnRegistration = "/api/tournaments/{id}/registrations/me",
        /// Its board.
        Leaderboard = "/api/tournaments/{id}/leaderboard",
        /// A player's points in it.
        Score = "/api/tournaments/{id}/scores/{userId}",
        /// Users.
        Users = "/api/users",
        /// The user that asks.
        Me = "/api/users/me",
        /// Its password.
        Password = "/api/users/me/password",
        /// Its registrations.
        OwnRegistrations = "/api/users/me/registrations",
        /// Sessions.
        Sessions = "/api/sessions",
        /// The session that asks.
        CurrentSession = "/api/sessions/current",
        /// One session.
        Session = "/api/sessions/{id}",
        /// A WebSocket of its events.
        Live = "/api/tournaments/{id}/live",
        /// Its poster.
        Poster = "/api/tournaments/{id}/poster",
        /// An upload into the directory of posters.
        Upload = "/uploads/{key}",
        /// A poster's image.
        PosterImage = "/posters/{key}",
        /// A payment.
        Payment = "/api/payments/{id}",
        /// A message of the payment gateway.
        PaymentMessage = "/api/payments/webhook",
        /// The description of the API.
        OpenApi = "/openapi.json",
        /// A path that matches no template.
        Unmatched = "unmatched",
    }
}

label! {
    /// The statements that are timed.
    QueryType {
        /// A page of tournaments.
        ListTournaments = "list_tournaments",
        /// One tournament by its id.
        GetTournament = "get_tournament",
        /// A new tournament.
        CreateTournament = "create_tournament",
        /// A changed tournament.
        UpdateTournament = "update_tournament",
        /// A cancelled tournament.
        CancelTournament = "cancel_tournament",
        /// A new registration.
        Register = "register",
        /// A cancelled registration.
        Unregister = "unregister",
        /// A page of a user's registrations.
        ListOwnRegistrations = "list_own_registrations",
        /// A page of a tournament's registrations.
        ListParticipants = "list_participants",
        /// A player's points.
        SetScore = "set_score",
        /// A tournament's board.
        Leaderboard = "leaderboard",
        /// A new user.
        CreateUser = "create_user",
        /// One user by its id.
        GetUser = "get_user",
        /// A user's password, to compare it.
        GetCredentials = "get_credentials",
        /// A changed password.
        SetPassword = "set_password",
        /// A tournament's new poster.
        SetPoster = "set_poster",
        /// Tasks of the payments' outbox.
        ClaimPaymentTasks = "claim_payment_tasks",
        /// The end or the pause of such a task.
        FinishPaymentTask = "finish_payment_task",
        /// The start of a payment's time.
        OpenPayment = "open_payment",
        /// One payment.
        GetPayment = "get_payment",
        /// A decision about a payment.
        ApplyPayment = "apply_payment",
        /// The periodic look at the schema's version.
        Check = "check",
    }
}

label! {
    /// Who answered a cacheable read.
    CacheOutcome {
        /// The cache.
        Hit = "hit",
        /// The database, because the cache did not have it.
        Miss = "miss",
        /// The database, because there is no cache or it does not answer.
        Bypass = "bypass",
    }
}

label! {
    /// The pools of connections.
    Pool {
        /// To the primary.
        Primary = "primary",
        /// To the read replica.
        Replica = "replica",
    }
}

/// The answers that occur in normal life: their series exist from the start.
pub const USUAL_RESPONSES: &[(Method, Route, &[u16])] = &[
    (Method::Get, Route::Tournaments, &[200, 304, 400, 500, 503]),
    (
        Method::Post,
        Route::Tournaments,
        &[201, 400, 401, 413, 415, 422, 500, 503],
    ),
    (Method::Get, Route::Tournament, &[200, 304, 400, 404, 500, 503]),
    (Method::Patch, Route::Tournament, &[200, 401, 403, 404, 409, 422]),
    (Method::Post, Route::TournamentCancel, &[204, 401, 403, 404, 409]),
    (Method::Get, Route::Registrations, &[200, 304, 404]),
    (Method::Post, Route::Registrations, &[200, 201, 401, 404, 409, 503]),
    (Method::Delete, Route::OwnRegistration, &[204, 401, 404, 409]),
    (Method::Get, Route::Leaderboard, &[200, 304, 404]),
    (Method::Put, Route::Score, &[200, 401, 403, 404]),
    (Method::Post, Route::Users, &[201, 409, 422]),
    (Method::Get, Route::Me, &[200, 401]),
    (Method::Put, Route::Password, &[204, 401]),
    (Method::Get, Route::OwnRegistrations, &[200, 401]),
    (Method::Post, Route::Sessions, &[201, 401, 503]),
    (Method::Get, Route::Sessions, &[200, 401]),
    (Method::Delete, Route::Sessions, &[204, 401]),
    (Method::Get, Route::CurrentSession, &[200, 401]),
    (Method::Delete, Route::CurrentSession, &[204, 401]),
    (Method::Delete, Route::Session, &[204, 401, 404]),
    (Method::Get, Route::Live, &[101, 400, 503]),
    (Method::Post, Route::Poster, &[201, 401, 403, 404, 422]),
    (Method::Put, Route::Upload, &[204, 403, 404, 409, 415]),
    (Method::Get, Route::PosterImage, &[200, 304, 404]),
    (Method::Get, Route::Payment, &[200, 401, 404]),
    (Method::Post, Route::PaymentMessage, &[200, 401, 404]),
    (Method::Get, Route::Unmatched, &[404]),
];

impl Method {
    /// The label of a request's method.
    pub fn of(name: &str) -> Self {
        Self::ALL
            .into_iter()
            .find(|method| method.as_str() == name)
            .unwrap_or(Self::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invented_method_does_not_become_a_label() {
        assert_eq!(Method::of("BREW"), Method::Other);
        assert_eq!(Method::of("POST"), Method::Post);
    }
}
