//! Races: many tasks on handles of their own, at once.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use convoke_core::Operation;
use parking_lot::Mutex;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use tokio::task::JoinSet;

use crate::case::{Check, Failure};
use crate::expect::Handle;
use crate::linearizability::{History, explain};
use crate::model::{begin_anew, number_in, seed};
use crate::stage::Stage;
use crate::steps::{Deed, Known, Mix, deed, first};

/// How many race at once.
const RACERS: usize = 4;

/// How many deeds each of them does in a round.
const DEEDS: usize = 12;

/// How many rounds a race has, unless the variable CONVOKE_RACE_ROUNDS says another number.
const ROUNDS: u64 = 12;

/// How many rounds a race has.
pub(crate) fn rounds() -> u64 {
    number_in("CONVOKE_RACE_ROUNDS").unwrap_or(ROUNDS)
}

/// Opens a handle for each racer.
pub(crate) async fn open_all(stage: &Stage, racers: usize) -> Check<Vec<Handle>> {
    let mut handles = Vec::new();
    for _ in 0..racers {
        handles.push(stage.open().await?);
    }
    Ok(handles)
}

/// Runs one task per handle, all at once, and gathers what they found in the order of the handles. The first that fails
/// ends the race.
pub(crate) async fn at_once<T, F, J>(handles: &[Handle], act: F) -> Check<Vec<T>>
where
    T: Send + 'static,
    F: Fn(usize, Handle) -> J,
    J: Future<Output = Check<T>> + Send + 'static,
{
    let gate = Arc::new(tokio::sync::Barrier::new(handles.len()));
    let mut tasks = JoinSet::new();
    for (number, handle) in handles.iter().enumerate() {
        let racing = act(number, handle.clone());
        let gate = gate.clone();
        tasks.spawn(async move {
            gate.wait().await;
            racing.await.map(|found| (number, found))
        });
    }
    let mut found = BTreeMap::new();
    while let Some(task) = tasks.join_next().await {
        let (number, it) = task.map_err(|error| Failure::elsewhere(error.to_string()))??;
        found.insert(number, it);
    }
    Ok(found.into_values().collect())
}

/// Races random deeds of a mix on handles of their own, at one instant, and looks for an order that explains them.
pub(crate) async fn linearizable(stage: Stage, mix: Mix) -> Check {
    let handles = open_all(&stage, RACERS).await?;
    let seed = seed();
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    for round in 0..rounds() {
        begin_anew(&stage, &handles).await?;
        let mut plans = Vec::new();
        for _ in 0..RACERS {
            plans.push(plan(mix, &mut runner)?);
        }
        let history = race(&stage, &handles, mix, plans).await?;
        let now = stage.clock.now();
        let explained = tokio::task::spawn_blocking(move || explain(history.into_calls(), now));
        let explained = explained.await.map_err(|error| Failure::elsewhere(error.to_string()))?;
        explained.map_err(|failure| {
            failure.after(format_args!(
                "in round {round}, with deeds that come again with CONVOKE_SEED={seed}:\n  "
            ))
        })?;
    }
    Ok(())
}

fn plan(mix: Mix, runner: &mut TestRunner) -> Check<Vec<Deed>> {
    let plan = proptest::collection::vec(deed(mix), DEEDS).new_tree(runner);
    plan.map(|tree| tree.current())
        .map_err(|why| Failure::elsewhere(why.to_string()))
}

async fn race(stage: &Stage, handles: &[Handle], mix: Mix, plans: Vec<Vec<Deed>>) -> Check<History> {
    let history = Arc::new(History::default());
    let known = Arc::new(Mutex::new(Known::default()));
    let now = stage.clock.now();
    for deed in first(mix) {
        let operation = known.lock().operation(&deed, now)?;
        run(&handles[0], &history, &known, operation).await;
    }
    let plans = Mutex::new(plans);
    let raced = at_once(handles, |_, store| {
        let plan = plans.lock().pop().unwrap_or_default();
        let (history, known) = (history.clone(), known.clone());
        async move {
            for deed in plan {
                let operation = known.lock().operation(&deed, now)?;
                run(&store, &history, &known, operation).await;
            }
            Ok(())
        }
    });
    raced.await?;
    Arc::into_inner(history).ok_or_else(|| Failure::elsewhere("a racer outlived the race"))
}

async fn run(store: &Handle, history: &History, known: &Mutex<Known>, operation: Operation) {
    let called = history.moment();
    let answer = operation.run(&**store).await;
    if let Ok(answer) = &answer {
        known.lock().learn(&operation, answer);
    }
    history.record(operation, answer, called);
}
