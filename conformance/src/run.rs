//! Runs cases: one by its id as a test, or all of them for a report.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use convoke_core::{Clock, Durability, ErrorKind, ManualClock, Properties};
use serde::{Deserialize, Serialize};
use tokio::runtime::{Builder, Runtime};

use crate::case::{Case, Check, Failure, Kind};
use crate::harness::{Capabilities, Capability, Harness};
use crate::saboteurs::Saboteur;
use crate::stage::Stage;

/// How long one case may take until it counts as hung.
const CASE_TIMEOUT: Duration = Duration::from_secs(180);

/// All cases, by concern.
#[must_use]
pub fn cases() -> Vec<Case> {
    crate::TABLES.concat()
}

/// Judges one clause on the runtime that all clauses of this process share. What [`suite!`](crate::suite) expands to.
///
/// # Errors
/// Why the backend fails it.
pub fn judge(id: &str, harness: impl Harness) -> Check {
    let case = cases().into_iter().find(|case| case.id == id);
    let case = case.ok_or_else(|| Failure::elsewhere(format!("the suite has no clause {id}")))?;
    let harness: Arc<dyn Harness> = Arc::new(harness);
    match runtime()?.block_on(judge_case(case, harness)).outcome {
        Outcome::Passed | Outcome::Declared(_) => Ok(()),
        Outcome::Failed(why) => Err(Failure::elsewhere(why)),
    }
}

/// Judges that a saboteur is rejected. What [`teeth!`](crate::teeth) expands to.
///
/// # Errors
/// When the clause that must reject it accepts it.
pub fn must_reject(saboteur: &str) -> Check {
    let found = Saboteur::of(saboteur).ok_or_else(|| Failure::elsewhere(format!("there is no saboteur {saboteur}")))?;
    runtime()?.block_on(found.must_be_rejected())
}

/// Judges every clause, one after the other, and tells how each one went.
pub async fn report(harness: Arc<dyn Harness>) -> Report {
    let properties = match harness.fresh().await.open(Clock::Store).await {
        Ok(store) => store.properties().await.ok(),
        Err(_) => None,
    };
    let mut results = Vec::new();
    for case in cases() {
        results.push(judge_case(case, harness.clone()).await);
    }
    Report {
        suite: env!("CARGO_PKG_VERSION").to_owned(),
        properties,
        capabilities: harness.capabilities(),
        results,
    }
}

/// How a backend did, to be published.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Report {
    /// The version of the suite.
    pub suite: String,
    /// What the store says that it is; none when it can't be opened.
    pub properties: Option<Properties>,
    /// What the backend declares to be able to do.
    pub capabilities: Capabilities,
    /// One result per clause.
    pub results: Vec<CaseResult>,
}

impl Report {
    /// Whether the backend failed nothing.
    #[must_use]
    pub fn is_passed(&self) -> bool {
        self.failures().next().is_none()
    }

    /// What it failed.
    pub fn failures(&self) -> impl Iterator<Item = &CaseResult> {
        self.results
            .iter()
            .filter(|result| matches!(result.outcome, Outcome::Failed(_)))
    }
}

/// How a backend did at one clause.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CaseResult {
    /// The stable id of the clause.
    pub id: String,
    /// How it judges.
    pub kind: Kind,
    /// What must be so.
    pub sentence: String,
    /// The rule of the contract that it judges.
    pub rule: String,
    /// How it went.
    pub outcome: Outcome,
    /// How long it took.
    pub millis: u64,
}

/// How a clause went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The backend keeps it.
    Passed,
    /// The backend declares that it lacks what the clause needs, and says so when asked for it.
    Declared(Capability),
    /// It does not, and why.
    Failed(String),
}

/// Judges one clause.
pub(crate) async fn judge_case(case: Case, harness: Arc<dyn Harness>) -> CaseResult {
    let begun = Instant::now();
    let missing = case
        .needs
        .iter()
        .copied()
        .find(|need| !harness.capabilities().has(*need));
    let judged = async move {
        let stage = Stage::new(harness).await;
        match missing {
            None => (case.judge)(stage).await,
            Some(capability) => refuses(capability, stage).await,
        }
    };
    // A task of its own, so that a panic of the harness or the backend is a failure and not the end of the report.
    let mut task = tokio::spawn(judged);
    let judged = match tokio::time::timeout(CASE_TIMEOUT, &mut task).await {
        Ok(Ok(check)) => check,
        Ok(Err(error)) => Err(Failure::elsewhere(format!("it panicked: {error}"))),
        Err(_) => {
            task.abort();
            Err(Failure::elsewhere(format!("it hangs: no end after {CASE_TIMEOUT:?}")))
        }
    };
    let outcome = match (judged, missing) {
        (Ok(()), None) => Outcome::Passed,
        (Ok(()), Some(capability)) => Outcome::Declared(capability),
        (Err(failure), _) => Outcome::Failed(format!(
            "the backend does not keep the clause \"{}\" ({})\n  rule: {}\n  {failure}",
            case.sentence(),
            case.id,
            case.rule,
        )),
    };
    CaseResult {
        id: case.id.to_owned(),
        kind: case.kind(),
        sentence: case.sentence(),
        rule: case.rule.to_owned(),
        outcome,
        millis: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
    }
}

/// Judges that a backend says what it lacks.
async fn refuses(capability: Capability, stage: Stage) -> Check {
    let answer = match capability {
        Capability::ManualClock => stage.open_by(Clock::Manual(ManualClock::default())).await,
        Capability::Shared => {
            let _first = stage.open_by(Clock::Store).await?;
            stage.open_by(Clock::Store).await
        }
        Capability::Durable => return promises_nothing(stage).await,
    };
    match answer {
        Err(error) if error.kind() == ErrorKind::Unsupported => Ok(()),
        other => Err(Failure::new(format!(
            "the backend declares that it lacks {capability}; asked for it, it must refuse with unsupported, and answered {other:?}"
        ))),
    }
}

/// Judges that a store that does not keep its data says so.
async fn promises_nothing(stage: Stage) -> Check {
    let store = stage.open_by(Clock::Store).await?;
    let durability = store.properties().await?.durability;
    if durability != Durability::None {
        return Err(Failure::new(format!(
            "the backend declares that it lacks {}, and its properties promise {durability:?}",
            Capability::Durable
        )));
    }
    Ok(())
}

pub(crate) fn runtime() -> Check<&'static Runtime> {
    static RUNTIME: OnceLock<std::io::Result<Runtime>> = OnceLock::new();
    RUNTIME
        .get_or_init(|| Builder::new_multi_thread().enable_all().build())
        .as_ref()
        .map_err(|error| Failure::elsewhere(format!("no runtime: {error}")))
}
