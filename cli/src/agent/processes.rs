//! Units of work that are processes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use convoke::runtime::{Backoff, CancellationToken, Failure, Permanent, Unit, Work, async_trait};
use convoke::{TopologyId, WorkerName};

use super::events::Event;
use super::keeper::Keeper;
use super::log::Logs;
use crate::guard::{Household, Schedule};
use crate::unit::UnitConfig;
use crate::voice::Voice;

/// Runs each unit as a process.
pub(crate) struct Processes {
    /// The name of the agent.
    pub(crate) worker: WorkerName,
    pub(crate) household: Household,
    pub(crate) schedule: Schedule,
    /// Whether guards let a stopped agent go on once its unit is gone.
    pub(crate) wake_agent: bool,
    /// How long after its end a unit that is always to run is started again: at first, and at most.
    pub(crate) restart_after: (Duration, Duration),
    pub(crate) logs: Logs,
    pub(crate) voice: Voice,
    /// Kills all units when cancelled.
    pub(crate) kill: CancellationToken,
    /// What is cancelled when nothing is left of a unit.
    pub(crate) kept: Mutex<HashMap<TopologyId, CancellationToken>>,
}

#[async_trait]
impl Work for Processes {
    async fn run(&self, unit: Unit) -> Result<(), Failure> {
        let id = unit.id().clone();
        let ended = match crate::unit::unit(unit.config()) {
            Ok(config) => self.keep(unit, config).await,
            Err(error) => Err(Permanent::new(format!(
                "`convoke agent` can't run this config: {error}; register one that has a command, or name the workers \
                 that understand it as its worker_affinity, and clear the error"
            ))
            .into()),
        };
        if let Err(error) = &ended {
            let error = error.to_string();
            self.voice.say(&Event::UnitFailed { topology: id, error });
        }
        ended
    }

    async fn gone(&self, topology: &TopologyId) {
        let gone = self.kept().get(topology).cloned();
        if let Some(gone) = gone {
            gone.cancelled().await;
            self.kept().remove(topology);
        }
    }
}

impl Processes {
    /// Keeps the unit in a task of its own, which goes on when this future is dropped until nothing is left of the unit.
    async fn keep(&self, unit: Unit, config: UnitConfig) -> Result<(), Failure> {
        let kill = self.kill.child_token();
        let gone = CancellationToken::new();
        self.kept().insert(unit.id().clone(), gone.clone());
        let keeper = Keeper {
            config,
            worker: self.worker.clone(),
            household: self.household.clone(),
            schedule: self.schedule,
            wake_agent: self.wake_agent,
            backoff: Backoff::new(self.restart_after.0, self.restart_after.1),
            log: Arc::new(Mutex::new(self.logs.of(unit.id()))),
            voice: self.voice.clone(),
            unit,
            kill: kill.clone(),
        };
        let _when_dropped = kill.drop_guard();
        let task = tokio::spawn(async move {
            let _at_last = gone.drop_guard();
            keeper.keep().await
        });
        task.await.unwrap_or_else(|panic| Err(panic.into()))
    }

    /// Waits until nothing is left of any unit.
    pub(crate) async fn all_gone(&self) {
        let all: Vec<_> = self.kept().values().cloned().collect();
        for gone in all {
            gone.cancelled().await;
        }
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<TopologyId, CancellationToken>> {
        // Each change of the map is whole whatever became of whoever held it.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
