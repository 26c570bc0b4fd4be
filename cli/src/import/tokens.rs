//! Raises the counters of an installation to those of an export, by giving numbers out.

use anyhow::Result;
use convoke::{
    Candidacy, LockAcquisition, LockName, LockOwner, Payload, SettingKey, SettingsExt, Store, Ttl, WorkerName,
    WorkerStatus,
};
use indicatif::ProgressBar;

use super::MARKER;
use crate::archive::Counters;
use crate::worker::ask::{take_from_the_silent, worker_timeout};

/// The worker and the lock that numbers are given to; they are removed again.
const SCRATCH: &str = "convoke-import";

/// Long enough for a slow store: a lease that is not given back in time only holds the next one up.
const LEASE: Ttl = Ttl::from_secs(5);

pub(super) async fn raise(store: &dyn Store, counters: &Counters, bar: &ProgressBar) -> Result<()> {
    let name = WorkerName::new(SCRATCH)?;
    if counters.incarnation > 0 {
        let give = async || Ok(Some(store.register_worker(&name).await?.incarnation.number()));
        up_to(counters.incarnation, "incarnations", bar, give).await?;
    }
    if let Some(term) = counters.term {
        raise_terms(store, &name, term, bar).await?;
    }
    if counters.incarnation > 0 || counters.term.is_some() {
        store.set_worker_status(&name, None, WorkerStatus::Unloaded).await?;
        // A leader may have taken it for a worker, and given it something.
        take_from_the_silent(store, worker_timeout(store).await?).await?;
        store.delete_worker(&name).await?;
    }
    if counters.lock_token > 0 {
        let (name, owner) = (LockName::new(SCRATCH)?, LockOwner::new(SCRATCH)?);
        let give = async || match store.acquire_lock(&name, &owner, LEASE).await? {
            LockAcquisition::Acquired(lock) => {
                store.release_lock(&lock).await?;
                Ok(Some(lock.token.number()))
            }
            LockAcquisition::HeldBy(lock) => Ok(Some(lock.token.number())),
        };
        up_to(counters.lock_token, "lock tokens", bar, give).await?;
    }
    // The marker is written anew, as it is.
    let key = SettingKey::new(MARKER)?;
    let marker = store.get_setting(&key).await?;
    let value = marker.map_or_else(Payload::empty, |setting| setting.value);
    let give = async || Ok(Some(store.put_setting(&key, &value).await?.number()));
    up_to(counters.revision, "revisions", bar, give).await
}

async fn raise_terms(store: &dyn Store, name: &WorkerName, until: u64, bar: &ProgressBar) -> Result<()> {
    if store
        .leader()
        .await?
        .is_some_and(|leader| leader.term.number() >= until)
    {
        return Ok(());
    }
    let me = store.register_worker(name).await?;
    let mut reached = 0;
    let give = async || match store.campaign(&me, LEASE).await? {
        Candidacy::Elected(lease) => {
            store.resign(&lease).await?;
            reached = lease.term.number();
            Ok(Some(reached))
        }
        // Somebody leads here, or was promised to.
        Candidacy::Deferred(_) => Ok(None),
    };
    up_to(until, "terms", bar, give).await?;
    if reached < until {
        eprintln!(
            "convoke: somebody leads here, so that terms could not be raised to {until}, which the export had; stop all \
             members, and repeat the import, if their terms are handed to anything outside"
        );
    }
    Ok(())
}

/// Gives numbers out until this one is reached, or none is given.
async fn up_to(
    until: u64,
    what: &'static str,
    bar: &ProgressBar,
    mut give: impl AsyncFnMut() -> convoke::Result<Option<u64>>,
) -> Result<()> {
    bar.set_message(format!("raising {what}"));
    bar.set_length(until);
    while let Some(reached) = give().await? {
        bar.set_position(reached.min(until));
        if reached >= until {
            break;
        }
    }
    Ok(())
}
