//! The start script and the settings of Redis, run for real.

use std::{fs, process::Stdio};

use super::{PASSWORD, Sandbox, Server, await_condition, free_port};
use crate::{build::config, names::Component};

#[test]
fn redis_asks_for_its_password_and_keeps_what_it_was_given() {
    let Some(sandbox) = Sandbox::with("redis-server", Component::Redis) else {
        return;
    };
    let port = free_port();
    let settings = sandbox.path("config").join(config::REDIS_CONF);
    let text = fs::read_to_string(&settings)
        .expect("it is there")
        .replace("port 6379", &format!("port {port}"));
    fs::write(&settings, text).expect("the folder is writable");
    let start = || {
        let script = sandbox.path("config").join(config::START);
        let mut command = sandbox.contained(&["sh", &script.to_string_lossy()]);
        let command = command
            .env("REDISCLI_AUTH", PASSWORD)
            .env("REDIS_CONF", &settings)
            .stdout(Stdio::null());
        Server(command.spawn().expect("unshare starts"))
    };
    let redis = |password: Option<&str>, words: &[&str]| {
        let mut command = sandbox.contained(&["redis-cli", "-p", &port.to_string()]);
        command
            .args(words)
            .envs(password.map(|password| ("REDISCLI_AUTH", password)));
        String::from_utf8_lossy(&command.output().expect("redis-cli starts").stdout)
            .trim()
            .to_owned()
    };
    let mut server = start();
    await_condition("Redis answers", || redis(Some(PASSWORD), &["ping"]) == "PONG");
    assert!(redis(None, &["ping"]).contains("NOAUTH"));
    let line = fs::read_to_string(format!("/proc/{}/cmdline", server.first_process())).expect("it runs");
    assert!(line.contains("redis-server") && !line.contains(PASSWORD), "{line}");
    assert_eq!(redis(Some(PASSWORD), &["set", "key", "value"]), "OK");
    server.signal("TERM");
    await_condition("the server ended", || {
        server.0.try_wait().expect("it is ours").is_some()
    });
    let _server = start();
    await_condition("Redis answers", || redis(Some(PASSWORD), &["ping"]) == "PONG");
    assert_eq!(redis(Some(PASSWORD), &["get", "key"]), "value");
}
