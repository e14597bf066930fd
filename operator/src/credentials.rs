//! The passwords of the stores: read from the Secret that holds them, or made once when there is none.
//!
//! Pure: randomness is a parameter. A password exists in memory as a `SecretString` only, and leaves it in one place, the
//! builder of Secrets. What is read is checked, so that it fits a URL and a configuration file as it is.

use k8s_openapi::api::core::v1::Secret;
use rand::{
    CryptoRng,
    distr::{Alphanumeric, SampleString},
};
use secrecy::SecretString;

use crate::names;

/// Key: the role that the API logs in with.
pub const KEY_USERNAME: &str = "username";
/// Key: the password of that role, or of Redis.
pub const KEY_PASSWORD: &str = "password";
/// Key: the database of the API.
pub const KEY_DATABASE: &str = "database";
/// Key: the password of the role `postgres`.
pub const KEY_SUPERUSER_PASSWORD: &str = "superuser-password";
/// Key: where the API reads and writes.
pub const KEY_URL: &str = "url";
/// Key: where the API reads what may be a moment old.
pub const KEY_REPLICA_URL: &str = "replica-url";

/// The passwords of every managed store.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// Those of PostgreSQL, when it is managed.
    pub postgres: Option<PostgresCredentials>,
    /// Those of Redis, when it is managed.
    pub redis: Option<RedisCredentials>,
}

/// The passwords of one PostgreSQL, and the identity that ties its Secret to its volumes.
#[derive(Clone, Debug)]
pub struct PostgresCredentials {
    /// Recorded on the Secret and on the volume claims.
    pub identity: String,
    /// Of the role `app`.
    pub password: SecretString,
    /// Of the role `postgres`.
    pub superuser_password: SecretString,
}

/// The password of one Redis, and the identity that ties its Secret to its volumes.
#[derive(Clone, Debug)]
pub struct RedisCredentials {
    /// Recorded on the Secret and on the volume claims.
    pub identity: String,
    /// Of the default user.
    pub password: SecretString,
}

/// A Secret of ours does not hold what we put into it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// The annotation that ties it to its volumes is gone.
    #[error("annotation {annotation} is missing: copy it from the volume claim", annotation = names::ANNOTATION_IDENTITY)]
    IdentityMissing,
    /// A password is gone.
    #[error("key {0} is missing: restore the password that the volume was made with")]
    KeyMissing(&'static str),
    /// A password cannot be one that we made.
    #[error(
        "key {0} is not a password of ours, which has letters, digits, '-', '.', '_' and '~' only: restore the old one"
    )]
    KeyUnusable(&'static str),
}

impl PostgresCredentials {
    /// New ones. `random` gives another text of letters and digits at each call ([`token`]).
    pub fn generate(random: &mut impl FnMut() -> String) -> Self {
        Self {
            identity: random(),
            password: random().into(),
            superuser_password: random().into(),
        }
    }

    /// Those that a Secret holds.
    ///
    /// # Errors
    /// Names the annotation or key that is missing or unusable.
    pub fn read(secret: &Secret) -> Result<Self, CredentialsError> {
        Ok(Self {
            identity: identity(secret)?,
            password: password(secret, KEY_PASSWORD)?,
            superuser_password: password(secret, KEY_SUPERUSER_PASSWORD)?,
        })
    }
}

impl RedisCredentials {
    /// New ones. `random` gives another text of letters and digits at each call ([`token`]).
    pub fn generate(random: &mut impl FnMut() -> String) -> Self {
        Self {
            identity: random(),
            password: random().into(),
        }
    }

    /// Those that a Secret holds.
    ///
    /// # Errors
    /// Names the annotation or key that is missing or unusable.
    pub fn read(secret: &Secret) -> Result<Self, CredentialsError> {
        Ok(Self {
            identity: identity(secret)?,
            password: password(secret, KEY_PASSWORD)?,
        })
    }
}

// 32 letters and digits are 190 bits.
const TOKEN_LENGTH: usize = 32;

/// A text of 32 letters and digits that nobody can guess: a password, or an identity.
pub fn token(random: &mut impl CryptoRng) -> String {
    Alphanumeric.sample_string(random, TOKEN_LENGTH)
}

fn identity(secret: &Secret) -> Result<String, CredentialsError> {
    let annotations = secret.metadata.annotations.as_ref();
    annotations
        .and_then(|all| all.get(names::ANNOTATION_IDENTITY))
        .filter(|identity| !identity.is_empty())
        .cloned()
        .ok_or(CredentialsError::IdentityMissing)
}

fn password(secret: &Secret, key: &'static str) -> Result<SecretString, CredentialsError> {
    let bytes = secret
        .data
        .as_ref()
        .and_then(|data| data.get(key))
        .ok_or(CredentialsError::KeyMissing(key))?;
    match std::str::from_utf8(&bytes.0) {
        Ok(text) if !text.is_empty() && text.bytes().all(is_unreserved) => Ok(text.into()),
        Ok(_) | Err(_) => Err(CredentialsError::KeyUnusable(key)),
    }
}

// The characters that a URL carries unescaped (RFC 3986, section 2.3); none of them means anything in redis.conf or SQL.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use k8s_openapi::{ByteString, apimachinery::pkg::apis::meta::v1::ObjectMeta};
    use rand::{SeedableRng, rngs::StdRng};
    use rstest::rstest;
    use secrecy::ExposeSecret;

    use super::*;

    fn secret(keys: &[(&str, &[u8])]) -> Secret {
        Secret {
            metadata: ObjectMeta {
                annotations: Some(BTreeMap::from([(
                    names::ANNOTATION_IDENTITY.to_owned(),
                    "i1".to_owned(),
                )])),
                ..ObjectMeta::default()
            },
            data: Some(
                keys.iter()
                    .map(|(key, value)| ((*key).to_owned(), ByteString(value.to_vec())))
                    .collect(),
            ),
            ..Secret::default()
        }
    }

    #[test]
    fn a_generated_password_is_32_letters_and_digits_and_no_two_are_equal() {
        let mut random = StdRng::seed_from_u64(7);
        let made = PostgresCredentials::generate(&mut || token(&mut random));
        for text in [
            made.identity.as_str(),
            made.password.expose_secret(),
            made.superuser_password.expose_secret(),
        ] {
            assert_eq!(text.len(), 32);
            assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        }
        assert_ne!(made.password.expose_secret(), made.superuser_password.expose_secret());
        assert_ne!(made.identity, made.password.expose_secret());
    }

    #[test]
    fn what_a_secret_holds_is_read() {
        let read = PostgresCredentials::read(&secret(&[(KEY_PASSWORD, b"one"), (KEY_SUPERUSER_PASSWORD, b"two")]));
        let read = read.expect("both keys are there");
        assert_eq!(read.identity, "i1");
        assert_eq!(read.password.expose_secret(), "one");
        assert_eq!(read.superuser_password.expose_secret(), "two");
        let read = RedisCredentials::read(&secret(&[(KEY_PASSWORD, b"three")])).expect("the key is there");
        assert_eq!((read.identity.as_str(), read.password.expose_secret()), ("i1", "three"));
    }

    #[test]
    fn a_missing_key_is_named() {
        let error = PostgresCredentials::read(&secret(&[(KEY_PASSWORD, b"one")])).expect_err("a key is missing");
        assert_eq!(error, CredentialsError::KeyMissing(KEY_SUPERUSER_PASSWORD));
        assert!(error.to_string().contains("superuser-password"));
        let empty = Secret {
            data: None,
            ..secret(&[])
        };
        assert_eq!(
            RedisCredentials::read(&empty).err(),
            Some(CredentialsError::KeyMissing(KEY_PASSWORD))
        );
    }

    #[rstest]
    #[case::empty(b"")]
    #[case::not_text(&[0xff, 0xfe])]
    #[case::would_end_the_host_part(b"a@b")]
    #[case::would_end_the_quotation(b"a\"b")]
    #[case::would_begin_another_line(b"a\nb")]
    fn what_does_not_fit_a_url_or_a_configuration_file_is_refused(#[case] text: &[u8]) {
        let error = RedisCredentials::read(&secret(&[(KEY_PASSWORD, text)])).err();
        assert_eq!(error, Some(CredentialsError::KeyUnusable(KEY_PASSWORD)));
    }

    #[test]
    fn a_secret_without_identity_is_not_read() {
        let mut nameless = secret(&[(KEY_PASSWORD, b"one")]);
        nameless.metadata.annotations = None;
        assert_eq!(
            RedisCredentials::read(&nameless).err(),
            Some(CredentialsError::IdentityMissing)
        );
    }

    #[test]
    fn debug_output_shows_no_password() {
        let mut texts = ["id", "secret-1", "secret-2", "id", "secret-3"]
            .into_iter()
            .map(str::to_owned);
        let mut random = || texts.next().expect("enough texts");
        let credentials = Credentials {
            postgres: Some(PostgresCredentials::generate(&mut random)),
            redis: Some(RedisCredentials::generate(&mut random)),
        };
        assert!(!format!("{credentials:?}").contains("secret-"));
    }
}
