//! The plant: pods that start, warm up, serve, and let requests wait.
//!
//! All pods serve one queue (what a least-connections balancer comes close to). A pod serves four requests at a time, each
//! for an exponential time of mean [`SERVICE_SECONDS`], so `n` pods saturate at `n` x [`SATURATION`] requests/s. Seconds with
//! spare capacity and no backlog are not looked into; the others follow the heavy-traffic limit of the M/M/m queue: the
//! backlog of a second is that of its beginning plus arrivals minus services, both with Poisson noise, never below zero.
//! The loss of what happens between two seconds is corrected by moving the barrier by 0.5826 standard deviations of a
//! second's change (Siegmund 1979; Broadie, Glasserman and Kou 1997). Checked against Erlang's formula in the tests.
//!
//! Knows no policy and no metric.

use std::collections::VecDeque;

/// Requests per second that one pod serves well: what every policy is told, 70 % of saturation.
pub const PER_REPLICA: f64 = 100.0;

/// Requests per second at which one pod saturates.
pub const SATURATION: f64 = PER_REPLICA / 0.7;

/// Requests that one pod serves at a time.
pub const SERVERS: f64 = 4.0;

/// Mean service time of a request.
pub const SERVICE_SECONDS: f64 = SERVERS / SATURATION;

/// `latency.target`: a response after more than this is a violation.
pub const TARGET_SECONDS: f64 = 0.5;

/// A wait of more than this is a violation: it leaves 50 ms of the target for the service itself.
pub const WAIT_SECONDS: f64 = 0.45;

/// After this wait the client has gone: the request is a violation and takes no capacity.
pub const TIMEOUT_SECONDS: f64 = 10.0;

/// How long a pod that has just become ready serves half of its rate (caches, connections, code).
pub const WARM_UP_SECONDS: u32 = 10;

// See the head of the file.
const BARRIER: f64 = 0.5826;

// Below this utilisation, without a backlog, no wait comes near the limit.
const CALM: f64 = 0.8;

/// Pods that reach their next state at the same second.
#[derive(Clone, Copy, Debug)]
struct Batch {
    at: u32,
    pods: u32,
}

/// The pods of one API and their queue.
#[derive(Clone, Debug)]
pub struct Plant {
    pod_start_seconds: u32,
    ordered: u32,
    starting: VecDeque<Batch>,
    warming: VecDeque<Batch>,
    warm: u32,
    cold: u32,
    backlog: f64,
    trouble: Trouble,
}

/// What goes wrong with the pods, or behind them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Trouble {
    /// Every response takes this much longer, and no pod is busier for it.
    pub slower_by_seconds: f64,
    /// Of the pods that served so many fail again and again, and so does every pod that starts; `None` where none does.
    pub crash_looping: Option<u32>,
}

/// What one second brought.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Second {
    /// Requests whose response is, or will be, over the target.
    pub violated: f64,
    /// Requests that were served.
    pub served: f64,
    /// Mean wait of what arrived, in seconds.
    pub wait: f64,
}

impl Plant {
    /// `replicas` pods that are ready and warm.
    pub fn new(replicas: u32, pod_start_seconds: u32) -> Self {
        Self {
            pod_start_seconds,
            ordered: replicas,
            starting: VecDeque::new(),
            warming: VecDeque::new(),
            warm: replicas,
            cold: 0,
            backlog: 0.0,
            trouble: Trouble::default(),
        }
    }

    /// What goes wrong from now on; nothing where it is the default.
    pub fn meet(&mut self, trouble: Trouble) {
        self.trouble = trouble;
    }

    /// Pods that fail again and again in second `now`: those that served, and those that were to be ready by now.
    pub fn crash_looping(&self, now: u32) -> u32 {
        let Some(failing) = self.trouble.crash_looping else {
            return 0;
        };
        let due = self.starting.iter().filter(|batch| batch.at <= now);
        failing.min(self.warm) + due.map(|batch| batch.pods).sum::<u32>()
    }

    fn failing(&self) -> u32 {
        self.trouble.crash_looping.unwrap_or_default().min(self.warm)
    }

    /// Pods that are ordered.
    pub fn ordered(&self) -> u32 {
        self.ordered
    }

    /// Pods that are ready.
    pub fn ready(&self) -> u32 {
        self.warm + self.cold - self.failing()
    }

    /// Pods that are ready and past their warm-up.
    pub fn warm(&self) -> u32 {
        self.warm - self.failing()
    }

    /// Time from an order to ready.
    pub fn pod_start_seconds(&self) -> u32 {
        self.pod_start_seconds
    }

    /// Orders `replicas` at the beginning of second `now`. More start now; fewer end now, those that have not started first,
    /// as a ReplicaSet does.
    pub fn order(&mut self, replicas: u32, now: u32) {
        if replicas > self.ordered {
            self.starting.push_back(Batch {
                at: now + self.pod_start_seconds,
                pods: replicas - self.ordered,
            });
        } else {
            let gone = shrink(&mut self.starting, self.ordered - replicas);
            let left = self.ordered - replicas - gone;
            let cold = shrink(&mut self.warming, left);
            self.cold -= cold;
            self.warm -= left - cold;
        }
        self.ordered = replicas;
    }

    /// One second: pods become ready or warm, requests arrive and are served. `noise` is a standard normal number.
    pub fn step(&mut self, now: u32, arrivals: f64, noise: f64) -> Second {
        self.age(now);
        let capacity = (f64::from(self.warm()) + 0.5 * f64::from(self.cold)) * SATURATION;
        if self.backlog <= 0.0 && arrivals <= capacity * CALM {
            let slower = self.trouble.slower_by_seconds;
            return Second {
                violated: arrivals * share_over(WAIT_SECONDS, slower, slower),
                served: arrivals,
                wait: slower,
            };
        }
        self.queue(arrivals, capacity, noise)
    }

    fn queue(&mut self, arrivals: f64, capacity: f64, noise: f64) -> Second {
        if capacity <= 0.0 {
            // Nobody serves: everything waits, and what waits too long goes.
            self.backlog = 0.0;
            return Second {
                violated: arrivals,
                served: 0.0,
                wait: TIMEOUT_SECONDS,
            };
        }
        let deviation = (arrivals + capacity).sqrt();
        let waits = |backlog: f64| {
            if backlog > 0.0 {
                (backlog + BARRIER * deviation) / capacity
            } else {
                0.0
            }
        };
        let services = (capacity + capacity.sqrt() * noise).max(0.0);
        let (start, end) = (self.backlog, (self.backlog + arrivals - services).max(0.0));
        let most = TIMEOUT_SECONDS * capacity;
        let gone = (end - most).max(0.0);
        self.backlog = end.min(most);
        let slower = self.trouble.slower_by_seconds;
        let (from, to) = (waits(start) + slower, waits(end) + slower);
        Second {
            violated: arrivals * share_over(WAIT_SECONDS, from, to),
            served: (start + arrivals - gone - self.backlog).max(0.0),
            wait: f64::midpoint(from, to).min(TIMEOUT_SECONDS),
        }
    }

    fn age(&mut self, now: u32) {
        let starts = |batch: &&Batch| batch.at <= now && self.trouble.crash_looping.is_none();
        while let Some(batch) = self.starting.front().filter(starts).copied() {
            self.starting.pop_front();
            self.cold += batch.pods;
            self.warming.push_back(Batch {
                at: batch.at + WARM_UP_SECONDS,
                pods: batch.pods,
            });
        }
        while let Some(batch) = self.warming.front().filter(|batch| batch.at <= now).copied() {
            self.warming.pop_front();
            self.cold -= batch.pods;
            self.warm += batch.pods;
        }
    }
}

/// Takes up to `wanted` pods, the youngest first, and says how many it took.
fn shrink(batches: &mut VecDeque<Batch>, wanted: u32) -> u32 {
    let mut taken = 0;
    while taken < wanted {
        let Some(last) = batches.back_mut() else { break };
        let here = last.pods.min(wanted - taken);
        last.pods -= here;
        taken += here;
        if last.pods == 0 {
            batches.pop_back();
        }
    }
    taken
}

/// The share of a straight line from `from` to `to` that lies over `limit`.
fn share_over(limit: f64, from: f64, to: f64) -> f64 {
    let (low, high) = (from.min(to), from.max(to));
    if low > limit {
        1.0
    } else if high <= limit {
        0.0
    } else {
        (high - limit) / (high - low)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::sim::load::Load;

    /// The probability that a request of the M/M/m queue waits (Erlang's C formula), by the recursion of Erlang's B.
    fn erlang_c(servers: u32, offered: f64) -> f64 {
        let blocked = (1..=servers).fold(1.0, |blocked, server| {
            offered * blocked / (f64::from(server) + offered * blocked)
        });
        let utilisation = offered / f64::from(servers);
        blocked / (1.0 - utilisation * (1.0 - blocked))
    }

    // P(wait > t) = C exp(-(m mu - lambda) t).
    #[rstest]
    #[case::one_pod_nearly_full(1, 0.97)]
    #[case::one_pod_busy(1, 0.93)]
    #[case::four_pods_nearly_full(4, 0.99)]
    #[case::four_pods_busy(4, 0.98)]
    #[case::sixteen_pods_nearly_full(16, 0.997)]
    #[case::sixteen_pods_busy(16, 0.995)]
    fn in_a_steady_state_as_many_wait_too_long_as_erlang_says(#[case] pods: u32, #[case] utilisation: f64) {
        let capacity = f64::from(pods) * SATURATION;
        let rate = capacity * utilisation;
        let expected =
            erlang_c(pods * 4, f64::from(pods) * SERVERS * utilisation) * (-(capacity - rate) * WAIT_SECONDS).exp();
        let load = Load::from_rates("steady", std::iter::repeat_n(rate, 2_000_000), 7);
        let mut plant = Plant::new(pods, 30);
        let (mut violated, mut arrived) = (0.0, 0.0);
        for ((second, arrivals), noise) in (0..).zip(load.arrivals()).zip(load.noise()) {
            violated += plant.step(second, f64::from(*arrivals), f64::from(*noise)).violated;
            arrived += f64::from(*arrivals);
        }
        let seen = violated / arrived;
        assert!((seen / expected - 1.0).abs() < 0.15, "seen {seen}, Erlang {expected}");
    }

    #[test]
    fn an_ordered_pod_serves_after_its_start_and_fully_after_its_warm_up() {
        let mut plant = Plant::new(1, 30);
        plant.order(2, 0);
        let ready: Vec<u32> = (0..=30)
            .map(|second| {
                plant.step(second, 0.0, 0.0);
                plant.ready()
            })
            .collect();
        assert_eq!((ready[29], ready[30]), (1, 2));
        assert_eq!((plant.warm, plant.cold), (1, 1));
        plant.step(40, 0.0, 0.0);
        assert_eq!((plant.warm, plant.cold), (2, 0));
    }

    #[test]
    fn fewer_pods_end_those_first_that_have_not_started() {
        let mut plant = Plant::new(4, 30);
        plant.order(8, 0);
        plant.order(5, 1);
        assert_eq!((plant.ordered(), plant.ready()), (5, 4));
        plant.order(2, 2);
        plant.step(31, 0.0, 0.0);
        assert_eq!((plant.ordered(), plant.ready()), (2, 2));
    }

    #[test]
    fn an_overload_of_one_second_is_worked_off_and_counted() {
        let mut plant = Plant::new(1, 30);
        // Twice the capacity: at the end half of a second's capacity over the limit waits.
        let first = plant.step(0, 2.0 * SATURATION, 0.0);
        assert!(first.violated > 0.0 && first.violated < 2.0 * SATURATION, "{first:?}");
        let later: f64 = (1..10)
            .map(|second| plant.step(second, 0.5 * SATURATION, 0.0).violated)
            .sum();
        assert!(later > 0.0);
        assert!(plant.backlog <= 0.0, "{}", plant.backlog);
    }

    #[test]
    fn who_waits_too_long_goes_away_and_takes_no_capacity() {
        let mut plant = Plant::new(1, 30);
        for second in 0..60 {
            plant.step(second, 10.0 * SATURATION, 0.0);
        }
        assert!(plant.backlog <= TIMEOUT_SECONDS * SATURATION);
    }
}
