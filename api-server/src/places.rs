//! Places for connections: so many in all, and fewer for one address, so that one that holds its connections open leaves
//! places for others. Whose address counts is not known here.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The places that there are.
#[derive(Debug)]
pub struct Places {
    free: Arc<Semaphore>,
    taken: Arc<Taken>,
    per_address: Option<usize>,
}

/// A connection's place; free again with this value.
#[derive(Debug)]
pub struct Place {
    _permit: OwnedSemaphorePermit,
    of: Option<(Arc<Taken>, IpAddr)>,
}

/// How many an address has; only those that have some are kept.
#[derive(Debug, Default)]
struct Taken(Mutex<HashMap<IpAddr, usize>>);

impl Places {
    /// So many, and at most `per_address` for one address; `None` is no limit.
    pub fn new(count: usize, per_address: Option<usize>) -> Self {
        Self {
            free: Arc::new(Semaphore::new(count)),
            taken: Arc::default(),
            per_address,
        }
    }

    /// A place, if there is one for this address; `None` as address is for who may have all of them.
    pub fn take(&self, address: Option<IpAddr>) -> Option<Place> {
        let permit = Arc::clone(&self.free).try_acquire_owned().ok()?;
        let of = match (address, self.per_address) {
            (Some(address), Some(most)) => {
                self.taken.one_more(address, most)?;
                Some((Arc::clone(&self.taken), address))
            }
            (None, _) | (_, None) => None,
        };
        Some(Place { _permit: permit, of })
    }
}

impl Taken {
    fn one_more(&self, address: IpAddr, most: usize) -> Option<()> {
        let mut taken = self.lock();
        let count = taken.get(&address).copied().unwrap_or_default();
        (count < most).then(|| {
            taken.insert(address, count + 1);
        })
    }

    fn one_less(&self, address: IpAddr) {
        let mut taken = self.lock();
        match taken.get_mut(&address) {
            Some(count) if *count > 1 => *count -= 1,
            Some(_) | None => drop(taken.remove(&address)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some((taken, address)) = self.of.take() {
            taken.one_less(address);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const ONE: Option<IpAddr> = Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)));
    const OTHER: Option<IpAddr> = Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)));

    #[test]
    fn one_address_leaves_places_for_others_and_nobody_gets_more_than_there_are() {
        let places = Places::new(3, Some(2));
        let first = [places.take(ONE), places.take(ONE)];
        assert!(first.iter().all(Option::is_some));
        assert!(places.take(ONE).is_none(), "a third one for the same address");
        let other = places.take(OTHER);
        assert!(other.is_some());
        assert!(places.take(OTHER).is_none(), "there are three");
        drop(first);
        assert!(places.take(ONE).is_some());
    }

    #[test]
    fn who_is_not_counted_and_everybody_without_a_limit_may_have_all() {
        let places = Places::new(3, Some(1));
        let all: Vec<_> = (0..3).map(|_| places.take(None)).collect();
        assert!(all.iter().all(Option::is_some));
        let places = Places::new(3, None);
        let all: Vec<_> = (0..3).map(|_| places.take(ONE)).collect();
        assert!(all.iter().all(Option::is_some));
    }

    #[test]
    fn an_address_without_connections_is_not_kept() {
        let places = Places::new(10, Some(2));
        let some = [places.take(ONE), places.take(ONE), places.take(OTHER)];
        drop(some);
        assert!(places.taken.lock().is_empty());
        assert_eq!(places.free.available_permits(), 10);
    }
}
