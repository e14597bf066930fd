//! The cache: answers kept in Redis for a short time, shared by all servers. Never needed: whatever fails here, the
//! database answers. Redis' types do not leave this folder.

pub mod aside;
pub mod redis;
