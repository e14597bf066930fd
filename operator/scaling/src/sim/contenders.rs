//! Who is compared: the peers behind the simulator's trait, constant sizes, and the grid of settings.
//!
//! Every policy is told the same: what one pod serves well ([`PER_REPLICA`], 70 % of saturation), and the same bounds.

use crate::sim::{
    peers::{
        hpa::{Behavior, Hpa, NoMetric, PodMetrics, Tolerance, resource_utilization},
        keda::{Answer, Keda, ScaledObject, Trigger, Workload},
        kpa::{Averages, Config, Kpa},
    },
    plant::{PER_REPLICA, SATURATION},
    run::{Autoscaler, Bounds, World},
    sensors,
};

/// Shares of saturation that settings aim at, in percent.
const UTILIZATIONS: [u32; 8] = [30, 40, 50, 60, 70, 80, 90, 95];

/// A policy and how it is set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Contender {
    /// The HPA on CPU.
    Hpa {
        /// `averageUtilization`, in percent of a request that one saturated pod uses up.
        target_percent: u32,
        /// `behavior.scaleDown.stabilizationWindowSeconds`; `None` leaves `behavior` out (300 s).
        stabilization_seconds: Option<u32>,
    },
    /// KEDA on `sum(rate(http_requests_total[window]))`.
    Keda {
        /// Threshold in percent of saturation.
        target_percent: u32,
        /// The range of `rate()`.
        window_seconds: u32,
        /// As for the HPA.
        stabilization_seconds: Option<u32>,
    },
    /// The Knative pod autoscaler on requests per second.
    Kpa {
        /// `target-utilization` of saturation, in percent.
        target_percent: u32,
        /// `stable-window`.
        stable_seconds: u32,
        /// `scale-down-delay`.
        delay_seconds: u32,
    },
    /// Always the same.
    Static {
        /// How many.
        replicas: u32,
    },
}

impl Contender {
    /// The peers as they come: HPA at the server's default of 80 %; KEDA with its documentation's `rate[2m]`, aiming at
    /// what a pod serves well; the KPA's defaults.
    pub const DEFAULTS: [Self; 3] = [
        Self::Hpa {
            target_percent: 80,
            stabilization_seconds: None,
        },
        Self::Keda {
            target_percent: 70,
            window_seconds: 120,
            stabilization_seconds: None,
        },
        Self::Kpa {
            target_percent: 70,
            stable_seconds: 60,
            delay_seconds: 0,
        },
    ];

    /// The published grid of the peers' settings, without their defaults.
    pub fn grid() -> Vec<Self> {
        let hpa = UTILIZATIONS.into_iter().flat_map(|target_percent| {
            [Some(0), Some(60), None, Some(600)].map(|stabilization_seconds| Self::Hpa {
                target_percent,
                stabilization_seconds,
            })
        });
        let keda = UTILIZATIONS.into_iter().flat_map(|target_percent| {
            [15, 30, 60, 120, 300].into_iter().flat_map(move |window_seconds| {
                [Some(60), None].map(|stabilization_seconds| Self::Keda {
                    target_percent,
                    window_seconds,
                    stabilization_seconds,
                })
            })
        });
        let kpa = UTILIZATIONS.into_iter().flat_map(|target_percent| {
            [30, 60, 120].into_iter().flat_map(move |stable_seconds| {
                [0, 120, 300, 600].map(|delay_seconds| Self::Kpa {
                    target_percent,
                    stable_seconds,
                    delay_seconds,
                })
            })
        });
        hpa.chain(keda)
            .chain(kpa)
            .filter(|setting| !Self::DEFAULTS.contains(setting))
            .collect()
    }

    /// The policy's name.
    pub fn policy(self) -> &'static str {
        match self {
            Self::Hpa { .. } => "hpa",
            Self::Keda { .. } => "keda",
            Self::Kpa { .. } => "kpa",
            Self::Static { .. } => "static",
        }
    }

    /// The setting in a few words; `default` for a policy's default.
    pub fn setting(self) -> String {
        if Self::DEFAULTS.contains(&self) {
            return "default".to_owned();
        }
        let stabilization = |seconds: Option<u32>| seconds.unwrap_or(300);
        match self {
            Self::Hpa {
                target_percent,
                stabilization_seconds,
            } => {
                format!("cpu={target_percent}% down={}s", stabilization(stabilization_seconds))
            }
            Self::Keda {
                target_percent,
                window_seconds,
                stabilization_seconds,
            } => {
                format!(
                    "target={target_percent}% rate={window_seconds}s down={}s",
                    stabilization(stabilization_seconds)
                )
            }
            Self::Kpa {
                target_percent,
                stable_seconds,
                delay_seconds,
            } => {
                format!("target={target_percent}% stable={stable_seconds}s delay={delay_seconds}s")
            }
            Self::Static { replicas } => format!("replicas={replicas}"),
        }
    }

    /// Ready to run within `bounds`, from `replicas` on.
    pub fn autoscaler(self, bounds: Bounds, replicas: u32) -> Box<dyn Autoscaler> {
        let share = |percent: u32| f64::from(percent) / 100.0;
        match self {
            Self::Hpa {
                target_percent,
                stabilization_seconds,
            } => Box::new(Cpu {
                hpa: hpa(bounds, stabilization_seconds),
                target_percent,
            }),
            Self::Keda {
                target_percent,
                window_seconds,
                stabilization_seconds,
            } => {
                let mut object = ScaledObject::new(Trigger::new(share(target_percent) * SATURATION));
                object.min_replica_count = bounds.min;
                object.max_replica_count = bounds.max;
                object.behavior = stabilization_seconds.map(stabilized);
                Box::new(Prometheus {
                    keda: Keda::new(object, 0.0),
                    window_seconds,
                })
            }
            Self::Kpa {
                target_percent,
                stable_seconds,
                delay_seconds,
            } => {
                let config = Config {
                    target: SATURATION,
                    utilization: share(target_percent),
                    stable_window_seconds: f64::from(stable_seconds),
                    scale_down_delay_seconds: delay_seconds,
                    min: bounds.min,
                    max: bounds.max,
                    ..Config::default()
                };
                Box::new(Knative {
                    kpa: Kpa::new(config, replicas, 0.0),
                    stable_seconds,
                })
            }
            Self::Static { replicas } => Box::new(Constant { replicas }),
        }
    }
}

fn hpa(bounds: Bounds, stabilization_seconds: Option<u32>) -> Hpa {
    match stabilization_seconds {
        None => Hpa::without_behavior(bounds.min, bounds.max),
        Some(seconds) => Hpa::new(bounds.min, bounds.max, stabilized(seconds)),
    }
}

fn stabilized(seconds: u32) -> Behavior {
    let mut behavior = Behavior::default();
    behavior.scale_down.stabilization_seconds = seconds;
    behavior
}

/// What the controller reads of the pods: those that are past their warm-up have a sample, the others count as unready.
pub(crate) fn pods(world: &World<'_>, now: u32) -> Option<PodMetrics> {
    let (ready, ordered) = (world.plant.ready(), world.plant.ordered());
    let measured = world.plant.warm();
    let of_measured = f64::from(measured) / f64::from(ready.max(1));
    Some(PodMetrics {
        ready_with_sample: measured,
        usage_milli: milli(sensors::cpu(world, now)? * of_measured),
        request_milli: 1000,
        unready: ordered - measured,
        missing: 0,
    })
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
fn milli(pods: f64) -> u64 {
    (pods * 1000.0) as u64
}

/// What an HPA on CPU proposes.
pub(crate) fn cpu_proposal(world: &World<'_>, now: u32, target_percent: u32) -> Result<u32, NoMetric> {
    let pods = pods(world, now).ok_or(NoMetric)?;
    resource_utilization(&pods, target_percent, world.plant.ordered(), Tolerance::default())
}

struct Cpu {
    hpa: Hpa,
    target_percent: u32,
}

impl Autoscaler for Cpu {
    fn replicas(&mut self, now: u32, world: &World<'_>) -> u32 {
        let proposal = cpu_proposal(world, now, self.target_percent);
        self.hpa.pass(f64::from(now), world.plant.ordered(), &[proposal])
    }

    fn period_seconds(&self) -> u32 {
        15
    }
}

/// KEDA's HPA loop. Its poll loop acts only around zero replicas, where none of these settings goes.
struct Prometheus {
    keda: Keda,
    window_seconds: u32,
}

impl Autoscaler for Prometheus {
    fn replicas(&mut self, now: u32, world: &World<'_>) -> u32 {
        let workload = Workload {
            spec_replicas: world.plant.ordered(),
            status_replicas: world.plant.ordered(),
            ready_replicas: world.plant.ready(),
        };
        let rate = sensors::rate(world.load, now, i64::from(self.window_seconds));
        self.keda.hpa_pass(f64::from(now), workload, Answer::Value(rate))
    }

    fn period_seconds(&self) -> u32 {
        15
    }
}

struct Knative {
    kpa: Kpa,
    stable_seconds: u32,
}

impl Autoscaler for Knative {
    fn replicas(&mut self, now: u32, world: &World<'_>) -> u32 {
        let observed = Averages {
            stable: sensors::mean(world.load, now, self.stable_seconds),
            panic: sensors::mean(world.load, now, (self.stable_seconds / 10).max(1)),
        };
        self.kpa.tick(f64::from(now), world.plant.ready(), observed)
    }

    fn period_seconds(&self) -> u32 {
        2
    }
}

struct Constant {
    replicas: u32,
}

impl Autoscaler for Constant {
    fn replicas(&mut self, _: u32, _: &World<'_>) -> u32 {
        self.replicas
    }

    fn period_seconds(&self) -> u32 {
        3600
    }
}

/// What everybody starts with: what the first second needs at what a pod serves well, ready and warm.
pub fn start(first_rate: f64, bounds: Bounds) -> u32 {
    bounds.clamp(whole((first_rate / PER_REPLICA).ceil()))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
fn whole(pods: f64) -> u32 {
    pods as u32
}
