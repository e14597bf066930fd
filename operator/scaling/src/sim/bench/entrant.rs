//! Who takes part: ours at an objective, or a peer at a setting.

use crate::ForecastUse;
use crate::sim::{
    bench::{BenchError, DEFAULT_OBJECTIVE, FORECAST_SECONDS, Policy, READ_DIRECTLY},
    contenders::Contender,
    ours::{Ours, OursSetting},
    run::{Autoscaler, Bounds},
    sensors::Sensing,
};

#[derive(Clone, Copy, Debug)]
pub(super) enum Entrant {
    Ours {
        objective: f64,
        forecast: ForecastUse,
        sensing: Sensing,
    },
    Peer(Contender),
}

/// Ours over its objectives, its default first; on long traces without its forecast as well; and its default where pods are
/// read directly.
pub(super) fn of_ours(objectives: &[f64], seconds: u32) -> Vec<Entrant> {
    let others = objectives.iter().copied().filter(|one| !is_default(*one));
    let sweep: Vec<f64> = std::iter::once(DEFAULT_OBJECTIVE).chain(others).collect();
    let uses: &[ForecastUse] = if seconds >= FORECAST_SECONDS {
        &[ForecastUse::Followed, ForecastUse::Ignored]
    } else {
        &[ForecastUse::Followed]
    };
    let directly = Entrant::Ours {
        objective: DEFAULT_OBJECTIVE,
        forecast: ForecastUse::Followed,
        sensing: Sensing::Direct,
    };
    uses.iter()
        .flat_map(|forecast| {
            sweep.iter().map(|objective| Entrant::Ours {
                objective: *objective,
                forecast: *forecast,
                sensing: Sensing::Prometheus,
            })
        })
        .chain([directly])
        .collect()
}

/// Whether our policy takes this objective.
pub(super) fn accepted(objective: f64, bounds: Bounds) -> Result<(), BenchError> {
    let setting = OursSetting {
        objective,
        ..OursSetting::default_at(30)
    };
    Ours::new(setting, bounds)
        .map(|_| ())
        .map_err(|reason| BenchError::Objective {
            objective: objective.to_string(),
            reason: format!("{reason:?}"),
        })
}

fn is_default(objective: f64) -> bool {
    (objective - DEFAULT_OBJECTIVE).abs() < 1e-12
}

impl Entrant {
    /// `None` only for a setting of ours that is refused, and those were refused before anything was run.
    pub(super) fn autoscaler(
        self,
        pod_start_seconds: u32,
        bounds: Bounds,
        replicas: u32,
    ) -> Option<Box<dyn Autoscaler>> {
        match self {
            Self::Ours {
                objective,
                forecast,
                sensing,
            } => {
                let setting = OursSetting {
                    objective,
                    forecast,
                    sensing,
                    ..OursSetting::default_at(pod_start_seconds)
                };
                let ours = Ours::new(setting, bounds).ok()?;
                Some(Box::new(ours))
            }
            Self::Peer(contender) => Some(contender.autoscaler(bounds, replicas)),
        }
    }

    /// A constant size has always been there.
    pub(super) fn start(self) -> Option<u32> {
        match self {
            Self::Peer(Contender::Static { replicas }) => Some(replicas),
            Self::Peer(Contender::Hpa { .. } | Contender::Keda { .. } | Contender::Kpa { .. }) | Self::Ours { .. } => {
                None
            }
        }
    }

    pub(super) fn is_constant(self) -> bool {
        self.start().is_some()
    }

    pub(super) fn names(self) -> (Policy, String) {
        match self {
            Self::Ours {
                sensing: Sensing::Direct,
                ..
            } => (Policy::Ours, READ_DIRECTLY.to_owned()),
            Self::Ours {
                objective, forecast, ..
            } => (Policy::Ours, setting_of_ours(objective, forecast)),
            Self::Peer(contender) => {
                let policy = match contender {
                    Contender::Hpa { .. } => Policy::Hpa,
                    Contender::Keda { .. } => Policy::Keda,
                    Contender::Kpa { .. } => Policy::Kpa,
                    Contender::Static { .. } => Policy::Static,
                };
                (policy, contender.setting())
            }
        }
    }
}

fn setting_of_ours(objective: f64, forecast: ForecastUse) -> String {
    match (is_default(objective), forecast) {
        (true, ForecastUse::Followed) => "default".to_owned(),
        (false, ForecastUse::Followed) => format!("objective={objective}"),
        (_, ForecastUse::Ignored) => format!("objective={objective} forecast=off"),
    }
}
