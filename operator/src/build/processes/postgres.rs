//! The bootstrap script and the settings of PostgreSQL, run for real.

use std::{
    fs,
    io::Read,
    os::unix::fs::{MetadataExt, chown},
    path::{Path, PathBuf},
    process::{Child, Command},
};

use super::{PASSWORD, Sandbox, Server, UID, await_condition, free_port};
use crate::{build::config, names::Component};

const SUPERUSER_PASSWORD: &str = "superuser-password";

impl Sandbox {
    fn data(&self) -> PathBuf {
        self.path("data/pgdata")
    }

    fn bootstrap(&self) -> Child {
        let script = self.path("config").join(config::BOOTSTRAP);
        self.contained(&["sh", &script.to_string_lossy()])
            .envs([("APP_USER", "app"), ("APP_DATABASE", "app"), ("APP_PASSWORD", PASSWORD)])
            .envs([("SUPERUSER_PASSWORD", SUPERUSER_PASSWORD)])
            .env("PGDATA", self.data())
            .spawn()
            .expect("unshare starts")
    }

    fn bootstrap_to_the_end(&self) -> String {
        let output = self.bootstrap().wait_with_output().expect("it ends");
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "the bootstrap failed:\n{text}");
        text
    }
}

// Kills it and waits until the last of its processes is gone: each holds the pipe open.
fn kill_all(mut child: Child) {
    child.kill().expect("it runs");
    let mut rest = Vec::new();
    child
        .stdout
        .take()
        .expect("piped")
        .read_to_end(&mut rest)
        .expect("it is readable");
    child
        .stderr
        .take()
        .expect("piped")
        .read_to_end(&mut rest)
        .expect("it is readable");
    child.wait().expect("it ended");
}

fn postgres(sandbox: &Sandbox, port: u16) -> Server {
    let (data, config) = (sandbox.data(), sandbox.path("config"));
    let words = [
        "postgres".to_owned(),
        format!("-D{}", data.display()),
        format!("-cconfig_file={}/{}", config.display(), config::POSTGRESQL_CONF),
        format!("-chba_file={}/{}", config.display(), config::PG_HBA_CONF),
        format!("-p{port}"),
    ];
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let log = fs::File::create(sandbox.path("log")).expect("the folder is writable");
    let server = Server(sandbox.contained(&words).stderr(log).spawn().expect("unshare starts"));
    let ready = || {
        let mut isready = sandbox.contained(&["pg_isready", "--quiet"]);
        isready
            .arg(format!("--host={}", sandbox.path("run").display()))
            .arg(format!("--port={port}"));
        isready.status().is_ok_and(|status| status.success())
    };
    await_condition("PostgreSQL takes connections", ready);
    server
}

fn query(sandbox: &Sandbox, port: u16, (user, password): (&str, &str), sql: &str) -> Result<String, String> {
    let mut psql = sandbox.contained(&["psql", "-X", "-A", "-t", "-w", "-h", "127.0.0.1", "-d", "app"]);
    let psql = psql
        .args(["-p", &port.to_string(), "-U", user, "-c", sql])
        .env("PGPASSWORD", password);
    let output = psql.output().expect("psql starts");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).trim().to_owned();
    if output.status.success() {
        Ok(text(output.stdout))
    } else {
        Err(text(output.stderr))
    }
}

fn assert_serves_the_app(sandbox: &Sandbox) {
    let port = free_port();
    let _server = postgres(sandbox, port);
    let app = ("app", PASSWORD);
    query(sandbox, port, app, "create table t as select 1 as one").expect("the app owns its database");
    assert_eq!(query(sandbox, port, app, "select one from t"), Ok("1".to_owned()));
    assert!(query(sandbox, port, ("app", "wrong"), "select 1").is_err());
    assert!(query(sandbox, port, ("postgres", PASSWORD), "select 1").is_err());
    let checksums = query(sandbox, port, ("postgres", SUPERUSER_PASSWORD), "show data_checksums");
    assert_eq!(checksums, Ok("on".to_owned()));
}

#[test]
fn a_fresh_volume_gets_a_database_that_serves_the_app() {
    let Some(sandbox) = Sandbox::with("initdb", Component::Postgres) else {
        return;
    };
    let log = sandbox.bootstrap_to_the_end();
    assert!(
        !log.contains(PASSWORD) && !log.contains(SUPERUSER_PASSWORD),
        "a password is in the log:\n{log}"
    );
    assert_eq!(fs::metadata(sandbox.data()).expect("it is there").mode() & 0o777, 0o700);
    assert!(!sandbox.path("data/pgdata.unfinished").exists());
    assert_serves_the_app(&sandbox);
}

// Objects that are not PostgreSQL's own are numbered from 16384 on (FirstNormalObjectId).
fn has_database_of_ours(base: &Path) -> bool {
    let entries = fs::read_dir(base).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .any(|number| number >= 16_384)
}

#[test]
fn a_kill_at_any_step_leaves_nothing_half_made() {
    let Some(sandbox) = Sandbox::with("initdb", Component::Postgres) else {
        return;
    };
    let unfinished = sandbox.path("data/pgdata.unfinished");
    let initdb_begins = || unfinished.exists();
    let initdb_is_in_the_middle = || unfinished.join("base/1/PG_VERSION").exists();
    let the_server_runs = || unfinished.join("postmaster.pid").exists();
    let the_apps_database_is_being_made = || has_database_of_ours(&unfinished.join("base"));
    let steps: [(&str, &dyn Fn() -> bool); 4] = [
        ("initdb begins", &initdb_begins),
        ("initdb is in the middle", &initdb_is_in_the_middle),
        ("the server runs", &the_server_runs),
        ("the app's database is being made", &the_apps_database_is_being_made),
    ];
    for (step, reached) in steps {
        let child = sandbox.bootstrap();
        await_condition(step, reached);
        kill_all(child);
        let made = sandbox.data().exists();
        assert!(
            !made || sandbox.data().join("PG_VERSION").exists(),
            "half a data directory when {step}"
        );
        assert!(
            made || unfinished.exists(),
            "the kill came too early to prove anything when {step}"
        );
    }
    sandbox.bootstrap_to_the_end();
    assert!(!unfinished.exists());
    assert_serves_the_app(&sandbox);
}

// Every file with its size and time of change.
fn inventory(directory: &Path) -> Vec<(PathBuf, u64, i64, i64)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(directory).expect("it is readable").flatten() {
        let meta = entry.metadata().expect("it is there");
        if meta.is_dir() {
            all.extend(inventory(&entry.path()));
        }
        all.push((entry.path(), meta.size(), meta.mtime(), meta.mtime_nsec()));
    }
    all.sort();
    all
}

#[test]
fn a_data_directory_that_is_there_is_left_alone_but_for_its_mode() {
    let Some(sandbox) = Sandbox::with("initdb", Component::Postgres) else {
        return;
    };
    sandbox.bootstrap_to_the_end();
    let before = inventory(&sandbox.data());
    // What a volume mounted with fsGroup comes back with.
    let status = Command::new("chmod").arg("2770").arg(sandbox.data()).status();
    assert!(status.expect("chmod starts").success());
    sandbox.bootstrap_to_the_end();
    assert!(before == inventory(&sandbox.data()), "the second run changed files");
    assert_eq!(fs::metadata(sandbox.data()).expect("it is there").mode() & 0o777, 0o700);
}

#[test]
fn files_that_are_no_data_directory_are_never_removed() {
    let Some(sandbox) = Sandbox::with("initdb", Component::Postgres) else {
        return;
    };
    fs::create_dir(sandbox.data()).expect("the folder is writable");
    fs::write(sandbox.data().join("precious"), "x").expect("the folder is writable");
    chown(sandbox.data(), Some(UID), Some(UID)).expect("root may give away");
    let output = sandbox.bootstrap().wait_with_output().expect("it ends");
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("move them away"));
    assert!(sandbox.data().join("precious").exists());
}

#[test]
fn postgres_stops_at_once_although_a_client_is_connected() {
    let Some(sandbox) = Sandbox::with("initdb", Component::Postgres) else {
        return;
    };
    sandbox.bootstrap_to_the_end();
    let port = free_port();
    let mut server = postgres(&sandbox, port);
    let mut client = sandbox.contained(&["psql", "-X", "-w", "-h", "127.0.0.1", "-U", "app", "-d", "app"]);
    let client = client
        .args(["-p", &port.to_string(), "-c", "select pg_sleep(1000)"])
        .env("PGPASSWORD", PASSWORD);
    let mut client = client.spawn().expect("psql starts");
    let sleeping = "select count(*) from pg_stat_activity where query = 'select pg_sleep(1000)'";
    await_condition("the client is connected", || {
        query(&sandbox, port, ("postgres", SUPERUSER_PASSWORD), sleeping).as_deref() == Ok("1")
    });
    // What the hook of the pod sends, and after it what the kubelet sends.
    server.signal("INT");
    await_condition("the server ended", || {
        server.0.try_wait().expect("it is ours").is_some()
    });
    client.wait().expect("it ended with the server");
    let log = fs::read_to_string(sandbox.path("log")).expect("it is there");
    assert!(log.contains("database system is shut down"), "{log}");
}
