//! Who uses the API, and which sign-ups become a user. An address identifies a user whatever the case of its letters.
//! How passwords are hashed and where users are kept is not known here.

use std::fmt;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::rule::{self, Checks, Violation};

/// Longest name, in characters; the table has the same bound.
pub const NAME_MAX_CHARS: usize = 80;
/// Longest address, in characters: what SMTP can carry.
pub const EMAIL_MAX_CHARS: usize = 254;
/// Shortest password, in characters.
pub const PASSWORD_MIN_CHARS: usize = 8;
/// Longest password, in bytes: hashing time must not be the client's choice.
pub const PASSWORD_MAX_BYTES: usize = 256;

/// Identifies a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct UserId(pub Uuid);

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A user as they see themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// Its address, in lower case.
    pub email: String,
    /// The name that others see.
    pub name: String,
    /// When it signed up, to the microsecond.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// What a client sends to sign up; not checked yet.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignUp {
    /// The address.
    #[schema(max_length = 254)]
    pub email: String,
    /// The name that others see.
    #[schema(min_length = 1, max_length = 80)]
    pub name: String,
    /// The password.
    #[schema(value_type = String, min_length = 8, max_length = 256)]
    pub password: SecretString,
}

/// What a client sends to change its password; not checked yet.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PasswordChange {
    /// The password that is valid now.
    #[schema(value_type = String)]
    pub current_password: SecretString,
    /// The one to come.
    #[schema(value_type = String, min_length = 8, max_length = 256)]
    pub new_password: SecretString,
}

impl SignUp {
    /// The user that this sign-up asks for, or everything that is wrong with it at once.
    ///
    /// # Errors
    /// One [`Violation`] per field that breaks its rule.
    pub fn establish(&self, id: UserId, now: Timestamp) -> Result<User, Vec<Violation>> {
        let (email, name) = (normal_email(&self.email), self.name.trim().to_owned());
        let mut checks = Checks::default();
        checks.check("email", email_rule(&email));
        checks.check("name", rule::text(&name, NAME_MAX_CHARS));
        checks.check("password", password_rule(&self.password));
        checks.passed()?;
        Ok(User {
            id,
            email,
            name,
            created_at: super::tournament::to_microsecond(now),
        })
    }
}

impl PasswordChange {
    /// Whether the new password keeps the rules.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self) -> Result<(), Vec<Violation>> {
        let mut checks = Checks::default();
        checks.check("newPassword", password_rule(&self.new_password));
        checks.passed()
    }
}

/// The spelling under which the address of somebody who signs in is looked up; `None` if nobody can have it.
pub fn known_email(email: &str) -> Option<String> {
    let email = normal_email(email);
    email_rule(&email).is_ok().then_some(email)
}

/// The one spelling under which an address is kept.
fn normal_email(email: &str) -> String {
    email.trim().to_lowercase()
}

/// Only what every address has: whether mail arrives is found out by sending some.
fn email_rule(email: &str) -> Result<(), String> {
    rule::text(email, EMAIL_MAX_CHARS)?;
    let (local, domain) = email.rsplit_once('@').unwrap_or_default();
    if local.is_empty() || domain.is_empty() || email.chars().any(char::is_whitespace) {
        return Err("must be of the form name@host".to_owned());
    }
    Ok(())
}

fn password_rule(password: &SecretString) -> Result<(), String> {
    let password = password.expose_secret();
    if password.chars().count() < PASSWORD_MIN_CHARS || password.len() > PASSWORD_MAX_BYTES {
        return Err(format!(
            "must have at least {PASSWORD_MIN_CHARS} characters and at most {PASSWORD_MAX_BYTES} bytes"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn sign_up(email: &str, name: &str, password: &str) -> SignUp {
        SignUp {
            email: email.to_owned(),
            name: name.to_owned(),
            password: password.into(),
        }
    }

    fn establish(sign_up: &SignUp) -> Result<User, Vec<Violation>> {
        sign_up.establish(UserId(Uuid::nil()), Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn an_address_is_kept_in_lower_case() {
        let user = establish(&sign_up(" Ada@Example.COM", "Ada", "long enough")).expect("sound");
        assert_eq!(user.email, "ada@example.com");
    }

    #[rstest]
    #[case::no_at("ada.example.com", "Ada", "long enough", "email")]
    #[case::no_name_before_at("@example.com", "Ada", "long enough", "email")]
    #[case::no_host("ada@", "Ada", "long enough", "email")]
    #[case::two_addresses("ada@a.com bob@b.com", "Ada", "long enough", "email")]
    #[case::line_break("ada@example.com\r\nBcc: x@y", "Ada", "long enough", "email")]
    #[case::empty_name("ada@example.com", " ", "long enough", "name")]
    #[case::short_password("ada@example.com", "Ada", "1234567", "password")]
    #[case::long_password("ada@example.com", "Ada", &"x".repeat(257), "password")]
    fn a_sign_up_that_breaks_one_rule_names_that_field(
        #[case] email: &str,
        #[case] name: &str,
        #[case] password: &str,
        #[case] field: &str,
    ) {
        let violations = establish(&sign_up(email, name, password)).expect_err("broken");
        assert_eq!(
            violations.iter().map(|violation| violation.field).collect::<Vec<_>>(),
            [field]
        );
    }

    #[test]
    fn an_address_that_nobody_can_have_is_not_looked_up() {
        assert_eq!(known_email(" Ada@Example.com").as_deref(), Some("ada@example.com"));
        assert_eq!(known_email("ada\0@example.com"), None);
        assert_eq!(known_email("ada"), None);
    }

    #[test]
    fn a_password_is_counted_in_characters_at_its_short_end() {
        assert!(establish(&sign_up("ada@example.com", "Ada", "ééééééé")).is_err());
        assert!(establish(&sign_up("ada@example.com", "Ada", "éééééééé")).is_ok());
    }

    #[test]
    fn debug_output_does_not_hold_a_password() {
        let text = format!("{:?}", sign_up("ada@example.com", "Ada", "hunter2hunter2"));
        assert!(!text.contains("hunter2"), "{text}");
    }
}
