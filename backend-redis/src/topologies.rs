//! Topologies on Redis.

use convoke_core::topologies::{KILL_TOPOLOGY, START_TOPOLOGY, START_TTL, STOP_TOPOLOGY, STOP_TTL, told};
use convoke_core::{
    Assignment, Cursor, ErrorText, NewTopology, Page, Paged, Payload, Placements, Registration, Report, Reported,
    Result, Retention, Term, Topologies, Topology, TopologyChange, TopologyDetails, TopologyId, TopologyRegistered,
    Trimmed, Ttl, WorkerName, async_trait, error,
};

use crate::answer::{Answer, Fields, named, strange};
use crate::keys::ordered;
use crate::script::{Call, Script};
use crate::scripts;
use crate::store::{RedisStore, refused_registration};
use crate::workers::word;

mod record;

use record::{affinity_text, pid_text, weight_text, worker_name};

#[async_trait]
impl Topologies for RedisStore {
    async fn register_topology(&self, topology: &NewTopology) -> Result<TopologyRegistered> {
        let registered = self.put_topology(topology).await;
        registered.map_err(|error| error.at("topologies.register"))
    }

    async fn assign_topologies(&self, term: Term, placements: &Placements) -> Result<Vec<Assignment>> {
        let assigned = self.assign(term, placements).await;
        assigned.map_err(|error| error.at("topologies.assign"))
    }

    async fn report_topology(&self, registration: &Registration, id: &TopologyId, report: &Report) -> Result<Reported> {
        let reported = self.report(registration, id, report).await;
        reported.map_err(|error| error.at("topologies.report"))
    }

    async fn set_topology_pid(
        &self,
        registration: &Registration,
        id: &TopologyId,
        pid: Option<u32>,
    ) -> Result<Reported> {
        let reported = self.set_pid(registration, id, pid).await;
        reported.map_err(|error| error.at("topologies.set_pid"))
    }

    async fn enable_topology(&self, id: &TopologyId) -> Result<()> {
        let switched = self.switch(&scripts::ENABLE_TOPOLOGY, id).await;
        switched.map_err(|error| error.at("topologies.enable"))
    }

    async fn disable_topology(&self, id: &TopologyId) -> Result<()> {
        let switched = self.switch(&scripts::DISABLE_TOPOLOGY, id).await;
        switched.map_err(|error| error.at("topologies.disable"))
    }

    async fn stop_topology(&self, id: &TopologyId) -> Result<Option<WorkerName>> {
        let stopped = self.tell(&scripts::STOP_TOPOLOGY, id, (STOP_TOPOLOGY, STOP_TTL), None);
        stopped.await.map_err(|error| error.at("topologies.stop"))
    }

    async fn kill_topology(&self, id: &TopologyId) -> Result<Option<WorkerName>> {
        let killed = self.tell(&scripts::KILL_TOPOLOGY, id, (KILL_TOPOLOGY, STOP_TTL), None);
        killed.await.map_err(|error| error.at("topologies.kill"))
    }

    async fn set_topology_error(&self, id: &TopologyId, error: &ErrorText) -> Result<Option<WorkerName>> {
        let set = self.tell(&scripts::SET_TOPOLOGY_ERROR, id, (STOP_TOPOLOGY, STOP_TTL), Some(error));
        set.await.map_err(|error| error.at("topologies.set_error"))
    }

    async fn clear_topology_error(&self, id: &TopologyId) -> Result<Option<WorkerName>> {
        let cleared = self.tell(&scripts::CLEAR_TOPOLOGY_ERROR, id, (START_TOPOLOGY, START_TTL), None);
        cleared.await.map_err(|error| error.at("topologies.clear_error"))
    }

    async fn delete_topology(&self, id: &TopologyId) -> Result<()> {
        let forgotten = self.forget_topology(id).await;
        forgotten.map_err(|error| error.at("topologies.delete"))
    }

    async fn get_topology(&self, id: &TopologyId) -> Result<TopologyDetails> {
        self.find_topology(id).await.map_err(|error| error.at("topologies.get"))
    }

    async fn list_topologies(&self, page: &Page) -> Result<Paged<Topology>> {
        let call = scripts::LIST_TOPOLOGIES.call();
        let listed = self.page_of_topologies(call, page).await;
        listed.map_err(|error| error.at("topologies.list"))
    }

    async fn list_assigned_topologies(&self, worker: &WorkerName, page: &Page) -> Result<Paged<Topology>> {
        let call = scripts::LIST_ASSIGNED_TOPOLOGIES.call().arg(worker.as_str());
        let listed = self.page_of_topologies(call, page).await;
        listed.map_err(|error| error.at("topologies.list_assigned"))
    }

    async fn topology_history(&self, id: &TopologyId, page: &Page) -> Result<Paged<TopologyChange>> {
        let changes = self.changes_of(id, page).await;
        changes.map_err(|error| error.at("topologies.history"))
    }

    async fn trim_topology_history(&self, retention: &Retention, page: &Page) -> Result<Trimmed> {
        let trimmed = self.trim_changes(retention, page).await;
        trimmed.map_err(|error| error.at("topologies.trim_history"))
    }
}

impl RedisStore {
    async fn put_topology(&self, new: &NewTopology) -> Result<TopologyRegistered> {
        let call = scripts::REGISTER_TOPOLOGY
            .call()
            .arg(self.now_argument()?)
            .arg(new.id.as_str())
            .arg(new.config.as_str())
            .arg(weight_text(new.weight))
            .arg(affinity_text(&new.affinity)?.as_str());
        let answer = self.ask(&call).await?;
        match answer.word.as_str() {
            "created" => Ok(TopologyRegistered::Created),
            "replaced" => Ok(TopologyRegistered::Replaced),
            _ => Err(answer.unexpected()),
        }
    }

    async fn assign(&self, term: Term, placements: &Placements) -> Result<Vec<Assignment>> {
        let mut call = scripts::ASSIGN_TOPOLOGIES
            .call()
            .arg(self.now_argument()?)
            .arg(term.number())
            .arg(START_TTL.as_micros());
        for placement in placements.as_slice() {
            call = call
                .arg(placement.topology.as_str())
                .arg(placement.worker.as_str())
                .arg(message(START_TOPOLOGY, &placement.topology)?);
        }
        let mut answer = self.ask(&call).await?;
        match answer.word.as_str() {
            "answered" => {
                let mut rows = answer.fields.list()?;
                let answers = placements.as_slice().iter().map(|_| assignment(&mut rows));
                answers.collect()
            }
            "stale_term" => Err(error::stale_term(term)),
            _ => Err(answer.unexpected()),
        }
    }

    async fn report(&self, registration: &Registration, id: &TopologyId, report: &Report) -> Result<Reported> {
        let (word, why) = match report {
            Report::Running => ("running", ""),
            Report::Failed(why) => ("failed", why.as_str()),
            Report::Released => ("released", ""),
        };
        let call = scripts::REPORT_TOPOLOGY.call();
        let call = self.by_its_worker(call, registration, id)?.arg(word).arg(why);
        reported(self.ask_in_group(call).await?, registration, id)
    }

    async fn set_pid(&self, registration: &Registration, id: &TopologyId, pid: Option<u32>) -> Result<Reported> {
        let call = scripts::SET_TOPOLOGY_PID.call();
        let call = self.by_its_worker(call, registration, id)?.arg(pid_text(pid));
        reported(self.ask(&call).await?, registration, id)
    }

    async fn switch(&self, script: &Script, id: &TopologyId) -> Result<()> {
        let call = script.call().arg(self.now_argument()?).arg(id.as_str());
        let answer = self.ask(&call).await?;
        match answer.word.as_str() {
            "changed" => Ok(()),
            _ => Err(refused_topology(&answer, id)),
        }
    }

    /// Runs a script that changes a topology and may tell its worker something about it.
    async fn tell(
        &self,
        script: &Script,
        id: &TopologyId,
        (command, ttl): (&'static str, Ttl),
        why: Option<&ErrorText>,
    ) -> Result<Option<WorkerName>> {
        let mut call = script
            .call()
            .arg(self.now_argument()?)
            .arg(id.as_str())
            .arg(ttl.as_micros())
            .arg(message(command, id)?);
        if let Some(why) = why {
            call = call.arg(why.as_str());
        }
        let mut answer = self.ask(&call).await?;
        match answer.word.as_str() {
            "told" => answer.fields.optional_text()?.map(named).transpose(),
            "not_in_error" => Err(error::not_in_error(id, word(&answer.fields.text()?)?)),
            _ => Err(refused_topology(&answer, id)),
        }
    }

    async fn forget_topology(&self, id: &TopologyId) -> Result<()> {
        let call = scripts::DELETE_TOPOLOGY.call().arg(id.as_str());
        let mut answer = self.ask(&call).await?;
        match answer.word.as_str() {
            "deleted" => Ok(()),
            "in_use" => {
                let topology = record::topology(id.clone(), &answer.fields.text()?)?;
                Err(error::topology_in_use(&topology))
            }
            _ => Err(refused_topology(&answer, id)),
        }
    }

    async fn find_topology(&self, id: &TopologyId) -> Result<TopologyDetails> {
        let call = scripts::GET_TOPOLOGY.call().arg(id.as_str());
        let mut answer = self.ask(&call).await?;
        match answer.word.as_str() {
            "found" => Ok(TopologyDetails {
                topology: record::topology(id.clone(), &answer.fields.text()?)?,
                config: Payload::from_store(&answer.fields.text()?)?,
            }),
            _ => Err(refused_topology(&answer, id)),
        }
    }

    /// Runs a script that lists topologies, by their ids.
    async fn page_of_topologies(&self, call: Call<'_>, page: &Page) -> Result<Paged<Topology>> {
        let after = page.after.as_ref().map(Cursor::topology).transpose()?;
        let call = call
            .arg(after.as_ref().map_or("", TopologyId::as_str))
            .arg(page.limit.get() + 1);
        let mut answer = self.ask(&call).await?;
        if answer.word != "page" {
            return Err(answer.unexpected());
        }
        let mut rows = answer.fields.list()?;
        let mut topologies = Vec::new();
        while !rows.is_done() {
            let id = named(rows.text()?)?;
            topologies.push(record::topology(id, &rows.text()?)?);
        }
        Ok(Paged::cut(topologies, page.limit, |last: &Topology| {
            Cursor::behind_topology(&last.id)
        }))
    }

    async fn changes_of(&self, id: &TopologyId, page: &Page) -> Result<Paged<TopologyChange>> {
        let before = page.after.as_ref().map(Cursor::number).transpose()?;
        let call = scripts::TOPOLOGY_HISTORY
            .call()
            .arg(id.as_str())
            .arg(before.map(ordered).unwrap_or_default())
            .arg(page.limit.get() + 1);
        let mut answer = self.ask(&call).await?;
        if answer.word != "page" {
            return Err(answer.unexpected());
        }
        let mut rows = answer.fields.list()?;
        let mut changes = Vec::new();
        while !rows.is_done() {
            changes.push(record::change(id, &rows.text()?)?);
        }
        let page = Paged::cut(changes, page.limit, |(number, _): &(u64, TopologyChange)| {
            Cursor::behind_number(*number)
        });
        Ok(page.map(|(_, change)| change))
    }

    async fn trim_changes(&self, retention: &Retention, page: &Page) -> Result<Trimmed> {
        let after = page.after.as_ref().map(Cursor::topology).transpose()?;
        let after = after.as_ref().map(TopologyId::as_str);
        self.trim(
            &scripts::TRIM_TOPOLOGY_HISTORY,
            after,
            retention,
            page,
            Cursor::behind_topology,
        )
        .await
    }

    /// The arguments that the two scripts have in common by which the worker that has a topology speaks for it.
    fn by_its_worker<'a>(&self, call: Call<'a>, registration: &Registration, id: &TopologyId) -> Result<Call<'a>> {
        Ok(call
            .arg(self.now_argument()?)
            .arg(registration.worker.as_str())
            .arg(registration.incarnation.number())
            .arg(id.as_str()))
    }
}

/// What is told, as a message is kept: `command NUL content`.
fn message(command: &'static str, id: &TopologyId) -> Result<String> {
    let (command, content) = told(command, id)?;
    Ok(format!("{command}\0{content}"))
}

/// Reads a word and its detail.
fn assignment(rows: &mut Fields) -> Result<Assignment> {
    let (answer, detail) = (rows.text()?, rows.text()?);
    match answer.as_str() {
        "assigned" => Ok(Assignment::Assigned),
        "unknown_topology" => Ok(Assignment::UnknownTopology),
        "unknown_worker" => Ok(Assignment::UnknownWorker),
        "disabled" => Ok(Assignment::Disabled),
        "held_by" => named(detail).map(Assignment::HeldBy),
        "in_error" => Ok(Assignment::InError),
        "not_alive" => word(&detail).map(Assignment::NotAlive),
        _ => Err(strange("a placement was answered with an unknown word").with("word", answer)),
    }
}

fn reported(mut answer: Answer, registration: &Registration, id: &TopologyId) -> Result<Reported> {
    match answer.word.as_str() {
        "accepted" => Ok(Reported::Accepted),
        "not_held" => worker_name(&answer.fields.text()?).map(Reported::NotHeld),
        "disabled" => Ok(Reported::Disabled),
        "unknown_topology" => Err(error::unknown_topology(id)),
        _ => Err(refused_registration(&answer, registration)),
    }
}

/// The error for a script's word that says that there is no such topology; any other word is unexpected.
fn refused_topology(answer: &Answer, id: &TopologyId) -> convoke_core::Error {
    match answer.word.as_str() {
        "unknown_topology" => error::unknown_topology(id),
        _ => answer.unexpected(),
    }
}
