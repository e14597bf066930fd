//! The stores: one PostgreSQL and one Redis instance, each on a volume of its own.
//!
//! Storage cannot change after creation yet: a StatefulSet's volume template is immutable.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::{defaults, quantity::Quantity};

/// A PostgreSQL instance. Its passwords are generated once and kept in the Secret `NAME-postgres`.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PostgresSpec {
    /// The server image: the project's, or any that fits the same contract (the official `postgres:17` does).
    #[serde(default = "default_postgres_image")]
    #[schemars(length(min = 1, max = 512))]
    #[x_kube(validation = Rule::new("self.matches('^[a-zA-Z0-9][a-zA-Z0-9._:/@-]*$')").message("is not an image reference: write REGISTRY/NAME:TAG or REGISTRY/NAME@sha256:DIGEST, without spaces"))]
    pub image: String,
    /// Its volume. The volume survives the resource.
    #[serde(default)]
    #[x_kube(validation = Rule::new("self == oldSelf").message("postgres storage cannot be changed after creation: write the old values back"))]
    pub storage: PostgresStorage,
}

fn default_postgres_image() -> String {
    defaults::POSTGRES_IMAGE.to_owned()
}

/// The volume of one PostgreSQL member.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PostgresStorage {
    /// How much is asked for.
    #[serde(default = "default_postgres_storage")]
    pub size: Quantity,
    /// The StorageClass; the cluster's default when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub storage_class_name: Option<String>,
}

impl Default for PostgresStorage {
    fn default() -> Self {
        Self {
            size: default_postgres_storage(),
            storage_class_name: None,
        }
    }
}

fn default_postgres_storage() -> Quantity {
    defaults::POSTGRES_STORAGE.into()
}

/// A Redis instance. Its password is generated once and kept in the Secret `NAME-redis`.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RedisSpec {
    /// The server image: the project's, or any that fits the same contract (the official `redis:8` does).
    #[serde(default = "default_redis_image")]
    #[schemars(length(min = 1, max = 512))]
    #[x_kube(validation = Rule::new("self.matches('^[a-zA-Z0-9][a-zA-Z0-9._:/@-]*$')").message("is not an image reference: write REGISTRY/NAME:TAG or REGISTRY/NAME@sha256:DIGEST, without spaces"))]
    pub image: String,
    /// Its volume. The volume survives the resource.
    #[serde(default)]
    #[x_kube(validation = Rule::new("self == oldSelf").message("redis storage cannot be changed after creation: write the old values back"))]
    pub storage: RedisStorage,
}

fn default_redis_image() -> String {
    defaults::REDIS_IMAGE.to_owned()
}

/// The volume of one Redis member.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RedisStorage {
    /// How much is asked for.
    #[serde(default = "default_redis_storage")]
    pub size: Quantity,
    /// The StorageClass; the cluster's default when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub storage_class_name: Option<String>,
}

impl Default for RedisStorage {
    fn default() -> Self {
        Self {
            size: default_redis_storage(),
            storage_class_name: None,
        }
    }
}

fn default_redis_storage() -> Quantity {
    defaults::REDIS_STORAGE.into()
}
