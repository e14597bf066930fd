//! Ends old connections politely: a client that keeps its connections open for ever would never see the replicas that
//! came later, and would be cut off when this one stops. The answer says `Connection: close`, the server closes after
//! it, and no request is lost.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use axum::extract::ConnectInfo;
use axum::http::header::CONNECTION;
use axum::http::{Extensions, HeaderValue};
use axum::response::Response;
use socket2::SockRef;
use tokio::net::TcpStream;
use tracing::debug;

use crate::app::App;
use crate::lifecycle::Phase;

/// When a connection was accepted, and from where.
#[derive(Debug, Clone, Copy)]
pub struct Accepted {
    /// The other end, which may be a proxy.
    pub peer: SocketAddr,
    at: Instant,
    /// Factor on the greatest age: connections that came together do not all leave together.
    spread: f64,
}

impl Accepted {
    /// A connection that was accepted just now. The kernel ends it when its client takes no byte of what was sent, nor
    /// confirms any, for `write_timeout` (TCP_USER_TIMEOUT, which counts full windows too): whoever never reads its answers,
    /// and the other end of a cable that was cut.
    pub fn now((stream, peer): (&TcpStream, SocketAddr), write_timeout: Duration) -> Self {
        // Answers are small: waiting to fill a packet would only add delay.
        if let Err(error) = stream.set_nodelay(true) {
            debug!(%error, "cannot set TCP_NODELAY");
        }
        if let Err(error) = SockRef::from(stream).set_tcp_user_timeout(Some(write_timeout)) {
            debug!(%error, "cannot set TCP_USER_TIMEOUT");
        }
        Self {
            peer,
            at: Instant::now(),
            spread: rand::random_range(0.8..1.2),
        }
    }

    fn is_older_than(&self, age: Duration, now: Instant) -> bool {
        now.duration_since(self.at) > age.mul_f64(self.spread)
    }
}

/// The connection of a request, by its extensions; `None` where it came by none.
pub fn of(request: &Extensions) -> Option<Accepted> {
    request.get::<ConnectInfo<Accepted>>().map(|info| info.0)
}

/// Asks the client to close a connection that is too old, and every connection while draining.
pub fn retire(app: &App, accepted: Option<Accepted>, response: &mut Response) {
    let is_old = accepted.zip(app.limits.max_connection_age);
    let is_old = is_old.is_some_and(|(accepted, age)| accepted.is_older_than(age, Instant::now()));
    if is_old || app.lifecycle.phase() == Phase::Draining {
        response
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn a_connection_is_old_after_its_own_share_of_the_greatest_age() {
        let at = Instant::now();
        let accepted = Accepted {
            peer: (Ipv4Addr::LOCALHOST, 1).into(),
            at,
            spread: 0.8,
        };
        let age = Duration::from_mins(1);
        assert!(!accepted.is_older_than(age, at + Duration::from_secs(48)));
        assert!(accepted.is_older_than(age, at + Duration::from_secs(49)));
    }
}
