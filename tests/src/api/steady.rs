//! Load that goes on while something breaks: how often it was answered what, and when.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use tokio::{task::JoinSet, time::sleep};

// Load, not a flood: what is proved is that nothing is lost, not how much fits.
const PAUSE: Duration = Duration::from_millis(4);

/// What was answered so far.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// How often each outcome came: a status, or why there was none.
    pub outcomes: BTreeMap<String, u64>,
    /// The longest that one took.
    pub slowest: Duration,
}

impl Tally {
    /// How many there were.
    pub fn all(&self) -> u64 {
        self.outcomes.values().sum()
    }

    /// How many had this outcome.
    pub fn of(&self, outcome: &str) -> u64 {
        self.outcomes.get(outcome).copied().unwrap_or_default()
    }
}

/// Tasks that ask again and again until they are told to stop.
pub struct Steady {
    stop: Arc<AtomicBool>,
    tally: Arc<Mutex<Tally>>,
    tasks: JoinSet<()>,
}

impl Steady {
    /// Starts `tasks` of them; `ask` gets the number of its task and of the request, and says what came of it.
    pub fn start<F: Future<Output = String> + Send + 'static>(
        tasks: usize,
        ask: impl Fn(usize, u64) -> F + Clone + Send + Sync + 'static,
    ) -> Self {
        let mut steady = Self {
            stop: Arc::default(),
            tally: Arc::default(),
            tasks: JoinSet::new(),
        };
        for task in 0..tasks {
            let (stop, tally, ask) = (steady.stop.clone(), steady.tally.clone(), ask.clone());
            steady.tasks.spawn(async move {
                let mut number = 0;
                while !stop.load(Relaxed) {
                    let started = Instant::now();
                    let outcome = ask(task, number).await;
                    note(&tally, outcome, started.elapsed());
                    number += 1;
                    sleep(PAUSE).await;
                }
            });
        }
        steady
    }

    /// What was answered so far.
    pub fn so_far(&self) -> Tally {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Lets every request that is on its way end, and says what was answered in all.
    pub async fn stop(mut self) -> Tally {
        self.stop.store(true, Relaxed);
        while self.tasks.join_next().await.is_some() {}
        self.so_far()
    }
}

fn note(tally: &Mutex<Tally>, outcome: String, took: Duration) {
    let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
    *tally.outcomes.entry(outcome).or_default() += 1;
    tally.slowest = tally.slowest.max(took);
}
