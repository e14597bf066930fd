//! Third verb: which passwords the stores get, and whether we may touch what is there at all.
//!
//! Pure; randomness is a parameter. Passwords are generated once in the life of a volume and never again: a volume whose
//! Secret is gone is a case for a person, not for new passwords.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Secret};

use pathfinder_crds::Reason;

use crate::{
    cluster::Cluster,
    credentials::{Credentials, CredentialsError, PostgresCredentials, RedisCredentials},
    names::{self, Component},
    plan,
    reconcile::observe::Observed,
};

/// The stores cannot be touched as things are.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is data whose passwords are gone.
    #[error(
        "volume claim {claim} is there but its Secret {secret} is not: restore the Secret from a backup, or delete StatefulSet {secret} and then the claim to start with an empty store"
    )]
    SecretGone {
        /// The claim.
        claim: String,
        /// The Secret.
        secret: String,
    },
    /// The claim and the Secret were not made together.
    #[error("volume claim {claim} does not belong to Secret {secret} ({annotation} differs): restore the Secret that was made with it, or delete StatefulSet {secret} and then the claim to start with an empty store", annotation = names::ANNOTATION_IDENTITY)]
    Mismatch {
        /// The claim.
        claim: String,
        /// The Secret.
        secret: String,
    },
    /// A Secret of our name that we did not make.
    #[error(
        "Secret {secret} is not ours and was left alone: rename it, delete it, or give the PathfinderCluster another name"
    )]
    ForeignSecret {
        /// The Secret.
        secret: String,
    },
    /// Our Secret lost a key.
    #[error("Secret {secret}: {source}")]
    Broken {
        /// The Secret.
        secret: String,
        /// What is wrong with it.
        source: CredentialsError,
    },
}

impl Error {
    /// The reason of the condition `Ready`.
    pub fn reason(&self) -> Reason {
        match self {
            Self::SecretGone { .. } | Self::Mismatch { .. } | Self::Broken { .. } => Reason::SecretMissing,
            Self::ForeignSecret { .. } => Reason::ForeignObject,
        }
    }
}

/// The credentials of every managed store: those that are there, or new ones where nothing is.
///
/// # Errors
/// When passwords are missing for data that exists, or names are taken.
pub fn decide(
    cluster: &Cluster,
    observed: &Observed,
    random: &mut impl FnMut() -> String,
) -> Result<Credentials, Error> {
    let postgres = match &cluster.postgres {
        None => None,
        Some(_) => Some(
            match belongs(
                cluster,
                Component::Postgres,
                (&observed.postgres_secret, &observed.postgres_claim),
            )? {
                Some(secret) => PostgresCredentials::read(secret).map_err(|source| broken(secret, source))?,
                None => PostgresCredentials::generate(random),
            },
        ),
    };
    let redis = match &cluster.redis {
        None => None,
        Some(_) => Some(
            match belongs(
                cluster,
                Component::Redis,
                (&observed.redis_secret, &observed.redis_claim),
            )? {
                Some(secret) => RedisCredentials::read(secret).map_err(|source| broken(secret, source))?,
                None => RedisCredentials::generate(random),
            },
        ),
    };
    Ok(Credentials { postgres, redis })
}

fn broken(secret: &Secret, source: CredentialsError) -> Error {
    Error::Broken {
        secret: secret.metadata.name.clone().unwrap_or_default(),
        source,
    }
}

// The Secret to read, None when both it and the volume are still to be made.
fn belongs<'a>(
    cluster: &Cluster,
    of: Component,
    (secret, claim): (&'a Option<Secret>, &Option<PersistentVolumeClaim>),
) -> Result<Option<&'a Secret>, Error> {
    let secret_name = names::component(&cluster.id.name, of);
    let claim_name = names::claim(&cluster.id.name, of);
    match (secret, claim) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(Error::SecretGone {
            claim: claim_name,
            secret: secret_name,
        }),
        (Some(secret), _) if !plan::is_kept(&secret.metadata, cluster) => {
            Err(Error::ForeignSecret { secret: secret_name })
        }
        (Some(secret), Some(claim))
            if identity(secret.metadata.annotations.as_ref()) != identity(claim.metadata.annotations.as_ref()) =>
        {
            Err(Error::Mismatch {
                claim: claim_name,
                secret: secret_name,
            })
        }
        (Some(secret), Some(_) | None) => Ok(Some(secret)),
    }
}

fn identity(annotations: Option<&BTreeMap<String, String>>) -> Option<&str> {
    annotations
        .and_then(|all| all.get(names::ANNOTATION_IDENTITY))
        .map(String::as_str)
}
