//! Random deeds with locks.

use convoke_core::{
    Lock, LockAcquisition, LockName, LockOwner, LockRelease, LockRenewal, LockToken, LocksAnswer as LA,
    LocksOperation as LO, Result, Timestamp,
};
use proptest::prelude::*;

use super::{Known, Recency, length, limit, recency};

const LOCKS: [&str; 3] = ["l", "L", "l'"];
const OWNERS: [&str; 2] = ["o", "O"];

/// What somebody may do with a lock. `which` and `owner` number the names.
#[derive(Clone, Copy, Debug)]
#[rustfmt::skip]
pub(crate) enum LockDeed {
    Acquire { which: usize, owner: usize, length: usize },
    Renew { recency: Recency, as_owner: Option<usize>, length: usize },
    Release { recency: Recency, as_owner: Option<usize> },
    Check { recency: Recency, which: Option<usize> },
    Get { which: usize },
    List { limit: u32, on: bool },
}

pub(super) fn deed() -> impl Strategy<Value = LockDeed> {
    let which = || prop_oneof![3 => Just(0), 2 => Just(1), 1 => Just(2)];
    let owner = || 0..OWNERS.len();
    let as_owner = || prop::option::weighted(0.1, owner());
    prop_oneof![
        6 => (which(), owner(), length())
            .prop_map(|(which, owner, length)| LockDeed::Acquire { which, owner, length }),
        4 => (recency(), as_owner(), length())
            .prop_map(|(recency, as_owner, length)| LockDeed::Renew { recency, as_owner, length }),
        2 => (recency(), as_owner()).prop_map(|(recency, as_owner)| LockDeed::Release { recency, as_owner }),
        2 => (recency(), prop::option::weighted(0.2, which()))
            .prop_map(|(recency, which)| LockDeed::Check { recency, which }),
        2 => which().prop_map(|which| LockDeed::Get { which }),
        2 => (limit(), any::<bool>()).prop_map(|(limit, on)| LockDeed::List { limit, on }),
    ]
}

impl LockDeed {
    #[rustfmt::skip]
    pub(super) fn operation(self, known: &mut Known, now: Timestamp) -> Result<LO> {
        Ok(match self {
            Self::Acquire { which, owner, length } => {
                let ttl = known.lasting(length, now);
                LO::AcquireLock { name: name(which)?, owner: LockOwner::new(OWNERS[owner])?, ttl }
            }
            Self::Renew { recency, as_owner, length } => {
                let lock = lock(known, recency, as_owner)?;
                LO::RenewLock { lock, ttl: known.lasting(length, now) }
            }
            Self::Release { recency, as_owner } => LO::ReleaseLock { lock: lock(known, recency, as_owner)? },
            Self::Check { recency, which } => {
                let lock = lock(known, recency, None)?;
                let name = which.map_or(Ok(lock.name), name)?;
                LO::CheckLock { name, token: lock.token }
            }
            Self::Get { which } => LO::GetLock { name: name(which)? },
            Self::List { limit, on } => LO::ListLocks { page: known.page("locks", limit, on)? },
        })
    }
}

pub(super) fn learn(known: &mut Known, answer: &LA) {
    match answer {
        LA::AcquireLock(LockAcquisition::Acquired(lock) | LockAcquisition::HeldBy(lock))
        | LA::RenewLock(LockRenewal::Renewed(lock) | LockRenewal::Lost(Some(lock)))
        | LA::ReleaseLock(LockRelease::Lost(Some(lock))) => known.locks.push(lock.clone()),
        LA::ListLocks(page) => known.turn("locks", page.next.clone()),
        _ => {}
    }
}

fn name(which: usize) -> Result<LockName> {
    LockName::new(LOCKS[which])
}

/// A lock as it was given out once, or in another owner's hands, or one that nobody ever had.
fn lock(known: &Known, recency: Recency, as_owner: Option<usize>) -> Result<Lock> {
    let given = known.locks.iter().nth_back(recency).cloned();
    let lock = given.map_or_else(
        || {
            Ok(Lock {
                name: name(0)?,
                owner: LockOwner::new(OWNERS[0])?,
                token: LockToken::from_number(0),
                expires: Timestamp::EPOCH,
            })
        },
        Ok::<_, convoke_core::Error>,
    )?;
    Ok(match as_owner {
        Some(owner) => Lock {
            owner: LockOwner::new(OWNERS[owner])?,
            ..lock
        },
        None => lock,
    })
}
