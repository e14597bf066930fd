//! Who a request is from: passwords and signed tokens. Where sessions are kept is [`crate::cache::sessions`]' affair.

pub mod password;
pub mod token;
