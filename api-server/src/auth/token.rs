//! The tokens that clients carry: JSON Web Tokens signed with HMAC-SHA256. The first key signs, every key of the ring
//! verifies, so keys are replaced without ending a session: put the new one first, and drop the old one when its tokens
//! have ended. A token says who and which session; whether the session still exists is not known here.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

/// Shortest key, in bytes: as long as what HMAC-SHA256 puts out.
pub const KEY_MIN_BYTES: usize = 32;
/// Keys that a ring holds at most: the one that signs, and those whose tokens have not ended.
const RING_MAX: usize = 4;

/// What a token says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The user.
    pub sub: Uuid,
    /// The session.
    pub sid: Uuid,
    /// When the user signed in, in seconds since 1970.
    pub iat: i64,
    /// When it ends however much it is used, in seconds since 1970.
    pub exp: i64,
}

/// Keys as somebody wrote them that cannot be used. No value is repeated.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum KeyError {
    /// Not of the form.
    #[error("key {number} is not of the form kid:base64, with a kid of letters, digits, - and _")]
    Form {
        /// Which, from 1.
        number: usize,
    },
    /// Too short.
    #[error("key {number} is shorter than {KEY_MIN_BYTES} bytes: make one with `openssl rand -base64 32`")]
    Short {
        /// Which, from 1.
        number: usize,
    },
    /// None, or too many.
    #[error("there must be 1 to {RING_MAX} keys")]
    Count,
}

/// A token that proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejected {
    /// No token of ours, altered, or ended.
    Invalid,
    /// Signed with a key that is not in the ring.
    UnknownKey,
}

#[derive(Clone)]
struct Key {
    kid: String,
    encoding: EncodingKey,
    decoding: DecodingKey,
}

/// The keys of this process.
pub struct Keys {
    ring: RwLock<Arc<[Key]>>,
    validation: Validation,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}

impl Keys {
    /// The keys of a text like `kid:base64,kid2:base64`.
    ///
    /// # Errors
    /// What is wrong with it, without the text.
    pub fn parse(text: &SecretString) -> Result<Self, KeyError> {
        let keys = text.expose_secret().split(',').enumerate();
        let ring: Vec<Key> = keys
            .map(|(index, key)| Key::parse(index + 1, key.trim()))
            .collect::<Result<_, _>>()?;
        if ring.len() > RING_MAX {
            return Err(KeyError::Count);
        }
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = 0;
        Ok(Self {
            ring: RwLock::new(ring.into()),
            validation,
        })
    }

    /// Makes this key the one that signs, if it is not in the ring; those before go on verifying.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn adopt(&self, text: &SecretString) -> Result<(), KeyError> {
        let key = Key::parse(1, text.expose_secret())?;
        let mut ring = self.ring.write().unwrap_or_else(PoisonError::into_inner);
        if ring.first().is_none_or(|first| first.kid != key.kid) {
            let older = ring.iter().filter(|old| old.kid != key.kid).take(RING_MAX - 1).cloned();
            *ring = std::iter::once(key.clone()).chain(older).collect();
        }
        Ok(())
    }

    /// A token that says this.
    ///
    /// # Errors
    /// None that can happen with a key that was parsed.
    pub fn sign(&self, claims: &Claims) -> Result<String, jsonwebtoken::errors::Error> {
        let ring = self.ring();
        let Some(key) = ring.first() else {
            return Err(jsonwebtoken::errors::ErrorKind::InvalidKeyFormat.into());
        };
        let header = Header {
            kid: Some(key.kid.clone()),
            ..Header::new(Algorithm::HS256)
        };
        encode(&header, claims, &key.encoding)
    }

    /// What a token says, if it is ours and has not ended.
    ///
    /// # Errors
    /// Why it proves nothing.
    pub fn verify(&self, token: &str) -> Result<Claims, Rejected> {
        let header = decode_header(token).map_err(|_| Rejected::Invalid)?;
        let kid = header.kid.ok_or(Rejected::Invalid)?;
        let ring = self.ring();
        let key = ring.iter().find(|key| key.kid == kid).ok_or(Rejected::UnknownKey)?;
        decode::<Claims>(token, &key.decoding, &self.validation)
            .map(|data| data.claims)
            .map_err(|_| Rejected::Invalid)
    }

    fn ring(&self) -> Arc<[Key]> {
        Arc::clone(&self.ring.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Key {
    fn parse(number: usize, text: &str) -> Result<Self, KeyError> {
        let (kid, secret) = text.split_once(':').ok_or(KeyError::Form { number })?;
        let is_kid =
            (1..=64).contains(&kid.len()) && kid.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        let secret = STANDARD.decode(secret).map_err(|_| KeyError::Form { number })?;
        if !is_kid {
            return Err(KeyError::Form { number });
        }
        if secret.len() < KEY_MIN_BYTES {
            return Err(KeyError::Short { number });
        }
        Ok(Self {
            kid: kid.to_owned(),
            encoding: EncodingKey::from_secret(&secret),
            decoding: DecodingKey::from_secret(&secret),
        })
    }
}

/// A new key in the form that [`Keys::parse`] reads.
pub fn random_key() -> SecretString {
    let secret: [u8; KEY_MIN_BYTES] = rand::random();
    let kid: [u8; 6] = rand::random();
    let kid: String = kid.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{kid}:{}", STANDARD.encode(secret)).into()
}

/// Seconds since 1970, as tokens count them.
pub fn seconds(time: Timestamp) -> i64 {
    time.as_second()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const OLD: &str = "old:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
    const NEW: &str = "new:YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXphYmNkZWY=";

    fn keys(text: &str) -> Keys {
        Keys::parse(&text.into()).expect("keys")
    }

    fn claims() -> Claims {
        Claims {
            sub: Uuid::from_u128(1),
            sid: Uuid::from_u128(2),
            iat: seconds(Timestamp::now()),
            exp: seconds(Timestamp::now()) + 60,
        }
    }

    #[test]
    fn a_token_says_what_was_signed() {
        let keys = keys(OLD);
        let token = keys.sign(&claims()).expect("signed");
        assert_eq!(keys.verify(&token).map(|claims| claims.sid), Ok(claims().sid));
    }

    #[test]
    fn while_keys_are_replaced_tokens_of_both_are_valid_and_the_first_signs() {
        let token = keys(OLD).sign(&claims()).expect("signed");
        let both = keys(&format!("{NEW},{OLD}"));
        assert!(both.verify(&token).is_ok());
        let fresh = both.sign(&claims()).expect("signed");
        assert!(keys(NEW).verify(&fresh).is_ok());
        assert_eq!(keys(NEW).verify(&token), Err(Rejected::UnknownKey));
    }

    #[test]
    fn an_adopted_key_signs_and_the_one_before_still_verifies() {
        let keys = keys(OLD);
        let token = keys.sign(&claims()).expect("signed");
        keys.adopt(&NEW.into()).expect("a key");
        assert!(keys.verify(&token).is_ok());
        let fresh = keys.sign(&claims()).expect("signed");
        assert!(self::keys(NEW).verify(&fresh).is_ok());
    }

    #[test]
    fn a_token_signed_with_another_secret_under_the_same_name_is_invalid() {
        let forger = keys(&NEW.replace("new:", "old:"));
        let token = forger.sign(&claims()).expect("signed");
        assert_eq!(keys(OLD).verify(&token), Err(Rejected::Invalid));
    }

    #[test]
    fn an_ended_token_is_invalid() {
        let ended = Claims {
            exp: seconds(Timestamp::now()) - 1,
            ..claims()
        };
        let token = keys(OLD).sign(&ended).expect("signed");
        assert_eq!(keys(OLD).verify(&token), Err(Rejected::Invalid));
    }

    #[test]
    fn a_token_that_names_no_algorithm_is_invalid() {
        // {"alg":"none","kid":"old"}
        let token = keys(OLD).sign(&claims()).expect("signed");
        let body = token.split('.').nth(1).expect("three parts");
        let unsigned = format!("eyJhbGciOiJub25lIiwia2lkIjoib2xkIn0.{body}.");
        assert_eq!(keys(OLD).verify(&unsigned), Err(Rejected::Invalid));
    }

    #[rstest]
    #[case::no_kid("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=", KeyError::Form { number: 1 })]
    #[case::no_base64("a:***", KeyError::Form { number: 1 })]
    #[case::short(&format!("{OLD},b:c2hvcnQ="), KeyError::Short { number: 2 })]
    #[case::five(&[OLD; 5].join(","), KeyError::Count)]
    fn keys_that_cannot_be_used_are_refused_without_being_repeated(#[case] text: &str, #[case] error: KeyError) {
        assert_eq!(Keys::parse(&text.into()).err(), Some(error));
    }

    #[test]
    fn a_random_key_is_a_key() {
        assert!(Keys::parse(&random_key()).is_ok());
    }
}
