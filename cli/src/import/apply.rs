//! Puts records into a store. Doing it again changes nothing more.

use std::cell::Cell;
use std::collections::HashMap;

use anyhow::Result;
use convoke::runtime::WORKER_TIMEOUT;
use convoke::{
    Command, ErrorKind, Expected, NewMessage, NewTopology, Payload, SettingWrite, SettingWrites, SettingsWritten,
    Store, Timestamp, TopologyDetails, TopologyStatus, Ttl, WorkerName, WorkerStatus, stream,
};
use futures_util::TryStreamExt;
use futures_util::stream::{StreamExt, iter};
use serde::Serialize;

use super::Mode;
use crate::archive::{Counts, End, Record, SavedMessage, SavedSetting, SavedTopology, SavedWorker};
use crate::args::LARGEST_PAGE;

/// How many calls of the store are under way at once.
const AT_ONCE: usize = 16;

/// What came of it.
#[derive(Debug, Default, Serialize)]
pub(super) struct Imported {
    /// What was put in.
    written: Counts,
    /// What was there already, and stayed as it was.
    kept: Counts,
    /// Messages whose time was over.
    expired: u64,
    #[serde(skip)]
    other_timeout: bool,
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Written,
    Kept,
}

impl Imported {
    pub(super) fn text(&self) -> String {
        let Counts {
            settings,
            workers,
            topologies,
            messages,
            ..
        } = self.written;
        let kept = match self.kept.all() {
            0 => String::new(),
            kept => format!("; {kept} were there and stay as they are"),
        };
        format!("put in: {settings} settings, {workers} workers, {topologies} topologies, {messages} messages{kept}")
    }

    pub(super) fn say_what_was_left_out(&self, end: &End) {
        if self.expired > 0 {
            eprintln!("convoke: {} messages had expired and are left out", self.expired);
        }
        if end.counts.history_rows > 0 {
            eprintln!(
                "convoke: histories can't be put in; {} rows are left out",
                end.counts.history_rows
            );
        }
        if self.other_timeout {
            eprintln!("convoke: {WORKER_TIMEOUT} stays as it is here: members may be running by it");
        }
        if end.counts.workers > 0 {
            eprintln!("convoke: workers are unloaded until their processes start; leases, locks and claims begin anew");
        }
    }
}

/// How many of each message there are.
type Waiting = HashMap<(Command, Payload), usize>;

pub(super) struct Apply<'a> {
    store: &'a dyn Store,
    mode: Mode,
    is_resumed: bool,
    imported: Imported,
    other_timeout: Cell<bool>,
    /// How many equal messages wait for the worker whose messages are put in at present.
    queue: Option<(WorkerName, Waiting)>,
}

impl<'a> Apply<'a> {
    pub(super) fn new(store: &'a dyn Store, mode: Mode, is_resumed: bool) -> Self {
        Self {
            store,
            mode,
            is_resumed,
            imported: Imported::default(),
            other_timeout: Cell::new(false),
            queue: None,
        }
    }

    pub(super) fn done(self) -> Imported {
        Imported {
            other_timeout: self.other_timeout.get(),
            ..self.imported
        }
    }

    /// Puts records in: messages one after the other, since their order counts; the rest many at once.
    pub(super) async fn all(&mut self, records: Vec<Record>) -> Result<()> {
        let (messages, others): (Vec<_>, Vec<_>) = records
            .into_iter()
            .partition(|record| matches!(record, Record::Message(_)));
        let this = &*self;
        let fates: Vec<_> = iter(others)
            .map(|record| this.one(record))
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        for (counts, fate) in fates {
            self.count(counts, fate);
        }
        if !messages.is_empty() {
            let now = self.store.now().await?;
            for record in messages {
                if let Record::Message(message) = record {
                    self.message(message, now).await?;
                }
            }
        }
        Ok(())
    }

    fn count(&mut self, counts: Counts, fate: Fate) {
        let into = match fate {
            Fate::Written => &mut self.imported.written,
            Fate::Kept => &mut self.imported.kept,
        };
        into.settings += counts.settings;
        into.workers += counts.workers;
        into.topologies += counts.topologies;
        into.messages += counts.messages;
    }

    async fn one(&self, record: Record) -> convoke::Result<(Counts, Fate)> {
        let mut counts = Counts::default();
        let fate = match record {
            Record::Setting(setting) => {
                counts.settings = 1;
                self.setting(setting).await?
            }
            Record::Worker(worker) => {
                counts.workers = 1;
                self.worker(worker).await?
            }
            Record::Topology(topology) => {
                counts.topologies = 1;
                self.topology(topology).await?
            }
            _ => Fate::Kept,
        };
        Ok((counts, fate))
    }

    async fn setting(&self, setting: SavedSetting) -> convoke::Result<Fate> {
        // The members of a cluster check it when they start, and would not see it change.
        let stays = self.mode == Mode::Keep || setting.key.as_str() == WORKER_TIMEOUT;
        let expected = if stays { Expected::Absent } else { Expected::Anything };
        let value = setting.value;
        let write = SettingWrite::put(setting.key, value.clone()).expecting(expected);
        match self.store.write_settings(&SettingWrites::one(write)).await? {
            SettingsWritten::Written(_) => Ok(Fate::Written),
            SettingsWritten::Mismatch { key, .. } => {
                let there = self.store.get_setting(&key).await?;
                if self.mode == Mode::Replace && there.is_some_and(|there| there.value != value) {
                    self.other_timeout.set(true);
                }
                Ok(Fate::Kept)
            }
        }
    }

    /// A worker that is there may be at work: registering it would fence it off.
    async fn worker(&self, worker: SavedWorker) -> convoke::Result<Fate> {
        match self.store.get_worker(&worker.name).await {
            Ok(_) => return Ok(Fate::Kept),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let registration = self.store.register_worker(&worker.name).await?;
        // By its incarnation: its process may have started just now.
        let unloaded = self
            .store
            .set_worker_status(&worker.name, Some(registration.incarnation), WorkerStatus::Unloaded)
            .await;
        match unloaded {
            Err(error) if !error.is_fenced() => Err(error),
            _ => Ok(Fate::Written),
        }
    }

    async fn topology(&self, topology: SavedTopology) -> convoke::Result<Fate> {
        let there = match self.store.get_topology(&topology.id).await {
            Ok(there) => Some(there),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        if let Some(there) = &there
            && self.mode == Mode::Keep
            && !self.is_half_done(there, &topology).await?
        {
            return Ok(Fate::Kept);
        }
        let new = NewTopology {
            id: topology.id.clone(),
            config: topology.config,
            weight: topology.weight,
            affinity: topology.affinity,
        };
        if there.as_ref().is_none_or(|there| is_other(there, &new)) {
            self.store.register_topology(&new).await?;
        }
        let there = there.map(|there| there.topology);
        // Before it is enabled, so that it does not begin. What runs here is not put in error by what failed elsewhere.
        if let Some(error) = &topology.error
            && there.as_ref().is_none_or(|it| it.status == TopologyStatus::Unassigned)
        {
            self.store.set_topology_error(&topology.id, error).await?;
        }
        match (there.is_some_and(|there| there.enabled), topology.enabled) {
            (false, true) => self.store.enable_topology(&topology.id).await?,
            (true, false) => self.store.disable_topology(&topology.id).await?,
            (false, false) | (true, true) => {}
        }
        Ok(Fate::Written)
    }

    /// Whether an import that was interrupted registered it, and nobody has touched it since.
    async fn is_half_done(&self, there: &TopologyDetails, saved: &SavedTopology) -> convoke::Result<bool> {
        if !self.is_resumed || there.topology.enabled || there.config != saved.config {
            return Ok(false);
        }
        let history = self
            .store
            .topology_history(&saved.id, &convoke::Page::first(3)?)
            .await?;
        let touched = history.items.len() - usize::from(there.topology.status == TopologyStatus::Error);
        Ok(touched <= 1)
    }

    /// A message that waits already is not sent again: as many equal ones as in the export wait in the end.
    async fn message(&mut self, message: SavedMessage, now: Timestamp) -> Result<()> {
        let rest = message.expires.since(now).min(Ttl::MAX.as_duration());
        let Ok(ttl) = Ttl::new(rest) else {
            self.imported.expired += 1;
            return Ok(());
        };
        let waiting = self.waiting(&message.worker).await?;
        if let Some(left) = waiting.get_mut(&(message.command.clone(), message.content.clone()))
            && *left > 0
        {
            *left -= 1;
            self.imported.kept.messages += 1;
            return Ok(());
        }
        let new = NewMessage::new(message.worker, message.command, message.content).with_ttl(ttl);
        self.store.send_message(&new).await?;
        self.imported.written.messages += 1;
        Ok(())
    }

    async fn waiting(&mut self, worker: &WorkerName) -> Result<&mut Waiting> {
        let is_at_hand = self.queue.as_ref().is_some_and(|(name, _)| name == worker);
        if !is_at_hand {
            let mut waiting = Waiting::new();
            let mut queue = std::pin::pin!(stream::queue(self.store, worker, LARGEST_PAGE));
            while let Some(queued) = queue.try_next().await? {
                let message = (queued.message.command, queued.message.content);
                *waiting.entry(message).or_insert(0) += 1;
            }
            self.queue = Some((worker.clone(), waiting));
        }
        match &mut self.queue {
            Some((_, waiting)) => Ok(waiting),
            None => anyhow::bail!("the queue of {worker} was not read"),
        }
    }
}

fn is_other(there: &TopologyDetails, new: &NewTopology) -> bool {
    there.config != new.config || there.topology.weight != new.weight || there.topology.affinity != new.affinity
}
