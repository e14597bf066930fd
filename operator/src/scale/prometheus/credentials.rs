//! What the Secrets of an endpoint hold: read from files that the kubelet keeps up to date.
//!
//! IO. The values stay in types that no log prints; two readings can be compared, so that a client is made anew only when
//! something changed. It must not know what the values are for.

use std::{collections::BTreeMap, io::ErrorKind, path::Path};

use secrecy::{ExposeSecret, SecretSlice};

use crate::{config::endpoint::SecretKey, scale::why::Why};

/// The values of some Secrets at one time.
#[derive(Debug, Default)]
pub struct Credentials(BTreeMap<SecretKey, SecretSlice<u8>>);

impl PartialEq for Credentials {
    fn eq(&self, other: &Self) -> bool {
        let exposed = |it: &Self| -> BTreeMap<SecretKey, Vec<u8>> {
            let values = it.0.iter();
            values
                .map(|(at, value)| (at.clone(), value.expose_secret().to_vec()))
                .collect()
        };
        exposed(self) == exposed(other)
    }
}

impl Credentials {
    /// Reads the files `folder/SECRET/KEY`.
    ///
    /// # Errors
    /// When one is not there, or cannot be read.
    pub async fn read(folder: &Path, secrets: &[&SecretKey]) -> Result<Self, Why> {
        let mut values = BTreeMap::new();
        for at in secrets.iter().copied() {
            let value = tokio::fs::read(folder.join(at.path())).await;
            let value = value.map_err(|error| match error.kind() {
                ErrorKind::NotFound => Why::NoSecret(at.clone()),
                _ => bad(at, "readable by the operator"),
            })?;
            values.insert(at.clone(), SecretSlice::from(value));
        }
        Ok(Self(values))
    }

    /// A value.
    ///
    /// # Errors
    /// When it was not among those that were read.
    pub fn bytes(&self, at: &SecretKey) -> Result<&[u8], Why> {
        let value = self.0.get(at).ok_or_else(|| Why::NoSecret(at.clone()))?;
        Ok(value.expose_secret())
    }

    /// A value that fits on a line, without the line break that editors put behind it.
    ///
    /// # Errors
    /// When it is empty, or no text of one line.
    pub fn line(&self, at: &SecretKey) -> Result<&str, Why> {
        let text = std::str::from_utf8(self.bytes(at)?).map_err(|_| bad(at, "text"))?;
        let line = text.trim_end_matches(['\n', '\r']);
        if line.is_empty() || line.contains(char::is_control) {
            return Err(bad(at, "one line of text"));
        }
        Ok(line)
    }
}

/// What is at `at` is not what it should be.
pub fn bad(at: &SecretKey, expected: &'static str) -> Why {
    Why::BadSecret {
        at: at.clone(),
        expected,
    }
}
