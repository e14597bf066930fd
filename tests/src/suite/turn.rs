//! Turns: tests that only use their own namespace run side by side; tests that break what all share run alone.

use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

static TURN: RwLock<()> = RwLock::const_new(());

/// A turn beside others.
pub async fn shared() -> RwLockReadGuard<'static, ()> {
    TURN.read().await
}

/// A turn alone.
pub async fn exclusive() -> RwLockWriteGuard<'static, ()> {
    TURN.write().await
}
