//! Hashes of passwords: argon2id with the parameters that OWASP names (19 MiB, 2 passes, 1 lane). A hash takes tens of
//! milliseconds and 19 MiB by design, so only a few run at once, on threads of their own, and only so many wait.

use std::sync::Arc;
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// Requests that may wait for each hash that runs.
const WAITING_PER_THREAD: usize = 32;
/// The longest wait.
const WAIT: Duration = Duration::from_secs(3);

/// A hash that could not be made or compared.
#[derive(Debug, Error)]
pub enum PasswordError {
    /// Too many wait, or the wait was too long.
    #[error("too many passwords are being checked at the moment: try again")]
    Busy,
    /// The hash cannot be made.
    #[error("a password cannot be hashed: {0}")]
    Hash(String),
}

/// Hashes, a few at once.
#[derive(Debug)]
pub struct Passwords {
    running: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
}

/// Whether a password is the one of a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    Right,
    /// It is not.
    Wrong,
}

impl Passwords {
    /// At most so many hashes at once, 19 MiB each.
    pub fn new(at_once: usize) -> Self {
        Self {
            running: Arc::new(Semaphore::new(at_once)),
            admitted: Arc::new(Semaphore::new(at_once * (1 + WAITING_PER_THREAD))),
        }
    }

    /// The hash of a new password, with a salt of its own.
    ///
    /// # Errors
    /// Too many are being made already.
    pub async fn hash(&self, password: SecretString) -> Result<String, PasswordError> {
        self.run(move || hash(&password)).await
    }

    /// Whether a password is the one of this hash. Without a hash it takes as long and is wrong, so that the time of the
    /// answer does not tell who has an account.
    ///
    /// # Errors
    /// Too many are being compared already.
    pub async fn verify(&self, password: SecretString, hash: Option<String>) -> Result<Verdict, PasswordError> {
        self.run(move || Ok(verify(&password, hash.as_deref()))).await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let admitted = Arc::clone(&self.admitted)
            .try_acquire_owned()
            .map_err(|_| PasswordError::Busy)?;
        let running = timeout(WAIT, Arc::clone(&self.running).acquire_owned()).await;
        let running = running
            .map_err(|_| PasswordError::Busy)?
            .map_err(|_| PasswordError::Busy)?;
        // The places go with the work: a hash that began runs to its end, also when its client left long ago.
        let placed = move || {
            let _places = (admitted, running);
            work()
        };
        spawn_blocking(placed)
            .await
            .map_err(|error| PasswordError::Hash(error.to_string()))?
    }
}

/// The hash of a new password, on this thread.
///
/// # Errors
/// The system has no randomness.
pub fn hash(password: &SecretString) -> Result<String, PasswordError> {
    Argon2::default()
        .hash_password(password.expose_secret().as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|error| PasswordError::Hash(error.to_string()))
}

fn verify(password: &SecretString, hash: Option<&str>) -> Verdict {
    let Some(stored) = hash.and_then(|hash| PasswordHash::new(hash).ok()) else {
        let _as_long_as_a_comparison = self::hash(password);
        return Verdict::Wrong;
    };
    match Argon2::default().verify_password(password.expose_secret().as_bytes(), &stored) {
        Ok(()) => Verdict::Right,
        Err(_) => Verdict::Wrong,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_is_right_and_no_account_has_none() {
        let passwords = Passwords::new(1);
        let hash = passwords.hash("correct horse".into()).await.expect("hashed");
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        let verify = async |password: &str, hash: Option<String>| {
            passwords.verify(password.into(), hash).await.expect("compared")
        };
        assert_eq!(verify("correct horse", Some(hash.clone())).await, Verdict::Right);
        assert_eq!(verify("Correct horse", Some(hash)).await, Verdict::Wrong);
        assert_eq!(verify("correct horse", None).await, Verdict::Wrong);
        assert_eq!(
            verify("correct horse", Some("no hash".to_owned())).await,
            Verdict::Wrong
        );
    }

    #[tokio::test]
    async fn a_hash_keeps_its_place_until_it_has_ended_though_nobody_waits_for_it_any_more() {
        let passwords = Passwords::new(1);
        let (begun, begins) = std::sync::mpsc::channel();
        let (end, ends) = std::sync::mpsc::channel::<()>();
        let work = move || {
            begun.send(()).expect("the test waits for it");
            ends.recv().expect("the test ends it");
            Ok(())
        };
        let left = timeout(Duration::from_millis(50), passwords.run(work)).await;
        assert!(left.is_err(), "its client left");
        begins.recv().expect("it began");
        assert_eq!(passwords.running.available_permits(), 0);
        end.send(()).expect("it still runs");
        let next = passwords.hash("x".into()).await;
        assert!(next.is_ok(), "{next:?}");
    }

    #[tokio::test]
    async fn more_than_may_wait_are_refused_at_once() {
        let passwords = Passwords::new(1);
        let _all = passwords.admitted.try_acquire_many(33).expect("nobody is there yet");
        assert!(matches!(passwords.hash("x".into()).await, Err(PasswordError::Busy)));
    }
}
