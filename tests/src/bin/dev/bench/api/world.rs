//! What runs during the bench: the servers on the first core; stores, generators and this program on the last.

use std::{fs, path::Path, process::Command};

use anyhow::Context;
use pathfinder_tests::{
    api::{Server, folder::Folder, folder::tied, postgres::Postgres, redis::Redis},
    cluster::{paths::workspace, process},
};

use super::programs::Programs;

const SERVERS: &str = "0";
// Any 32 bytes.
const KEYS: &str = "bench:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const USERS: &str = "1000";
// As many as the mixed load asks for.
const TOURNAMENTS: &str = "10000";

/// Everything that runs.
pub(super) struct World {
    pub(super) ours: Server,
    pub(super) peer: Server,
    pub(super) bare: Server,
    pub(super) files: Folder,
    primary: Postgres,
    redis: Redis,
}

impl World {
    pub(super) async fn start(programs: &Programs) -> anyhow::Result<Self> {
        keep_off_the_first_core()?;
        let (primary, redis) = (
            Postgres::primary(&["max_connections=200"]).await?,
            Redis::start().await?,
        );
        let files = Folder::new("bench")?;
        seed(programs, &primary)?;
        let ours = ours(programs, (&primary, &redis)).await?;
        let peer = peer(programs, (&primary, &redis)).await?;
        let bare = bare(programs, (&ours, &files)).await?;
        Ok(Self {
            ours,
            peer,
            bare,
            files,
            primary,
            redis,
        })
    }

    /// Another server like ours, just started.
    pub(super) async fn another(&self, programs: &Programs) -> anyhow::Result<Server> {
        ours(programs, (&self.primary, &self.redis)).await
    }
}

// This process and what it starts from now on: the servers are put onto the first one by name.
fn keep_off_the_first_core() -> anyhow::Result<()> {
    let cores = std::thread::available_parallelism()?.get();
    anyhow::ensure!(
        cores >= 2,
        "one core for the server and one for the load are needed; there is {cores}"
    );
    let (last, own) = ((cores - 1).to_string(), std::process::id().to_string());
    process::read(process::command(&["taskset", "-a", "-c", "-p", &last, &own])).context("choosing a core")?;
    Ok(())
}

fn pinned(words: &[&str]) -> Command {
    let mut command = tied(Path::new("taskset"));
    command.args(["-c", SERVERS]).args(words);
    command
}

fn seed(programs: &Programs, primary: &Postgres) -> anyhow::Result<()> {
    let mut seed = process::command(&[&programs.ours.to_string_lossy(), "seed"]);
    seed.args(["--users", USERS, "--tournaments", TOURNAMENTS]);
    seed.env("DATABASE_URL", primary.url());
    process::read(seed)?;
    // What a database that has been there for a while has done by itself.
    primary.query("vacuum analyze")?;
    Ok(())
}

async fn ours(programs: &Programs, (primary, redis): (&Postgres, &Redis)) -> anyhow::Result<Server> {
    let mut command = pinned(&[&programs.ours.to_string_lossy(), "serve"]);
    command.envs(of_image()?);
    let environment = [
        ("DATABASE_URL", primary.url()),
        ("REDIS_URL", redis.url()),
        ("JWT_KEYS", KEYS.to_owned()),
        // The peer has none.
        ("RATE_LIMIT_PER_USER", "0".to_owned()),
    ];
    let server = Server::run(command, &environment).await?;
    server.ready().await?;
    Ok(server)
}

// What its image sets.
fn of_image() -> anyhow::Result<Vec<(String, String)>> {
    let path = workspace().join("api-server/Dockerfile");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let set = text
        .lines()
        .filter_map(|line| line.strip_prefix("ENV ")?.split_once('='));
    Ok(set.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

async fn peer(programs: &Programs, (primary, redis): (&Postgres, &Redis)) -> anyhow::Result<Server> {
    let script = programs.peer.join("server.js");
    let environment = [
        ("DATABASE_URL", primary.url()),
        ("REDIS_URL", redis.url()),
        ("JWT_SECRET", KEYS.to_owned()),
        ("NODE_ENV", "production".to_owned()),
    ];
    Server::run(pinned(&["node", &script.to_string_lossy()]), &environment).await
}

// Answers the one path that the cached read asks for, with the bytes that ours answers.
async fn bare(programs: &Programs, (ours, files): (&Server, &Folder)) -> anyhow::Result<Server> {
    let client = ours.client()?;
    let list = client.read("/api/tournaments?limit=1").await?;
    let id = list["items"][0]["id"]
        .as_str()
        .context("nothing was seeded")?
        .to_owned();
    let path = format!("/api/tournaments/{id}");
    let body = files.path().join("body");
    fs::write(&body, client.expect(&path, 200).await?.text)?;
    let environment = [
        ("BODY_FILE", body.to_string_lossy().into_owned()),
        ("ANSWER_PATH", path),
    ];
    Server::run(pinned(&[&programs.bare.to_string_lossy()]), &environment).await
}
