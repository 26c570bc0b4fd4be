//! Topologies on MySQL: what the procedures answer, as answers of the trait.

use convoke_core::topologies::{
    KILL_TOPOLOGY, START_TOPOLOGY, START_TTL, STOP_TOPOLOGY, STOP_TTL, TopologyRegistered, told,
};
use convoke_core::{
    Assignment, Command, Cursor, ErrorText, NewTopology, Page, Paged, Payload, Placement, Placements, Registration,
    Report, Reported, Result, Retention, Term, Topologies, Topology, TopologyChange, TopologyDetails, TopologyId,
    Trimmed, WorkerName, async_trait, error,
};
use serde_json::{Value, json};

use crate::call::Param;
use crate::error::unexpected;
use crate::history::{trim_params, trimmed};
use crate::row::{Columns, outcome};
use crate::store::MysqlStore;

mod rows;

use rows::{Told, assignments, change, check_deleted, comma_joined, reported, told_whom, topology};

/// The columns of a topology, in the order in which they are read.
macro_rules! select_topologies {
    ($more:literal, $where:literal) => {
        concat!(
            "SELECT uuid, status, enabled, worker, weight, affinity, worker_affinity, pid, error, since_us",
            $more,
            " FROM qtopology_topology ",
            $where
        )
    };
}

#[async_trait]
impl Topologies for MysqlStore {
    async fn register_topology(&self, topology: &NewTopology) -> Result<TopologyRegistered> {
        const AT: &str = "topologies.register";
        let affinity = json!(topology.affinity.workers()).to_string();
        let joined = comma_joined(&topology.affinity);
        let params = [
            topology.id.as_str().into(),
            topology.config.as_str().into(),
            Param::Float(topology.weight.get()),
            joined.as_str().into(),
            affinity.as_str().into(),
            self.now_param(),
        ];
        let rows = self
            .write(AT, "CALL convoke_register_topology(?, ?, ?, ?, ?, ?)", &params)
            .await?;
        match outcome(&rows)? {
            Some("created") => Ok(TopologyRegistered::Created),
            Some("replaced") => Ok(TopologyRegistered::Replaced),
            _ => Err(unexpected("an unknown outcome").at(AT)),
        }
    }

    async fn assign_topologies(&self, term: Term, placements: &Placements) -> Result<Vec<Assignment>> {
        const AT: &str = "topologies.assign";
        let start = |placement: &Placement| told(START_TOPOLOGY, &placement.topology);
        let told = placements.as_slice().iter().map(start).collect::<Result<Vec<_>>>();
        let told = told.map_err(|error| error.at(AT))?;
        let (single, several) = match (placements.as_slice(), told.as_slice()) {
            ([placement], [told]) => (Some((placement, told)), None),
            (placements, told) => (None, Some(several(placements.iter().zip(told)))),
        };
        let params = [
            term.number().into(),
            Param::SomeText(single.map(|(placement, _)| placement.topology.as_str())),
            Param::SomeText(single.map(|(placement, _)| placement.worker.as_str())),
            Param::SomeText(single.map(|(_, (_, content))| content.as_str())),
            Param::SomeText(several.as_deref()),
            START_TOPOLOGY.into(),
            START_TTL.as_micros().into(),
            self.now_param(),
        ];
        let rows = self
            .write(AT, "CALL convoke_assign_topologies(?, ?, ?, ?, ?, ?, ?, ?)", &params)
            .await?;
        let answers = assignments(&rows, term, single.is_some()).map_err(|error| error.at(AT))?;
        for (placement, answer) in placements.as_slice().iter().zip(&answers) {
            if *answer == Assignment::Assigned {
                self.waiting.wake(&placement.worker);
            }
        }
        Ok(answers)
    }

    async fn report_topology(&self, registration: &Registration, id: &TopologyId, report: &Report) -> Result<Reported> {
        const AT: &str = "topologies.report";
        let (word, why) = match report {
            Report::Running => ("running", None),
            Report::Failed(why) => ("failed", Some(why.as_str())),
            Report::Released => ("released", None),
        };
        let params = [
            registration.worker.as_str().into(),
            registration.incarnation.number().into(),
            id.as_str().into(),
            word.into(),
            Param::SomeText(why),
            self.now_param(),
        ];
        let rows = self
            .write(AT, "CALL convoke_report_topology(?, ?, ?, ?, ?, ?)", &params)
            .await?;
        reported(&rows, registration, id).map_err(|error| error.at(AT))
    }

    async fn set_topology_pid(
        &self,
        registration: &Registration,
        id: &TopologyId,
        pid: Option<u32>,
    ) -> Result<Reported> {
        const AT: &str = "topologies.set_pid";
        let params = [
            registration.worker.as_str().into(),
            registration.incarnation.number().into(),
            id.as_str().into(),
            pid.into(),
            self.now_param(),
        ];
        let rows = self
            .write(AT, "CALL convoke_set_topology_pid(?, ?, ?, ?, ?)", &params)
            .await?;
        reported(&rows, registration, id).map_err(|error| error.at(AT))
    }

    async fn enable_topology(&self, id: &TopologyId) -> Result<()> {
        self.switch("topologies.enable", "CALL convoke_enable_topology(?, ?)", id)
            .await
    }

    async fn disable_topology(&self, id: &TopologyId) -> Result<()> {
        self.switch("topologies.disable", "CALL convoke_disable_topology(?, ?)", id)
            .await
    }

    async fn stop_topology(&self, id: &TopologyId) -> Result<Option<WorkerName>> {
        let sql = "CALL convoke_stop_topology(?, ?, ?, ?, ?)";
        self.end("topologies.stop", sql, STOP_TOPOLOGY, id).await
    }

    async fn kill_topology(&self, id: &TopologyId) -> Result<Option<WorkerName>> {
        let sql = "CALL convoke_kill_topology(?, ?, ?, ?, ?)";
        self.end("topologies.kill", sql, KILL_TOPOLOGY, id).await
    }

    async fn set_topology_error(&self, id: &TopologyId, error: &ErrorText) -> Result<Option<WorkerName>> {
        const AT: &str = "topologies.set_error";
        let (command, content) = told(STOP_TOPOLOGY, id).map_err(|error| error.at(AT))?;
        let params = [
            id.as_str().into(),
            error.as_str().into(),
            command.as_str().into(),
            content.as_str().into(),
            STOP_TTL.as_micros().into(),
            self.now_param(),
        ];
        let sql = "CALL convoke_set_topology_error(?, ?, ?, ?, ?, ?)";
        self.tell(AT, sql, id, &params).await
    }

    async fn clear_topology_error(&self, id: &TopologyId) -> Result<Option<WorkerName>> {
        const AT: &str = "topologies.clear_error";
        let (command, content) = told(START_TOPOLOGY, id).map_err(|error| error.at(AT))?;
        let params = [
            id.as_str().into(),
            command.as_str().into(),
            content.as_str().into(),
            START_TTL.as_micros().into(),
            self.now_param(),
        ];
        let sql = "CALL convoke_clear_topology_error(?, ?, ?, ?, ?)";
        self.tell(AT, sql, id, &params).await
    }

    async fn delete_topology(&self, id: &TopologyId) -> Result<()> {
        const AT: &str = "topologies.delete";
        let rows = self
            .write(AT, "CALL convoke_delete_topology(?)", &[id.as_str().into()])
            .await?;
        check_deleted(&rows, id).map_err(|error| error.at(AT))
    }

    async fn get_topology(&self, id: &TopologyId) -> Result<TopologyDetails> {
        const AT: &str = "topologies.get";
        let sql = select_topologies!(", config", "WHERE uuid = ?");
        let rows = self.read(AT, sql, &[id.as_str().into()]).await?;
        let details = |row| -> Result<_> {
            let config = Payload::from_store(Columns(row).text(10)?)?;
            Ok(TopologyDetails {
                topology: topology(row)?,
                config,
            })
        };
        match rows.first() {
            Some(row) => details(row),
            None => Err(error::unknown_topology(id)),
        }
        .map_err(|error| error.at(AT))
    }

    async fn list_topologies(&self, page: &Page) -> Result<Paged<Topology>> {
        let sql = select_topologies!("", "FORCE INDEX (PRIMARY) WHERE uuid > ? ORDER BY uuid LIMIT ?");
        self.list("topologies.list", sql, &[], page).await
    }

    async fn list_assigned_topologies(&self, worker: &WorkerName, page: &Page) -> Result<Paged<Topology>> {
        let sql = select_topologies!(
            "",
            "FORCE INDEX (ix_convoke_topology_held) WHERE worker = ? AND uuid > ? ORDER BY uuid LIMIT ?"
        );
        self.list("topologies.list_assigned", sql, &[worker.as_str().into()], page)
            .await
    }

    async fn topology_history(&self, id: &TopologyId, page: &Page) -> Result<Paged<TopologyChange>> {
        const AT: &str = "topologies.history";
        let before = page.after.as_ref().map(Cursor::number).transpose();
        let before = before.map_err(|error| error.at(AT))?;
        let sql = "SELECT uuid, status, enabled, worker, weight, affinity, worker_affinity, pid, error, at_us, id \
                   FROM qtopology_topology_history FORCE INDEX (ix_convoke_topology_history) \
                   WHERE uuid = ? AND id < ? ORDER BY id DESC LIMIT ?";
        let params = [
            id.as_str().into(),
            before.unwrap_or(u64::MAX).into(),
            (page.limit.get() + 1).into(),
        ];
        let rows = self.read(AT, sql, &params).await?;
        let changes = rows.iter().map(change).collect::<Result<_>>();
        let changes = changes.map_err(|error| error.at(AT))?;
        let page = Paged::cut(changes, page.limit, |(id, _): &(u64, _)| Cursor::behind_number(*id));
        Ok(page.map(|(_, change)| change))
    }

    async fn trim_topology_history(&self, retention: &Retention, page: &Page) -> Result<Trimmed> {
        const AT: &str = "topologies.trim_history";
        let sql = "CALL convoke_trim_topology_history(?, ?, ?, ?, ?, ?)";
        let after = page.after.as_ref().map(Cursor::topology).transpose();
        let after = after.map_err(|error| error.at(AT))?;
        let after = after.as_ref().map_or("", TopologyId::as_str);
        let rows = self
            .write(AT, sql, &trim_params(retention, page, after, self.now_param()))
            .await?;
        trimmed(&rows, |row| Ok(Cursor::behind_topology(&row.topology(1)?))).map_err(|error| error.at(AT))
    }
}

/// Placements as the procedure reads them, each with the message that tells its worker.
fn several<'a>(given: impl Iterator<Item = (&'a Placement, &'a (Command, Payload))>) -> String {
    let placement = |(placement, (_, content)): (&Placement, &(Command, Payload))| {
        json!({
            "topology": placement.topology.as_str(),
            "worker": placement.worker.as_str(),
            "content": content.as_str(),
        })
    };
    given.map(placement).collect::<Value>().to_string()
}

impl MysqlStore {
    async fn switch(&self, at: &'static str, sql: &'static str, id: &TopologyId) -> Result<()> {
        let rows = self.write(at, sql, &[id.as_str().into(), self.now_param()]).await?;
        match outcome(&rows)? {
            None => Ok(()),
            Some(_) => Err(error::unknown_topology(id).at(at)),
        }
    }

    async fn end(
        &self,
        at: &'static str,
        sql: &'static str,
        command: &'static str,
        id: &TopologyId,
    ) -> Result<Option<WorkerName>> {
        let (command, content) = told(command, id).map_err(|error| error.at(at))?;
        let params = [
            id.as_str().into(),
            command.as_str().into(),
            content.as_str().into(),
            STOP_TTL.as_micros().into(),
            self.now_param(),
        ];
        self.tell(at, sql, id, &params).await
    }

    /// A call that may tell the worker that has the topology something; answers who was told.
    async fn tell(
        &self,
        at: &'static str,
        sql: &'static str,
        id: &TopologyId,
        params: &[Param<'_>],
    ) -> Result<Option<WorkerName>> {
        let rows = self.write(at, sql, params).await?;
        let whom = match told_whom(&rows).map_err(|error| error.at(at))? {
            Told::Whom(whom) => whom,
            Told::Unknown => return Err(error::unknown_topology(id).at(at)),
            Told::NotInError(status) => return Err(error::not_in_error(id, status).at(at)),
        };
        if let Some(worker) = &whom {
            self.waiting.wake(worker);
        }
        Ok(whom)
    }

    /// A page of topologies, by a statement whose parameters are these, the id behind which it begins, and how many.
    async fn list(
        &self,
        at: &'static str,
        sql: &'static str,
        of: &[Param<'_>],
        page: &Page,
    ) -> Result<Paged<Topology>> {
        let after = page.after.as_ref().map(Cursor::topology).transpose();
        let after = after.map_err(|error| error.at(at))?;
        let after = after.as_ref().map_or("", TopologyId::as_str);
        let params = [of, &[after.into(), (page.limit.get() + 1).into()]].concat();
        let rows = self.read(at, sql, &params).await?;
        let topologies = rows.iter().map(topology).collect::<Result<_>>();
        let topologies = topologies.map_err(|error| error.at(at))?;
        Ok(Paged::cut(topologies, page.limit, |last: &Topology| {
            Cursor::behind_topology(&last.id)
        }))
    }
}
