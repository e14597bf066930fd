//! Work on all cores whose results come in the order of the work, and a count of how far it is.

use std::{
    num::NonZero,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
    thread,
};

use crate::sim::bench::Progress;

/// What `work` gives for each number below `count`.
pub(super) fn side_by_side<T: Send>(count: usize, work: &(dyn Fn(usize) -> T + Sync)) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(count);
    let mut done: Vec<(usize, T)> = thread::scope(|scope| {
        let own = || {
            let taken = std::iter::from_fn(|| Some(next.fetch_add(1, Ordering::Relaxed)));
            taken
                .take_while(|index| *index < count)
                .map(|index| (index, work(index)))
                .collect::<Vec<_>>()
        };
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(own)).collect();
        let mut done = own();
        for other in others {
            match other.join() {
                Ok(more) => done.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    });
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Adds up what is done.
pub(super) struct Counter<'a> {
    done: AtomicU64,
    total: u64,
    tell: &'a (dyn Fn(Progress) + Sync),
}

impl<'a> Counter<'a> {
    pub(super) fn new(total: u64, tell: &'a (dyn Fn(Progress) + Sync)) -> Self {
        let done = AtomicU64::new(0);
        Self { done, total, tell }
    }

    pub(super) fn add(&self, seconds: u64) {
        let done = self.done.fetch_add(seconds, Ordering::Relaxed) + seconds;
        (self.tell)(Progress {
            done,
            total: self.total,
        });
    }
}
