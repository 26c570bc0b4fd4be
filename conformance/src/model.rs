//! The model: random operations on the backend and on the reference, which must answer alike.

use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use convoke_backend_memory::State;
use convoke_core::{Confirmed, Timestamp};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use crate::case::{Check, Failure};
use crate::expect::Handle;
use crate::harness::Capability;
use crate::ids::Ids;
use crate::stage::Stage;
use crate::steps::{Known, Mix, Step, steps};

/// How many random runs a case makes, unless the variable PROPTEST_CASES says another number.
const RUNS: u32 = 24;

/// How many steps a run has at most.
const LONGEST: usize = 120;

/// Between two runs: longer than anything in a run lasts.
const AGE: std::time::Duration = std::time::Duration::from_secs(3_600);

/// Compares random runs of a mix with the reference.
pub(crate) async fn compare(stage: Stage, mix: Mix) -> Check {
    let handles = Arc::new(handles(&stage).await?);
    let stage = Arc::new(stage);
    for_all(mix, move |steps| {
        let (stage, handles) = (stage.clone(), handles.clone());
        async move {
            begin_anew(&stage, &handles).await?;
            run(&stage, &handles, &steps).await
        }
    })
    .await
}

/// The handles that take turns: two where the backend can.
pub(crate) async fn handles(stage: &Stage) -> Check<Vec<Handle>> {
    let mut handles = vec![stage.open().await?];
    if stage.capabilities().has(Capability::Shared) {
        handles.push(stage.open().await?);
    }
    Ok(handles)
}

/// Empties the installation, and lets so much time pass that no promise is left.
pub(crate) async fn begin_anew(stage: &Stage, handles: &[Handle]) -> Check {
    if let Some(store) = handles.first() {
        store.clear(Confirmed::YesDeleteEverything).await?;
    }
    stage.clock.advance(AGE);
    Ok(())
}

async fn run(stage: &Stage, handles: &[Handle], steps: &[Step]) -> Check {
    let mut reference = State::default();
    let mut ids = Ids::default();
    let mut known = Known::default();
    let mut journal = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        let now = stage.clock.now();
        let deed = match step {
            Step::Pass(length) => {
                stage.clock.advance(*length);
                continue;
            }
            Step::PassToEnd { before } => {
                stage.clock.set(known.next_end(now, *before));
                continue;
            }
            Step::Do(deed) => deed,
        };
        let operation = known.operation(deed, now)?;
        let got = operation.run(&*handles[number % handles.len()]).await;
        let expected = reference.apply(&ids.to_reference(&operation), now);
        let agreed = ids.agree(&operation, &expected, &got);
        journal.push(line(now, &format!("{operation:?}"), &format!("{got:?}")));
        if !agreed {
            return Err(Failure::new(format!(
                "the backend and the reference answer differently (ids aside)\n  expected: {expected:?}\n  got:      {got:?}\n  after:\n{}",
                journal.join("\n")
            )));
        }
        if let Ok(answer) = &got {
            known.learn(&operation, answer);
        }
    }
    Ok(())
}

/// A line of the journal of a run.
pub(crate) fn line(now: Timestamp, operation: &str, answer: &str) -> String {
    format!("    {now} {operation} -> {answer}")
}

/// Runs a judge on random runs, and shrinks the first one that fails.
pub(crate) async fn for_all<F, J>(mix: Mix, judge: F) -> Check
where
    F: Fn(Vec<Step>) -> J + Send + 'static,
    J: Future<Output = Check> + Send,
{
    let seed = seed();
    let runtime = tokio::runtime::Handle::current();
    let judged = tokio::task::spawn_blocking(move || {
        let config = Config {
            cases: number_in("PROPTEST_CASES")
                .and_then(|cases| u32::try_from(cases).ok())
                .unwrap_or(RUNS),
            failure_persistence: None,
            max_shrink_time: 20_000,
            max_shrink_iters: 2_000,
            ..Config::default()
        };
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        TestRunner::new_with_rng(config, rng).run(&steps(mix, LONGEST), |steps| {
            let failed = |failure: Failure| TestCaseError::fail(failure.to_string());
            runtime.block_on(judge(steps)).map_err(failed)
        })
    });
    match judged.await.map_err(|error| Failure::elsewhere(error.to_string()))? {
        Ok(()) => Ok(()),
        Err(TestError::Fail(why, steps)) => Err(Failure::elsewhere(format!(
            "{why}\n  of the {} steps that are left after shrinking; the same runs again with CONVOKE_SEED={seed}",
            steps.len()
        ))),
        Err(TestError::Abort(why)) => Err(Failure::elsewhere(format!("the runs were given up: {why}"))),
    }
}

/// The seed of this process's random runs: CONVOKE_SEED, or a new one.
pub(crate) fn seed() -> u64 {
    number_in("CONVOKE_SEED").unwrap_or_else(|| RandomState::new().hash_one("convoke"))
}

/// The number in an environment variable.
pub(crate) fn number_in(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}
