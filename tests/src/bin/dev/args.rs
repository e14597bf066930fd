//! The command line of `cargo dev`.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use pathfinder_tests::cluster::{Engine, faults::Fault};

/// Run, break and test Pathfinder on a real cluster (kind).
#[derive(Debug, Parser)]
#[command(
    name = "cargo dev",
    bin_name = "cargo dev",
    version,
    after_help = "Examples:\n  cargo dev demo\n  cargo dev test\n  cargo dev test cluster --filter idle\n  cargo dev cluster up --nodes 3\n  cargo dev kubectl -- get pfc -A\n  cargo dev node crash pathfinder-worker"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) action: Action,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Start, stop or look at the test cluster.
    Cluster {
        #[command(subcommand)]
        action: ClusterAction,
    },
    /// kubectl on the test cluster.
    #[command(after_help = "Example:\n  cargo dev kubectl -- get pods -A")]
    Kubectl {
        /// Words for kubectl.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<String>,
    },
    /// helm on the test cluster.
    #[command(after_help = "Example:\n  cargo dev helm -- list -A")]
    Helm {
        /// Words for helm.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<String>,
    },
    /// Build the project's images and load what changed into every node.
    Images,
    /// Break a node, or mend it.
    #[command(
        after_help = "Example:\n  cargo dev node crash pathfinder-worker\n  cargo dev node start pathfinder-worker"
    )]
    Node {
        /// What happens to it.
        #[arg(value_enum)]
        fault: Fault,
        /// Its name.
        node: String,
    },
    /// The whole path: cluster, operator, API, load; watch it scale and ask why.
    Demo(DemoOptions),
    /// Run the tests.
    Test {
        /// Which.
        #[arg(value_enum, default_value = "all")]
        suite: Suite,
        /// Only tests of the cluster or of the API whose name contains this.
        #[arg(long, default_value = "")]
        filter: String,
    },
    /// Measure; without a name, say what can be measured.
    Bench {
        #[command(subcommand)]
        bench: Option<Bench>,
    },
    /// Format every file.
    Fmt,
    /// clippy, with warnings as errors.
    Lint,
    /// Write the generated files: the CRD, the chart's copy, the field table.
    Crds,
    /// Shell completion of this tool.
    Completions {
        /// The shell.
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
}

impl Action {
    /// Whether Ctrl-C leaves something to clean up; the others simply end.
    pub(crate) fn cleans_up(&self) -> bool {
        match self {
            Self::Cluster { .. } | Self::Images | Self::Node { .. } | Self::Test { .. } => true,
            Self::Demo(options) => !options.inside,
            Self::Kubectl { .. }
            | Self::Helm { .. }
            | Self::Bench { .. }
            | Self::Fmt
            | Self::Lint
            | Self::Crds
            | Self::Completions { .. } => false,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum ClusterAction {
    /// Start it, or make it whole; quick when it is up.
    Up {
        /// Nodes in all, the control plane among them.
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=9))]
        nodes: u8,
        /// What runs the nodes: Docker where a daemon answers, else Podman.
        #[arg(long, value_enum)]
        engine: Option<Engine>,
    },
    /// Stop it and remove everything of it but the cache.
    Down,
    /// Say what is there.
    Status {
        /// How to print it.
        #[arg(short, long, value_enum, default_value = "table")]
        output: Output,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// Every autoscaler over every trace: late requests against replica-hours, and the goals.
    #[command(
        after_help = "Examples:\n  cargo dev bench scaling --trace step --trace noise\n  cargo dev bench scaling --traces traces/ -o json"
    )]
    Scaling(ScalingOptions),
    /// A step of load on the real cluster: seconds to the order and to readiness, beside a plain HPA on CPU.
    #[command(after_help = "Example:\n  cargo dev bench reaction --repetitions 3 -o json")]
    Reaction(ReactionOptions),
    /// A tenfold step at every phase of scrapes and decisions: seconds to the full order, and how far beyond it goes.
    Step {
        /// How to print it.
        #[arg(short, long, value_enum, default_value = "table")]
        output: Output,
        /// Write the table into docs/BENCHMARKS.md.
        #[arg(long)]
        write_docs: bool,
    },
    /// The API beside the same endpoints in Node.js, and a mixed load: requests per second of a core, latency, memory.
    #[command(after_help = "Example:\n  cargo dev bench api -o json")]
    Api(ApiOptions),
    /// A tick of the scaling loop for 100 and 1,000 clusters, asking a real Prometheus: seconds, and share of a core.
    Tick {
        /// How to print it.
        #[arg(short, long, value_enum, default_value = "table")]
        output: Output,
        /// Write the table into docs/BENCHMARKS.md.
        #[arg(long)]
        write_docs: bool,
    },
    /// One decision of the engine: its time, a tick of 1,000 clusters, and what it allocates.
    Decide {
        /// How to print it.
        #[arg(short, long, value_enum, default_value = "table")]
        output: Output,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct ReactionOptions {
    /// Steps of each subject.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) repetitions: u32,
    /// How to print it.
    #[arg(short, long, value_enum, default_value = "table")]
    pub(crate) output: Output,
    /// Write the table into docs/BENCHMARKS.md.
    #[arg(long)]
    pub(crate) write_docs: bool,
    /// Set when it runs inside the cluster's network.
    #[arg(long, hide = true)]
    pub(crate) inside: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ApiOptions {
    /// Measurements of each server by each load, of which the median counts.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=20))]
    pub(crate) repetitions: u32,
    /// Seconds of one of them.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=60))]
    pub(crate) seconds: u32,
    /// Seconds of the mixed load, after half as many of a warm-up.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(5..=600))]
    pub(crate) mixed_seconds: u32,
    /// How to print it.
    #[arg(short, long, value_enum, default_value = "table")]
    pub(crate) output: Output,
    /// Write the table into docs/BENCHMARKS.md.
    #[arg(long)]
    pub(crate) write_docs: bool,
}

#[derive(Debug, Default, clap::Args)]
pub(crate) struct ScalingOptions {
    /// A folder of NAME.csv with the header `seconds,requests_per_second`; without it, the project's synthetic traces.
    #[arg(long, value_name = "DIR")]
    pub(crate) traces: Option<PathBuf>,
    /// The synthetic traces beside those of the folder.
    #[arg(long, requires = "traces")]
    pub(crate) with_synthetic: bool,
    /// Only this trace; may be given several times.
    #[arg(long = "trace", value_name = "NAME")]
    pub(crate) only: Vec<String>,
    /// How to print it: the figures and the goals, or all rows.
    #[arg(short, long, value_enum, default_value = "table")]
    pub(crate) output: Output,
    /// Write the figures into docs/BENCHMARKS.md, and the plots beside it; of all traces, or some would vanish from it.
    #[arg(long, conflicts_with = "only")]
    pub(crate) write_docs: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    #[default]
    Table,
    Json,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DemoOptions {
    /// Requests per second of the step.
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u32).range(100..=2000))]
    pub(crate) rate: u32,
    /// Seconds that the step lasts.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(30..=600))]
    pub(crate) seconds: u64,
    /// Set when the demo runs inside the cluster's network.
    #[arg(long, hide = true)]
    pub(crate) inside: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Suite {
    /// Everything.
    All,
    /// Format, lints, documentation, unit tests, drift, layering, licences: no cluster.
    Fast,
    /// The decision engine, the simulator, the peers, the bench and `simulate`: no cluster.
    Scaling,
    /// The API server against real PostgreSQL (primary and replica) and Redis: no cluster.
    Api,
    /// The cluster suite.
    Cluster,
    /// What of the cluster suite is about scaling: sources, signals, schedules, other writers, people.
    ScalingCluster,
    /// down and up: nothing is left over, and it comes back.
    DownUp,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }
}
