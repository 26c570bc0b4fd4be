//! Locks on MySQL: what the procedures answer, as answers of the trait.

use convoke_core::{
    Cursor, Lock, LockAcquisition, LockName, LockOwner, LockRelease, LockRenewal, LockToken, Locks, Page, Paged,
    Result, Ttl, async_trait, error, locks::MAX_SWEPT,
};
use sqlx::mysql::MySqlRow;

use crate::call::{Param, sql_now};
use crate::error::unexpected;
use crate::row::{Columns, outcome};
use crate::store::MysqlStore;

/// Restates `core::locks::Lock::is_live`.
macro_rules! select_live_locks {
    ($where:literal) => {
        concat!(
            "SELECT 'live', l.owner, l.token, l.expires_us, l.name FROM (SELECT ",
            sql_now!(),
            " AS now_us) AS t STRAIGHT_JOIN convoke_lock AS l FORCE INDEX (PRIMARY) WHERE t.now_us < l.expires_us AND ",
            $where
        )
    };
}

#[async_trait]
impl Locks for MysqlStore {
    async fn acquire_lock(&self, name: &LockName, owner: &LockOwner, ttl: Ttl) -> Result<LockAcquisition> {
        const AT: &str = "locks.acquire";
        let params = [
            name.as_str().into(),
            owner.as_str().into(),
            ttl.as_micros().into(),
            (MAX_SWEPT as u64).into(),
            self.now_param(),
        ];
        let rows = self
            .write(AT, "CALL convoke_acquire_lock(?, ?, ?, ?, ?)", &params)
            .await?;
        acquisition(&rows, name).map_err(|error| error.at(AT))
    }

    async fn renew_lock(&self, lock: &Lock, ttl: Ttl) -> Result<LockRenewal> {
        const AT: &str = "locks.renew";
        let [name, owner, token] = params_of(lock);
        let params = [name, owner, token, ttl.as_micros().into(), self.now_param()];
        let rows = self
            .write(AT, "CALL convoke_renew_lock(?, ?, ?, ?, ?)", &params)
            .await?;
        renewal(&rows, &lock.name).map_err(|error| error.at(AT))
    }

    async fn release_lock(&self, lock: &Lock) -> Result<LockRelease> {
        const AT: &str = "locks.release";
        let [name, owner, token] = params_of(lock);
        let params = [name, owner, token, self.now_param()];
        let rows = self.write(AT, "CALL convoke_release_lock(?, ?, ?, ?)", &params).await?;
        release(&rows, &lock.name).map_err(|error| error.at(AT))
    }

    async fn check_lock(&self, name: &LockName, token: LockToken) -> Result<()> {
        const AT: &str = "locks.check";
        let sql = select_live_locks!("l.name = ? AND l.token = ?");
        let params = [self.now_param(), name.as_str().into(), token.number().into()];
        let rows = self.read(AT, sql, &params).await?;
        match rows.first() {
            Some(_) => Ok(()),
            None => Err(error::stale_lock(name, token).at(AT)),
        }
    }

    async fn get_lock(&self, name: &LockName) -> Result<Option<Lock>> {
        const AT: &str = "locks.get";
        let sql = select_live_locks!("l.name = ?");
        let rows = self.read(AT, sql, &[self.now_param(), name.as_str().into()]).await?;
        let lock = rows.first().map(|row| lock(row, name.clone())).transpose();
        lock.map_err(|error| error.at(AT))
    }

    async fn list_locks(&self, page: &Page) -> Result<Paged<Lock>> {
        const AT: &str = "locks.list";
        let after = page.after.as_ref().map(Cursor::lock).transpose();
        let after = after.map_err(|error| error.at(AT))?;
        let after = after.as_ref().map_or("", LockName::as_str);
        let sql = select_live_locks!("l.name > ? ORDER BY l.name LIMIT ?");
        let params = [self.now_param(), after.into(), (page.limit.get() + 1).into()];
        let rows = self.read(AT, sql, &params).await?;
        let locks = rows.iter().map(listed).collect::<Result<_>>();
        let locks = locks.map_err(|error| error.at(AT))?;
        Ok(Paged::cut(locks, page.limit, |last: &Lock| {
            Cursor::behind_lock(&last.name)
        }))
    }
}

fn params_of(lock: &Lock) -> [Param<'_>; 3] {
    [
        lock.name.as_str().into(),
        lock.owner.as_str().into(),
        lock.token.number().into(),
    ]
}

fn acquisition(rows: &[MySqlRow], name: &LockName) -> Result<LockAcquisition> {
    match (outcome(rows)?, rows.first()) {
        (Some("acquired"), Some(row)) => Ok(LockAcquisition::Acquired(lock(row, name.clone())?)),
        (Some("held"), Some(row)) => Ok(LockAcquisition::HeldBy(lock(row, name.clone())?)),
        _ => Err(unexpected("an unknown outcome")),
    }
}

fn renewal(rows: &[MySqlRow], name: &LockName) -> Result<LockRenewal> {
    match (outcome(rows)?, rows.first()) {
        (Some("renewed"), Some(row)) => Ok(LockRenewal::Renewed(lock(row, name.clone())?)),
        (Some("lost"), Some(row)) => Ok(LockRenewal::Lost(holder(row, name)?)),
        _ => Err(unexpected("an unknown outcome")),
    }
}

fn release(rows: &[MySqlRow], name: &LockName) -> Result<LockRelease> {
    match (outcome(rows)?, rows.first()) {
        (Some("released"), _) => Ok(LockRelease::Released),
        (Some("lost"), Some(row)) => Ok(LockRelease::Lost(holder(row, name)?)),
        _ => Err(unexpected("an unknown outcome")),
    }
}

/// Who has the lock now; nobody when there is no owner.
fn holder(row: &MySqlRow, name: &LockName) -> Result<Option<Lock>> {
    match Columns(row).some_text(1)? {
        None => Ok(None),
        Some(_) => lock(row, name.clone()).map(Some),
    }
}

fn listed(row: &MySqlRow) -> Result<Lock> {
    let name = LockName::new(Columns(row).text(4)?).map_err(|source| unexpected("a name").caused_by(source))?;
    lock(row, name)
}

/// Reads owner, token and expires_us, behind the outcome.
fn lock(row: &MySqlRow, name: LockName) -> Result<Lock> {
    let row = Columns(row);
    Ok(Lock {
        name,
        owner: LockOwner::new(row.text(1)?).map_err(|source| unexpected("an owner").caused_by(source))?,
        token: LockToken::from_number(row.number(2)?),
        expires: row.time(3)?,
    })
}
