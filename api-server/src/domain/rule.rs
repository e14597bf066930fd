//! Rules for what clients send, and how a broken one is told: every violation at once, each with its field. Which field
//! has which rule is said where the field is.

use serde::Serialize;
use utoipa::ToSchema;

/// One thing that is wrong with what a client sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Violation {
    /// The field.
    #[schema(value_type = String)]
    pub field: &'static str,
    /// What to write instead.
    pub problem: String,
}

/// Collects violations, so that a client hears of all of them at once.
#[derive(Debug, Default)]
pub struct Checks(Vec<Violation>);

impl Checks {
    /// Keeps what is wrong with `field`, if anything is.
    pub fn check(&mut self, field: &'static str, rule: Result<(), String>) {
        if let Err(problem) = rule {
            self.0.push(Violation { field, problem });
        }
    }

    /// Nothing, or everything that is wrong.
    ///
    /// # Errors
    /// One [`Violation`] per field that breaks its rule.
    pub fn passed(self) -> Result<(), Vec<Violation>> {
        if self.0.is_empty() { Ok(()) } else { Err(self.0) }
    }
}

/// A line of text: not empty, not longer than this many characters, and nothing in it that breaks a terminal or a log.
///
/// # Errors
/// What to write instead.
pub fn text(text: &str, max_chars: usize) -> Result<(), String> {
    if text.is_empty() || text.chars().count() > max_chars {
        return Err(format!("must have 1 to {max_chars} characters"));
    }
    if text.chars().any(char::is_control) {
        return Err("must not hold control characters".to_owned());
    }
    Ok(())
}
