//! A cluster of real agents under random kills, stops and restarts of the store: each unit runs at most once at every
//! moment, and once again soon after.
//!
//! Units are processes that write stamps. From these alone it is judged ([`judge`](judge::judge)):
//!
//! - **At most once**: two runs of one unit, each from the first stamp of any of its processes to the last one, never
//!   overlap, on whichever agents they are.
//! - **Once again**: the cluster can work while the store answers and an agent is up. *Healing* begins with the last thing
//!   that was done, once it can: at a kill, stop or end of an agent while others are up, at the start or waking of one,
//!   at the moment in which the store answers again. Within ttl + 2 s of that each unit runs, and goes on running until the
//!   next thing is done. (What crashes by itself may be gone for a moment.)
//! - In the end all agents are told to end, and nothing of theirs is left. No agent ends unless it is told to, and none
//!   leaves a process unasked about.
//!
//! What is done is drawn from a seed; when which thing is done depends on how long the cluster takes, so the same seed
//! gives the same rounds and not the same interleavings. One thing is never done, because nothing could stand it: an
//! agent and the guard of one of its units are never killed in one moment (see `cli/src/guard.rs`).

mod agents;
mod host;
mod judge;
mod processes;
mod report;
mod script;
mod stage;
mod stamps;
mod store;
mod teller;
mod unit;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use convoke::runtime::Boottime;
use rustix::process::{getpid, set_child_subreaper};
use tokio::runtime::Runtime;

use agents::{Agents, Place};
use host::HostWatch;
use judge::{Bounds, Unit, calms, judge};
use report::{Report, Setup};
use script::Script;
use stage::{Cast, Stage, says};
use stamps::Stamps;
use store::Victim;
pub(crate) use store::hold;
use teller::Teller;
pub(crate) use unit::{UnitArguments, run as be_unit};

/// How much longer than the ttl healing may take.
const BEYOND_TTL: Duration = Duration::from_secs(2);
/// For how long a unit may be gone that crashed.
const AFTER_A_CRASH: Duration = Duration::from_secs(3);
/// From the last stamp of a run to what ended it, on a busy host.
const LAST_STAMP: Duration = Duration::from_millis(500);
/// From how long on a trial has a whole minute without the store.
const LONG_ENOUGH_FOR_AN_OUTAGE: Duration = Duration::from_secs(300);
/// The histories of at most so many units are kept.
const KEPT_HISTORIES: usize = 5;

/// What a trial is set up with, the store aside.
struct Set<'a> {
    arguments: &'a super::Chaos,
    ttl: Duration,
    lasts: Duration,
    convoke: PathBuf,
    runtime: Runtime,
}

impl<'a> Set<'a> {
    fn of(arguments: &'a super::Chaos) -> Result<Self> {
        let ttl: jiff::SignedDuration = arguments.ttl.parse().context("--ttl is written as 1500ms or 3s")?;
        Ok(Self {
            arguments,
            ttl: ttl.try_into().context("--ttl")?,
            lasts: Duration::try_from_secs_f64(arguments.minutes * 60.0).context("--minutes")?,
            convoke: agents::build_convoke()?,
            runtime: tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()?,
        })
    }
}

/// Tries it on each store, and fails when anything was seen that must not be.
pub(crate) fn run(stores: &[String], arguments: &super::Chaos, json: Option<&Path>) -> Result<()> {
    let set = Set::of(arguments)?;
    // What a killed agent leaves behind becomes a child of this process, which can so tell that nothing is left.
    set_child_subreaper(Some(getpid())).context("cannot adopt what a killed agent leaves behind")?;
    let mut reports = Vec::new();
    for store in stores {
        let report = on(store, &set).with_context(|| format!("on {store}"))?;
        println!("{}", report.shown());
        for fault in &report.faults {
            eprintln!("{store}: {fault}");
        }
        reports.push(report);
    }
    if let Some(file) = json {
        std::fs::write(file, serde_json::to_string_pretty(&reports)?)?;
    }
    let faults: usize = reports.iter().map(|report| report.faults.len()).sum();
    if faults > 0 {
        bail!("{faults} things were seen that must not be; they stand above");
    }
    Ok(())
}

fn on(store: &str, set: &Set<'_>) -> Result<Report> {
    let seed = set.arguments.seed.unwrap_or_else(|| fastrand::u64(..));
    // Kept when the trial fails, also in an error.
    let directory = directory()?.keep();
    let tried = try_on(store, set, seed, &directory);
    match &tried {
        Ok(report) if report.faults.is_empty() => std::fs::remove_dir_all(&directory)?,
        _ => eprintln!(
            "{store}: to look into it (seed {seed}): {}/stamps, /logs and /histories",
            directory.display()
        ),
    }
    tried
}

/// On the disk of the workspace: the temporary directory may be one in memory.
fn directory() -> Result<tempfile::TempDir> {
    let target = crate::workspace::root().join("target");
    // It is not there when CARGO_TARGET_DIR names another one.
    std::fs::create_dir_all(&target)?;
    Ok(tempfile::Builder::new().prefix("chaos-").tempdir_in(target)?)
}

fn try_on(store: &str, set: &Set<'_>, seed: u64, directory: &Path) -> Result<Report> {
    let Set {
        arguments,
        ttl,
        lasts,
        convoke,
        runtime,
    } = set;
    let (stamps, logs) = (directory.join("stamps"), directory.join("logs"));
    std::fs::create_dir(&stamps)?;
    std::fs::create_dir(&logs)?;
    let names: Vec<String> = (0..arguments.units).map(|number| format!("unit-{number:02}")).collect();
    let victim = runtime.block_on(Victim::of(store, directory))?;
    let place = Place {
        convoke: convoke.clone(),
        url: victim.url(),
        directory: logs,
        ttl: *ttl,
    };
    let agents = Agents::of(place, arguments.agents);
    register(&agents, &names, &stamps, directory)?;
    let bounds = Bounds {
        healing: *ttl + BEYOND_TTL,
        after_a_crash: AFTER_A_CRASH,
        last_stamp: LAST_STAMP,
    };
    let host = HostWatch::in_directory(directory)?;
    let teller = Teller::new(*lasts)?;
    teller.tell(&format!("{store}: seed {seed}"));
    let began = teller.began();
    let mut stage = Stage::set(Cast {
        runtime,
        agents,
        victim,
        stamps: Stamps::of(&stamps, names.iter().cloned()),
        units: names.len(),
        bounds,
        teller,
        seed,
    })?;
    let mut script = Script::new(seed, arguments.agents, *ttl, LONG_ENOUGH_FOR_AN_OUTAGE <= *lasts);
    stage.play(&mut script, arguments.agents, Boottime::now().plus(*lasts))?;
    stage.cast.teller.end();

    let Stage { cast, record, .. } = stage;
    let Cast { agents, stamps, .. } = cast;
    let units: Vec<Unit> = stamps.into_units();
    let verdict = judge(&units, &calms(&record.marks, Boottime::now()), bounds);
    if !verdict.is_good() {
        let overlapping = verdict.overlaps.iter().map(|it| it.unit.as_str());
        let missing = verdict.absences.iter().map(|it| it.unit.as_str());
        keep_histories(&agents, overlapping.chain(missing), directory)?;
    }
    let setup = Setup {
        store: store.to_owned(),
        seed,
        agents: arguments.agents,
        units: arguments.units,
        ttl: *ttl,
        bounds,
        began,
        longest_pause_of_the_host: host.longest(),
    };
    Ok(Report::of(&setup, &verdict, record))
}

/// Registers and enables the units as an operator would.
fn register(agents: &Agents, names: &[String], stamps: &Path, directory: &Path) -> Result<()> {
    let program = std::env::current_exe()?;
    let config: PathBuf = directory.join("unit.json");
    for (number, name) in names.iter().enumerate() {
        let words = UnitArguments::words(number, &program, stamps);
        std::fs::write(&config, agents::config(&words))?;
        let file = config.to_str().context("the path of the workspace is not text")?;
        says(agents.convoke(&["topology", "register", name, file, "--enable"]))?;
    }
    Ok(())
}

/// What the store knows of some units, for whoever looks into what went wrong with them.
fn keep_histories<'a>(agents: &Agents, units: impl Iterator<Item = &'a str>, directory: &Path) -> Result<()> {
    let histories = directory.join("histories");
    std::fs::create_dir_all(&histories)?;
    let units: std::collections::BTreeSet<&str> = units.collect();
    for unit in units.into_iter().take(KEPT_HISTORIES) {
        let history = says(agents.convoke(&["topology", "history", unit, "--json", "--limit", "1000"]))?;
        std::fs::write(histories.join(unit), history)?;
    }
    Ok(())
}
