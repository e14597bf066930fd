//! Stores and the servers on them: a primary, a streaming replica, a Redis, and as many `pathfinder-api` as a test wants.

use std::{path::PathBuf, process::Command};

use crate::{
    api::{
        Client, Server,
        folder::{Folder, tied},
        postgres::Postgres,
        redis::Redis,
        server,
    },
    cluster::process,
};

/// The key that every server of a stack signs sessions with: 32 bytes, and their base64 as the server takes it.
pub const KEY: &[u8; 32] = b"0123456789abcdef0123456789abcdef";
const KEYS: &str = "first:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// Real stores, and the program that is to serve from them. All of it ends with this value.
#[derive(Debug)]
pub struct Stack {
    /// Takes the writes.
    pub primary: Postgres,
    /// Follows it.
    pub replica: Postgres,
    /// Cache and sessions.
    pub redis: Redis,
    /// What the servers keep on disk.
    pub files: Folder,
    program: PathBuf,
}

impl Stack {
    /// Running stores; the replica has these settings, such as a delay.
    ///
    /// # Errors
    /// When one does not start: its log.
    pub async fn start(replica: &[&str]) -> anyhow::Result<Self> {
        let program = server::program()?;
        let primary = Postgres::primary(&[]).await?;
        Ok(Self {
            replica: primary.replica(replica).await?,
            redis: Redis::start().await?,
            files: Folder::new("files")?,
            primary,
            program,
        })
    }

    /// A ready server on these stores, with these variables over the stack's own.
    ///
    /// # Errors
    /// When it does not become ready: its log.
    pub async fn serve(&self, variables: &[(&'static str, &str)]) -> anyhow::Result<Server> {
        let mut environment = self.environment();
        let own = variables.iter().map(|(name, value)| (*name, (*value).to_owned()));
        environment.extend(own);
        let server = Server::start(&self.program, &environment).await?;
        server.ready().await?;
        Ok(server)
    }

    /// As many users and tournaments as this, made by the program itself.
    ///
    /// # Errors
    /// What it said.
    pub fn seed(&self, users: u32, tournaments: u32) -> anyhow::Result<()> {
        let mut seed: Command = tied(&self.program);
        seed.args(["seed", "--users", &users.to_string()]);
        seed.args(["--tournaments", &tournaments.to_string()]);
        seed.envs(self.environment());
        process::read(seed)?;
        Ok(())
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("DATABASE_URL", self.primary.url()),
            ("DATABASE_REPLICA_URL", self.replica.url()),
            ("REDIS_URL", self.redis.url()),
            ("JWT_KEYS", KEYS.to_owned()),
            // Long enough for a balancer of these tests to notice.
            ("DRAIN_DELAY_SECONDS", "1".to_owned()),
            // One person of a test asks as often as many would; what limits do is proved where they are set.
            ("RATE_LIMIT_PER_USER", "0".to_owned()),
            ("POSTERS_DIRECTORY", self.files.path().to_string_lossy().into_owned()),
            ("UPLOAD_KEY", "any key that both servers know".to_owned()),
        ]
    }
}

/// Somebody who is registered and has a session.
#[derive(Clone, Debug)]
pub struct Person {
    /// Talks with the session.
    pub client: Client,
    /// The user.
    pub id: String,
    /// How they log in.
    pub email: String,
    /// Likewise.
    pub password: String,
    /// The session's token.
    pub token: String,
}

impl Person {
    /// Registers at a server, and logs in.
    ///
    /// # Errors
    /// What it said instead.
    pub async fn register(port: u16, name: &str) -> anyhow::Result<Self> {
        let stranger = Client::new(port)?;
        let email = format!("{name}-{}@example.com", unique());
        let password = format!("a long password of {name}");
        let body = serde_json::json!({"email": email, "name": name, "password": password});
        let user = stranger.post("/api/users", &body).await?.expect(201)?.json();
        let id = user["id"].as_str().unwrap_or_default().to_owned();
        Self::login(&stranger, (&email, &password), id).await
    }

    /// Logs in one of those that `seed` makes.
    ///
    /// # Errors
    /// What the server said instead.
    pub async fn seeded(port: u16, number: u32) -> anyhow::Result<Self> {
        let (email, password) = seeded(number);
        Self::login(&Client::new(port)?, (&email, &password), String::new()).await
    }

    async fn login(stranger: &Client, (email, password): (&str, &str), id: String) -> anyhow::Result<Self> {
        let body = serde_json::json!({"email": email, "password": password});
        let session = stranger.post("/api/sessions", &body).await?.expect(201)?.json();
        let token = session["token"].as_str().unwrap_or_default().to_owned();
        let of_session = session["user"]["id"].as_str().unwrap_or_default();
        Ok(Self {
            client: stranger.holding(&token)?,
            id: if id.is_empty() { of_session.to_owned() } else { id },
            email: email.to_owned(),
            password: password.to_owned(),
            token,
        })
    }

    /// A tournament of theirs: its id.
    ///
    /// # Errors
    /// What the server said instead.
    pub async fn create(&self, name: &str, seats: u32) -> anyhow::Result<String> {
        let made = self.client.post("/api/tournaments", &draft(name, seats)).await?;
        Ok(made.expect(201)?.json()["id"].as_str().unwrap_or_default().to_owned())
    }
}

/// How the user of this number logs in that `seed` made.
pub fn seeded(number: u32) -> (String, String) {
    (format!("user{number}@example.com"), "seeded-password".to_owned())
}

/// What a tournament is made from.
pub fn draft(name: &str, seats: u32) -> serde_json::Value {
    let start = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24);
    serde_json::json!({"name": name, "game": "chess", "seats": seats, "startsAt": start})
}

/// A word that no other test uses, now or in an earlier run.
pub fn unique() -> String {
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = jiff::Timestamp::now().as_nanosecond();
    format!("{now:x}-{}", COUNT.fetch_add(1, Relaxed))
}
