//! Callers who ask for the same sort of thing at once share a call.
//!
//! Each call pays for a round trip and a commit, and those on one row wait for each other at the server anyway. So while as
//! many calls are under way as there may be at once, those who come meanwhile wait, and the next call serves them all. A
//! single caller never waits. Whoever was not taken along in time makes a call of its own, so that a call that is held
//! up, by a lock or by the server, holds up nobody else for long.

use std::marker::PhantomData;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use convoke_core::{Error, ErrorKind, Result};
use tokio::sync::oneshot;

use crate::error::{self, Stage};

/// How long a caller waits to be taken along.
const PATIENCE: Duration = Duration::from_millis(100);

/// Makes calls for one or for several.
pub(crate) trait Share<A: Clone + Send + 'static>: Clone + Send + Sync + 'static {
    type Answer: Send + 'static;
    /// What one call has taken on.
    type Load: Default;

    /// How many calls are under way before those who come wait.
    const AT_ONCE: usize;

    /// Those who wait.
    fn line(&self) -> &Line<A, Self::Answer>;

    /// How long one caller waits for its answer at the longest.
    fn timeout(&self) -> Duration;

    /// Whether a call with this load takes that on too; adds it to the load if so. A call without a load takes on anything.
    fn take_on(load: &mut Self::Load, asked: &A) -> bool;

    /// The call for one.
    fn alone(&self, asked: &A, deadline: Instant) -> impl Future<Output = Result<Self::Answer>> + Send;

    /// One call for several, with an answer for each: none for those who have to call alone, since nothing was done for them.
    fn together(
        &self,
        asked: &[A],
        deadline: Instant,
    ) -> impl Future<Output = Result<Vec<Option<Self::Answer>>>> + Send;
}

/// The callers of one sort of call.
pub(crate) struct Line<A, T>(Mutex<State<A, T>>);

struct State<A, T> {
    under_way: usize,
    tickets: u64,
    waiting: Vec<Waiting<A, T>>,
}

struct Waiting<A, T> {
    ticket: u64,
    asked: A,
    answer: Answer<T>,
}

type Answer<T> = oneshot::Sender<Result<Option<T>>>;

/// Asks by a call of its own, or together with others.
pub(crate) async fn share<A: Clone + Send + 'static, S: Share<A>>(store: &S, asked: &A) -> Result<S::Answer> {
    let deadline = Instant::now() + store.timeout();
    let Some((ticket, mut answer)) = store.line().enter(S::AT_ONCE, asked) else {
        let _turn = Turn(store.clone(), PhantomData);
        return store.alone(asked, deadline).await;
    };
    let answered = match tokio::time::timeout(PATIENCE, &mut answer).await {
        Ok(answered) => answered,
        Err(_) if store.line().withdraw(ticket) => return store.alone(asked, deadline).await,
        Err(_) => match tokio::time::timeout_at(deadline.into(), answer).await {
            Ok(answered) => answered,
            Err(_) => return Err(error::timed_out(Stage::Writing)),
        },
    };
    let Ok(answered) = answered else {
        return Err(Error::new(
            ErrorKind::OutcomeUnknown,
            "the runtime ended during the call; it may have happened or not: look before you repeat it",
        ));
    };
    match answered? {
        Some(answer) => Ok(answer),
        None => store.alone(asked, deadline).await,
    }
}

impl<A, T> Default for Line<A, T> {
    fn default() -> Self {
        Self(Mutex::new(State {
            under_way: 0,
            tickets: 0,
            waiting: Vec::new(),
        }))
    }
}

impl<A: Clone, T> Line<A, T> {
    /// Queues up, with a ticket; none where a call may begin at once.
    fn enter(&self, at_once: usize, asked: &A) -> Option<(u64, oneshot::Receiver<Result<Option<T>>>)> {
        let mut state = self.locked();
        if state.under_way < at_once {
            state.under_way += 1;
            return None;
        }
        state.tickets += 1;
        let ticket = state.tickets;
        let (answer, receiver) = oneshot::channel();
        state.waiting.push(Waiting {
            ticket,
            asked: asked.clone(),
            answer,
        });
        Some((ticket, receiver))
    }

    /// Steps out of the queue; false for one that a call has taken along already.
    fn withdraw(&self, ticket: u64) -> bool {
        let mut state = self.locked();
        let place = state.waiting.iter().position(|waiting| waiting.ticket == ticket);
        place.map(|place| state.waiting.remove(place)).is_some()
    }

    /// Ends a call. Those whom the next one serves; when there are none, it is not made.
    fn next(&self, mut takes_on: impl FnMut(&A) -> bool) -> Vec<Waiting<A, T>> {
        let mut state = self.locked();
        let (together, others): (Vec<_>, _) = std::mem::take(&mut state.waiting)
            .into_iter()
            .filter(|waiting| !waiting.answer.is_closed())
            .partition(|waiting| takes_on(&waiting.asked));
        state.waiting = others;
        if together.is_empty() {
            state.under_way -= 1;
        }
        together
    }

    fn locked(&self) -> MutexGuard<'_, State<A, T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call is under way. However it ends (its caller may have been dropped), those who wait come next.
struct Turn<A: Clone + Send + 'static, S: Share<A>>(S, PhantomData<fn(A)>);

impl<A: Clone + Send + 'static, S: Share<A>> Drop for Turn<A, S> {
    fn drop(&mut self) {
        let mut load = S::Load::default();
        let together = self.0.line().next(|asked| S::take_on(&mut load, asked));
        if together.is_empty() {
            return;
        }
        let serving = serve(Turn(self.0.clone(), PhantomData), together);
        // Without a runtime nobody can wait; dropping them says so.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            drop(runtime.spawn(serving));
        }
    }
}

async fn serve<A: Clone + Send + 'static, S: Share<A>>(turn: Turn<A, S>, together: Vec<Waiting<A, S::Answer>>) {
    let store = &turn.0;
    let deadline = Instant::now() + store.timeout();
    let (asked, answers): (Vec<_>, Vec<_>) = together
        .into_iter()
        .map(|waiting| (waiting.asked, waiting.answer))
        .unzip();
    let answered = match asked.as_slice() {
        [one] => store.alone(one, deadline).await.map(|answer| vec![Some(answer)]),
        several => store.together(several, deadline).await,
    };
    // Who does not wait any more needs no answer.
    match answered {
        Ok(answered) => {
            for (answer, of_one) in answers.into_iter().zip(answered) {
                let _ = answer.send(Ok(of_one));
            }
        }
        Err(error) => {
            for answer in answers {
                let _ = answer.send(Err(repeated(&error)));
            }
        }
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
    use std::sync::Arc;

    use tokio::sync::Semaphore;

    use super::*;

    /// What a call was made for.
    type Call = Vec<u32>;

    /// Answers with ten times the number; calls end when they are let go. Odd and even numbers do not go together, three are the
    /// most at once, and 13 is always sent back to call alone.
    #[derive(Clone)]
    struct Server {
        line: Arc<Line<u32, u32>>,
        calls: Arc<Mutex<Vec<Call>>>,
        lets_go: Arc<Semaphore>,
        fails: bool,
    }

    impl Server {
        fn new(fails: bool) -> Self {
            Self {
                line: Arc::default(),
                calls: Arc::default(),
                lets_go: Arc::new(Semaphore::new(0)),
                fails,
            }
        }

        fn ask(&self, number: u32) -> tokio::task::JoinHandle<Result<u32>> {
            let server = self.clone();
            tokio::spawn(async move { share(&server, &number).await })
        }

        async fn call(&self, asked: &[u32]) -> Result<()> {
            self.calls.lock().unwrap().push(asked.to_vec());
            self.lets_go.acquire().await.unwrap().forget();
            match self.fails {
                true => Err(error::timed_out(Stage::Writing).at("test").with("key", "value")),
                false => Ok(()),
            }
        }

        fn calls(&self) -> Vec<Call> {
            self.calls.lock().unwrap().clone()
        }
    }

    impl Share<u32> for Server {
        type Answer = u32;
        type Load = Vec<u32>;
        const AT_ONCE: usize = 1;

        fn line(&self) -> &Line<u32, u32> {
            &self.line
        }

        fn timeout(&self) -> Duration {
            Duration::from_secs(10)
        }

        fn take_on(load: &mut Vec<u32>, asked: &u32) -> bool {
            let goes_with = load.len() < 3 && load.first().is_none_or(|first| first % 2 == asked % 2);
            if goes_with {
                load.push(*asked);
            }
            goes_with
        }

        async fn alone(&self, asked: &u32, _: Instant) -> Result<u32> {
            self.call(&[*asked]).await?;
            Ok(asked * 10)
        }

        async fn together(&self, asked: &[u32], _: Instant) -> Result<Vec<Option<u32>>> {
            self.call(asked).await?;
            Ok(asked.iter().map(|asked| (*asked != 13).then_some(asked * 10)).collect())
        }
    }

    async fn settle() {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_come_while_a_call_is_under_way_share_the_next_one() {
        let server = Server::new(false);
        let callers: Vec<_> = [1, 3, 4, 5, 6, 7, 9].map(|number| server.ask(number)).into();
        settle().await;
        server.lets_go.add_permits(4);
        let mut answers = Vec::new();
        for caller in callers {
            answers.push(caller.await.unwrap().unwrap());
        }
        assert_eq!(answers, [10, 30, 40, 50, 60, 70, 90]);
        assert_eq!(server.calls(), [vec![1], vec![3, 5, 7], vec![4, 6], vec![9]]);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_could_not_be_served_together_is_served_alone() {
        let server = Server::new(false);
        let callers = [1, 11, 13].map(|number| server.ask(number));
        settle().await;
        server.lets_go.add_permits(3);
        for (caller, answer) in callers.into_iter().zip([10, 110, 130]) {
            assert_eq!(caller.await.unwrap().unwrap(), answer);
        }
        assert_eq!(server.calls(), [vec![1], vec![11, 13], vec![13]]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_of_a_shared_call_is_everybodys() {
        let server = Server::new(true);
        let callers = [1, 3, 5].map(|number| server.ask(number));
        settle().await;
        server.lets_go.add_permits(2);
        for caller in callers {
            let error = caller.await.unwrap().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
            assert_eq!(error.operation(), Some("test"));
            assert_eq!(error.context().count(), 1);
        }
        assert_eq!(server.calls(), [vec![1], vec![3, 5]]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_gives_up_does_not_hold_up_those_who_wait_and_asks_for_nothing() {
        let server = Server::new(false);
        let [first, second, third] = [1, 3, 5].map(|number| server.ask(number));
        settle().await;
        first.abort();
        third.abort();
        settle().await;
        server.lets_go.add_permits(1);
        assert_eq!(second.await.unwrap().unwrap(), 30);
        // The third one was still there when the first one's turn ended, or gone: both are in order.
        assert!(server.calls()[1].contains(&3));
        server.lets_go.add_permits(1);
        assert_eq!(share(&server, &7).await.unwrap(), 70);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_was_not_taken_along_in_time_calls_alone() {
        let server = Server::new(false);
        let held_up = server.ask(1);
        settle().await;
        let patient = server.ask(2);
        settle().await;
        assert_eq!(server.calls(), [vec![1]]);
        tokio::time::sleep(PATIENCE + Duration::from_millis(1)).await;
        assert_eq!(server.calls(), [vec![1], vec![2]]);
        server.lets_go.add_permits(2);
        assert_eq!(patient.await.unwrap().unwrap(), 20);
        assert_eq!(held_up.await.unwrap().unwrap(), 10);
        assert_eq!(server.calls().len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_was_taken_along_and_gets_no_answer_does_not_know_the_outcome() {
        let server = Server::new(false);
        let callers = [1, 3].map(|number| server.ask(number));
        settle().await;
        server.lets_go.add_permits(1);
        let [first, second] = callers;
        assert_eq!(first.await.unwrap().unwrap(), 10);
        // This server does not keep to the deadline; the caller does.
        assert_eq!(second.await.unwrap().unwrap_err().kind(), ErrorKind::OutcomeUnknown);
        assert_eq!(server.calls(), [vec![1], vec![3]]);
    }
}
