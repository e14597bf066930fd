//! What a person may type after `kubectl pathfinder`, with the help text.
//!
//! Flags have kubectl's names and meanings. This file parses and bounds; it knows neither the cluster nor the output.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use jiff::SignedDuration;

use crate::simulate::args::SimulateArguments;

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "kubectl-pathfinder",
    bin_name = "kubectl pathfinder",
    version,
    about = "Shows what Pathfinder runs and why it runs that many replicas, pauses it, and tries another load",
    after_help = "Examples:\n  \
        kubectl pathfinder status                  every PathfinderCluster of the namespace\n  \
        kubectl pathfinder status shop -n prod     one of them: conditions, pods, stores, events\n  \
        kubectl pathfinder explain shop -n prod    which signal asked for how many replicas, and what limited it\n  \
        kubectl pathfinder explain shop -w         the same, followed until Ctrl-C\n  \
        kubectl pathfinder pause shop -n prod      keep the replicas as they are; resume ends it\n  \
        kubectl pathfinder simulate --trace F.csv  what Pathfinder, HPA, KEDA and Knative do under a recorded load\n\n\
        Exit codes: 0 answered, 1 could not answer, 2 wrong usage."
)]
pub(crate) struct Arguments {
    /// Which cluster to ask, and how long to wait.
    #[command(flatten)]
    pub(crate) connection: Connection,
    /// How to print the answer.
    #[arg(short, long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) output: Format,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Which cluster and namespace to ask, and how long to wait for an answer.
#[derive(Args, Debug)]
pub(crate) struct Connection {
    /// Namespace of the resource [default: that of the kubeconfig's context]
    #[arg(short, long, global = true, value_name = "NAMESPACE", value_parser = dns_label)]
    pub(crate) namespace: Option<String>,
    /// Context of the kubeconfig to use [default: its current context]
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) context: Option<String>,
    /// Kubeconfig file to use [default: $KUBECONFIG, then ~/.kube/config]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// Namespace that the operator runs in
    #[arg(
        long,
        global = true,
        value_name = "NAMESPACE",
        env = "PATHFINDER_OPERATOR_NAMESPACE",
        hide_env_values = true,
        default_value = "pathfinder-system",
        value_parser = dns_label
    )]
    pub(crate) operator_namespace: String,
    /// Longest wait for one answer of the API server, for example 5s or 1m
    #[arg(long, global = true, value_name = "DURATION", default_value = "10s", value_parser = timeout)]
    pub(crate) request_timeout: Duration,
}

/// How to print the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Text for people
    #[default]
    Table,
    /// One JSON document
    Json,
    /// One YAML document
    Yaml,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show whether everything is as the spec asks, and what is not
    Status(StatusArguments),
    /// Show why the API has as many replicas as it has
    Explain(ExplainArguments),
    /// Keep the replicas as they are, whatever the signals say
    Pause(PauseArguments),
    /// Let the signals decide again
    Resume(ResumeArguments),
    /// Try policies on a recorded load, side by side
    Simulate(Box<SimulateArguments>),
    /// Print a completion script for a shell
    Completion {
        /// The shell
        #[arg(value_enum, value_name = "SHELL")]
        shell: Shell,
    },
    /// Print the version of this plugin
    Version,
}

/// What `status` takes.
#[derive(Args, Debug)]
pub(crate) struct StatusArguments {
    /// Name of a PathfinderCluster [default: list all]
    #[arg(value_name = "NAME", value_parser = resource_name)]
    pub(crate) name: Option<String>,
    /// List the PathfinderClusters of all namespaces; overrides -n
    #[arg(short = 'A', long, conflicts_with = "name")]
    pub(crate) all_namespaces: bool,
}

/// What `explain` takes.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
        kubectl pathfinder explain shop -n prod               which signal asked for what, and what limited it\n  \
        kubectl pathfinder explain shop -w                    a row every 2 s, the whole answer when it changes\n  \
        kubectl pathfinder explain shop -w -o json | jq .sentence\n\n\
        --watch ends with Ctrl-C, exit code 0. With -o json it prints one document per line and change.")]
pub(crate) struct ExplainArguments {
    /// Name of a PathfinderCluster
    #[arg(value_name = "NAME", value_parser = resource_name)]
    pub(crate) name: String,
    /// Follow the decisions until Ctrl-C
    #[arg(short, long)]
    pub(crate) watch: bool,
    /// Seconds between two looks of --watch, 1 to 60
    #[arg(long, value_name = "SECONDS", default_value_t = 2, requires = "watch",
          value_parser = clap::value_parser!(u64).range(1..=60))]
    pub(crate) interval: u64,
}

/// What `pause` takes.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
        kubectl pathfinder pause shop -n prod            nothing that a signal asks for is written any more\n  \
        kubectl pathfinder pause shop --down             replicas are added as ever, and none are taken away\n  \
        kubectl pathfinder pause shop --dry-run          let the API server check it, and write nothing\n\n\
        The HPA goes on adding replicas by CPU and memory. minReplicas and maxReplicas hold as ever.")]
pub(crate) struct PauseArguments {
    /// What to pause.
    #[command(flatten)]
    pub(crate) switch: SwitchArguments,
}

/// What `resume` takes.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
        kubectl pathfinder resume shop -n prod           spec.scaling.mode goes from Paused to Auto\n  \
        kubectl pathfinder resume shop --up --down       both directions, where they were paused alone\n\n\
        What is not paused stays as it is; Observe is not a pause.")]
pub(crate) struct ResumeArguments {
    /// What to resume.
    #[command(flatten)]
    pub(crate) switch: SwitchArguments,
}

/// What `pause` and `resume` have in common.
#[derive(Args, Debug)]
pub(crate) struct SwitchArguments {
    /// Name of a PathfinderCluster
    #[arg(value_name = "NAME", value_parser = resource_name)]
    pub(crate) name: String,
    /// Increases alone [default: spec.scaling.mode, which is both and more]
    #[arg(long)]
    pub(crate) up: bool,
    /// Decreases alone; with --up both directions
    #[arg(long)]
    pub(crate) down: bool,
    /// Have the API server check the change without writing it
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Names end up in request paths, so they are checked here; `pfc/shop` is taken as `shop`, as kubectl does.
pub(crate) fn resource_name(text: &str) -> Result<String, String> {
    let name = ["pfc/", "pathfindercluster/", "pathfinderclusters/"]
        .iter()
        .find_map(|prefix| text.strip_prefix(prefix))
        .unwrap_or(text);
    dns_label(name)
}

pub(crate) fn dns_label(text: &str) -> Result<String, String> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let bytes = text.as_bytes();
    let edges = [bytes.first(), bytes.last()];
    if bytes.len() > 63
        || !bytes.iter().copied().all(allowed)
        || edges.iter().any(|edge| matches!(edge, None | Some(b'-')))
    {
        return Err("use at most 63 of a-z, 0-9 and '-', and no '-' at either end".to_owned());
    }
    Ok(text.to_owned())
}

/// kubectl's notation: `30` is seconds, otherwise `5s`, `1m30s`. No waiting without end: 0 is refused.
fn timeout(text: &str) -> Result<Duration, String> {
    let wrong = || "write a time of more than 0 and at most 1h, for example 5s or 1m".to_owned();
    let duration = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => text
            .parse::<SignedDuration>()
            .ok()
            .and_then(|signed| Duration::try_from(signed).ok())
            .ok_or_else(wrong)?,
    };
    if duration.is_zero() || duration > Duration::from_hours(1) {
        return Err(wrong());
    }
    Ok(duration)
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, error::ErrorKind};
    use rstest::rstest;

    use super::*;

    fn parse(line: &str) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(std::iter::once("kubectl-pathfinder").chain(line.split_whitespace()))
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn flags_are_taken_before_and_after_the_command() {
        for line in ["-n prod -o json status shop", "status shop -n prod -o json"] {
            let arguments = parse(line).unwrap();
            assert_eq!(arguments.connection.namespace.as_deref(), Some("prod"), "{line}");
            assert_eq!(arguments.output, Format::Json, "{line}");
            let Command::Status(status) = arguments.command else {
                panic!("{line} is not status")
            };
            assert_eq!(status.name.as_deref(), Some("shop"), "{line}");
        }
    }

    #[test]
    fn without_flags_the_defaults_are_those_of_the_documentation() {
        let arguments = parse("status").unwrap();
        assert_eq!(arguments.output, Format::Table);
        assert_eq!(arguments.connection.operator_namespace, "pathfinder-system");
        assert_eq!(arguments.connection.request_timeout, Duration::from_secs(10));
        assert!(arguments.connection.namespace.is_none());
    }

    #[rstest]
    #[case("explain", ErrorKind::MissingRequiredArgument)]
    #[case("explain shop -A", ErrorKind::UnknownArgument)]
    #[case("explain shop -w --interval 0", ErrorKind::ValueValidation)]
    #[case("explain shop -w --interval 61", ErrorKind::ValueValidation)]
    #[case("explain shop --interval 5", ErrorKind::MissingRequiredArgument)]
    #[case("pause", ErrorKind::MissingRequiredArgument)]
    #[case("pause shop till", ErrorKind::UnknownArgument)]
    #[case("resume ../secrets", ErrorKind::ValueValidation)]
    #[case("resume shop --sideways", ErrorKind::UnknownArgument)]
    #[case("status shop -A", ErrorKind::ArgumentConflict)]
    #[case("status -o xml", ErrorKind::InvalidValue)]
    #[case("status ../secrets", ErrorKind::ValueValidation)]
    #[case("status shop -n a/b", ErrorKind::ValueValidation)]
    #[case("status -shop", ErrorKind::UnknownArgument)]
    #[case("status --request-timeout 0", ErrorKind::ValueValidation)]
    #[case("status --request-timeout=-5s", ErrorKind::ValueValidation)]
    #[case("status --request-timeout soon", ErrorKind::ValueValidation)]
    #[case("completion dos", ErrorKind::InvalidValue)]
    #[case("frobnicate", ErrorKind::InvalidSubcommand)]
    fn wrong_usage_is_refused_and_exits_with_2(#[case] line: &str, #[case] kind: ErrorKind) {
        let error = parse(line).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert_eq!(error.exit_code(), 2);
    }

    #[rstest]
    #[case("30", Duration::from_secs(30))]
    #[case("5s", Duration::from_secs(5))]
    #[case("1m30s", Duration::from_secs(90))]
    #[case("250ms", Duration::from_millis(250))]
    fn timeouts_are_read_as_kubectl_reads_them(#[case] text: &str, #[case] expected: Duration) {
        assert_eq!(timeout(text).unwrap(), expected);
    }

    #[rstest]
    #[case("shop")]
    #[case("pfc/shop")]
    #[case("pathfindercluster/shop")]
    fn a_name_may_carry_its_kind(#[case] text: &str) {
        assert_eq!(resource_name(text).unwrap(), "shop");
    }
}
