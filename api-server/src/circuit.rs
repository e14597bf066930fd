//! Stops asking a store that does not answer, so that a dead store costs nothing: after a failure the circuit opens, and
//! from then on one attempt at a time is let through, after a pause that doubles up to a bound. Pure: the time is a
//! parameter, and which store it guards is not known here.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Guards one store.
#[derive(Debug)]
pub struct Circuit {
    first_pause: Duration,
    longest_pause: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Closed,
    Open { pause: Duration, retry_at: Instant },
}

/// A permission to ask the store, to be reported back with its outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// The store is believed to work.
    Normal,
    /// The one attempt that finds out whether the store works again.
    Probe,
}

/// What an outcome did to the circuit; worth a log line unless [`Transition::None`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transition {
    /// Nothing changed.
    None,
    /// The store was given up.
    Opened,
    /// The store is asked again.
    Closed,
}

impl Circuit {
    /// A closed circuit. After the first failure it pauses `first_pause`, and never longer than `longest_pause`.
    pub fn new(first_pause: Duration, longest_pause: Duration) -> Self {
        Self {
            first_pause,
            longest_pause,
            state: Mutex::new(State::Closed),
        }
    }

    /// Whether the store may be asked now. A probe that is never reported back is replaced after the longest pause.
    pub fn ask(&self, now: Instant) -> Option<Attempt> {
        let mut state = self.lock();
        match *state {
            State::Closed => Some(Attempt::Normal),
            State::Open { retry_at, .. } if now < retry_at => None,
            State::Open { pause, .. } => {
                *state = State::Open {
                    pause,
                    retry_at: now + self.longest_pause,
                };
                Some(Attempt::Probe)
            }
        }
    }

    /// Whether [`Self::ask`] would say no; takes no probe.
    pub fn would_refuse(&self, now: Instant) -> bool {
        matches!(*self.lock(), State::Open { retry_at, .. } if now < retry_at)
    }

    /// The attempt succeeded.
    pub fn succeeded(&self, attempt: Attempt) -> Transition {
        match attempt {
            Attempt::Normal => Transition::None,
            Attempt::Probe => {
                *self.lock() = State::Closed;
                Transition::Closed
            }
        }
    }

    /// The attempt failed. Of many normal attempts that fail together only the first one counts.
    pub fn failed(&self, attempt: Attempt, now: Instant) -> Transition {
        let mut state = self.lock();
        match (*state, attempt) {
            (State::Closed, _) => {
                *state = State::Open {
                    pause: self.first_pause,
                    retry_at: now + self.first_pause,
                };
                Transition::Opened
            }
            (State::Open { .. }, Attempt::Normal) => Transition::None,
            (State::Open { pause, .. }, Attempt::Probe) => {
                let pause = (pause * 2).min(self.longest_pause);
                *state = State::Open {
                    pause,
                    retry_at: now + pause,
                };
                Transition::None
            }
        }
    }

    /// Whether the store is believed to work.
    pub fn is_closed(&self) -> bool {
        matches!(*self.lock(), State::Closed)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_millis(200);
    const LONGEST: Duration = Duration::from_secs(2);

    fn opened_at(now: Instant) -> Circuit {
        let circuit = Circuit::new(FIRST, LONGEST);
        assert_eq!(circuit.failed(Attempt::Normal, now), Transition::Opened);
        circuit
    }

    #[test]
    fn a_failure_stops_all_attempts_for_the_first_pause() {
        let now = Instant::now();
        let circuit = opened_at(now);
        assert_eq!(circuit.ask(now + FIRST / 2), None);
        assert!(circuit.would_refuse(now + FIRST / 2) && !circuit.would_refuse(now + FIRST));
        assert!(!circuit.is_closed());
    }

    #[test]
    fn after_the_pause_exactly_one_probe_goes_through() {
        let now = Instant::now();
        let circuit = opened_at(now);
        assert_eq!(circuit.ask(now + FIRST), Some(Attempt::Probe));
        assert_eq!(circuit.ask(now + FIRST), None);
    }

    #[test]
    fn a_probe_that_succeeds_closes_the_circuit() {
        let now = Instant::now();
        let circuit = opened_at(now);
        assert_eq!(circuit.ask(now + FIRST), Some(Attempt::Probe));
        assert_eq!(circuit.succeeded(Attempt::Probe), Transition::Closed);
        assert_eq!(circuit.ask(now + FIRST), Some(Attempt::Normal));
    }

    #[test]
    fn failing_probes_pause_longer_and_longer_but_never_beyond_the_bound() {
        let mut now = Instant::now();
        let circuit = opened_at(now);
        let mut pause = FIRST;
        for _ in 0..10 {
            now += pause;
            assert_eq!(circuit.ask(now), Some(Attempt::Probe));
            circuit.failed(Attempt::Probe, now);
            pause = (pause * 2).min(LONGEST);
            assert_eq!(circuit.ask(now + pause.mul_f64(0.99)), None);
        }
    }

    #[test]
    fn late_failures_of_the_same_outage_do_not_lengthen_the_pause() {
        let now = Instant::now();
        let circuit = opened_at(now);
        for _ in 0..100 {
            assert_eq!(circuit.failed(Attempt::Normal, now + FIRST / 2), Transition::None);
        }
        assert_eq!(circuit.ask(now + FIRST), Some(Attempt::Probe));
    }

    #[test]
    fn a_probe_that_never_reports_back_is_replaced() {
        let now = Instant::now();
        let circuit = opened_at(now);
        assert_eq!(circuit.ask(now + FIRST), Some(Attempt::Probe));
        assert_eq!(circuit.ask(now + FIRST + LONGEST), Some(Attempt::Probe));
    }
}
