//! The questions beside the load, asked so that they neither delay it nor burden the endpoint.
//!
//! IO. Durations have as many series as there are buckets, and an own query may ask for anything: where that takes long, the load
//! does not wait, the last answer is used meanwhile, and the endpoint is asked less often. One failure is none: the answer before
//! it stands as long as it is young. What is in an answer is not known here, only whether it is whole.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{sync::Mutex, task::JoinHandle};

use crate::scale::sample::Beside;

// At most this share of an endpoint's time is spent on them, as long as that is not too seldom.
const ONE_OF: u32 = 10;
// Asked for this often at least, so that with the seconds that it takes the answer is younger than three usual scrapes when the
// next one comes; and two failures in a row are what a condition waits for. A little less than two ticks: the second one after
// it must not come a moment too early.
const LONGEST_WAIT: Duration = Duration::from_secs(9);
// Each takes seconds at most: older than this, nobody has asked for a while.
const LONGEST_KEPT: Duration = Duration::from_secs(60);
// The answer before a failure stands until then.
const STANDS: Duration = Duration::from_secs(15);

/// An answer that may lack a part.
pub trait Answered: Send + Sync + 'static {
    /// Whether the source answered each of its questions, whatever it said.
    fn is_whole(&self) -> bool;
}

impl Answered for Beside {
    fn is_whole(&self) -> bool {
        self.durations.is_none() && self.stores.is_none()
    }
}

/// What is asked beside the load.
pub struct Background<A>(Mutex<State<A>>);

struct State<A> {
    running: Option<Running<A>>,
    last: Option<Finished<A>>,
    // The last one that had everything.
    whole: Option<Finished<A>>,
}

struct Running<A> {
    started: Instant,
    task: JoinHandle<(A, Duration)>,
}

struct Finished<A> {
    started: Instant,
    took: Duration,
    answer: Arc<A>,
}

impl<A> Default for Background<A> {
    fn default() -> Self {
        Self(Mutex::new(State::default()))
    }
}

impl<A> Default for State<A> {
    fn default() -> Self {
        Self {
            running: None,
            last: None,
            whole: None,
        }
    }
}

impl<A> Drop for State<A> {
    // Nobody will hear the answer.
    fn drop(&mut self) {
        if let Some(running) = &self.running {
            running.task.abort();
        }
    }
}

impl<A: Answered> Background<A> {
    /// The newest answer there is, and how long before `now` it was asked for. Asks with `ask` if that is due, and waits for it
    /// no longer than `patience`, or not at all where the one before took longer; it goes on afterwards.
    pub async fn look<F>(&self, ask: F, (now, patience): (Instant, Duration)) -> Option<(Arc<A>, Duration)>
    where
        F: Future<Output = A> + Send + 'static,
    {
        let mut state = self.0.lock().await;
        let last = state
            .last
            .as_ref()
            .map(|it| (now.saturating_duration_since(it.started), it.took));
        if state.running.is_none() && due(last) {
            let task = tokio::spawn(timed(ask));
            state.running = Some(Running { started: now, task });
        }
        let patience = match last {
            Some((_, took)) if took > patience => Duration::ZERO,
            Some(_) | None => patience,
        };
        if let Some(running) = &mut state.running
            && let Ok(done) = tokio::time::timeout(patience, &mut running.task).await
        {
            let started = running.started;
            state.running = None;
            // A task that broke off leaves what was there before.
            if let Ok((answer, took)) = done {
                let answer = Arc::new(answer);
                state.finished(Finished { started, took, answer });
            }
        }
        let kept = state.best(now)?;
        let age = kept.age(now);
        (age <= LONGEST_KEPT).then(|| (kept.answer.clone(), age))
    }
}

impl<A: Answered> State<A> {
    fn finished(&mut self, finished: Finished<A>) {
        if finished.answer.is_whole() {
            self.whole = Some(Finished {
                answer: Arc::clone(&finished.answer),
                ..finished
            });
        }
        self.last = Some(finished);
    }

    fn best(&self, now: Instant) -> Option<&Finished<A>> {
        let whole = self.whole.as_ref().filter(|whole| whole.age(now) <= STANDS);
        whole.or(self.last.as_ref())
    }
}

impl<A> Finished<A> {
    fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.started)
    }
}

async fn timed<A>(ask: impl Future<Output = A>) -> (A, Duration) {
    let started = Instant::now();
    let answer = ask.await;
    (answer, started.elapsed())
}

// Of the last time: how long ago it began, and how long it took.
fn due(last: Option<(Duration, Duration)>) -> bool {
    last.is_none_or(|(ago, took)| ago >= (took * ONE_OF).min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use tokio::sync::oneshot;

    use super::*;
    use crate::scale::why::Why;

    const LONG: Duration = Duration::from_secs(60);

    fn answer(status: u16) -> Beside {
        Beside {
            durations: Some(Why::Status(status)),
            ..Beside::default()
        }
    }

    #[rstest]
    #[case(None, true)]
    #[case(Some((5000, 400)), true)]
    #[case(Some((5000, 500)), true)]
    #[case(Some((5000, 600)), false)]
    #[case(Some((8900, 3000)), false)]
    #[case(Some((9000, 3000)), true)]
    fn what_takes_long_is_asked_less_often(#[case] last: Option<(u64, u64)>, #[case] expected: bool) {
        let milliseconds = |(ago, took)| (Duration::from_millis(ago), Duration::from_millis(took));
        assert_eq!(due(last.map(milliseconds)), expected);
    }

    #[tokio::test]
    async fn an_answer_that_takes_long_is_there_at_a_later_look() {
        let (background, start) = (Background::default(), Instant::now());
        let (finish, wait) = oneshot::channel();
        let slow = async { wait.await.unwrap() };
        assert!(background.look(slow, (start, Duration::ZERO)).await.is_none());
        finish.send(answer(1)).unwrap();
        let later = start + Duration::from_secs(5);
        let unused = async { panic!("one is running already") };
        let (seen, age) = background.look(unused, (later, LONG)).await.unwrap();
        assert_eq!((&*seen, age), (&answer(1), Duration::from_secs(5)));
    }

    #[tokio::test]
    async fn who_was_slow_is_not_waited_for_again() {
        let start = Instant::now();
        let last = Finished {
            started: start,
            took: Duration::from_secs(61),
            answer: Arc::new(answer(1)),
        };
        let background = Background(Mutex::new(State {
            running: None,
            last: Some(last),
            whole: None,
        }));
        let (_keep, wait) = oneshot::channel::<Beside>();
        let slow = async { wait.await.unwrap() };
        let looked = background.look(slow, (start + Duration::from_secs(30), LONG));
        let looked = tokio::time::timeout(Duration::from_secs(10), looked).await;
        let (seen, age) = looked.expect("it does not wait").unwrap();
        assert_eq!((&*seen, age), (&answer(1), Duration::from_secs(30)));
    }

    #[tokio::test]
    async fn the_last_answer_stands_until_the_next_and_not_for_ever() {
        let (background, start) = (Background::default(), Instant::now());
        background.look(async { answer(1) }, (start, LONG)).await.unwrap();
        let (_keep, wait) = oneshot::channel::<Beside>();
        let slow = async { wait.await.unwrap() };
        let after = |seconds| start + Duration::from_secs(seconds);
        let (seen, _) = background.look(slow, (after(60), Duration::ZERO)).await.unwrap();
        assert_eq!(*seen, answer(1));
        let unused = async { panic!("one is running already") };
        assert!(background.look(unused, (after(61), Duration::ZERO)).await.is_none());
    }

    #[tokio::test]
    async fn one_failure_does_not_take_away_what_was_known_a_moment_ago() {
        let (background, start) = (Background::default(), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        let whole = Beside::default();
        background
            .look(async { Beside::default() }, (start, LONG))
            .await
            .unwrap();
        let (seen, age) = background.look(async { answer(503) }, (after(5), LONG)).await.unwrap();
        assert_eq!((&*seen, age), (&whole, Duration::from_secs(5)));
        let (seen, _) = background.look(async { answer(503) }, (after(16), LONG)).await.unwrap();
        assert_eq!(*seen, answer(503));
    }

    #[tokio::test]
    async fn a_question_that_broke_off_is_asked_again() {
        let (background, start) = (Background::default(), Instant::now());
        let broken = async { panic!("broken off") };
        assert!(background.look(broken, (start, LONG)).await.is_none());
        assert!(background.look(async { answer(1) }, (start, LONG)).await.is_some());
    }
}
