//! Numbers of pods that an increase must not pass: what the database has connections for, and what quotas have room for.
//!
//! Pure. Both are worst cases: a pod is taken to use all that it may. What is not known is not guessed into a ceiling: a
//! database that is not managed, a quota whose scope cannot be judged here, a resource that the pod does not ask for.

mod pod_needs;

use k8s_openapi::api::core::v1::{EnvVar, PodSpec, ResourceQuota};
use pathfinder_scaling::Replicas;

use super::amount::amount;
use pod_needs::Needs;

/// The connections of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connections {
    /// `max_connections`.
    pub max: u32,
    /// What is not for the API: three that PostgreSQL keeps for superusers, and people, backups and exporters.
    pub reserve: u32,
}

impl Connections {
    /// Those of the PostgreSQL that the operator runs (`postgresql.conf`).
    pub const MANAGED: Self = Self { max: 500, reserve: 10 };
}

/// The most connections that one pod opens to the database, and how that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolSize {
    /// The pods say so (`database_connections_max`, all pools that lead to this database).
    Measured(u32),
    /// The resource says so in `api.env`.
    Configured(u32),
    /// Nobody says so: the defaults of the project's API. An image of another kind may open more or fewer.
    Assumed(u32),
}

impl PoolSize {
    /// The number.
    pub fn connections(self) -> u32 {
        match self {
            Self::Measured(count) | Self::Configured(count) | Self::Assumed(count) => count,
        }
    }
}

// A pool of the project's API: the variables that say how large it is and where it leads, and the default of its size.
struct Pool {
    size: &'static str,
    url: &'static str,
    default: u32,
}

// Both lead to the one PostgreSQL as long as it has no replica: `replica-url` of its Secret is `url`.
const POOLS: [Pool; 2] = [
    Pool {
        size: "DATABASE_PRIMARY_MAX_CONNECTIONS",
        url: "DATABASE_URL",
        default: 20,
    },
    Pool {
        size: "DATABASE_REPLICA_MAX_CONNECTIONS",
        url: "DATABASE_REPLICA_URL",
        default: 15,
    },
];

/// The most connections that one pod opens: as `measured` by the pods, else as the variables of the resource (`api.env`)
/// say, else the defaults.
///
/// A pool whose URL the resource overrides leads elsewhere and does not count. Variables that come from Secrets and
/// ConfigMaps are not known here.
pub fn pool_size(measured: Option<f64>, env: &[EnvVar]) -> PoolSize {
    if let Some(measured) = measured.and_then(whole).filter(|count| *count > 0) {
        return PoolSize::Measured(measured);
    }
    let ours: Vec<&Pool> = POOLS.iter().filter(|pool| last(env, pool.url).is_none()).collect();
    let configured = |pool: &Pool| last(env, pool.size)?.value.as_ref()?.trim().parse::<u32>().ok();
    let sum = ours
        .iter()
        .map(|pool| configured(pool).unwrap_or(pool.default))
        .fold(0, u32::saturating_add);
    let said = ours.iter().any(|pool| configured(pool).is_some()) || ours.len() < POOLS.len();
    if said {
        PoolSize::Configured(sum)
    } else {
        PoolSize::Assumed(sum)
    }
}

/// Pods that the database has connections for: (`max` - `reserve`) / pool size, rounded down. `None` without a managed
/// database, and where pods open no connections to it.
///
/// A rollout's surge (a quarter more pods, for its duration) is not counted in.
pub fn database_connections(database: Option<Connections>, pool: PoolSize) -> Option<Replicas> {
    let database = database?;
    let free = database.max.saturating_sub(database.reserve);
    free.checked_div(pool.connections()).map(Replicas::new)
}

// The last one of a name wins, as in the container.
fn last<'a>(env: &'a [EnvVar], name: &str) -> Option<&'a EnvVar> {
    env.iter().rev().find(|variable| variable.name == name)
}

/// Pods that the quotas of the namespace have room for: those that are there (`pods`, not being deleted) and as many of the
/// same kind as fit into what is left. `None` where no quota limits them.
///
/// What is left is what the quota's own status says, which the API server updates with every pod that it admits.
pub fn quota(quotas: &[ResourceQuota], pod: &PodSpec, pods: Replicas) -> Option<Replicas> {
    let needs = Needs::of(pod);
    let room = quotas
        .iter()
        .filter(|quota| applies(quota, pod, &needs))
        .filter_map(|quota| room(quota, &needs))
        .min()?;
    Some(Replicas::new(pods.get().saturating_add(room)))
}

fn room(quota: &ResourceQuota, needs: &Needs) -> Option<u32> {
    let status = quota.status.as_ref()?;
    let (hard, used) = (status.hard.as_ref()?, status.used.as_ref());
    let fits = hard.iter().filter_map(|(name, hard)| {
        let need = needs.counted_as(name).filter(|need| *need > 0.0)?;
        let used = used.and_then(|used| used.get(name)).map_or(Some(0.0), amount)?;
        whole((amount(hard)? - used).max(0.0) / need)
    });
    fits.min()
}

// Rounded down; differences of decimal fractions may fall short of a whole number by their noise.
fn whole(number: f64) -> Option<u32> {
    let floor = (number * (1.0 + 1e-9)).floor();
    if !(0.0..=f64::from(u32::MAX)).contains(&floor) {
        return (floor > 0.0).then_some(u32::MAX);
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a whole number in range"
    )]
    Some(floor as u32)
}

// The scopes of quotas: https://kubernetes.io/docs/concepts/policy/resource-quotas/#quota-scopes. A selector (by priority
// class, for example) is not judged here, and such a quota is left to the API server.
fn applies(quota: &ResourceQuota, pod: &PodSpec, needs: &Needs) -> bool {
    let Some(spec) = quota.spec.as_ref() else {
        return true;
    };
    spec.scope_selector.is_none()
        && spec.scopes.iter().flatten().all(|scope| match scope.as_str() {
            "Terminating" => pod.active_deadline_seconds.is_some(),
            "NotTerminating" => pod.active_deadline_seconds.is_none(),
            "BestEffort" => needs.nothing(),
            "NotBestEffort" => !needs.nothing(),
            _ => false,
        })
}

#[cfg(test)]
mod tests;
