//! Locks in memory.

use std::ops::Bound;

use convoke_core::locks::{MAX_SWEPT, check_token, decide_acquisition, decide_holding, prolonged};
use convoke_core::{
    Cursor, Lock, LockAcquisition, LockName, LockOwner, LockRelease, LockRenewal, LockToken, Page, Paged, Result,
    Timestamp, Ttl,
};

use crate::state::State;

impl State {
    pub(crate) fn acquire_lock(
        &mut self,
        name: &LockName,
        owner: &LockOwner,
        ttl: Ttl,
        now: Timestamp,
    ) -> LockAcquisition {
        if let Err(held) = decide_acquisition(self.locks.get(name), now) {
            return LockAcquisition::HeldBy(held);
        }
        self.latest_lock += 1;
        let lock = Lock {
            name: name.clone(),
            owner: owner.clone(),
            token: LockToken::from_number(self.latest_lock),
            expires: now.plus(ttl),
        };
        self.keep(lock.clone());
        self.sweep(now);
        LockAcquisition::Acquired(lock)
    }

    pub(crate) fn renew_lock(&mut self, lock: &Lock, ttl: Ttl, now: Timestamp) -> LockRenewal {
        match decide_holding(self.locks.get(&lock.name), lock, now) {
            Ok(held) => {
                let renewed = prolonged(&held, ttl, now);
                self.keep(renewed.clone());
                LockRenewal::Renewed(renewed)
            }
            Err(holder) => LockRenewal::Lost(holder),
        }
    }

    pub(crate) fn release_lock(&mut self, lock: &Lock, now: Timestamp) -> LockRelease {
        match decide_holding(self.locks.get(&lock.name), lock, now) {
            Ok(held) => {
                self.drop_lock(&held.name);
                LockRelease::Released
            }
            Err(holder) => LockRelease::Lost(holder),
        }
    }

    pub(crate) fn check_lock(&self, name: &LockName, token: LockToken, now: Timestamp) -> Result<()> {
        check_token(self.locks.get(name), name, token, now)
    }

    pub(crate) fn get_lock(&self, name: &LockName, now: Timestamp) -> Option<Lock> {
        self.locks.get(name).filter(|lock| lock.is_live(now)).cloned()
    }

    pub(crate) fn list_locks(&self, page: &Page, now: Timestamp) -> Result<Paged<Lock>> {
        let after = page.after.as_ref().map(Cursor::lock).transpose()?;
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let behind = self.locks.range((from, Bound::Unbounded)).map(|(_, lock)| lock);
        let live = behind.filter(|lock| lock.is_live(now)).take(page.limit.as_usize() + 1);
        Ok(Paged::cut(live.cloned().collect(), page.limit, |last: &Lock| {
            Cursor::behind_lock(&last.name)
        }))
    }

    fn keep(&mut self, lock: Lock) {
        self.drop_lock(&lock.name);
        self.locks_by_end.insert((lock.expires, lock.name.clone()));
        self.locks.insert(lock.name.clone(), lock);
    }

    fn drop_lock(&mut self, name: &LockName) {
        if let Some(lock) = self.locks.remove(name) {
            self.locks_by_end.remove(&(lock.expires, lock.name));
        }
    }

    fn sweep(&mut self, now: Timestamp) {
        let over = self.locks_by_end.iter().take_while(|(expires, _)| *expires <= now);
        let over: Vec<_> = over.take(MAX_SWEPT).map(|(_, name)| name.clone()).collect();
        for name in &over {
            self.drop_lock(name);
        }
    }
}
