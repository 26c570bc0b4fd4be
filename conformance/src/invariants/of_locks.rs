//! What must hold of any answers about locks.

use std::collections::HashMap;

use convoke_core::{
    Lock, LockAcquisition, LockName, LockRelease, LockRenewal, LockToken, LocksAnswer as LA, LocksOperation as LO,
    Operation, Timestamp,
};

use crate::case::Check;
use crate::expect::holds;

/// What the answers so far have told.
#[derive(Debug, Default)]
pub(super) struct Watch {
    latest: Option<LockToken>,
    held: HashMap<LockName, Lock>,
}

impl Watch {
    pub(super) fn see(&mut self, now: Timestamp, operation: &Operation, answer: &LA) -> Check {
        match (operation, answer) {
            (_, LA::AcquireLock(LockAcquisition::Acquired(lock))) => {
                let grown = self.latest.is_none_or(|latest| latest < lock.token);
                holds("a token greater than all before it", grown, (lock, self.latest))?;
                let before = self.held.get(&lock.name).filter(|before| before.is_live(now));
                holds("no lock of two holders", before.is_none(), (lock, before))?;
                self.latest = Some(lock.token);
                self.held.insert(lock.name.clone(), lock.clone());
                Ok(())
            }
            (_, LA::RenewLock(LockRenewal::Renewed(lock))) => {
                let longer = self.held.get(&lock.name).is_some_and(|before| {
                    before.is_live(now) && before.token == lock.token && before.expires <= lock.expires
                });
                holds("a lock prolonged while it is held, and not shortened", longer, lock)?;
                self.held.insert(lock.name.clone(), lock.clone());
                Ok(())
            }
            (Operation::Locks(LO::ReleaseLock { lock }), LA::ReleaseLock(LockRelease::Released)) => {
                self.see_held(now, self.held.get(&lock.name).unwrap_or(lock))?;
                self.held.remove(&lock.name);
                Ok(())
            }
            (
                _,
                LA::AcquireLock(LockAcquisition::HeldBy(lock))
                | LA::RenewLock(LockRenewal::Lost(Some(lock)))
                | LA::ReleaseLock(LockRelease::Lost(Some(lock)))
                | LA::GetLock(Some(lock)),
            ) => self.see_held(now, lock),
            (Operation::Locks(LO::CheckLock { name, token }), LA::CheckLock(())) => {
                let held = self.held.get(name);
                let holding = held.is_some_and(|lock| lock.token == *token && lock.is_live(now));
                holds("a token that holds its lock", holding, (name, token, held))
            }
            (_, LA::ListLocks(page)) => {
                let ordered = page.items.is_sorted_by(|a, b| a.name.as_str() < b.name.as_str());
                holds("locks ordered by the bytes of their names", ordered, page)?;
                page.items.iter().try_for_each(|lock| self.see_held(now, lock))
            }
            _ => Ok(()),
        }
    }

    fn see_held(&self, now: Timestamp, lock: &Lock) -> Check {
        let held = self.held.get(&lock.name);
        holds("a lock as it was given out last", held == Some(lock), (lock, held))?;
        holds("a lock that lives", lock.is_live(now), lock)
    }
}
