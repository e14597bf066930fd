//! The subscribers of one replica, by tournament. One event is one text in memory, however many subscribers it goes to;
//! a subscriber that falls too far behind is told so and not waited for; a tournament that nobody watches costs nothing.
//! Where events come from and where subscribers sit is not known here.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::ws::Utf8Bytes;
use thiserror::Error;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{Receiver, Sender, channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::domain::tournament::TournamentId;

/// Events that wait for a slow subscriber; one more, and the subscriber is lost.
const BACKLOG: usize = 32;
/// Told to subscribers that may have missed something: they should read the leaderboard again.
const RESYNC: &str = r#"{"type":"resync"}"#;

/// The subscribers of this replica.
#[derive(Debug)]
pub struct Hub {
    tournaments: Mutex<HashMap<TournamentId, Sender<Utf8Bytes>>>,
    free: Arc<Semaphore>,
    max: usize,
}

/// The replica has as many subscribers as it may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("this server has as many live connections as it may have: try again")]
pub struct Full;

/// Why a subscriber gets no more events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// It fell too far behind.
    TooSlow,
    /// The hub is gone.
    Ended,
}

/// One subscriber; its place is free again when this is dropped.
#[derive(Debug)]
pub struct Subscription {
    tournament: TournamentId,
    /// Always there until it is dropped.
    events: Option<Receiver<Utf8Bytes>>,
    hub: Arc<Hub>,
    _place: OwnedSemaphorePermit,
}

impl Hub {
    /// A hub without subscribers, for at most `max` of them.
    pub fn new(max: usize) -> Self {
        Self {
            tournaments: Mutex::default(),
            free: Arc::new(Semaphore::new(max)),
            max,
        }
    }

    /// A subscriber of this tournament's events from now on.
    ///
    /// # Errors
    /// There are as many subscribers as may be.
    pub fn subscribe(self: &Arc<Self>, tournament: TournamentId) -> Result<Subscription, Full> {
        let place = Arc::clone(&self.free).try_acquire_owned().map_err(|_| Full)?;
        let events = self
            .tournaments()
            .entry(tournament)
            .or_insert_with(|| channel(BACKLOG).0)
            .subscribe();
        Ok(Subscription {
            tournament,
            events: Some(events),
            hub: Arc::clone(self),
            _place: place,
        })
    }

    /// Gives an event to the subscribers of this replica.
    pub fn deliver(&self, tournament: TournamentId, text: &str) {
        if let Some(subscribers) = self.tournaments().get(&tournament) {
            // An error means that the last subscriber is just going.
            let _nobody = subscribers.send(Utf8Bytes::from(text));
        }
    }

    /// Tells all subscribers that they may have missed events.
    pub fn resync(&self) {
        for subscribers in self.tournaments().values() {
            let _nobody = subscribers.send(Utf8Bytes::from_static(RESYNC));
        }
    }

    /// Subscribers at this moment.
    pub fn subscribers(&self) -> usize {
        self.max.saturating_sub(self.free.available_permits())
    }

    /// Waits until there are no subscribers; from then on there will be none.
    pub async fn emptied(&self) {
        let all = u32::try_from(self.max).unwrap_or(u32::MAX);
        if let Ok(places) = self.free.acquire_many(all).await {
            places.forget();
        }
    }

    fn tournaments(&self) -> MutexGuard<'_, HashMap<TournamentId, Sender<Utf8Bytes>>> {
        self.tournaments.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Subscription {
    /// The next event.
    ///
    /// # Errors
    /// There will be none for this subscriber.
    pub async fn next(&mut self) -> Result<Utf8Bytes, Lost> {
        let Some(events) = &mut self.events else {
            return Err(Lost::Ended);
        };
        events.recv().await.map_err(|error| match error {
            RecvError::Lagged(_) => Lost::TooSlow,
            RecvError::Closed => Lost::Ended,
        })
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut tournaments = self.hub.tournaments();
        // Under the lock, so that nobody subscribes between the count and the removal.
        self.events = None;
        if tournaments
            .get(&self.tournament)
            .is_some_and(|subscribers| subscribers.receiver_count() == 0)
        {
            tournaments.remove(&self.tournament);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: TournamentId = TournamentId(uuid::Uuid::from_u128(1));
    const TWO: TournamentId = TournamentId(uuid::Uuid::from_u128(2));

    fn hub(max: usize) -> Arc<Hub> {
        Arc::new(Hub::new(max))
    }

    #[tokio::test]
    async fn an_event_reaches_every_subscriber_of_its_tournament_and_no_other() {
        let hub = hub(3);
        let mut first = hub.subscribe(ONE).expect("a place");
        let mut second = hub.subscribe(ONE).expect("a place");
        let mut other = hub.subscribe(TWO).expect("a place");
        hub.deliver(ONE, "one");
        hub.deliver(TWO, "two");
        assert_eq!(first.next().await, Ok("one".into()));
        assert_eq!(second.next().await, Ok("one".into()));
        assert_eq!(other.next().await, Ok("two".into()));
    }

    #[tokio::test]
    async fn a_subscriber_that_falls_behind_is_lost_and_keeps_nobody_else_waiting() {
        let hub = hub(2);
        let mut slow = hub.subscribe(ONE).expect("a place");
        let mut quick = hub.subscribe(ONE).expect("a place");
        for number in 0..=BACKLOG {
            hub.deliver(ONE, &number.to_string());
            assert_eq!(quick.next().await, Ok(number.to_string().into()));
        }
        assert_eq!(slow.next().await, Err(Lost::TooSlow));
    }

    #[test]
    fn the_number_of_subscribers_is_bounded_and_a_place_comes_back() {
        let hub = hub(1);
        let only = hub.subscribe(ONE).expect("a place");
        assert_eq!(hub.subscribe(TWO).err(), Some(Full));
        assert_eq!(hub.subscribers(), 1);
        drop(only);
        assert_eq!(hub.subscribers(), 0);
        assert!(hub.subscribe(TWO).is_ok());
    }

    #[test]
    fn a_tournament_that_nobody_watches_any_more_is_forgotten() {
        let hub = hub(2);
        let (first, second) = (hub.subscribe(ONE), hub.subscribe(ONE));
        drop(first);
        assert_eq!(hub.tournaments().len(), 1);
        drop(second);
        assert!(hub.tournaments().is_empty());
    }
}
