//! Renewals that are asked for at once share a call.
//!
//! A lease is one row. Callers who renew it at the same time would queue for that row at the server, and each would pay for
//! a commit. So while one call is under way, those who come meanwhile wait, and the next call renews for them all, for the
//! longest time that any of them asked for: the same as if they had come one after the other, the longest first, since a
//! renewal never shortens a lease. Whoever waits for another call first waits for two time-outs at the longest.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use convoke_core::{Error, ErrorKind, Lease, Renewal, Result, Timestamp, Ttl};
use tokio::sync::oneshot;

/// What is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) lease: Lease,
    pub(crate) ttl: Ttl,
    /// The time by a clock that is moved by hand.
    pub(crate) now: Option<Timestamp>,
}

impl Asked {
    fn goes_with(&self, other: &Self) -> bool {
        self.now == other.now
            && self.lease.term == other.lease.term
            && self.lease.registration == other.lease.registration
    }
}

/// The renewals of one store.
#[derive(Default)]
pub(crate) struct Renewals(Mutex<State>);

#[derive(Default)]
struct State {
    under_way: bool,
    waiting: Vec<(Asked, oneshot::Sender<Result<Renewal>>)>,
}

/// Makes one call for all.
pub(crate) trait Renew: Clone + Send + Sync + 'static {
    /// The renewals that it makes.
    fn renewals(&self) -> &Arc<Renewals>;

    /// The call itself.
    fn call(&self, asked: &Asked) -> impl Future<Output = Result<Renewal>> + Send;
}

/// Renews by a call of its own, or together with others.
pub(crate) async fn renew<R: Renew>(store: &R, asked: Asked) -> Result<Renewal> {
    let waiting = {
        let mut state = store.renewals().locked();
        if state.under_way {
            let (sender, receiver) = oneshot::channel();
            state.waiting.push((asked.clone(), sender));
            Some(receiver)
        } else {
            state.under_way = true;
            None
        }
    };
    let Some(waiting) = waiting else {
        let _turn = Turn(store.clone());
        return store.call(&asked).await;
    };
    let renewed = waiting.await.unwrap_or_else(|_| {
        Err(Error::new(
            ErrorKind::OutcomeUnknown,
            "the runtime ended while the lease was renewed; it may have been renewed or not",
        ))
    })?;
    Ok(match renewed {
        Renewal::Renewed(lease) => Renewal::Renewed(Lease {
            expires: lease.expires,
            ..asked.lease
        }),
        lost @ Renewal::Lost(_) => lost,
    })
}

impl Renewals {
    fn locked(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One call is under way. However it ends (its caller may have been dropped), those who wait come next.
struct Turn<R: Renew>(R);

impl<R: Renew> Drop for Turn<R> {
    fn drop(&mut self) {
        let mut state = self.0.renewals().locked();
        let Some((first, _)) = state.waiting.first() else {
            state.under_way = false;
            return;
        };
        let first = first.clone();
        let (together, others) = std::mem::take(&mut state.waiting)
            .into_iter()
            .partition(|(asked, _)| asked.goes_with(&first));
        state.waiting = others;
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(renew_for(self.0.clone(), first, together))),
            // Without a runtime nobody can wait; dropping them says so.
            Err(_) => {
                state.waiting.clear();
                state.under_way = false;
            }
        }
    }
}

async fn renew_for<R: Renew>(store: R, first: Asked, together: Vec<(Asked, oneshot::Sender<Result<Renewal>>)>) {
    let turn = Turn(store);
    let ttl = together.iter().map(|(asked, _)| asked.ttl).max().unwrap_or(first.ttl);
    let renewed = turn.0.call(&Asked { ttl, ..first }).await;
    for (_, sender) in together {
        let answer = match &renewed {
            Ok(renewal) => Ok(renewal.clone()),
            Err(error) => Err(repeated(error)),
        };
        // Who does not wait any more needs no answer.
        let _ = sender.send(answer);
    }
}

/// The same error for another caller.
fn repeated(error: &Error) -> Error {
    let mut again = Error::new(error.kind(), error.message().to_owned());
    if let Some(operation) = error.operation() {
        again = again.at(operation.to_owned());
    }
    for (key, value) in error.context() {
        again = again.with(key, value);
    }
    again
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use convoke_core::{Incarnation, Registration, Term, WorkerName};
    use tokio::sync::Semaphore;

    use super::*;

    /// Calls end when they are let go, and are counted.
    #[derive(Clone)]
    struct Server {
        renewals: Arc<Renewals>,
        calls: Arc<AtomicU32>,
        lets_go: Arc<Semaphore>,
    }

    impl Renew for Server {
        fn renewals(&self) -> &Arc<Renewals> {
            &self.renewals
        }

        async fn call(&self, asked: &Asked) -> Result<Renewal> {
            self.calls.fetch_add(1, Ordering::SeqCst);
            self.lets_go.acquire().await.unwrap().forget();
            let expires = Timestamp::EPOCH.plus(asked.ttl);
            Ok(Renewal::Renewed(Lease {
                expires,
                ..asked.lease.clone()
            }))
        }
    }

    fn server() -> Server {
        Server {
            renewals: Arc::default(),
            calls: Arc::default(),
            lets_go: Arc::new(Semaphore::new(0)),
        }
    }

    fn asked(seconds: u64) -> Asked {
        Asked {
            lease: Lease {
                registration: Registration {
                    worker: WorkerName::new("a").unwrap(),
                    incarnation: Incarnation::from_number(1),
                },
                term: Term::from_number(1),
                expires: Timestamp::EPOCH,
            },
            ttl: Ttl::from_secs(seconds),
            now: None,
        }
    }

    async fn settle() {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn those_who_come_while_a_call_is_under_way_share_the_next_one() {
        let server = server();
        let callers: Vec<_> = (1..=9)
            .map(|seconds| {
                let server = server.clone();
                tokio::spawn(async move { renew(&server, asked(seconds)).await })
            })
            .collect();
        settle().await;
        server.lets_go.add_permits(2);
        for (index, caller) in callers.into_iter().enumerate() {
            let Renewal::Renewed(lease) = caller.await.unwrap().unwrap() else {
                panic!("lost")
            };
            let longest = if index == 0 { 1 } else { 9 };
            assert_eq!(lease.expires, Timestamp::EPOCH.plus(Duration::from_secs(longest)));
        }
        assert_eq!(server.calls.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_caller_that_gives_up_does_not_hold_up_those_who_wait() {
        let server = server();
        let first = tokio::spawn({
            let server = server.clone();
            async move { renew(&server, asked(1)).await }
        });
        settle().await;
        let second = tokio::spawn({
            let server = server.clone();
            async move { renew(&server, asked(2)).await }
        });
        settle().await;
        first.abort();
        settle().await;
        server.lets_go.add_permits(1);
        assert!(second.await.unwrap().is_ok());
        server.lets_go.add_permits(1);
        assert!(renew(&server, asked(3)).await.is_ok());
    }

    #[tokio::test]
    async fn other_leases_and_other_times_get_calls_of_their_own() {
        let server = server();
        let mut other = asked(2);
        other.lease.term = Term::from_number(2);
        let mut later = asked(3);
        later.now = Some(Timestamp::EPOCH);
        let callers: Vec<_> = [asked(1), asked(4), other, later]
            .into_iter()
            .map(|asked| {
                let server = server.clone();
                tokio::spawn(async move { renew(&server, asked).await })
            })
            .collect();
        settle().await;
        server.lets_go.add_permits(4);
        for caller in callers {
            assert!(caller.await.unwrap().is_ok());
        }
        assert_eq!(server.calls.load(Ordering::SeqCst), 4);
    }
}
