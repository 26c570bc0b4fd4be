//! The client that this backend replaces, on a database of its own making: what qtopology-mysql 2.2.1 sends, as it sends it.
//!
//! Statement by statement from its `mysql_storage.js` and `query_helper.js`: values are pasted into a text, two statements go as
//! one text, and a list is the whole table. Through the same driver as ours, so that only the statements differ.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions, MySqlRow, MySqlSslMode};
use sqlx::{AssertSqlSafe, MySqlPool, Row};

use super::measure::Step;
use super::place::Place;

/// The last version of its schema.
const VERSION: u32 = 17;
/// How many connections its pool has.
const CONNECTIONS: u32 = 10;
/// How many rows one statement makes where nothing is measured.
const AT_ONCE: usize = 1_000;

/// What it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// `assignTopology`. That it tells the worker by another statement is left out.
    Assign,
    /// `setTopologyStatus`, of a worker.
    Report,
    /// `getTopologyStatus`.
    List,
}

/// A program that uses it.
#[derive(Debug)]
pub(crate) struct OldCaller {
    pool: MySqlPool,
    topology: String,
    worker: String,
    calls: AtomicU64,
}

/// A topology as its list gives it.
#[derive(Debug)]
#[expect(dead_code, reason = "reading a list means making its items")]
struct Status {
    uuid: String,
    status: String,
    worker: Option<String>,
    weight: f32,
    affinity: Vec<String>,
    enabled: bool,
    last_ping: String,
    pid: Option<i32>,
}

/// A database that its scripts made, with so many topologies and a pool of connections as its own is.
pub(crate) async fn database(place: &Place, topologies: usize) -> Result<MySqlPool> {
    let options: MySqlConnectOptions = place.fresh("old").await?.parse()?;
    // What this driver would otherwise set, and that one does not.
    let options = options
        .charset("utf8")
        .pipes_as_concat(false)
        .no_engine_substitution(false)
        .timezone(None)
        .ssl_mode(MySqlSslMode::Disabled);
    let pool = MySqlPoolOptions::new()
        .max_connections(CONNECTIONS)
        .test_before_acquire(false)
        .connect_with(options)
        .await?;
    let scripts = crate::workspace::root().join("backend-mysql/tests/suite/qtopology_mysql");
    for script in std::iter::once("init".to_owned()).chain((1..=VERSION).map(|number| format!("v{number}"))) {
        let file = scripts.join(format!("{script}.sql"));
        let sql = std::fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
        run(&pool, sql).await.with_context(|| script)?;
    }
    let numbers: Vec<_> = (0..topologies).collect();
    for some in numbers.chunks(AT_ONCE) {
        // As its qtopology_sp_register_topology makes them, which reads the whole table for each.
        let rows = some.iter().map(|number| {
            format!("('topology-{number:06}', '{{\"command\":[\"work\"]}}', 'unassigned', null, 1, '', NOW(), null, 1)")
        });
        let rows = rows.collect::<Vec<_>>().join(",");
        run(
            &pool,
            format!(
                "insert into qtopology_topology(uuid, config, status, worker, weight, worker_affinity, last_ping, error, enabled) \
                 values {rows};"
            ),
        )
        .await?;
    }
    run(
        &pool,
        "insert into qtopology_topology_history(ts, uuid, status, worker, weight, worker_affinity, error, enabled, pid) \
         select NOW(), uuid, status, worker, weight, worker_affinity, error, enabled, pid from qtopology_topology;"
            .to_owned(),
    )
    .await?;
    Ok(pool)
}

/// Callers, each with a topology of its own among the others.
pub(crate) async fn callers(pool: &MySqlPool, callers: usize) -> Result<Vec<Arc<OldCaller>>> {
    let mut made = Vec::new();
    for number in 0..callers {
        let caller = OldCaller {
            pool: pool.clone(),
            topology: format!("topology-{number:06}"),
            worker: format!("caller-{number}"),
            calls: AtomicU64::new(0),
        };
        run(pool, caller.assign(&caller.worker)).await?;
        made.push(Arc::new(caller));
    }
    Ok(made)
}

/// One call. Each changes something.
pub(crate) async fn call(caller: Arc<OldCaller>, what: Call) -> Result<Step> {
    let odd = caller.calls.fetch_add(1, Ordering::Relaxed) % 2 == 1;
    match what {
        Call::Assign => {
            let worker = if odd { "another" } else { &caller.worker };
            run(&caller.pool, caller.assign(worker)).await?;
        }
        Call::Report => {
            let (status, error) = if odd {
                ("error", "'a bad day'")
            } else {
                ("running", "''")
            };
            run(&caller.pool, caller.report(status, error)).await?;
        }
        Call::List => {
            let sql = "select uuid, status, worker, weight, worker_affinity, enabled, last_ping, pid from qtopology_topology;";
            let rows = sqlx::raw_sql(sql).fetch_all(&caller.pool).await?;
            let topologies = rows.iter().map(status).collect::<Result<Vec<_>>>()?;
            ensure!(!topologies.is_empty(), "its list is empty");
        }
    }
    Ok(Step::Done)
}

impl OldCaller {
    fn assign(&self, worker: &str) -> String {
        let (now, uuid) = (now(), &self.topology);
        format!(
            "update qtopology_topology set last_ping = {now}, status = 'waiting', worker = '{worker}' where uuid = '{uuid}';\
             call qtopology_sp_add_topology_history('{uuid}');"
        )
    }

    fn report(&self, status: &str, error: &str) -> String {
        let (now, uuid, worker) = (now(), &self.topology, &self.worker);
        format!(
            "update qtopology_topology set status = '{status}', last_ping = {now}, error = {error} \
             where uuid = '{uuid}' and worker = '{worker}';\
             call qtopology_sp_add_topology_history('{uuid}');"
        )
    }
}

/// The time of its own clock, as it writes it.
fn now() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("FROM_UNIXTIME({} / 1000)", now.as_millis())
}

async fn run(pool: &MySqlPool, sql: String) -> Result<()> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(pool).await?;
    Ok(())
}

fn status(row: &MySqlRow) -> Result<Status> {
    let affinity: Option<&str> = row.try_get(4)?;
    let names = affinity.unwrap_or_default().split(',').filter(|name| !name.is_empty());
    Ok(Status {
        uuid: row.try_get(0)?,
        status: row.try_get(1)?,
        worker: row.try_get(2)?,
        weight: row.try_get(3)?,
        affinity: names.map(str::to_owned).collect(),
        enabled: row.try_get::<i8, _>(5)? != 0,
        last_ping: row.try_get_unchecked(6)?,
        pid: row.try_get(7)?,
    })
}
