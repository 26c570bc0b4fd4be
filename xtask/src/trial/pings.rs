//! Many members of one cluster that have nothing to do: what that costs the store.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use convoke::runtime::{CancellationToken, Failure, LeaderSettings, Unit, Work, WorkerSettings, async_trait, join};
use convoke::{Limit, Page, Store, Term, WorkerName, WorkerStatus, stream};
use futures_util::{StreamExt, TryStreamExt};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::task::JoinSet;

use super::crew::{Crew, wait_to_go};
use super::seen::Seen;
use super::{Member, Part};
use crate::bench::place::{Place, open};

/// What the server may take of one processor core, in percent.
const BAR: f64 = 25.0;
/// On one file each member is a process of the same host that looks at it; nobody runs a thousand of those.
const ON_SQLITE: usize = 40;
/// How many handles a process opens at once.
const OPENING: usize = 16;
/// How long members may take to come up.
const PATIENCE: Duration = Duration::from_secs(120);
/// After they came up, so that what only starting costs is not counted.
const SETTLING: Duration = Duration::from_secs(5);

/// Tries it, and says what was seen.
pub(crate) async fn run(place: &Place, agents: usize, processes: usize, watched_for: Duration) -> Result<Seen> {
    let agents = match place {
        Place::Sqlite(_) => agents.min(ON_SQLITE),
        _ => agents,
    };
    let url = place.fresh("pings").await?;
    let store = open(&url).await?;
    let mut crew = Crew::new()?;
    for process in 0..processes {
        let share = agents / processes + usize::from(process < agents % processes);
        crew.add(Part::Ping, &url, share, None)?;
    }
    let term = all_up(&*store, agents).await?;
    tokio::time::sleep(SETTLING).await;
    let pids: Vec<u32> = match place {
        Place::Database(server) | Place::KeyValue(server) => server.pid().into_iter().collect(),
        Place::Sqlite(_) | Place::Memory => crew.pids().collect(),
    };
    let (before, begun) = (cpu_time(&pids)?, Instant::now());
    tokio::time::sleep(watched_for).await;
    let used = cpu_time(&pids)?.saturating_sub(before);
    let percent = if pids.is_empty() {
        f64::NAN
    } else {
        100.0 * used.as_secs_f64() / begun.elapsed().as_secs_f64()
    };
    let end = End::of(&*store, term).await?;
    crew.end()?;
    Ok(judge(place, agents, percent, &end))
}

/// Waits until all members are registered and one leads; answers its term.
async fn all_up(store: &dyn Store, agents: usize) -> Result<Term> {
    let begun = Instant::now();
    loop {
        let counts = store.count_workers().await?;
        let registered = counts.normal + counts.candidate + counts.leader;
        if registered == agents as u64
            && let Some(leader) = store.leader().await?
        {
            return Ok(leader.term);
        }
        ensure!(
            begun.elapsed() < PATIENCE,
            "in {PATIENCE:?} not all of {agents} members came up: {counts:?}"
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// How the cluster is after it was watched.
#[derive(Debug)]
struct End {
    /// How often a worker was taken for dead.
    deaths: usize,
    /// How many leads followed on the first.
    lost_leads: u64,
    /// For how long the store has not heard of the most silent worker.
    silence: Duration,
}

impl End {
    async fn of(store: &dyn Store, first: Term) -> Result<Self> {
        let page = Page {
            limit: Limit::MAX,
            after: None,
        };
        let now = store.now().await?;
        let workers: Vec<_> = stream::workers(store, page.clone()).try_collect().await?;
        let silences = workers.iter().map(|worker| now.since(worker.last_ping));
        let silence = silences.max().context("nobody is there")?;
        let leader = store.leader().await?;
        let lost_leads = leader.map_or(1, |leader| leader.term.number() - first.number());
        let mut deaths = 0;
        for worker in workers {
            let history: Vec<_> = stream::worker_history(store, &worker.name, page.clone())
                .try_collect()
                .await?;
            deaths += history.iter().filter(|it| it.status == WorkerStatus::Dead).count();
        }
        Ok(Self {
            deaths,
            lost_leads,
            silence,
        })
    }
}

fn judge(place: &Place, agents: usize, percent: f64, end: &End) -> Seen {
    let whose = match place {
        Place::Sqlite(_) | Place::Memory => "the members' processes",
        Place::Database(_) | Place::KeyValue(_) => "the server",
    };
    let End {
        deaths,
        lost_leads,
        silence,
    } = end;
    let mut faults = Vec::new();
    if *deaths > 0 {
        faults.push(format!("{deaths} workers were taken for dead"));
    }
    if *lost_leads > 0 {
        faults.push(format!("{lost_leads} leads were lost"));
    }
    if percent >= BAR && matches!(place, Place::Database(_) | Place::KeyValue(_)) {
        faults.push(format!(
            "the server took {percent:.1} % of a core, and should stay under {BAR} %"
        ));
    }
    let took = if percent.is_nan() {
        "what the server took is not known, since it was not started here".to_owned()
    } else {
        format!("{whose} took {percent:.1} % of one core")
    };
    Seen {
        text: format!("{agents} members: {took}; {deaths} died, {lost_leads} leads were lost"),
        figures: vec![
            ("agents", agents as f64),
            ("cpu_percent", percent),
            ("deaths", *deaths as f64),
            ("lost_leads", *lost_leads as f64),
            ("longest_silence_ms", silence.as_secs_f64() * 1_000.0),
        ],
        faults,
    }
}

/// What the processes have taken of processors so far, in user and system mode.
fn cpu_time(pids: &[u32]) -> Result<Duration> {
    let mut ticks = 0;
    for pid in pids {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        ticks += ticks_in(&stat).with_context(|| format!("unreadable: {stat}"))?;
    }
    Ok(Duration::from_secs_f64(
        ticks as f64 / rustix::param::clock_ticks_per_second() as f64,
    ))
}

/// The fields `utime` and `stime` of `/proc/PID/stat`; the name before them may hold anything.
fn ticks_in(stat: &str) -> Option<u64> {
    let (_, behind_name) = stat.rsplit_once(')')?;
    let mut fields = behind_name.split_whitespace().skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(user + system)
}

/// Members that get no work.
struct Nothing;

#[async_trait]
impl Work for Nothing {
    async fn run(&self, unit: Unit) -> Result<(), Failure> {
        unit.stopped().await;
        Ok(())
    }
}

/// What one process does: it is as many members as it is told, each with a handle of its own, until the trial is over.
pub(crate) async fn take_part(member: &Member) -> Result<()> {
    allow_many_files()?;
    let stores: Vec<_> = futures_util::stream::iter(0..member.rounds)
        .map(|_| open(&member.url))
        .buffer_unordered(OPENING)
        .try_collect()
        .await?;
    let mut members = JoinSet::new();
    for (number, store) in stores.into_iter().enumerate() {
        let name = WorkerName::new(format!("agent-{}-{number}", std::process::id()))?;
        let (worker, leader) = (WorkerSettings::default(), LeaderSettings::default());
        members.spawn(join(
            store,
            name,
            Arc::new(Nothing),
            worker,
            leader,
            CancellationToken::new(),
        ));
    }
    tokio::select! {
        over = tokio::task::spawn_blocking(wait_to_go) => over?,
        Some(ended) = members.join_next() => {
            ended??;
            bail!("a member ended by itself")
        }
    }
}

/// Each handle has connections.
fn allow_many_files() -> Result<()> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let all = Rlimit {
        current: maximum,
        maximum,
    };
    setrlimit(Resource::Nofile, all).context("raising the limit of open files")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_system_time_are_found_behind_any_name() {
        let stat = "42 (a ) b) S 1 42 42 0 -1 4194560 11 12 13 14 150 25 7 8 20 0 30 0 99";
        assert_eq!(ticks_in(stat), Some(175));
        assert_eq!(ticks_in("42 (a"), None);
    }

    #[test]
    fn the_processor_time_of_this_process_grows_with_what_it_does() {
        let me = [std::process::id()];
        let before = cpu_time(&me).unwrap();
        let mut number = 0_u64;
        while cpu_time(&me).unwrap() <= before {
            number = std::hint::black_box(number + 1);
        }
    }
}
