//! Calls that go together: what is sent for them, and which part of the answer is whose.
//!
//! Calls of one script whose work grows less than their number become one operation ([`Sharing`]): the server looks up,
//! numbers and writes for all of them at once. All callers were waiting when the batch was made, so whichever order the
//! operations run in is one in which the callers may have come.

use convoke_core::{Error, Result};
use redis::{RedisError, Value};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use crate::answer::strange;
use crate::error::{Failure, Progress};
use crate::keys::Keys;
use crate::link::{Attempt, Link};
use crate::script::{Call, Effect, Sharing};
use crate::scripts;

/// A caller.
pub(crate) struct Waiting {
    pub(crate) call: Call<'static>,
    pub(crate) deadline: Instant,
    pub(crate) reply: oneshot::Sender<Result<Value>>,
}

impl Waiting {
    pub(crate) fn answer(self, answer: Result<Value>) {
        // Who does not wait any more needs no answer.
        let _ = self.reply.send(answer);
    }
}

/// What one or several callers ask for.
struct Operation {
    call: Call<'static>,
    /// How many callers have an answer of their own in its answer.
    listed: usize,
}

impl Operation {
    fn new(call: &Call<'static>) -> Self {
        Self {
            call: call.clone(),
            listed: 1,
        }
    }

    /// Where the answer of another call is in the one of this operation, if that one can be part of it.
    fn take_on(&mut self, call: &Call<'static>) -> Option<usize> {
        match call.sharing() {
            Sharing::None => None,
            Sharing::Same => (self.call == *call).then_some(0),
            Sharing::Listed => self.call.list(call).then(|| {
                self.listed += 1;
                self.listed - 1
            }),
        }
    }
}

/// Where the answer for a caller is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    operation: usize,
    position: usize,
}

/// Calls that go together.
pub(crate) struct Batch {
    /// By their deadlines. Those whose time is over have gone.
    callers: Vec<Option<(Waiting, Place)>>,
    operations: Vec<Operation>,
}

impl Batch {
    pub(crate) fn new(waiting: Vec<Waiting>) -> Self {
        let mut operations: Vec<Operation> = Vec::new();
        let mut place_of = |call: &Call<'static>| {
            for (operation, it) in operations.iter_mut().enumerate() {
                if let Some(position) = it.take_on(call) {
                    return Place { operation, position };
                }
            }
            operations.push(Operation::new(call));
            Place {
                operation: operations.len() - 1,
                position: 0,
            }
        };
        let callers = waiting.into_iter().map(|it| {
            let place = place_of(&it.call);
            Some((it, place))
        });
        Self {
            callers: callers.collect(),
            operations,
        }
    }

    /// Makes the call and answers. What the server left for the next call comes back, in its order.
    pub(crate) async fn run(mut self, link: &Link, keys: &Keys) -> Vec<Waiting> {
        let Some(last) = self.callers.iter().flatten().map(|(it, _)| it.deadline).next_back() else {
            return Vec::new();
        };
        let attempt = Attempt::new(Effect::Write, last);
        let call = self.call();
        let answer = {
            let mut running = std::pin::pin!(link.attempt(&call, keys, &attempt));
            loop {
                match self.next_deadline().filter(|next| *next < last) {
                    None => break running.await,
                    Some(next) => match timeout_at(next, &mut running).await {
                        Ok(answer) => break answer,
                        Err(_) => self.expire(next, attempt.progress()),
                    },
                }
            }
        };
        self.answer(answer)
    }

    /// A single operation goes as its own script.
    fn call(&self) -> Call<'static> {
        match &self.operations[..] {
            [one] => one.call.clone(),
            several => several
                .iter()
                .fold(scripts::GROUP.call(), |group, it| group.including(&it.call)),
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.callers.iter().flatten().map(|(it, _)| it.deadline).next()
    }

    /// Lets those go whose time is over.
    fn expire(&mut self, now: Instant, progress: Progress) {
        for caller in &mut self.callers {
            if let Some((it, _)) = caller.take_if(|(it, _)| it.deadline <= now) {
                it.answer(Err(Failure::timed_out(progress).into()));
            }
        }
    }

    /// Gives each its answer. Those that the server left for the next call come back.
    fn answer(self, answer: Result<Value, Failure>) -> Vec<Waiting> {
        let callers = self.callers.into_iter().flatten();
        let mut answers = match (answer, self.operations.len()) {
            (Ok(answer), 1) => vec![answer],
            (Ok(Value::Array(answers)), _) if !answers.is_empty() => answers,
            (Ok(_), _) => {
                callers.for_each(|(it, _)| it.answer(Err(unanswered())));
                return Vec::new();
            }
            (Err(failure), _) => {
                callers.for_each(|(it, _)| it.answer(Err(failure.clone().into())));
                return Vec::new();
            }
        };
        let mut left = Vec::new();
        for (it, place) in callers {
            match answers.get_mut(place.operation) {
                Some(answer) => {
                    let part = part(answer, it.call.sharing(), place.position);
                    it.answer(part);
                }
                None => left.push(it),
            }
        }
        left
    }
}

/// What one of those who share an operation gets of its answer. What nobody else gets is taken out of it: it may be large.
fn part(answer: &mut Value, sharing: Sharing, position: usize) -> Result<Value> {
    let own = match (sharing, answer) {
        (Sharing::None, answer) => std::mem::replace(answer, Value::Nil),
        (Sharing::Listed, Value::Array(listed)) => {
            let own = listed.get_mut(position).ok_or_else(unanswered)?;
            std::mem::replace(own, Value::Nil)
        }
        (Sharing::Same, answer) | (Sharing::Listed, answer @ Value::ServerError(_)) => answer.clone(),
        (Sharing::Listed, _) => return Err(unanswered()),
    };
    match own {
        Value::ServerError(error) => Err(Failure::new(RedisError::from(error), Progress::Sent(Effect::Write)).into()),
        own => Ok(own),
    }
}

fn unanswered() -> Error {
    strange("a script of several operations did not answer for each")
}
