//! What a unit prints: drained at once, kept in its log, and the end of its standard error at hand.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use convoke::ErrorText;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::log::Log;

/// How much is read at once.
const CHUNK: usize = 16 * 1024;
/// How many chunks wait for the disk; beyond, only the last one is kept, so that neither the unit nor this process suffers.
const WAITING: usize = 16;
/// How much of the end of standard error is kept: no fewer than an error may have characters.
const TAIL: usize = 4 * ErrorText::MAX_CHARS;
/// How long to wait for the last of what was printed. Nobody has the other end any more, but for what could not be killed.
const LAST_WORDS_WITHIN: Duration = Duration::from_secs(1);

/// Takes what the processes of a unit print.
#[derive(Debug)]
pub(super) struct Capture {
    tail: Arc<Mutex<Tail>>,
    readers: [JoinHandle<()>; 2],
    writer: JoinHandle<Option<io::Error>>,
}

/// Where a process of the unit prints to.
#[derive(Debug)]
pub(super) struct Ends {
    pub(super) stdout: OwnedFd,
    pub(super) stderr: OwnedFd,
}

impl Capture {
    /// Begins to read.
    pub(super) fn begin(log: Arc<Mutex<Log>>) -> io::Result<(Self, Ends)> {
        let (stdout, stdout_end) = pipe()?;
        let (stderr, stderr_end) = pipe()?;
        let tail = Arc::new(Mutex::new(Tail::default()));
        let (chunks, written) = mpsc::channel(WAITING);
        let readers = [
            tokio::spawn(drain(stdout, chunks.clone(), None)),
            tokio::spawn(drain(stderr, chunks, Some(tail.clone()))),
        ];
        let writer = tokio::spawn(write(log, written));
        let ends = Ends {
            stdout: stdout_end,
            stderr: stderr_end,
        };
        Ok((Self { tail, readers, writer }, ends))
    }

    /// Waits for the last of what was printed, and answers the end of standard error, and why the log could not be written
    /// if that was so.
    pub(super) async fn finish(self) -> (String, Option<io::Error>) {
        let Self { tail, readers, writer } = self;
        let stops = readers.each_ref().map(JoinHandle::abort_handle);
        let all = async {
            for reader in readers {
                let _ = reader.await;
            }
        };
        if tokio::time::timeout(LAST_WORDS_WITHIN, all).await.is_err() {
            stops.iter().for_each(tokio::task::AbortHandle::abort);
        }
        let text = locked(&tail).text();
        (text, writer.await.ok().flatten())
    }
}

fn pipe() -> io::Result<(pipe::Receiver, OwnedFd)> {
    let (reader, writer) = io::pipe()?;
    Ok((pipe::Receiver::from_owned_fd(reader.into())?, writer.into()))
}

/// A piece of what was printed.
struct Chunk {
    bytes: Vec<u8>,
    /// How many bytes before it were not kept.
    lost: u64,
}

/// Reads all there is at once, whatever the disk does. What the disk is too slow for is left out, but never the last of it.
async fn drain(mut pipe: pipe::Receiver, chunks: mpsc::Sender<Chunk>, tail: Option<Arc<Mutex<Tail>>>) {
    let mut buffer = vec![0; CHUNK];
    // What was read last and waits for room, and how many bytes before it were given up.
    let (mut last, mut lost) = (None::<Vec<u8>>, 0);
    loop {
        let permit = tokio::select! {
            biased;
            read = pipe.read(&mut buffer) => {
                // An error ends it as the end of the pipe does: there is nobody to be told.
                let Ok(read @ 1..) = read else { break };
                if let Some(tail) = &tail {
                    locked(tail).push(&buffer[..read]);
                }
                lost += last.replace(buffer[..read].to_vec()).map_or(0, |before| before.len() as u64);
                chunks.try_reserve().ok()
            }
            permit = chunks.reserve(), if last.is_some() => {
                // Without a writer there is nothing to wait for.
                let Ok(permit) = permit else { return };
                Some(permit)
            }
        };
        if let Some((permit, bytes)) = permit.and_then(|permit| Some((permit, last.take()?))) {
            permit.send(Chunk { bytes, lost });
            lost = 0;
        }
    }
    if let Some(bytes) = last {
        let _ = chunks.send(Chunk { bytes, lost }).await;
    }
}

/// Writes what comes, away from the threads that other units need. A log that can't be written now may be later.
async fn write(log: Arc<Mutex<Log>>, mut chunks: mpsc::Receiver<Chunk>) -> Option<io::Error> {
    let mut trouble = None;
    while let Some(first) = chunks.recv().await {
        let mut batch = Vec::new();
        let mut next = Some(first);
        while let Some(chunk) = next {
            if chunk.lost > 0 {
                batch.extend_from_slice(format!("\n[convoke: {} bytes were not kept here]\n", chunk.lost).as_bytes());
            }
            batch.extend_from_slice(&chunk.bytes);
            next = chunks.try_recv().ok();
        }
        let log = log.clone();
        let written = tokio::task::spawn_blocking(move || locked(&log).append(&batch)).await;
        // The task itself fails only when this program ends.
        trouble = written.ok().and_then(Result::err).or(trouble);
    }
    trouble
}

/// The last bytes of a stream.
#[derive(Debug, Default)]
struct Tail {
    bytes: VecDeque<u8>,
    is_cut: bool,
}

impl Tail {
    fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
        let over = self.bytes.len().saturating_sub(TAIL);
        self.is_cut |= over > 0;
        self.bytes.drain(..over);
    }

    /// As text, from the first whole character on.
    fn text(&self) -> String {
        let bytes: Vec<u8> = self.bytes.iter().copied().collect();
        let is_inside = |byte: &&u8| self.is_cut && **byte & 0b1100_0000 == 0b1000_0000;
        let begin = bytes.iter().take(3).take_while(is_inside).count();
        String::from_utf8_lossy(&bytes[begin..]).trim().to_owned()
    }
}

/// What a failure says, with the end of what was printed, in no more characters than an error has.
pub(super) fn with_tail(what: &str, tail: &str) -> String {
    if tail.is_empty() {
        return what.to_owned();
    }
    let room = ErrorText::MAX_CHARS.saturating_sub(what.chars().count() + ": …".chars().count());
    match tail.char_indices().rev().nth(room.saturating_sub(1)) {
        Some((begin, _)) if begin > 0 => format!("{what}: …{}", &tail[begin..]),
        _ => format!("{what}: {tail}"),
    }
}

fn locked<T>(it: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each change is whole whatever became of whoever held it.
    it.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_begins_with_a_whole_character() {
        let mut tail = Tail::default();
        for _ in 0..TAIL {
            tail.push("😀".as_bytes());
        }
        tail.push(b"!");
        let text = tail.text();
        assert!(
            text.ends_with("😀!") && text.chars().all(|char| matches!(char, '😀' | '!')),
            "{text}"
        );
        assert!(text.len() > TAIL - 4);
    }

    #[tokio::test]
    async fn what_a_disk_is_too_slow_for_is_counted_and_the_last_of_it_is_kept() {
        let (read, written) = io::pipe().unwrap();
        let (chunks, mut kept) = mpsc::channel(1);
        let draining = tokio::spawn(drain(pipe::Receiver::from_owned_fd(read.into()).unwrap(), chunks, None));
        let print = tokio::task::spawn_blocking(move || {
            let mut written = written;
            for byte in b'a'..=b'z' {
                io::Write::write_all(&mut written, &vec![byte; CHUNK]).unwrap();
            }
        });
        // All was taken though nothing was written yet.
        print.await.unwrap();
        let (mut bytes, mut end) = (0, None);
        while let Some(chunk) = kept.recv().await {
            bytes += chunk.lost + chunk.bytes.len() as u64;
            end = chunk.bytes.last().copied();
        }
        draining.await.unwrap();
        assert_eq!((bytes, end), (26 * CHUNK as u64, Some(b'z')));
    }

    #[test]
    fn what_was_printed_is_whole_when_it_fits_and_else_loses_its_beginning() {
        assert_eq!(with_tail("exited 1", ""), "exited 1");
        assert_eq!(with_tail("exited 1", "é"), "exited 1: é");
        let long = with_tail("exited 1", &"é".repeat(2_000));
        assert_eq!(long.chars().count(), ErrorText::MAX_CHARS);
        assert!(long.starts_with("exited 1: …é") && long.ends_with('é'));
        let exact = "é".repeat(ErrorText::MAX_CHARS - "exited 1: …".chars().count());
        assert_eq!(with_tail("exited 1", &exact), format!("exited 1: {exact}"));
    }
}
