//! The command line: every flag, its environment variable, its default and its help text, which is the reference that
//! `--help` prints. Nothing is checked here beyond single values; how values fit together is [`super::Config`]'s affair.
//! Connection strings are secrets from the first moment: their parser cannot fail, because clap prints what it rejects.

use std::net::IpAddr;
use std::time::Duration;

use clap::builder::{RangedI64ValueParser, StringValueParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use secrecy::SecretString;

/// The tournament API.
#[derive(Debug, Parser)]
#[command(name = "pathfinder-api", version, about)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// How to log.
    #[command(flatten)]
    pub log: LogArgs,
}

/// The commands of the program.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the API until SIGTERM or SIGINT; migrates the database first.
    Serve(Box<ServeArgs>),
    /// Bring the database's schema up to date and exit.
    Migrate(MigrateArgs),
    /// Fill a database for trials with users and tournaments and exit; migrates it first.
    Seed(SeedArgs),
    /// Print the OpenAPI document and exit.
    Openapi,
}

/// How log lines look and which are written.
#[derive(Debug, Clone, Args)]
pub struct LogArgs {
    /// Shape of the log lines.
    #[arg(long, env = "LOG_FORMAT", value_enum, default_value = "json", global = true)]
    pub log_format: LogFormat,
    /// What to log: a level, or directives like `info,pathfinder_api=debug` (requests are logged at debug).
    #[arg(long, env = "RUST_LOG", default_value = "info,sqlx=warn", global = true)]
    pub log_filter: String,
}

/// Shape of the log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object per line.
    Json,
    /// For a person at a terminal.
    Text,
}

/// Flags of `serve`.
#[derive(Debug, Clone, Args)]
pub struct ServeArgs {
    /// Port to listen on.
    #[arg(long, env = "PORT", default_value_t = 5000)]
    pub port: u16,
    /// Address to listen on.
    #[arg(long, env = "LISTEN_ADDRESS", default_value = "0.0.0.0")]
    pub listen_address: IpAddr,
    /// The database.
    #[command(flatten)]
    pub database: DatabaseArgs,
    /// The cache.
    #[command(flatten)]
    pub cache: CacheArgs,
    /// Who may do what.
    #[command(flatten)]
    pub auth: AuthArgs,
    /// What one request may cost.
    #[command(flatten)]
    pub limits: LimitArgs,
    /// What stands before the handlers.
    #[command(flatten)]
    pub edge: super::EdgeArgs,
    /// How to stop.
    #[command(flatten)]
    pub drain: DrainArgs,
}

/// Flags of the database.
#[derive(Debug, Clone, Args)]
pub struct DatabaseArgs {
    /// The primary, as `postgres://USER:PASSWORD@HOST:PORT/DATABASE`. Without it the server answers /health only.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_parser = secret())]
    pub database_url: Option<SecretString>,
    /// A read replica; without it reads go to the primary.
    #[arg(long, env = "DATABASE_REPLICA_URL", hide_env_values = true, value_parser = secret())]
    pub database_replica_url: Option<SecretString>,
    /// Most connections to the primary. Replicas of this server times this must fit the database's `max_connections`.
    #[arg(long, env = "DATABASE_PRIMARY_MAX_CONNECTIONS", default_value_t = 20, value_parser = positive())]
    pub primary_max_connections: u32,
    /// Connections to the primary that stay open while idle; 5 when not set, or the most if that is less.
    #[arg(long, env = "DATABASE_PRIMARY_MIN_CONNECTIONS")]
    pub primary_min_connections: Option<u32>,
    /// Most connections to the replica.
    #[arg(long, env = "DATABASE_REPLICA_MAX_CONNECTIONS", default_value_t = 15, value_parser = positive())]
    pub replica_max_connections: u32,
    /// Connections to the replica that stay open while idle; 3 when not set, or the most if that is less.
    #[arg(long, env = "DATABASE_REPLICA_MIN_CONNECTIONS")]
    pub replica_min_connections: Option<u32>,
    /// Replace a connection after this many uses, on average.
    #[arg(long, env = "DATABASE_CONNECTION_USES", default_value_t = 7500, value_parser = positive())]
    pub database_connection_uses: u32,
    /// Close a connection that was idle for this long.
    #[arg(long, env = "DATABASE_IDLE_TIMEOUT_SECONDS", default_value_t = 30)]
    pub database_idle_timeout_seconds: u64,
    /// Wait at most this long for a connection.
    #[arg(long, env = "DATABASE_ACQUIRE_TIMEOUT_MILLIS", default_value_t = 2000)]
    pub database_acquire_timeout_millis: u64,
    /// The database cancels a statement that runs longer than this.
    #[arg(long, env = "DATABASE_STATEMENT_TIMEOUT_MILLIS", default_value_t = 5000)]
    pub database_statement_timeout_millis: u64,
}

/// Flags of the cache.
#[derive(Debug, Clone, Args)]
pub struct CacheArgs {
    /// The cache, as `redis://:PASSWORD@HOST:PORT`. Without it every read goes to the database.
    #[arg(long, env = "REDIS_URL", hide_env_values = true, value_parser = secret())]
    pub redis_url: Option<SecretString>,
    /// How long a cached answer lives, give or take a fifth, and as long again while it is renewed.
    #[arg(long, env = "CACHE_TTL_SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    pub cache_ttl_seconds: u64,
    /// How long this process serves an answer without asking Redis; other servers' changes are heard at once.
    #[arg(long, env = "CACHE_LOCAL_TTL_MILLIS", default_value_t = 1000)]
    pub cache_local_ttl_millis: u64,
    /// Memory for the answers that this process keeps.
    #[arg(long, env = "CACHE_LOCAL_BYTES", default_value_t = 4 * 1024 * 1024)]
    pub cache_local_bytes: u64,
    /// Give up on the cache after this long and ask the database.
    #[arg(long, env = "CACHE_TIMEOUT_MILLIS", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    pub cache_timeout_millis: u64,
}

/// Flags of passwords and sessions.
#[derive(Debug, Clone, Args)]
pub struct AuthArgs {
    /// The keys of the sessions' tokens, as `kid:base64,kid2:base64`: the first signs, all verify. Each at least 32 bytes
    /// (`openssl rand -base64 32`). Without them the servers share a key that the first one makes and keeps in Redis.
    #[arg(long, env = "JWT_KEYS", hide_env_values = true, value_parser = secret())]
    pub jwt_keys: Option<SecretString>,
    /// A session ends when it was not used for this long.
    #[arg(long, env = "SESSION_TTL_SECONDS", default_value_t = 24 * 60 * 60, value_parser = clap::value_parser!(u64).range(1..))]
    pub session_ttl_seconds: u64,
    /// Give up on Redis after this long when a session is looked up: nothing can answer in its place, so it may be longer
    /// than the cache's.
    #[arg(long, env = "SESSION_TIMEOUT_MILLIS", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    pub session_timeout_millis: u64,
    /// Passwords that are checked at once; each takes 19 MiB and a core for some 20 ms.
    #[arg(long, env = "PASSWORDS_AT_ONCE", default_value_t = 1, value_parser = positive())]
    pub passwords_at_once: u32,
}

/// Flags that bound a request and a connection.
#[derive(Debug, Clone, Args)]
pub struct LimitArgs {
    /// Answer 503 to a request that takes longer than this.
    #[arg(long, env = "REQUEST_TIMEOUT_SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    pub request_timeout_seconds: u64,
    /// Largest request body that is read.
    #[arg(long, env = "BODY_LIMIT_BYTES", default_value_t = 65_536)]
    pub body_limit_bytes: usize,
    /// Close a client's connection at its first answer after this age, give or take a fifth, so that clients which
    /// keep connections open spread over new replicas; 0 means never.
    #[arg(long, env = "MAX_CONNECTION_AGE_SECONDS", default_value_t = 60)]
    pub max_connection_age_seconds: u64,
}

/// Flags that say how the server stops.
#[derive(Debug, Clone, Args)]
pub struct DrainArgs {
    /// After SIGTERM keep accepting for this long, not ready, until no balancer sends new connections any more.
    #[arg(long, env = "DRAIN_DELAY_SECONDS", default_value_t = 5)]
    pub drain_delay_seconds: u64,
    /// Exit at the latest this long after SIGTERM; must be less than the pod's grace period (30 s).
    #[arg(long, env = "SHUTDOWN_DEADLINE_SECONDS", default_value_t = 25)]
    pub shutdown_deadline_seconds: u64,
}

/// Flags of `migrate`.
#[derive(Debug, Clone, Args)]
pub struct MigrateArgs {
    /// The primary, as `postgres://USER:PASSWORD@HOST:PORT/DATABASE`.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_parser = secret(), required = true)]
    pub database_url: Option<SecretString>,
    /// Wait at most this long for the database to answer.
    #[arg(long, env = "MIGRATE_WAIT_SECONDS", default_value_t = 60)]
    pub wait_seconds: u64,
}

/// Flags of `seed`.
#[derive(Debug, Clone, Args)]
pub struct SeedArgs {
    /// The database, and how long to wait for it.
    #[command(flatten)]
    pub migrate: MigrateArgs,
    /// Users to make: `user1@example.com` and on, all with the password `seeded-password` and its one hash.
    #[arg(long, default_value_t = 100)]
    pub users: u32,
    /// Tournaments to make, owned by the first user.
    #[arg(long, default_value_t = 100)]
    pub tournaments: u32,
}

impl MigrateArgs {
    /// How long to wait for the database to answer.
    pub fn wait(&self) -> Duration {
        Duration::from_secs(self.wait_seconds)
    }
}

pub(super) fn secret() -> impl TypedValueParser<Value = SecretString> {
    StringValueParser::new().map(SecretString::from)
}

pub(super) fn positive() -> RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..)
}
