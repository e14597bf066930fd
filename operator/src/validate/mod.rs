//! From the resource as it was written to a `Cluster` that cannot be wrong, or every reason why not.
//!
//! Pure. The API server already checked the schema and its rules; what is left here is what CEL cannot see, and the
//! conversion to types that need no check again.

mod scaling;

use std::{collections::BTreeMap, fmt};

use k8s_openapi::{
    api::core::v1::{
        ConfigMapEnvSource, ConfigMapKeySelector, EnvFromSource, EnvVar, EnvVarSource, ResourceRequirements,
        SecretEnvSource, SecretKeySelector,
    },
    apimachinery::pkg::api::resource::Quantity,
};
use kube::Resource;
use pathfinder_crds::{self as crds, PathfinderCluster};

use crate::cluster::{Api, Cluster, ClusterId, Store};

/// One thing that is wrong, where, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field, for example `spec.scaling.minReplicas`.
    pub field: &'static str,
    /// What is wrong and what to write instead.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

/// The resource cannot be made real as it is written.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct Error(pub Vec<Violation>);

/// Turns a resource into a valid stack.
///
/// # Errors
/// Every violation at once, so that one edit can mend them all.
pub fn validate(resource: &PathfinderCluster) -> Result<Cluster, Error> {
    let mut violations = Vec::new();
    let identity = identity(resource, &mut violations);
    let api = api(&resource.spec.api, &mut violations);
    let scaling = scaling::scaling(&resource.spec.scaling, &mut violations);
    match (identity, api, scaling) {
        (Some((id, owner)), Some(api), Some(scaling)) if violations.is_empty() => Ok(Cluster {
            id,
            owner,
            generation: resource.metadata.generation.unwrap_or_default(),
            api,
            scaling,
            postgres: resource.spec.postgres.as_ref().map(|spec| Store {
                image: spec.image.clone(),
                storage_size: spec.storage.size.0.clone(),
                storage_class_name: spec.storage.storage_class_name.clone(),
            }),
            redis: resource.spec.redis.as_ref().map(|spec| Store {
                image: spec.image.clone(),
                storage_size: spec.storage.size.0.clone(),
                storage_class_name: spec.storage.storage_class_name.clone(),
            }),
            network_policies: resource.spec.network_policies,
        }),
        _ => Err(Error(violations)),
    }
}

fn identity(
    resource: &PathfinderCluster,
    violations: &mut Vec<Violation>,
) -> Option<(
    ClusterId,
    k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference,
)> {
    let found = (|| {
        let id = ClusterId {
            namespace: resource.metadata.namespace.clone()?,
            name: resource.metadata.name.clone()?,
        };
        Some((id, resource.controller_owner_ref(&())?))
    })();
    if found.is_none() {
        violations.push(Violation {
            field: "metadata",
            message: "has no name, namespace or uid: only objects read from the API server can be reconciled".into(),
        });
    }
    found
}

fn api(spec: &crds::ApiSpec, violations: &mut Vec<Violation>) -> Option<Api> {
    Some(Api {
        image: spec.image.clone(),
        port: port(spec.port, "spec.api.port", violations)?,
        resources: resources(&spec.resources),
        env: spec.env.iter().map(env_var).collect(),
        env_from: spec.env_from.iter().map(env_from).collect(),
        service_type: spec.service.type_,
        service_port: port(spec.service.port, "spec.api.service.port", violations)?,
    })
}

fn port(value: i32, field: &'static str, violations: &mut Vec<Violation>) -> Option<u16> {
    match u16::try_from(value) {
        Ok(port) if port > 0 => Some(port),
        Ok(_) | Err(_) => {
            violations.push(Violation {
                field,
                message: format!("{value} is not a port: write 1 to 65535"),
            });
            None
        }
    }
}

fn resources(spec: &crds::Resources) -> ResourceRequirements {
    let list = |list: &crds::ResourceList| {
        let mut amounts = BTreeMap::new();
        for (name, amount) in [("cpu", &list.cpu), ("memory", &list.memory)] {
            if let Some(amount) = amount {
                amounts.insert(name.to_owned(), Quantity(amount.0.clone()));
            }
        }
        (!amounts.is_empty()).then_some(amounts)
    };
    ResourceRequirements {
        requests: list(&spec.requests),
        limits: list(&spec.limits),
        ..Default::default()
    }
}

fn env_var(spec: &crds::EnvVar) -> EnvVar {
    EnvVar {
        name: spec.name.clone(),
        value: spec.value.clone(),
        value_from: spec.value_from.as_ref().map(|from| EnvVarSource {
            secret_key_ref: from.secret_key_ref.as_ref().map(|key| SecretKeySelector {
                name: key.name.clone(),
                key: key.key.clone(),
                optional: key.optional,
            }),
            config_map_key_ref: from.config_map_key_ref.as_ref().map(|key| ConfigMapKeySelector {
                name: key.name.clone(),
                key: key.key.clone(),
                optional: key.optional,
            }),
            ..Default::default()
        }),
    }
}

fn env_from(spec: &crds::EnvFromSource) -> EnvFromSource {
    EnvFromSource {
        prefix: spec.prefix.clone(),
        secret_ref: spec.secret_ref.as_ref().map(|source| SecretEnvSource {
            name: source.name.clone(),
            optional: source.optional,
        }),
        config_map_ref: spec.config_map_ref.as_ref().map(|source| ConfigMapEnvSource {
            name: source.name.clone(),
            optional: source.optional,
        }),
    }
}
