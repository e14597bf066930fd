//! A ticket to upload one poster into the local directory: an address that is valid for one name, one size, and a short
//! time, because it is signed by this server. S3 has the same idea, and signs by itself. Pure: the time is a parameter.

use aws_lc_rs::hmac;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

use crate::domain::poster::PosterKey;
use crate::hex;

/// What a ticket allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    /// The name to upload under.
    pub key: PosterKey,
    /// The exact size.
    pub bytes: u64,
    /// Until when, in seconds since 1970.
    pub expires: i64,
}

/// A ticket that allows nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BadTicket {
    /// Its signature does not fit.
    #[error("the upload's address is not one of this server's: ask for a new one")]
    Forged,
    /// Its time is over.
    #[error("the upload's address has expired: ask for a new one")]
    Expired,
}

/// Signs tickets.
pub struct Signer(hmac::Key);

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer")
    }
}

impl Signer {
    /// A signer with this secret.
    pub fn new(secret: &SecretString) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes()))
    }

    /// The signature of a ticket.
    pub fn sign(&self, ticket: &Ticket) -> String {
        hex::encode(hmac::sign(&self.0, text(ticket).as_bytes()).as_ref())
    }

    /// Checks a ticket that a client brings.
    ///
    /// # Errors
    /// It is not ours, or too old.
    pub fn check(&self, ticket: &Ticket, signature: &str, now: Timestamp) -> Result<(), BadTicket> {
        let signature = hex::decode(signature).ok_or(BadTicket::Forged)?;
        hmac::verify(&self.0, text(ticket).as_bytes(), &signature).map_err(|_| BadTicket::Forged)?;
        if ticket.expires < now.as_second() {
            return Err(BadTicket::Expired);
        }
        Ok(())
    }
}

/// What is signed: no part can be moved into another one, because none holds a line break.
fn text(ticket: &Ticket) -> String {
    format!("PUT\n{}\n{}\n{}", ticket.key, ticket.bytes, ticket.expires)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::poster::ImageKind;

    fn now() -> Timestamp {
        "2030-01-01T00:00:00Z".parse().expect("a time")
    }

    fn ticket() -> Ticket {
        Ticket {
            key: PosterKey::new(Uuid::from_u128(7), ImageKind::Png),
            bytes: 1000,
            expires: now().as_second() + 60,
        }
    }

    fn signer() -> Signer {
        Signer::new(&"secret".into())
    }

    #[test]
    fn a_ticket_is_good_until_it_expires() {
        let signature = signer().sign(&ticket());
        assert_eq!(signer().check(&ticket(), &signature, now()), Ok(()));
        let later = now() + jiff::SignedDuration::from_secs(61);
        assert_eq!(signer().check(&ticket(), &signature, later), Err(BadTicket::Expired));
    }

    #[test]
    fn a_ticket_that_was_changed_is_forged() {
        let signature = signer().sign(&ticket());
        let other_key = PosterKey::new(Uuid::from_u128(8), ImageKind::Png);
        for changed in [
            Ticket {
                bytes: 1001,
                ..ticket()
            },
            Ticket {
                expires: ticket().expires + 1,
                ..ticket()
            },
            Ticket {
                key: other_key,
                ..ticket()
            },
        ] {
            assert_eq!(signer().check(&changed, &signature, now()), Err(BadTicket::Forged));
        }
        for forged in ["", "00", "no hex", &"0".repeat(64)] {
            assert_eq!(signer().check(&ticket(), forged, now()), Err(BadTicket::Forged));
        }
        let other = Signer::new(&"another".into());
        assert_eq!(other.check(&ticket(), &signature, now()), Err(BadTicket::Forged));
    }
}
