//! One loading per key at a time in this process: who comes while it runs gets its outcome. The loading has a task of its
//! own, so it is not lost when the client that caused it goes away. What is loaded is not known here.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch::{self, Receiver, Sender};

/// The loadings that run.
#[derive(Debug)]
pub(super) struct Flights<T> {
    running: Mutex<HashMap<String, Receiver<Option<T>>>>,
}

/// Removes its loading when it ends, however it ends.
struct Landing<T> {
    flights: Arc<Flights<T>>,
    key: String,
    outcome: Sender<Option<T>>,
}

impl<T> Default for Flights<T> {
    fn default() -> Self {
        Self {
            running: Mutex::default(),
        }
    }
}

impl<T: Clone + Send + Sync + 'static> Flights<T> {
    /// The outcome of the loading of this key, which begins now unless it runs already; `None` if it panicked.
    pub(super) async fn outcome(
        self: &Arc<Self>,
        key: &str,
        load: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let mut receiver = self.join(key, load);
        let landed = receiver.wait_for(Option::is_some).await.ok()?;
        landed.clone()
    }

    /// Begins the loading of this key unless it runs already, and does not wait for it.
    pub(super) fn begin(self: &Arc<Self>, key: &str, load: impl Future<Output = T> + Send + 'static) {
        let _not_awaited = self.join(key, load);
    }

    fn join(self: &Arc<Self>, key: &str, load: impl Future<Output = T> + Send + 'static) -> Receiver<Option<T>> {
        let mut running = self.lock();
        if let Some(receiver) = running.get(key) {
            return receiver.clone();
        }
        let (outcome, receiver) = watch::channel(None);
        running.insert(key.to_owned(), receiver.clone());
        let landing = Landing {
            flights: Arc::clone(self),
            key: key.to_owned(),
            outcome,
        };
        // Boxed apart: a task is aligned to cache lines, and of that alignment an allocator has no room of this size at hand.
        let load = Box::pin(load);
        tokio::spawn(async move {
            let loaded = load.await;
            landing.outcome.send_replace(Some(loaded));
        });
        receiver
    }

    /// Whether this key is being loaded.
    pub(super) fn runs(&self, key: &str) -> bool {
        self.lock().contains_key(key)
    }
}

impl<T> Flights<T> {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Receiver<Option<T>>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Drop for Landing<T> {
    fn drop(&mut self) {
        self.flights.lock().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn a_hundred_who_ask_together_load_once() {
        let (flights, loads) = (Arc::new(Flights::<u32>::default()), Arc::new(AtomicU32::new(0)));
        let go = Arc::new(Notify::new());
        let ask = || {
            let (loads, go) = (Arc::clone(&loads), Arc::clone(&go));
            let load = async move {
                go.notified().await;
                loads.fetch_add(1, Ordering::Relaxed) + 1
            };
            flights.join("k", load)
        };
        let receivers: Vec<_> = (0..100).map(|_| ask()).collect();
        go.notify_one();
        for mut receiver in receivers {
            let outcome = receiver.wait_for(Option::is_some).await.expect("it lands");
            assert_eq!(*outcome, Some(1));
        }
    }

    #[tokio::test]
    async fn a_loading_that_panics_is_over_and_the_next_one_begins_anew() {
        let flights = Arc::new(Flights::<u32>::default());
        assert_eq!(flights.outcome("k", async { panic!("on purpose") }).await, None);
        assert_eq!(flights.outcome("k", async { 7 }).await, Some(7));
    }

    #[tokio::test]
    async fn a_loading_goes_on_when_nobody_waits_any_more() {
        let flights = Arc::new(Flights::<u32>::default());
        let done = Arc::new(Notify::new());
        let landed = Arc::clone(&done);
        flights.begin("k", async move {
            landed.notify_one();
            1
        });
        done.notified().await;
    }
}
