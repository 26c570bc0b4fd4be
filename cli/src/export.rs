//! `convoke export`: a whole installation as lines of JSON.

use std::fs::File;
use std::io::{BufWriter, Write, stdout};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use convoke::{ErrorKind, ErrorText, SettingRange, Store, TopologyStatus, WorkerName, stream};
use futures_util::TryStreamExt;
use indicatif::ProgressBar;
use tempfile::NamedTempFile;
use uuid::Uuid;

use crate::archive::{Header, Record, SavedMessage, SavedSetting, SavedTopology, SavedWorker, VERSION, Writer};
use crate::args::LARGEST_PAGE;
use crate::import::MARKER;
use crate::output::Output;
use crate::wait::counter;

/// How many topologies are read at once: their configs are not in the list.
const AT_ONCE: usize = 16;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ExportArgs {
    /// The file to write, replaced when the export is whole; standard output when not given
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// With the histories of the workers and topologies that there are; they are not imported
    #[arg(long)]
    histories: bool,
}

/// What the file does not hold.
#[derive(Debug, Default)]
struct LeftOut {
    leader: Option<WorkerName>,
    locks: u64,
    claims: u64,
    held: u64,
}

pub(crate) async fn run(store: &dyn Store, args: ExportArgs, output: Output) -> Result<()> {
    let Some(path) = &args.output else {
        let into = BufWriter::new(stdout());
        return Export::begin(store, into)?.whole(args.histories).await.map(|_| ());
    };
    let whole = |what: std::io::Result<()>| what.with_context(|| format!("cannot write {}", path.display()));
    // In the same directory, so that it can take the place of an older one in one step. Only its owner can read it.
    let directory = path
        .parent()
        .filter(|it| !it.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let file = NamedTempFile::new_in(directory).with_context(|| format!("cannot write to {}", directory.display()))?;
    let (into, end) = Export::begin(store, BufWriter::new(file))?
        .whole(args.histories)
        .await?;
    let file = into.into_inner().map_err(|error| error.into_error())?;
    whole(file.as_file().sync_all())?;
    whole(file.persist(path).map(|_: File| ()).map_err(|error| error.error))?;
    output.answer(&end.counts, |counts| {
        format!(
            "{} settings, {} workers, {} topologies, {} messages and {} rows of histories are in {}",
            counts.settings,
            counts.workers,
            counts.topologies,
            counts.messages,
            counts.history_rows,
            path.display()
        )
    })
}

struct Export<'a, W> {
    store: &'a dyn Store,
    writer: Writer<W>,
    bar: ProgressBar,
    left_out: LeftOut,
}

impl<'a, W: Write> Export<'a, W> {
    fn begin(store: &'a dyn Store, into: W) -> Result<Self> {
        Ok(Self {
            store,
            writer: Writer::new(into),
            bar: counter()?,
            left_out: LeftOut::default(),
        })
    }

    async fn whole(mut self, histories: bool) -> Result<(W, crate::archive::End)> {
        self.header().await?;
        self.settings().await?;
        let workers = self.workers().await?;
        let topologies = self.topologies().await?;
        self.messages(&workers).await?;
        self.tokens().await?;
        if histories {
            for worker in &workers {
                let mut all = std::pin::pin!(stream::worker_history(self.store, worker, LARGEST_PAGE));
                while let Some(change) = all.try_next().await? {
                    self.write("histories", Record::WorkerHistory(change))?;
                }
            }
            for topology in &topologies {
                let mut all = std::pin::pin!(stream::topology_history(self.store, topology, LARGEST_PAGE));
                while let Some(change) = all.try_next().await? {
                    self.write("histories", Record::TopologyHistory(change))?;
                }
            }
        }
        self.bar.finish_and_clear();
        self.left_out.say();
        self.writer.finish()
    }

    fn write(&mut self, what: &'static str, record: Record) -> Result<()> {
        if self.bar.message() != what {
            self.bar.set_message(what);
        }
        self.bar.inc(1);
        self.writer.write(&record)
    }

    async fn header(&mut self) -> Result<()> {
        let header = Header {
            version: VERSION,
            id: Uuid::now_v7(),
            made: self.store.now().await?,
            backend: self.store.properties().await?.backend,
        };
        self.writer.write(&Record::Export(header))
    }

    async fn settings(&mut self) -> Result<()> {
        let range = SettingRange::all();
        let mut all = std::pin::pin!(stream::settings(self.store, &range, LARGEST_PAGE));
        while let Some(setting) = all.try_next().await? {
            let revision = &mut self.writer.end.counters.revision;
            *revision = setting.revision.number().max(*revision);
            let (key, value) = (setting.key, setting.value);
            if key.as_str() != MARKER {
                self.write("settings", Record::Setting(SavedSetting { key, value }))?;
            }
        }
        Ok(())
    }

    async fn workers(&mut self) -> Result<Vec<WorkerName>> {
        let mut names = Vec::new();
        let mut all = std::pin::pin!(stream::workers(self.store, LARGEST_PAGE));
        while let Some(worker) = all.try_next().await? {
            let incarnation = &mut self.writer.end.counters.incarnation;
            *incarnation = worker.incarnation.number().max(*incarnation);
            names.push(worker.name.clone());
            let saved = SavedWorker {
                name: worker.name,
                status: worker.status,
                last_ping: worker.last_ping,
            };
            self.write("workers", Record::Worker(saved))?;
        }
        Ok(names)
    }

    async fn topologies(&mut self) -> Result<Vec<convoke::TopologyId>> {
        let (store, mut ids) = (self.store, Vec::new());
        let details = stream::topologies(store, LARGEST_PAGE)
            .map_ok(|topology| async move {
                match store.get_topology(&topology.id).await {
                    // Deleted since the list was read.
                    Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
                    result => result.map(Some),
                }
            })
            .try_buffered(AT_ONCE);
        let mut details = std::pin::pin!(details);
        while let Some(read) = details.try_next().await? {
            let Some(details) = read else { continue };
            let topology = details.topology;
            self.left_out.held += u64::from(topology.is_in_use());
            ids.push(topology.id.clone());
            let saved = SavedTopology {
                id: topology.id,
                enabled: topology.enabled,
                weight: topology.weight,
                affinity: topology.affinity,
                error: (topology.status == TopologyStatus::Error)
                    .then(|| topology.error.unwrap_or_else(|| ErrorText::new(""))),
                worker: topology.worker,
                config: details.config,
            };
            self.write("topologies", Record::Topology(saved))?;
        }
        Ok(ids)
    }

    async fn messages(&mut self, workers: &[WorkerName]) -> Result<()> {
        for worker in workers {
            let mut queue = std::pin::pin!(stream::queue(self.store, worker, LARGEST_PAGE));
            while let Some(queued) = queue.try_next().await? {
                self.left_out.claims += u64::from(queued.invisible_until.is_some());
                let message = queued.message;
                let saved = SavedMessage {
                    worker: message.worker,
                    command: message.command,
                    content: message.content,
                    sent: message.sent,
                    expires: message.expires,
                };
                self.write("messages", Record::Message(saved))?;
            }
        }
        Ok(())
    }

    /// What was given out to be fenced by.
    async fn tokens(&mut self) -> Result<()> {
        if let Some(leader) = self.store.leader().await? {
            self.writer.end.counters.term = Some(leader.term.number());
            self.left_out.leader = Some(leader.worker);
        }
        let mut locks = std::pin::pin!(stream::locks(self.store, LARGEST_PAGE));
        while let Some(lock) = locks.try_next().await? {
            let token = &mut self.writer.end.counters.lock_token;
            *token = lock.token.number().max(*token);
            self.left_out.locks += 1;
        }
        Ok(())
    }
}

impl LeftOut {
    fn say(&self) {
        let leader = self.leader.as_ref().map(|name| format!("that {name} leads"));
        let counted = [
            (self.locks, "locks that are held"),
            (self.claims, "claims of messages (they wait again)"),
            (self.held, "topologies being waiting or running (nobody has them)"),
        ];
        let counted = counted
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"));
        let all: Vec<_> = leader.into_iter().chain(counted).collect();
        if !all.is_empty() {
            eprintln!("convoke: not in the export: {}", all.join("; "));
        }
    }
}
