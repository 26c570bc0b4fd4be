//! The `convoke` program: `convoke lead` runs a command on whichever machine leads; the rest looks and acts.

#[cfg(not(target_os = "linux"))]
compile_error!("the convoke program needs Linux: its guard relies on subreapers and parent-death signals");

mod agent;
mod archive;
mod args;
mod demo;
mod exit;
mod export;
mod guard;
mod import;
mod installation;
mod lead;
mod leader;
mod lock;
mod message;
mod operation;
mod output;
mod rebalance;
mod requeue;
mod setting;
mod signals;
mod topology;
mod trim;
mod unit;
mod voice;
mod wait;
mod watch;
mod worker;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use clap::{CommandFactory, Parser};
use convoke::{Layer, OpenOptions, SchemaPolicy, Store, Traced};
use tracing_subscriber::EnvFilter;

use args::{Args, Command, OperationCommand};
use output::Output;
use topology::TopologyCommand;

fn main() -> ExitCode {
    let args = Args::parse();
    let json = args.json;
    run(args).unwrap_or_else(|error| {
        exit::show(&error, json);
        exit::code(&error)
    })
}

fn run(args: Args) -> Result<ExitCode> {
    match args.command {
        // Without a runtime: these have one thread, and are started for every term.
        Command::Guard(args) => guard::run(args),
        Command::ExecBound(args) => guard::exec(&args),
        Command::Tick(args) => demo::tick(&args),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Args::command(), "convoke", &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
        _ => {
            log_by_environment();
            // Polled by this thread, which lives as long as the process: what `demo` starts is bound to it.
            tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()?
                .block_on(act(args))
        }
    }
}

async fn act(args: Args) -> Result<ExitCode> {
    let output = Output::new(args.json);
    let opener = Opener {
        url: args.store,
        namespace: args.namespace,
        timeout: args.timeout.into(),
    };
    match args.command {
        Command::Agent(args) => return agent::run(&opener, args, output).await,
        Command::Lead(args) => return lead::run(opener.open().await?, args, output).await,
        Command::Demo(args) => return demo::run(args, output).await,
        Command::Watch(args) => return watch::run(opener, args, output).await,
        Command::Worker(command) => worker::run(&*opener.open().await?, command, output).await?,
        Command::Leader(command) => leader::run(&*opener.open().await?, command, output).await?,
        Command::Message(command) => message::run(&*opener.open().await?, command, output).await?,
        // What needs no store asks for none.
        Command::Topology(TopologyCommand::Schema) => topology::print_schema()?,
        Command::Topology(command) => topology::run(&*opener.open().await?, command, output).await?,
        Command::Lock(command) => lock::run(&*opener.open().await?, command, output).await?,
        Command::Setting(command) => setting::run(&*opener.open().await?, command, output).await?,
        Command::TrimHistory(args) => trim::run(&*opener.open().await?, &args, output).await?,
        Command::Requeue(command) => requeue::run(&*opener.open().await?, command, output).await?,
        Command::Rebalance(args) => rebalance::run(&*opener.open().await?, args, output).await?,
        Command::Export(args) => export::run(&*opener.open().await?, args, output).await?,
        Command::Import(args) => import::run(&*opener.open().await?, args, output).await?,
        Command::Operation(OperationCommand::Run { operation }) => operation::run(&opener, &operation).await?,
        Command::Migrate => installation::migrate(&opener, output).await?,
        Command::Check(args) => return installation::check(&opener, args, output).await,
        Command::Doctor => return installation::doctor(&opener, output).await,
        Command::Properties => installation::properties(&opener, output).await?,
        Command::Clear(args) => installation::clear(&opener, args, output).await?,
        Command::Reset(args) => installation::reset(&opener, args, output).await?,
        Command::Completions { .. } | Command::Guard(_) | Command::ExecBound(_) | Command::Tick(_) => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// How to open the store that the command line names.
struct Opener {
    url: Option<String>,
    namespace: Option<convoke::Namespace>,
    timeout: Duration,
}

impl Opener {
    async fn open(&self) -> convoke::Result<Arc<dyn Store>> {
        self.open_with(SchemaPolicy::Migrate).await
    }

    async fn open_with(&self, schema: SchemaPolicy) -> convoke::Result<Arc<dyn Store>> {
        let Some(url) = &self.url else {
            let what = "no store is named; give its URL by --store or CONVOKE_STORE, such as sqlite:///path/to/file";
            return Err(convoke::error::invalid(what));
        };
        let mut options = OpenOptions::new(url)?.with_schema(schema).with_timeout(self.timeout);
        if let Some(namespace) = &self.namespace {
            options = options.with_namespace(namespace.clone());
        }
        Ok(Traced.over(convoke::open_with(&options).await?))
    }
}

/// Nothing is logged unless CONVOKE_LOG says so: answers and errors are printed.
fn log_by_environment() {
    let filter = EnvFilter::try_from_env("CONVOKE_LOG").unwrap_or_else(|_| EnvFilter::new("off"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
}
