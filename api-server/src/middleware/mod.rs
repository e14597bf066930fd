//! What happens to every request around its handler. Each layer knows one thing; their order is in the router.

pub mod connection;
pub mod deadline;
pub mod harden;
pub mod observe;
pub mod panic;
pub mod request_id;
pub mod shed;
pub mod throttle;
pub mod trace;
pub mod weaken;
