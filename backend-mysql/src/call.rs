//! One call of the server: one round trip, with its time-out, its retries where nothing can have happened, and its errors.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use convoke_core::{Result, Timestamp};
use sqlx::mysql::{MySqlArguments, MySqlRow};
use sqlx::query::Query;
use sqlx::{Executor, MySql};

use crate::connection::Pool;
use crate::error::{self, Stage};

/// How often a call that gave way is made again.
const RETRIES: u32 = 8;

/// The time by the server's clock, or that of a handle whose clock is moved by hand: microseconds of UTC.
macro_rules! sql_now {
    () => {
        "COALESCE(?, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)))"
    };
}
pub(crate) use sql_now;

/// A parameter of a prepared statement.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Param<'a> {
    Text(&'a str),
    SomeText(Option<&'a str>),
    Int(Option<i64>),
    Float(f64),
    Token([u8; 16]),
}

impl<'a> From<&'a str> for Param<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl From<Timestamp> for Param<'_> {
    fn from(at: Timestamp) -> Self {
        Self::Int(Some(at.as_micros()))
    }
}

impl From<Option<Timestamp>> for Param<'_> {
    fn from(at: Option<Timestamp>) -> Self {
        Self::Int(at.map(Timestamp::as_micros))
    }
}

impl From<u64> for Param<'_> {
    /// Numbers beyond the range of the columns are none that a store gave out; the greatest stands for them.
    fn from(number: u64) -> Self {
        Self::Int(Some(i64::try_from(number).unwrap_or(i64::MAX)))
    }
}

impl From<u32> for Param<'_> {
    fn from(number: u32) -> Self {
        Self::Int(Some(i64::from(number)))
    }
}

impl From<Option<u32>> for Param<'_> {
    fn from(number: Option<u32>) -> Self {
        Self::Int(number.map(i64::from))
    }
}

/// Runs a statement that may change something.
pub(crate) async fn write(
    pool: &Pool,
    sql: &'static str,
    params: &[Param<'_>],
    deadline: Instant,
) -> Result<Vec<MySqlRow>> {
    run(pool, sql, params, Stage::Writing, deadline).await
}

/// Runs a statement that changes nothing.
pub(crate) async fn read(
    pool: &Pool,
    sql: &'static str,
    params: &[Param<'_>],
    deadline: Instant,
) -> Result<Vec<MySqlRow>> {
    run(pool, sql, params, Stage::Reading, deadline).await
}

async fn run(
    pool: &Pool,
    sql: &'static str,
    params: &[Param<'_>],
    stage: Stage,
    deadline: Instant,
) -> Result<Vec<MySqlRow>> {
    let mut tried = 0;
    loop {
        let failed = match once(pool, sql, params, stage, deadline).await? {
            Ok(rows) => return Ok(rows),
            Err(failed) => failed,
        };
        tried += 1;
        let pause = pause(tried);
        if !may_retry(pool, &failed, stage, tried, deadline, pause) {
            return Err(error::from_sqlx(failed, stage));
        }
        tokio::time::sleep(pause).await;
    }
}

/// Makes the call once. The outer error is final.
async fn once(
    pool: &Pool,
    sql: &'static str,
    params: &[Param<'_>],
    stage: Stage,
    deadline: Instant,
) -> Result<Result<Vec<MySqlRow>, sqlx::Error>> {
    let mut leased = pool.acquire(deadline).await?;
    // All rows to the end: an error after the first one must not be lost.
    let answer = leased.connection.fetch_all(bound(sql, params));
    match tokio::time::timeout_at(deadline.into(), answer).await {
        Err(_) => Err(error::timed_out(stage)),
        Ok(Ok(rows)) => {
            leased.give_back();
            Ok(Ok(rows))
        }
        // Whatever went wrong, the session may hold a transaction: closing it ends that.
        Ok(Err(failed)) => {
            drop(leased);
            if error::number(&failed).is_none() {
                pool.forget_idle();
            }
            Ok(Err(failed))
        }
    }
}

fn may_retry(pool: &Pool, failed: &sqlx::Error, stage: Stage, tried: u32, deadline: Instant, pause: Duration) -> bool {
    let left = deadline.saturating_duration_since(Instant::now());
    if tried > RETRIES || left <= pause {
        return false;
    }
    if error::is_lock_wait(failed) {
        return left > pool.lock_wait() + pause;
    }
    let is_lost = error::number(failed).is_none() && matches!(failed, sqlx::Error::Io(_) | sqlx::Error::Protocol(_));
    error::is_transient(failed)
        || error::is_missing_routine(failed)
        || (stage == Stage::Reading && is_lost && tried == 1)
}

/// Grows with each try, and differs between callers, so that those who collided do not collide again.
fn pause(tried: u32) -> Duration {
    let noise = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |now| now.subsec_nanos());
    let most = 1_000_u64 << tried.min(6);
    Duration::from_micros(most / 2 + u64::from(noise) / 10 % most)
}

fn bound<'q>(sql: &'static str, params: &'q [Param<'q>]) -> Query<'q, MySql, MySqlArguments> {
    params.iter().fold(sqlx::query(sql), |query, param| match param {
        Param::Text(text) => query.bind(*text),
        Param::SomeText(text) => query.bind(*text),
        Param::Int(number) => query.bind(*number),
        Param::Float(number) => query.bind(*number),
        Param::Token(token) => query.bind(&token[..]),
    })
}
