//! Workers on MySQL: what the procedures answer, as answers of the trait.

use convoke_core::{
    Cursor, Incarnation, Page, Paged, Refreshed, Registration, Result, Retention, RoleCounts, Term, Timeouts,
    TopologyId, Trimmed, Vacated, Worker, WorkerChange, WorkerName, WorkerStatus, Workers, async_trait, error,
    workers::MAX_REFRESHED,
};
use sqlx::mysql::MySqlRow;

use crate::call::{Param, sql_now};
use crate::error::{foreign_name, foreign_topology, unexpected};
use crate::history::{trim_params, trimmed};
use crate::row::{Columns, outcome};
use crate::store::MysqlStore;

/// Restates `core::leadership::role_of`. The time is a parameter twice: a derived table would cost a temporary one.
macro_rules! select_workers {
    ($which:literal) => {
        concat!(
            "SELECT w.name, w.status, w.incarnation, w.last_ping_us, ",
            "CASE WHEN s.holder = w.name AND s.promised_until_us > ",
            sql_now!(),
            " THEN 'leader' WHEN w.status = 'alive' AND w.candidacy_us > ",
            sql_now!(),
            " THEN 'candidate' ELSE 'normal' END FROM convoke_seat AS s STRAIGHT_JOIN qtopology_worker AS w ",
            $which
        )
    };
}

/// The rows of a page, by name.
const PAGE: &str = select_workers!("FORCE INDEX (PRIMARY) WHERE s.id = 1 AND w.name > ? ORDER BY w.name LIMIT ?");

const COUNT: &str = concat!(
    "SELECT (SELECT COUNT(*) FROM qtopology_worker), ",
    "(SELECT COUNT(*) FROM qtopology_worker WHERE candidacy_us > t.now_us AND status = 'alive'), ",
    "(SELECT COUNT(*) FROM convoke_seat WHERE id = 1 AND holder IS NOT NULL AND promised_until_us > t.now_us) ",
    "FROM (SELECT ",
    sql_now!(),
    " AS now_us) AS t"
);

#[async_trait]
impl Workers for MysqlStore {
    async fn register_worker(&self, name: &WorkerName) -> Result<Registration> {
        const AT: &str = "workers.register";
        let sql = "CALL convoke_register_worker(?, ?)";
        let rows = self.write(AT, sql, &[name.as_str().into(), self.now_param()]).await?;
        let row = rows.first().ok_or_else(|| unexpected("no incarnation").at(AT))?;
        let number = Columns(row).number(0).map_err(|error| error.at(AT))?;
        Ok(Registration {
            worker: name.clone(),
            incarnation: Incarnation::from_number(number),
        })
    }

    async fn ping_worker(&self, registration: &Registration) -> Result<()> {
        const AT: &str = "workers.ping";
        let params = [
            registration.worker.as_str().into(),
            registration.incarnation.number().into(),
            self.now_param(),
        ];
        let rows = self.write(AT, "CALL convoke_ping_worker(?, ?, ?)", &params).await?;
        check_heard(&rows, registration).map_err(|error| error.at(AT))
    }

    async fn set_worker_status(
        &self,
        name: &WorkerName,
        incarnation: Option<Incarnation>,
        status: WorkerStatus,
    ) -> Result<()> {
        const AT: &str = "workers.set_status";
        let params = [
            name.as_str().into(),
            incarnation.map_or(Param::Int(None), |given| given.number().into()),
            status.as_str().into(),
            self.now_param(),
        ];
        let rows = self
            .write(AT, "CALL convoke_set_worker_status(?, ?, ?, ?)", &params)
            .await?;
        let registration = Registration {
            worker: name.clone(),
            incarnation: incarnation.unwrap_or(Incarnation::from_number(0)),
        };
        check_heard(&rows, &registration).map_err(|error| error.at(AT))
    }

    async fn get_worker(&self, name: &WorkerName) -> Result<Worker> {
        const AT: &str = "workers.get";
        let sql = select_workers!("WHERE s.id = 1 AND w.name = ?");
        let now = self.now_param();
        let rows = self.read(AT, sql, &[now, now, name.as_str().into()]).await?;
        match rows.first() {
            Some(row) => worker(row),
            None => Err(error::unknown_worker(name)),
        }
        .map_err(|error| error.at(AT))
    }

    async fn list_workers(&self, page: &Page) -> Result<Paged<Worker>> {
        const AT: &str = "workers.list";
        let after = page
            .after
            .as_ref()
            .map(Cursor::worker)
            .transpose()
            .map_err(|error| error.at(AT))?;
        let after = after.as_ref().map_or("", WorkerName::as_str);
        let now = self.now_param();
        let params = [now, now, after.into(), (page.limit.get() + 1).into()];
        let rows = self.read(AT, PAGE, &params).await?;
        let workers = rows
            .iter()
            .map(worker)
            .collect::<Result<_>>()
            .map_err(|error| error.at(AT))?;
        Ok(Paged::cut(workers, page.limit, |last: &Worker| {
            Cursor::behind_worker(&last.name)
        }))
    }

    async fn count_workers(&self) -> Result<RoleCounts> {
        const AT: &str = "workers.count";
        let rows = self.read(AT, COUNT, &[self.now_param()]).await?;
        let row = rows.first().ok_or_else(|| unexpected("no counts").at(AT))?;
        counts(&Columns(row)).map_err(|error| error.at(AT))
    }

    async fn delete_worker(&self, name: &WorkerName) -> Result<()> {
        const AT: &str = "workers.delete";
        let rows = self
            .write(AT, "CALL convoke_delete_worker(?)", &[name.as_str().into()])
            .await?;
        let deleted = match outcome(&rows)? {
            None => Ok(()),
            Some("unknown") => Err(error::unknown_worker(name)),
            Some("in_use") => Err(error::worker_in_use(name)),
            Some(_) => Err(error::not_unloaded(name, status_of_refusal(&rows)?)),
        };
        deleted.map_err(|error| error.at(AT))
    }

    async fn worker_history(&self, name: &WorkerName, page: &Page) -> Result<Paged<WorkerChange>> {
        const AT: &str = "workers.history";
        let before = page
            .after
            .as_ref()
            .map(Cursor::number)
            .transpose()
            .map_err(|error| error.at(AT))?;
        let sql = "SELECT id, at_us, name, status, lstatus, incarnation FROM qtopology_worker_history \
                   FORCE INDEX (ix_convoke_worker_history) WHERE name = ? AND id < ? ORDER BY id DESC LIMIT ?";
        let params = [
            name.as_str().into(),
            before.unwrap_or(u64::MAX).into(),
            (page.limit.get() + 1).into(),
        ];
        let rows = self.read(AT, sql, &params).await?;
        let changes = rows
            .iter()
            .map(change)
            .collect::<Result<_>>()
            .map_err(|error| error.at(AT))?;
        let page = Paged::cut(changes, page.limit, |(id, _): &(u64, _)| Cursor::behind_number(*id));
        Ok(page.map(|(_, change)| change))
    }

    async fn trim_worker_history(&self, retention: &Retention, page: &Page) -> Result<Trimmed> {
        const AT: &str = "workers.trim_history";
        let sql = "CALL convoke_trim_worker_history(?, ?, ?, ?, ?, ?)";
        let after = page.after.as_ref().map(Cursor::worker).transpose();
        let after = after.map_err(|error| error.at(AT))?;
        let after = after.as_ref().map_or("", WorkerName::as_str);
        let rows = self
            .write(AT, sql, &trim_params(retention, page, after, self.now_param()))
            .await?;
        trimmed(&rows, |row| Ok(Cursor::behind_worker(&row.worker(1)?))).map_err(|error| error.at(AT))
    }

    async fn refresh_statuses(&self, timeouts: &Timeouts) -> Result<Refreshed> {
        const AT: &str = "workers.refresh_statuses";
        let params = [
            timeouts.worker.as_micros().into(),
            timeouts.waiting.as_micros().into(),
            (MAX_REFRESHED as u64).into(),
            self.now_param(),
        ];
        let rows = self
            .write(AT, "CALL convoke_refresh_statuses(?, ?, ?, ?)", &params)
            .await?;
        let Some(row) = rows.first() else {
            return Ok(Refreshed::default());
        };
        refreshed(&Columns(row)).map_err(|error| error.at(AT))
    }
}

/// Reads what a procedure answers that checks a registration.
pub(crate) fn check_heard(rows: &[MySqlRow], registration: &Registration) -> Result<()> {
    match outcome(rows)? {
        None => Ok(()),
        Some("unknown") => Err(error::unknown_worker(&registration.worker)),
        Some("stale") => Err(error::stale_registration(registration)),
        Some(_) => Err(unexpected("an unknown outcome")),
    }
}

fn status_of_refusal(rows: &[MySqlRow]) -> Result<WorkerStatus> {
    let row = rows.first().ok_or_else(|| unexpected("no status"))?;
    status(Columns(row).text(1)?)
}

/// The status that a word of the database stands for.
pub(crate) fn status(word: &str) -> Result<WorkerStatus> {
    word.parse().map_err(|source| unexpected("a status").caused_by(source))
}

fn worker(row: &MySqlRow) -> Result<Worker> {
    let row = Columns(row);
    Ok(Worker {
        name: row.worker(0)?,
        status: status(row.text(1)?)?,
        incarnation: Incarnation::from_number(row.number(2)?),
        last_ping: row.time(3)?,
        role: row
            .text(4)?
            .parse()
            .map_err(|source| unexpected("a role").caused_by(source))?,
    })
}

fn change(row: &MySqlRow) -> Result<(u64, WorkerChange)> {
    let row = Columns(row);
    let change = WorkerChange {
        at: row.time(1)?,
        name: row.worker(2)?,
        status: status(row.text(3)?)?,
        role: row
            .text(4)?
            .parse()
            .map_err(|source| unexpected("a role").caused_by(source))?,
        incarnation: Incarnation::from_number(row.number(5)?),
    };
    Ok((row.number(0)?, change))
}

fn counts(row: &Columns<'_>) -> Result<RoleCounts> {
    let (all, candidate, leader) = (row.number(0)?, row.number(1)?, row.number(2)?);
    Ok(RoleCounts {
        normal: all.saturating_sub(candidate + leader),
        candidate,
        leader,
    })
}

fn refreshed(row: &Columns<'_>) -> Result<Refreshed> {
    let texts = |column| -> Result<Vec<String>> {
        serde_json::from_str(row.text(column)?).map_err(|source| unexpected("a list of names").caused_by(source))
    };
    let worker = |name: String| WorkerName::new(&name).map_err(|source| foreign_name(source, &name));
    let names = |column| texts(column)?.into_iter().map(worker).collect::<Result<Vec<_>>>();
    let topology = |id: String| TopologyId::new(&id).map_err(|source| foreign_topology(source, &id));
    let unassigned = texts(5)?.into_iter().map(topology).collect::<Result<_>>()?;
    let vacated = match row.some_text(3)? {
        None => None,
        Some(_) => Some(Vacated {
            worker: row.worker(3)?,
            term: Term::from_number(row.number(4)?),
        }),
    };
    Ok(Refreshed::new(names(0)?, vacated, names(1)?)
        .with_unassigned(unassigned)
        .with_more(row.int(2)? != 0))
}
