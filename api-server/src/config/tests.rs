//! What flags and environment may say.

use clap::CommandFactory;

use super::*;

fn parse(flags: &[&str]) -> Result<Config, ConfigError> {
    Config::try_from(serve_args(flags))
}

#[test]
fn keys_that_cannot_sign_are_refused_and_not_repeated() {
    let error = parse(&["--jwt-keys", "a:c2hvcnQ="]).expect_err("5 bytes");
    assert!(error.to_string().contains("shorter than 32 bytes"), "{error}");
    assert!(!error.to_string().contains("c2hvcnQ"), "{error}");
}

#[test]
fn a_small_pool_keeps_no_more_connections_than_it_may_open() {
    let flags = ["--database-url", "postgres://a/b", "--primary-max-connections", "2"];
    let database = parse(&flags).expect("fits").database.expect("is set");
    assert_eq!(database.primary.min_connections, 2);
}

#[test]
fn the_command_line_is_well_formed() {
    Cli::command().debug_assert();
}

#[test]
fn without_flags_it_listens_on_port_5000_and_has_no_stores() {
    let config = parse(&[]).expect("defaults fit together");
    assert_eq!(config.listen.port(), 5000);
    assert!(config.database.is_none());
    assert!(config.cache.url.is_none());
}

#[test]
fn an_empty_url_is_no_url() {
    let config = parse(&["--database-url", "", "--redis-url", " "]).expect("fits");
    assert!(config.database.is_none());
    assert!(config.cache.url.is_none());
}

#[test]
fn the_primary_named_twice_gets_one_pool() {
    let same = [
        "--database-url",
        "postgres://a/b",
        "--database-replica-url",
        "postgres://a/b",
    ];
    assert!(parse(&same).expect("fits").database.expect("is set").replica.is_none());
    let other = [
        "--database-url",
        "postgres://a/b",
        "--database-replica-url",
        "postgres://c/b",
    ];
    assert!(parse(&other).expect("fits").database.expect("is set").replica.is_some());
}

#[test]
fn a_drain_that_eats_the_deadline_is_refused() {
    let error = parse(&["--drain-delay-seconds", "25"]).expect_err("25 is the whole deadline");
    assert!(error.to_string().contains("--shutdown-deadline-seconds"), "{error}");
}

#[test]
fn a_pool_that_keeps_more_than_it_may_open_is_refused() {
    let flags = ["--database-url", "postgres://a/b", "--primary-min-connections", "21"];
    let error = parse(&flags).expect_err("21 is more than 20");
    assert!(error.to_string().contains("--primary-max-connections 20"), "{error}");
}

#[test]
fn no_debug_output_holds_a_password() {
    let config = parse(&[
        "--database-url",
        "postgres://u:hunter2@h/d",
        "--redis-url",
        "redis://:hunter2@h",
    ]);
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn an_age_of_zero_keeps_connections() {
    let limits = parse(&["--max-connection-age-seconds", "0"]).expect("fits").limits;
    assert!(limits.max_connection_age.is_none());
}
