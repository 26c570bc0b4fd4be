//! Saboteurs of opening, of the clock, and of hints.

use std::sync::LazyLock;
use std::time::Duration;

use convoke_backend_memory::MemoryStore;
use convoke_core::{
    Answer, Clock, Confirmed, Error, ErrorKind, Installation, LeadershipOperation as LO, ManualClock, Operation,
    Registration, Result, Timestamp, WorkerName, WorkersOperation as WO,
};

use super::Layer;

const YES: Confirmed = Confirmed::YesDeleteEverything;

/// One read among all operations asks the host what time it is.
pub(super) async fn a_read_goes_by_the_clock_of_the_host(layer: Layer, operation: Operation) -> Result<Answer> {
    match operation {
        Operation::Workers(WO::CountWorkers {}) => operation.run(&layer.store.with_clock(Clock::Store)).await,
        other => layer.honestly(other).await,
    }
}

pub(super) async fn all_go_by_the_clock_of_the_host(store: MemoryStore, _: Clock) -> Result<MemoryStore> {
    Ok(store.with_clock(Clock::Store))
}

/// As with `created` of qtopology, which has whole seconds; here the clock stands still within one.
pub(super) async fn times_are_cut_to_the_second(store: MemoryStore, clock: Clock) -> Result<MemoryStore> {
    let seconds = clock.host_now().as_micros() / 1_000_000;
    let cut = Timestamp::from_micros(seconds * 1_000_000);
    Ok(store.with_clock(Clock::Manual(ManualClock::new(cut))))
}

/// A fault of qtopology: two versions at once delete all messages (10).
pub(super) async fn opening_empties_the_store(store: MemoryStore, clock: Clock) -> Result<MemoryStore> {
    store.clear(YES).await?;
    Ok(store.with_clock(clock))
}

pub(super) async fn a_second_handle_is_alone(_: MemoryStore, clock: Clock) -> Result<MemoryStore> {
    Ok(MemoryStore::new(clock))
}

pub(super) async fn clearing_resets_the_counters(layer: Layer) -> Result<()> {
    layer.store.reset(YES).await
}

/// Resigns for whoever leads, and clears then.
pub(super) async fn clearing_forgets_the_promise(layer: Layer) -> Result<()> {
    if let Some(lease) = super::of_leadership::live_lease(&layer).await? {
        layer.honestly(LO::Resign { lease }).await?;
    }
    layer.store.clear(YES).await
}

/// Says truly what it does not know.
pub(super) async fn over_a_bad_network(layer: Layer, operation: Operation) -> Result<Answer> {
    let lost = |message| Err(Error::new(ErrorKind::OutcomeUnknown, message));
    let call = {
        let mut notes = layer.notes.lock();
        notes.calls += 1;
        notes.calls
    };
    match call % 13 {
        3 => Err(Error::new(ErrorKind::Unavailable, "the network is down")),
        7 => lost("the request was lost on its way"),
        11 => {
            layer.honestly(operation).await?;
            lost("the reply was lost on its way")
        }
        _ => layer.honestly(operation).await,
    }
}

/// Waits for a hint as long as it may, though what it waits for is there.
pub(super) async fn a_lost_hint_is_waited_for(_: Layer, _: WorkerName, at_most: Duration) {
    tokio::time::sleep(at_most).await;
}

static ONE_FOR_ALL: LazyLock<MemoryStore> = LazyLock::new(|| MemoryStore::new(Clock::Store));

pub(super) fn all_installations_are_one() -> MemoryStore {
    ONE_FOR_ALL.clone()
}

/// The registration that a worker has at present.
pub(super) async fn current(layer: &Layer, worker: &WorkerName) -> Result<Registration> {
    use convoke_core::Workers;
    let incarnation = layer.store.get_worker(worker).await?.incarnation;
    Ok(Registration {
        worker: worker.clone(),
        incarnation,
    })
}
