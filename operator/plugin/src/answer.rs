//! The commands: gathers what one needs, has it judged, and hands back text in the wanted format.
//!
//! Thin IO over `fetch` and `live`. Parts of `status NAME` and `explain` are read side by side, and one that fails becomes
//! a note: only the resource itself is indispensable.

use std::{fmt::Display, io};

use clap::CommandFactory;
use clap_complete::Shell;
use jiff::Timestamp;
use serde::Serialize;

use crate::{
    args::{Arguments, Command, Connection, Format, PauseArguments, ResumeArguments, StatusArguments, SwitchArguments},
    failure::Failure,
    fetch::{self, Scope},
    live,
    model::{
        detail::{Detail, Readings},
        explanation::Explanation,
        overview::Overview,
        pause::Verb,
    },
    pause,
    session::Session,
    simulate,
    text::{self, overview::NamespaceColumn},
};

/// Does what was asked for, at `now`. The text ends in a newline.
pub(crate) async fn answer(arguments: &Arguments, now: Timestamp) -> Result<String, Failure> {
    let Arguments {
        connection,
        output,
        command,
    } = arguments;
    match command {
        Command::Status(StatusArguments {
            name: Some(name),
            all_namespaces: _,
        }) => {
            let detail = detail(&Session::open(connection).await?, name).await?;
            print(*output, &detail, |detail| text::detail::render(detail, now))
        }
        Command::Status(StatusArguments {
            name: None,
            all_namespaces,
        }) => {
            let session = Session::open(connection).await?;
            let (scope, column) = if *all_namespaces {
                (Scope::All, NamespaceColumn::Shown)
            } else {
                (Scope::Namespace(&session.namespace), NamespaceColumn::Hidden)
            };
            let overview = overview(&session, scope).await?;
            print(*output, &overview, |overview| {
                text::overview::render(overview, column, now)
            })
        }
        Command::Explain(explain) => {
            let session = Session::open(connection).await?;
            let explanation = explanation(&session, connection, &explain.name, now).await?;
            print(*output, &explanation, |explanation| {
                text::explanation::render(explanation, now)
            })
        }
        Command::Pause(PauseArguments { switch }) => paused(arguments, switch, Verb::Pause).await,
        Command::Resume(ResumeArguments { switch }) => paused(arguments, switch, Verb::Resume).await,
        Command::Simulate(wanted) => {
            let report = simulate::simulate(wanted, connection, now).await?;
            print(*output, &report, simulate::report::render)
        }
        Command::Completion { shell } => Ok(completion(*shell)),
        Command::Version => print(*output, &Version::default(), |version| {
            format!("kubectl-pathfinder {}\n", version.version)
        }),
    }
}

async fn overview(session: &Session, scope: Scope<'_>) -> Result<Overview, Failure> {
    let (clusters, hpas) = tokio::join!(fetch::clusters(session, scope), fetch::hpas(session, scope));
    let mut notes = Vec::new();
    let clusters = clusters?;
    let hpas = or_note(hpas, &mut notes);
    Ok(Overview::new(&clusters, &hpas, notes))
}

async fn detail(session: &Session, name: &str) -> Result<Detail, Failure> {
    let cluster = fetch::cluster(session, name).await?;
    let (hpa, pods, events) = tokio::join!(
        fetch::hpa(session, name),
        fetch::pods(session, name),
        fetch::events(session, name)
    );
    let mut notes = Vec::new();
    Ok(Detail::new(Readings {
        cluster,
        hpa: or_note(hpa, &mut notes),
        pods: or_note(pods, &mut notes),
        events: or_note(events, &mut notes),
        notes,
    }))
}

async fn paused(arguments: &Arguments, switch: &SwitchArguments, verb: Verb) -> Result<String, Failure> {
    let session = Session::open(&arguments.connection).await?;
    let outcome = pause::switch(&session, switch, verb).await?;
    print(arguments.output, &outcome, text::pause::render)
}

/// Why the resource `name` has as many replicas as it has, at `now`.
pub(crate) async fn explanation(
    session: &Session,
    connection: &Connection,
    name: &str,
    now: Timestamp,
) -> Result<Explanation, Failure> {
    let cluster = fetch::cluster(session, name).await?;
    let (live, hpa) = tokio::join!(
        live::record(session, &connection.operator_namespace, name),
        fetch::hpa(session, name)
    );
    Ok(Explanation::new(
        &cluster,
        live.map_err(in_words),
        hpa.map_err(in_words),
        now,
    ))
}

fn or_note<T: Default>(read: Result<T, Failure>, notes: &mut Vec<String>) -> T {
    read.unwrap_or_else(|failure| {
        notes.push(failure.to_string());
        T::default()
    })
}

fn in_words(error: impl Display) -> String {
    error.to_string()
}

/// `value` in a format; text for people is made by `text`.
pub(crate) fn print<T: Serialize>(
    format: Format,
    value: &T,
    text: impl FnOnce(&T) -> String,
) -> Result<String, Failure> {
    match format {
        Format::Table => Ok(text(value)),
        Format::Json => Ok(serde_json::to_string_pretty(value).map_err(io::Error::from)? + "\n"),
        Format::Yaml => Ok(serde_yaml::to_string(value).map_err(io::Error::other)?),
    }
}

/// `value` as one line of JSON, for streams of documents.
pub(crate) fn one_line<T: Serialize>(value: &T) -> Result<String, Failure> {
    Ok(serde_json::to_string(value).map_err(io::Error::from)? + "\n")
}

fn completion(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "kubectl-pathfinder", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

#[derive(Serialize)]
struct Version {
    version: &'static str,
}

impl Default for Version {
    fn default() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}
