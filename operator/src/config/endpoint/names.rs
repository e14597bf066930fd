//! Names that become a part of a query or of a path: types of their own, so that nothing can be smuggled into either.
//!
//! Pure. It must not know which setting a name stands in.

use std::{fmt, path::PathBuf};

use serde::Deserialize;

/// One value of a Secret in the operator's namespace. Both names are safe as parts of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SecretKey {
    secret: String,
    key: String,
}

impl SecretKey {
    /// Checks both names.
    ///
    /// # Errors
    /// When one is no such name, with what to write instead.
    pub fn new(secret: &str, key: &str) -> Result<Self, String> {
        let kept = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
        if !part(secret, kept) || !secret.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            return Err(format!(
                "{secret:?} is no name of a Secret: use lower-case letters, digits, '-' and '.', as in prometheus-token"
            ));
        }
        let kept = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        if !part(key, kept) {
            return Err(format!(
                "{key:?} is no key of a Secret: use letters, digits, '-', '_' and '.', as in token"
            ));
        }
        Ok(Self {
            secret: secret.to_owned(),
            key: key.to_owned(),
        })
    }

    /// Where the value is below the folder of credentials: `SECRET/KEY`.
    pub fn path(&self) -> PathBuf {
        PathBuf::from(&self.secret).join(&self.key)
    }
}

impl fmt::Display for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret {} (key {})", self.secret, self.key)
    }
}

/// A name that stays in its folder, of characters that are `kept`. Kubernetes' own bound on names; two dots lead out of a folder.
pub(super) fn part(text: &str, kept: impl Fn(char) -> bool) -> bool {
    !text.is_empty() && text.len() <= 253 && text.chars().all(kept) && !text.contains("..") && text != "."
}

/// A label's name, safe in a query.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct LabelName(String);

/// A metric's name, safe in a query.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct MetricName(String);

const LONGEST_NAME: usize = 128;

fn identifier(text: &str, kept: impl Fn(char) -> bool) -> bool {
    text.len() <= LONGEST_NAME && text.starts_with(|c: char| kept(c) && !c.is_ascii_digit()) && text.chars().all(kept)
}

impl TryFrom<String> for LabelName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let ours = matches!(text.as_str(), "le" | "signal") || text.starts_with("__");
        if !ours && identifier(&text, |c| c.is_ascii_alphanumeric() || c == '_') {
            Ok(Self(text))
        } else {
            Err(format!(
                "{text:?} cannot name a pod's label: use letters, digits and '_', not le, signal or a leading '__', as in kubernetes_pod_name"
            ))
        }
    }
}

impl TryFrom<String> for MetricName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if identifier(&text, |c| c.is_ascii_alphanumeric() || matches!(c, '_' | ':')) {
            Ok(Self(text))
        } else {
            Err(format!(
                "{text:?} is no name of a metric: use letters, digits, '_' and ':', as in http_requests_total"
            ))
        }
    }
}

impl LabelName {
    pub(super) fn known(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl MetricName {
    pub(super) fn known(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Display for LabelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for MetricName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
