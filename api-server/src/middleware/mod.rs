//! What happens to every request around its handler. Each file knows one thing; the order is in the
//! router.

pub mod admit;
pub mod connection;
pub mod deadline;
pub mod harden;
pub mod observe;
pub mod panic;
pub mod request_id;
pub mod trace;
