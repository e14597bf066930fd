//! Secrets: the passwords of the stores and the URLs made from them.
//!
//! Pure. The only place where a password leaves its `SecretString`. They carry no owner reference, because without them
//! the volumes that are kept could not be opened again.

use std::collections::BTreeMap;

use k8s_openapi::{ByteString, api::core::v1::Secret};
use secrecy::ExposeSecret;

use super::meta;
use crate::{
    cluster::Cluster,
    credentials::{
        Credentials, KEY_DATABASE, KEY_PASSWORD, KEY_REPLICA_URL, KEY_SUPERUSER_PASSWORD, KEY_URL, KEY_USERNAME,
        PostgresCredentials, RedisCredentials,
    },
    names::{self, Component},
};

/// The Secret of every managed store.
pub(super) fn build(cluster: &Cluster, credentials: &Credentials) -> Vec<Secret> {
    let postgres = cluster.postgres.as_ref().and(credentials.postgres.as_ref());
    let redis = cluster.redis.as_ref().and(credentials.redis.as_ref());
    postgres
        .map(|found| of_postgres(cluster, found))
        .into_iter()
        .chain(redis.map(|found| of_redis(cluster, found)))
        .collect()
}

fn of_postgres(cluster: &Cluster, credentials: &PostgresCredentials) -> Secret {
    let password = credentials.password.expose_secret();
    let url = format!(
        "postgres://{user}:{password}@{host}:{port}/{database}?sslmode=disable",
        user = names::DATABASE,
        host = host(cluster, Component::Postgres),
        port = names::POSTGRES_PORT,
        database = names::DATABASE,
    );
    let data = [
        (KEY_USERNAME, names::DATABASE.to_owned()),
        (KEY_PASSWORD, password.to_owned()),
        (KEY_DATABASE, names::DATABASE.to_owned()),
        (
            KEY_SUPERUSER_PASSWORD,
            credentials.superuser_password.expose_secret().to_owned(),
        ),
        // One instance: reads that may be a moment old go to it as well.
        (KEY_REPLICA_URL, url.clone()),
        (KEY_URL, url),
    ];
    secret(cluster, Component::Postgres, &credentials.identity, data)
}

fn of_redis(cluster: &Cluster, credentials: &RedisCredentials) -> Secret {
    let password = credentials.password.expose_secret();
    let url = format!(
        "redis://:{password}@{}:{}/0",
        host(cluster, Component::Redis),
        names::REDIS_PORT
    );
    let data = [(KEY_PASSWORD, password.to_owned()), (KEY_URL, url)];
    secret(cluster, Component::Redis, &credentials.identity, data)
}

fn host(cluster: &Cluster, of: Component) -> String {
    format!(
        "{}.{}.svc",
        names::component(&cluster.id.name, of),
        cluster.id.namespace
    )
}

// `data`, not `stringData`: the latter is never returned, so it could not be compared.
fn secret<const N: usize>(cluster: &Cluster, of: Component, identity: &str, data: [(&str, String); N]) -> Secret {
    let data: BTreeMap<_, _> = data
        .into_iter()
        .map(|(key, value)| (key.to_owned(), ByteString(value.into_bytes())))
        .collect();
    Secret {
        metadata: meta::kept(cluster, of, identity),
        type_: Some("Opaque".to_owned()),
        data: Some(data),
        ..Secret::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::fixtures;

    fn text(secret: &Secret, key: &str) -> String {
        let value = secret
            .data
            .as_ref()
            .and_then(|data| data.get(key))
            .expect("the key is there");
        String::from_utf8(value.0.clone()).expect("it is text")
    }

    #[test]
    fn the_urls_hold_the_password_and_the_service_of_their_store() {
        let secrets = build(&fixtures::minimal(), &fixtures::credentials());
        assert_eq!(
            text(&secrets[0], "url"),
            format!(
                "postgres://app:{}@shop-postgres.market.svc:5432/app?sslmode=disable",
                text(&secrets[0], "password")
            )
        );
        assert_eq!(text(&secrets[0], "replica-url"), text(&secrets[0], "url"));
        assert_eq!(
            text(&secrets[1], "url"),
            format!(
                "redis://:{}@shop-redis.market.svc:6379/0",
                text(&secrets[1], "password")
            )
        );
    }

    #[test]
    fn what_is_built_is_read_back() {
        let given = fixtures::credentials();
        let secrets = build(&fixtures::minimal(), &given);
        let (postgres, redis) = (given.postgres.expect("given"), given.redis.expect("given"));
        let read = PostgresCredentials::read(&secrets[0]).expect("it is complete");
        assert_eq!(read.identity, postgres.identity);
        assert_eq!(read.password.expose_secret(), postgres.password.expose_secret());
        assert_eq!(
            read.superuser_password.expose_secret(),
            postgres.superuser_password.expose_secret()
        );
        let read = RedisCredentials::read(&secrets[1]).expect("it is complete");
        assert_eq!(read.identity, redis.identity);
        assert_eq!(read.password.expose_secret(), redis.password.expose_secret());
    }

    #[test]
    fn a_store_that_is_not_managed_has_no_secret() {
        assert!(build(&fixtures::api_only(), &fixtures::credentials()).is_empty());
    }
}
