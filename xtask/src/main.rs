//! What is run on this workspace; `cargo xtask --help` lists it.

mod bench;
mod ci;
mod licences;
mod readme;
mod schema;
mod servers;
mod test;
mod tidy;
mod trial;
mod workspace;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// What is run on this workspace.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Installs what the tests need and runs them all, on every backend.
    Test {
        /// Handed to `cargo test`, such as `-p convoke-backend-redis` or `leadership -- --nocapture`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Runs what CI runs.
    Ci {
        /// Only these steps; all when none is named.
        steps: Vec<String>,
    },
    /// Checks the house rules that no compiler checks.
    Tidy,
    /// Compares the schemas that the migrations make with their committed dumps.
    Schema(schema::Arguments),
    /// The servers that the tests need, and what the trials need beside them.
    Servers {
        #[command(subcommand)]
        action: ServersTask,
    },
    /// Measures each operation on each store beside the raw floor of that store.
    Bench(bench::Arguments),
    /// Tries with many real processes what must hold on one store.
    Trial(trial::Arguments),
}

#[derive(Debug, Subcommand)]
enum ServersTask {
    /// Installs those that are missing: MariaDB, Redis and libfaketime by apt-get, MySQL 9 and Valkey 9 into a folder of the
    /// user's.
    Install,
    /// Says which there are.
    Status,
}

fn main() -> Result<()> {
    match Arguments::parse().task {
        Task::Test { arguments } => test::run(&arguments),
        Task::Ci { steps } => ci::run(&steps),
        Task::Tidy => tidy::run(),
        Task::Schema(arguments) => schema::run(&arguments),
        Task::Servers { action } => match action {
            ServersTask::Install => servers::install_all(),
            ServersTask::Status => servers::status(),
        },
        Task::Bench(arguments) => bench::run(&arguments),
        Task::Trial(arguments) => trial::run(&arguments),
    }
}
