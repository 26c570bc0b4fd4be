//! How long this host stands still: a disk that does not take a small write, a processor that is not to be had.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Result;
use convoke::runtime::Boottime;

const EVERY: Duration = Duration::from_millis(5);

/// Watches until it is dropped. What it sees is told beside what took long, and excuses nothing.
#[derive(Debug)]
pub(crate) struct HostWatch {
    longest: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl HostWatch {
    /// Writes to a file in this directory from now on.
    pub(crate) fn in_directory(directory: &Path) -> Result<Self> {
        let mut file = File::create(directory.join("watch"))?;
        let (longest, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (seen, ends) = (longest.clone(), over.clone());
        let thread = std::thread::Builder::new().name("host-watch".into()).spawn(move || {
            while !ends.load(Ordering::Relaxed) {
                let before = Boottime::now();
                std::thread::sleep(EVERY);
                // A disk that fails is noticed by the store.
                let _ = file.write_all(b".").and_then(|()| file.sync_data());
                let pause = Boottime::now().since(before).as_nanos();
                seen.fetch_max(u64::try_from(pause).unwrap_or(u64::MAX), Ordering::Relaxed);
            }
        })?;
        Ok(Self {
            longest,
            over,
            thread: Some(thread),
        })
    }

    /// The longest pause so far.
    pub(crate) fn longest(&self) -> Duration {
        Duration::from_nanos(self.longest.load(Ordering::Relaxed))
    }
}

impl Drop for HostWatch {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
