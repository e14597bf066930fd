//! The handlers: each reads its request, asks the layers below and writes its answer, and decides nothing else.

pub mod extract;
pub mod health;
pub mod metrics;
pub mod tournaments;
