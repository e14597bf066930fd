//! Metrics of the edge: what was refused and why, and who watches live. Closed sets of labels, like all others.

use std::fmt::{Error, Write as _};

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Whose budget was used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limited {
    /// An address'.
    Address,
    /// A user's.
    User,
    /// An address' for wrong passwords of one account.
    Password,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LimitedLabels {
    by: Limited,
}

impl EncodeLabelValue for Limited {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), Error> {
        encoder.write_str(match self {
            Self::Address => "address",
            Self::User => "user",
            Self::Password => "password",
        })
    }
}

/// The metrics of the edge.
#[derive(Debug, Default)]
pub struct EdgeMetrics {
    shed: Counter,
    limited: Family<LimitedLabels, Counter>,
    watchers: Gauge,
    unserved: Counter,
}

impl EdgeMetrics {
    /// Counts a request that was refused because too many are in flight.
    pub fn shed(&self) {
        self.shed.inc();
    }

    /// Counts a request that was refused because its client asks too often.
    pub fn limited(&self, by: Limited) {
        self.limited.get_or_create(&LimitedLabels { by }).inc();
    }

    /// Counts a connection that was closed because there are too many.
    pub fn connection_refused(&self) {
        self.unserved.inc();
    }

    /// Says how many watch live at this moment.
    pub fn set_watchers(&self, watchers: usize) {
        self.watchers.set(i64::try_from(watchers).unwrap_or(i64::MAX));
    }

    /// Registers all series, at zero.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "http_requests_shed",
            "Requests refused because too many were in flight",
            self.shed.clone(),
        );
        registry.register(
            "http_requests_limited",
            "Requests refused because their client asked too often",
            self.limited.clone(),
        );
        registry.register(
            "http_connections_refused",
            "Connections closed because there were too many",
            self.unserved.clone(),
        );
        registry.register("live_connections", "WebSockets open now", self.watchers.clone());
        for by in [Limited::Address, Limited::User, Limited::Password] {
            let _created = self.limited.get_or_create(&LimitedLabels { by });
        }
    }
}
