//! Session tokens made outside of the server: what an attacker could make, and what a colleague with the key would.
//!
//! HMAC is written out (RFC 2104): the proof does not share the code of what it proves.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as URL};
use serde_json::Value;
use sha2::{Digest, Sha256};

const BLOCK: usize = 64;

/// A token of three parts, signed by HS256.
pub fn signed(header: &Value, claims: &Value, key: &[u8]) -> String {
    let text = unsigned(header, claims);
    let signature = URL.encode(hmac(key, text.as_bytes()));
    format!("{text}.{signature}")
}

/// Header and claims, without a signature.
pub fn unsigned(header: &Value, claims: &Value) -> String {
    format!("{}.{}", URL.encode(header.to_string()), URL.encode(claims.to_string()))
}

/// The header and the claims of a token; nulls when it is none.
pub fn parts(token: &str) -> (Value, Value) {
    let mut parts = token.split('.').map(|part| {
        let bytes = URL.decode(part).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    });
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

/// HMAC-SHA256.
pub fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut block = [0_u8; BLOCK];
    let short = if key.len() > BLOCK {
        Sha256::digest(key).to_vec()
    } else {
        key.to_vec()
    };
    block[..short.len()].copy_from_slice(&short);
    let inner = hash(&block.map(|byte| byte ^ 0x36), message);
    hash(&block.map(|byte| byte ^ 0x5c), &inner)
}

fn hash(pad: &[u8], message: &[u8]) -> Vec<u8> {
    let mut hasher = Sha256::new();
    hasher.update(pad);
    hasher.update(message);
    hasher.finalize().to_vec()
}

/// Bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 4231, test cases 2 and 6.
    #[test]
    fn signatures_are_those_of_the_standard() {
        let short = hmac(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(
            hex(&short),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        let long = hmac(&[0xaa; 131], b"Test Using Larger Than Block-Size Key - Hash Key First");
        assert_eq!(
            hex(&long),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }
}
