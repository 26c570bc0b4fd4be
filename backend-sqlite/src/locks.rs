//! Locks in SQLite.

use convoke_core::locks::{MAX_SWEPT, check_token, decide_acquisition, decide_holding, prolonged};
use convoke_core::{
    Cursor, Lock, LockAcquisition, LockName, LockOwner, LockRelease, LockRenewal, LockToken, Locks, Page, Paged,
    Result, Ttl, async_trait,
};
use rusqlite::Row;

use crate::error::{Fault, corrupt};
use crate::store::SqliteStore;
use crate::transaction::{Transaction, number, stored, text, timestamp};

#[async_trait]
impl Locks for SqliteStore {
    async fn acquire_lock(&self, name: &LockName, owner: &LockOwner, ttl: Ttl) -> Result<LockAcquisition> {
        let (name, owner) = (name.clone(), owner.clone());
        self.write("locks.acquire", move |step| acquire(step, name, owner, ttl))
            .await
    }

    async fn renew_lock(&self, lock: &Lock, ttl: Ttl) -> Result<LockRenewal> {
        let lock = lock.clone();
        self.write("locks.renew", move |step| {
            let kept = find(step, &lock.name)?;
            Ok(match decide_holding(kept.as_ref(), &lock, step.now) {
                Ok(held) => {
                    let renewed = prolonged(&held, ttl, step.now);
                    keep(step, &renewed)?;
                    LockRenewal::Renewed(renewed)
                }
                Err(holder) => LockRenewal::Lost(holder),
            })
        })
        .await
    }

    async fn release_lock(&self, lock: &Lock) -> Result<LockRelease> {
        let lock = lock.clone();
        self.write("locks.release", move |step| {
            let kept = find(step, &lock.name)?;
            Ok(match decide_holding(kept.as_ref(), &lock, step.now) {
                Ok(held) => {
                    drop_lock(step, &held.name)?;
                    LockRelease::Released
                }
                Err(holder) => LockRelease::Lost(holder),
            })
        })
        .await
    }

    async fn check_lock(&self, name: &LockName, token: LockToken) -> Result<()> {
        let name = name.clone();
        self.read("locks.check", move |step| {
            Ok(check_token(find(step, &name)?.as_ref(), &name, token, step.now)?)
        })
        .await
    }

    async fn get_lock(&self, name: &LockName) -> Result<Option<Lock>> {
        let name = name.clone();
        self.read("locks.get", move |step| {
            Ok(find(step, &name)?.filter(|lock| lock.is_live(step.now)))
        })
        .await
    }

    async fn list_locks(&self, page: &Page) -> Result<Paged<Lock>> {
        let page = page.clone();
        self.read("locks.list", move |step| list(step, &page)).await
    }
}

fn acquire(step: &Transaction<'_>, name: LockName, owner: LockOwner, ttl: Ttl) -> Result<LockAcquisition, Fault> {
    if let Err(held) = decide_acquisition(find(step, &name)?.as_ref(), step.now) {
        return Ok(LockAcquisition::HeldBy(held));
    }
    let lock = Lock {
        name,
        owner,
        token: LockToken::from_number(step.next("lock")?),
        expires: step.now.plus(ttl),
    };
    keep(step, &lock)?;
    sweep(step)?;
    Ok(LockAcquisition::Acquired(lock))
}

/// The lock as it is kept, perhaps over already.
fn find(step: &Transaction<'_>, name: &LockName) -> Result<Option<Lock>, Fault> {
    step.first(
        "SELECT name, owner, token, expires FROM convoke_lock WHERE name = ?1",
        [name.as_str()],
        read_lock,
    )
}

fn keep(step: &Transaction<'_>, lock: &Lock) -> Result<(), Fault> {
    step.execute(
        "INSERT INTO convoke_lock (name, owner, token, expires) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, token = excluded.token, expires = excluded.expires",
        (
            lock.name.as_str(),
            lock.owner.as_str(),
            stored(lock.token.number()),
            lock.expires.as_micros(),
        ),
    )?;
    Ok(())
}

fn drop_lock(step: &Transaction<'_>, name: &LockName) -> Result<(), Fault> {
    step.execute("DELETE FROM convoke_lock WHERE name = ?1", [name.as_str()])?;
    Ok(())
}

/// Removes a few locks of others that ran out, the longest over first.
fn sweep(step: &Transaction<'_>) -> Result<(), Fault> {
    let mut over = Vec::with_capacity(MAX_SWEPT);
    step.walk(
        "SELECT name FROM convoke_lock WHERE expires <= ?1 ORDER BY expires, name",
        [step.now.as_micros()],
        |row| {
            over.push(lock_name(row, 0)?);
            Ok(over.len() < MAX_SWEPT)
        },
    )?;
    over.iter().try_for_each(|name| drop_lock(step, name))
}

fn list(step: &Transaction<'_>, page: &Page) -> Result<Paged<Lock>, Fault> {
    let after = page.after.as_ref().map(Cursor::lock).transpose()?;
    let mut items = Vec::new();
    step.walk(
        "SELECT name, owner, token, expires FROM convoke_lock WHERE name > ?1 ORDER BY name",
        [after.as_ref().map_or("", LockName::as_str)],
        |row| {
            let lock = read_lock(row)?;
            if lock.is_live(step.now) {
                items.push(lock);
            }
            Ok(items.len() <= page.limit.as_usize())
        },
    )?;
    Ok(Paged::cut(items, page.limit, |last: &Lock| {
        Cursor::behind_lock(&last.name)
    }))
}

/// Reads a row of `name, owner, token, expires`.
fn read_lock(row: &Row<'_>) -> Result<Lock, Fault> {
    let owner = LockOwner::new(text(row, 1)?);
    Ok(Lock {
        name: lock_name(row, 0)?,
        owner: owner.map_err(|_| corrupt("the file holds a lock's owner that breaks the rules of names"))?,
        token: LockToken::from_number(number(row, 2)?),
        expires: timestamp(row, 3)?,
    })
}

fn lock_name(row: &Row<'_>, column: usize) -> Result<LockName, Fault> {
    let name = LockName::new(text(row, column)?);
    name.map_err(|_| corrupt("the file holds a lock's name that breaks the rules of names").into())
}
