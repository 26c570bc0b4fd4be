//! Callers are answered wherever and however they wait.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use convoke_backend_sqlite::SqliteStore;
use convoke_core::{OpenOptions, Registration, WorkerName, Workers};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

/// Longer than any of this takes on a busy host.
const PATIENCE: Duration = Duration::from_secs(60);

fn runtime(threads: usize) -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .unwrap()
}

async fn open(folder: &TempDir) -> (Arc<SqliteStore>, Registration) {
    let url = format!("sqlite://{}/jobs.db", folder.path().display());
    let store = SqliteStore::open(&OpenOptions::new(&url).unwrap()).await.unwrap();
    let me = store.register_worker(&WorkerName::new("a").unwrap()).await.unwrap();
    (Arc::new(store), me)
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Blocks the thread, which tokio does not know of. None when the answer does not come.
fn wait_for<T>(call: impl Future<Output = T>) -> Option<T> {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let (mut call, begun) = (pin!(call), Instant::now());
    while begun.elapsed() < PATIENCE {
        if let Poll::Ready(answer) = call.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Some(answer);
        }
        thread::park_timeout(PATIENCE.saturating_sub(begun.elapsed()));
    }
    None
}

#[test]
fn a_program_that_blocks_every_thread_of_its_runtime_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let only = runtime(1);
    let answer = only.block_on(async {
        let (store, me) = open(&folder).await;
        let blocking = tokio::spawn(async move { wait_for(store.ping_worker(&me)) });
        blocking.await.unwrap()
    });
    answer.expect("an answer").unwrap();
}

#[test]
fn callers_in_another_runtime_are_answered_while_the_first_one_lives_and_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (runtime(2), runtime(2));
    let (store, me) = first.block_on(open(&folder));
    second.block_on(store.ping_worker(&me)).unwrap();
    first.shutdown_background();
    second.block_on(store.ping_worker(&me)).unwrap();
    wait_for(store.ping_worker(&me)).expect("an answer").unwrap();
}

#[test]
fn a_call_under_way_when_its_runtime_ends_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let mut answers = Vec::new();
    for _ in 0..20 {
        let runtime = runtime(1);
        let (store, me) = runtime.block_on(open(&folder));
        let waiting = thread::spawn({
            let handle = runtime.handle().clone();
            move || {
                let _here = handle.enter();
                wait_for(store.ping_worker(&me)).is_some()
            }
        });
        drop(runtime);
        answers.push(waiting.join().unwrap());
    }
    assert_eq!(answers, [true; 20]);
}
