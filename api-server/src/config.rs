//! The configuration of one process, checked as a whole: a [`Config`] that exists makes sense. Built from the command
//! line only, so that `--help` lists everything that can be set; no other file reads the environment.
//! Connection strings stay [`SecretString`]s until the moment of connecting and are never printed.

mod args;
mod edge;

use std::net::SocketAddr;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

pub use args::{
    AuthArgs, CacheArgs, Cli, Command, DatabaseArgs, DrainArgs, LimitArgs, LogArgs, LogFormat, MigrateArgs, SeedArgs,
    ServeArgs,
};

pub use edge::{EdgeArgs, PaymentArgs, PosterArgs, TraceArgs, Tracing};

use crate::auth::token::{KeyError, Keys};
use crate::edge::EdgeConfig;
use crate::live::LiveConfig;
use crate::payments::PaymentConfig;
use crate::posters::PosterConfig;

/// Connections to the primary that stay open while idle, unless the configuration says otherwise.
const PRIMARY_MIN_CONNECTIONS: u32 = 5;
/// The same of the replica.
const REPLICA_MIN_CONNECTIONS: u32 = 3;

/// Everything `serve` needs to know.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The database; `None` serves /health and nothing else.
    pub database: Option<DatabaseConfig>,
    /// The cache.
    pub cache: CacheConfig,
    /// Passwords and sessions.
    pub auth: AuthConfig,
    /// What one request and one connection may cost.
    pub limits: Limits,
    /// What stands before the handlers.
    pub edge: EdgeConfig,
    /// Live events.
    pub live: LiveConfig,
    /// Where posters are kept.
    pub posters: PosterConfig,
    /// The payment gateway, if there is one.
    pub payments: Option<PaymentConfig>,
    /// How to stop.
    pub drain: DrainConfig,
}

/// The database and its pools.
#[derive(Debug, Clone)]
pub struct DatabaseConfig {
    /// Takes all writes, and the reads when there is no replica.
    pub primary: PoolConfig,
    /// Takes reads. `None` when not set, or when it is the primary under the same address.
    pub replica: Option<PoolConfig>,
    /// A connection that was idle for this long is closed.
    pub idle_timeout: Duration,
    /// The longest wait for a connection.
    pub acquire_timeout: Duration,
    /// The database cancels a statement that runs longer.
    pub statement_timeout: Duration,
    /// A connection is replaced after this many uses, on average.
    pub connection_uses: u32,
}

/// One pool of connections.
#[derive(Debug, Clone)]
pub struct PoolConfig {
    /// `postgres://USER:PASSWORD@HOST:PORT/DATABASE`
    pub url: SecretString,
    /// Most connections.
    pub max_connections: u32,
    /// Connections kept open while idle.
    pub min_connections: u32,
}

/// The cache.
#[derive(Debug, Clone)]
pub struct CacheConfig {
    /// `redis://:PASSWORD@HOST:PORT`; `None` reads everything from the database.
    pub url: Option<SecretString>,
    /// Middle of the range from which each entry's life is drawn.
    pub ttl: Duration,
    /// How long the process serves an answer without asking Redis.
    pub local_ttl: Duration,
    /// Memory for the answers that the process keeps.
    pub local_bytes: u64,
    /// The longest wait for one answer of the cache.
    pub timeout: Duration,
}

/// Passwords and sessions.
#[derive(Debug, Clone)]
pub struct AuthConfig {
    /// The keys of the tokens, checked; `None` shares one through Redis.
    pub jwt_keys: Option<SecretString>,
    /// A session ends when it was not used for this long.
    pub session_ttl: Duration,
    /// The longest wait for one answer of Redis about sessions.
    pub redis_timeout: Duration,
    /// Passwords that are checked at once.
    pub passwords_at_once: usize,
}

/// What one request and one connection may cost.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The longest a request may take.
    pub request_timeout: Duration,
    /// The largest request body, in bytes.
    pub body_bytes: usize,
    /// The age from which a client's connection is closed after an answer; `None` keeps it.
    pub max_connection_age: Option<Duration>,
}

/// How the server stops.
#[derive(Debug, Clone, Copy)]
pub struct DrainConfig {
    /// From the signal until no more connections are accepted.
    pub delay: Duration,
    /// From the signal until the process ends whatever still runs; greater than `delay`.
    pub deadline: Duration,
}

/// A combination of flags that cannot work.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The drain would leave no time for requests to finish.
    #[error(
        "--drain-delay-seconds {delay} leaves no time to finish requests: make it less than --shutdown-deadline-seconds {deadline}"
    )]
    DrainLongerThanDeadline {
        /// Seconds of the delay.
        delay: u64,
        /// Seconds of the deadline.
        deadline: u64,
    },
    /// A pool would keep more connections than it may open.
    #[error("--{pool}-min-connections {min} is more than --{pool}-max-connections {max}: lower the first")]
    MinAboveMax {
        /// The flags' prefix.
        pool: &'static str,
        /// Connections kept.
        min: u32,
        /// Connections allowed.
        max: u32,
    },
    /// The keys of the tokens cannot be used.
    #[error("JWT_KEYS: {0}")]
    JwtKeys(#[from] KeyError),
    /// A site that no browser names so.
    #[error("--cors-origins: `{origin}` is no origin: write for example https://play.example.com, without a path")]
    Origin {
        /// What was given.
        origin: String,
    },
    /// A gateway without one of its secrets.
    #[error("PAYMENTS_KEY_ID is set and {variable} is not: set both or neither")]
    PaymentSecret {
        /// What is missing.
        variable: &'static str,
    },
    /// A gateway at no address.
    #[error("PAYMENTS_URL is not of the form https://HOST")]
    PaymentUrl,
    /// A command that needs the database was given none.
    #[error("DATABASE_URL is empty: set it to postgres://USER:PASSWORD@HOST:PORT/DATABASE")]
    NoDatabase,
}

impl TryFrom<ServeArgs> for Config {
    type Error = ConfigError;

    fn try_from(args: ServeArgs) -> Result<Self, ConfigError> {
        Ok(Self {
            listen: SocketAddr::new(args.listen_address, args.port),
            database: database(args.database)?,
            cache: CacheConfig {
                url: args.cache.redis_url.filter(is_set),
                ttl: Duration::from_secs(args.cache.cache_ttl_seconds),
                local_ttl: Duration::from_millis(args.cache.cache_local_ttl_millis),
                local_bytes: args.cache.cache_local_bytes,
                timeout: Duration::from_millis(args.cache.cache_timeout_millis),
            },
            auth: auth(args.auth)?,
            limits: Limits {
                request_timeout: Duration::from_secs(args.limits.request_timeout_seconds),
                body_bytes: args.limits.body_limit_bytes,
                max_connection_age: Some(Duration::from_secs(args.limits.max_connection_age_seconds))
                    .filter(|age| !age.is_zero()),
            },
            edge: edge::edge(&args.edge)?,
            live: edge::live(&args.edge),
            posters: edge::posters(args.edge.posters),
            payments: edge::payments(args.edge.payments)?,
            drain: drain(&args.drain)?,
        })
    }
}

impl TryFrom<MigrateArgs> for DatabaseConfig {
    type Error = ConfigError;

    fn try_from(args: MigrateArgs) -> Result<Self, ConfigError> {
        let url = args.database_url.filter(is_set).ok_or(ConfigError::NoDatabase)?;
        Ok(Self {
            primary: PoolConfig {
                url,
                max_connections: 1,
                min_connections: 0,
            },
            replica: None,
            idle_timeout: Duration::from_secs(30),
            acquire_timeout: Duration::from_secs(2),
            statement_timeout: Duration::ZERO,
            connection_uses: u32::MAX,
        })
    }
}

fn database(args: DatabaseArgs) -> Result<Option<DatabaseConfig>, ConfigError> {
    let Some(url) = args.database_url.filter(is_set) else {
        return Ok(None);
    };
    // One database under two names needs one pool, not two: connections are scarce.
    let replica_url = args
        .database_replica_url
        .filter(is_set)
        .filter(|replica| replica.expose_secret() != url.expose_secret());
    let primary = PoolConfig {
        url,
        max_connections: args.primary_max_connections,
        min_connections: args
            .primary_min_connections
            .unwrap_or(PRIMARY_MIN_CONNECTIONS.min(args.primary_max_connections)),
    };
    check_pool("primary", &primary)?;
    let replica = replica_url.map(|url| PoolConfig {
        url,
        max_connections: args.replica_max_connections,
        min_connections: args
            .replica_min_connections
            .unwrap_or(REPLICA_MIN_CONNECTIONS.min(args.replica_max_connections)),
    });
    if let Some(replica) = &replica {
        check_pool("replica", replica)?;
    }
    Ok(Some(DatabaseConfig {
        primary,
        replica,
        idle_timeout: Duration::from_secs(args.database_idle_timeout_seconds),
        acquire_timeout: Duration::from_millis(args.database_acquire_timeout_millis),
        statement_timeout: Duration::from_millis(args.database_statement_timeout_millis),
        connection_uses: args.database_connection_uses,
    }))
}

fn auth(args: AuthArgs) -> Result<AuthConfig, ConfigError> {
    let jwt_keys = args.jwt_keys.filter(is_set);
    if let Some(keys) = &jwt_keys {
        Keys::parse(keys)?;
    }
    Ok(AuthConfig {
        jwt_keys,
        session_ttl: Duration::from_secs(args.session_ttl_seconds),
        redis_timeout: Duration::from_millis(args.session_timeout_millis),
        passwords_at_once: usize::try_from(args.passwords_at_once).unwrap_or(1),
    })
}

fn check_pool(pool: &'static str, config: &PoolConfig) -> Result<(), ConfigError> {
    let (min, max) = (config.min_connections, config.max_connections);
    if min > max {
        Err(ConfigError::MinAboveMax { pool, min, max })
    } else {
        Ok(())
    }
}

fn drain(args: &DrainArgs) -> Result<DrainConfig, ConfigError> {
    let (delay, deadline) = (args.drain_delay_seconds, args.shutdown_deadline_seconds);
    if delay >= deadline {
        return Err(ConfigError::DrainLongerThanDeadline { delay, deadline });
    }
    Ok(DrainConfig {
        delay: Duration::from_secs(delay),
        deadline: Duration::from_secs(deadline),
    })
}

/// A variable set to nothing is what a template leaves behind when it has no value: the same as not set.
fn is_set(secret: &SecretString) -> bool {
    !secret.expose_secret().trim().is_empty()
}

/// The arguments of `serve` with these flags and whatever this process' environment says.
#[cfg(test)]
pub(crate) fn serve_args(flags: &[&str]) -> ServeArgs {
    use clap::Parser;

    let line = ["pathfinder-api", "serve"].iter().chain(flags);
    let Command::Serve(args) = Cli::try_parse_from(line).expect("flags parse").command else {
        panic!("not `serve`");
    };
    *args
}

#[cfg(test)]
mod tests;
