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
//! - **Not beyond the lease**: while an agent is stopped, or the store does not answer, no run goes on for longer than the
//!   ttl ([`outliving`]).
//! - In the end all agents are told to end, and nothing of theirs is left. No agent ends unless it is told to, and none
//!   leaves a process unasked about.
//!
//! What is done is drawn from a seed; when which thing is done depends on how long the cluster takes, so the same seed
//! gives the same rounds and not the same interleavings. One thing is never done, because nothing could stand it: an
//! agent and the guard of one of its units are never killed in one moment (see `cli/src/guard.rs`).

pub(super) mod agents;
mod fencing;
mod host;
mod judge;
mod processes;
mod report;
pub(super) mod script;
mod silence;
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

use agents::{Agents, Place, Surroundings};
use host::HostWatch;
use judge::{Bounds, Unit, calms, judge};
use report::{Report, Setup};
use script::{Round, Script};
use silence::outliving;
pub(super) use stage::Stage;
use stage::{Cast, says};
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

/// What is tried on one store.
pub(super) struct Plan {
    /// What chance is drawn from.
    pub(super) seed: u64,
    /// One agent in each.
    pub(super) surroundings: Vec<Surroundings>,
    pub(super) units: usize,
    /// How long the cluster waits for a silent agent.
    pub(super) ttl: Duration,
    /// How long it takes, about.
    pub(super) length: Duration,
    /// With what more on its command line the server is started.
    pub(super) server: &'static [&'static str],
    /// What is done.
    pub(super) rounds: Box<dyn Iterator<Item = Round>>,
    /// What has to be so, and is not, before anything is done and after all of it.
    pub(super) check: fn(&mut Stage<'_>, When) -> Result<()>,
}

/// When something is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    Before,
    After,
}

/// Tries chance on each store, and fails when anything was seen that must not be.
pub(crate) fn run(stores: &[String], arguments: &super::Chaos, json: Option<&Path>) -> Result<()> {
    let ttl = length(&arguments.ttl).context("--ttl")?;
    let lasts = Duration::try_from_secs_f64(arguments.minutes * 60.0).context("--minutes")?;
    let plan = |_: &str| {
        let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..));
        let mut script = Script::new(seed, arguments.agents, ttl, LONG_ENOUGH_FOR_AN_OUTAGE <= lasts);
        // From when the first thing is done.
        let mut end = None;
        let rounds = std::iter::from_fn(move || {
            let end = *end.get_or_insert_with(|| Boottime::now().plus(lasts));
            (Boottime::now() < end).then(|| script.next_round())
        });
        Ok(Plan {
            seed,
            surroundings: vec![Surroundings::default(); arguments.agents],
            units: arguments.units,
            ttl,
            length: lasts,
            server: &[],
            rounds: Box::new(rounds),
            check: |_, _| Ok(()),
        })
    };
    run_plans(stores, plan, json)
}

/// A length of time as it is written on the command line.
pub(super) fn length(text: &str) -> Result<Duration> {
    let length: jiff::SignedDuration = text.parse().context("a length of time is written as 1500ms or 3s")?;
    length.try_into().context("a length of time is not negative")
}

/// Carries a plan out on each store, and fails when anything was seen that must not be.
pub(super) fn run_plans(stores: &[String], plan: impl Fn(&str) -> Result<Plan>, json: Option<&Path>) -> Result<()> {
    let convoke = agents::build_convoke()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    // What a killed agent leaves behind becomes a child of this process, which can so tell that nothing is left.
    set_child_subreaper(Some(getpid())).context("cannot adopt what a killed agent leaves behind")?;
    let mut reports = Vec::new();
    for store in stores {
        let report = on(store, plan(store)?, &convoke, &runtime).with_context(|| format!("on {store}"))?;
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

fn on(store: &str, plan: Plan, convoke: &Path, runtime: &Runtime) -> Result<Report> {
    let seed = plan.seed;
    // Kept when the trial fails, also in an error.
    let directory = directory()?.keep();
    let tried = try_on(store, plan, convoke, runtime, &directory);
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

fn try_on(store: &str, plan: Plan, convoke: &Path, runtime: &Runtime, directory: &Path) -> Result<Report> {
    let Plan { seed, ttl, .. } = plan;
    let (stamps, logs) = (directory.join("stamps"), directory.join("logs"));
    std::fs::create_dir(&stamps)?;
    std::fs::create_dir(&logs)?;
    let names: Vec<String> = (0..plan.units).map(|number| format!("unit-{number:02}")).collect();
    let victim = runtime.block_on(Victim::of(store, plan.server, directory))?;
    let place = Place {
        convoke: convoke.to_owned(),
        url: victim.url(),
        directory: logs,
        ttl,
    };
    let count = plan.surroundings.len();
    let agents = Agents::of(place, plan.surroundings);
    register(&agents, &names, &stamps, directory)?;
    let bounds = Bounds {
        healing: ttl + BEYOND_TTL,
        lease: ttl,
        after_a_crash: AFTER_A_CRASH,
        last_stamp: LAST_STAMP,
    };
    let host = HostWatch::in_directory(directory)?;
    let teller = Teller::new(plan.length)?;
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
    (plan.check)(&mut stage, When::Before)?;
    stage.play(plan.rounds)?;
    (plan.check)(&mut stage, When::After)?;
    stage.cast.teller.end();

    let Stage { cast, record, .. } = stage;
    let Cast { agents, stamps, .. } = cast;
    let units: Vec<Unit> = stamps.into_units();
    let verdict = judge(&units, &calms(&record.marks, Boottime::now()), bounds);
    let outliving = outliving(&units, &record.silences, bounds.lease);
    if !verdict.is_good() {
        let overlapping = verdict.overlaps.iter().map(|it| it.unit.as_str());
        let missing = verdict.absences.iter().map(|it| it.unit.as_str());
        keep_histories(&agents, overlapping.chain(missing), directory)?;
    }
    let setup = Setup {
        store: store.to_owned(),
        seed,
        agents: count,
        units: plan.units,
        ttl,
        bounds,
        began,
        longest_pause_of_the_host: host.longest(),
    };
    Ok(Report::of(&setup, &verdict, &outliving, record))
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
