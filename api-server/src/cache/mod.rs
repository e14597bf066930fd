//! What is kept in Redis: answers for a short time, shared by all servers, with a small layer of each server's own before
//! them; and the sessions. Answers are never needed: whatever fails here, the database answers. Redis' types do not
//! leave this folder.

pub mod answer;
pub mod aside;
pub mod entry;
mod flight;
mod keyring;
mod local;
pub mod redis;
pub mod sessions;
mod stored;
mod unsaid;

/// Begins every key; changes with the format of what is kept, so that old and new servers do not read each other's.
pub const PREFIX: &str = "pathfinder:2";
