//! Workers on Redis.

use std::str::FromStr;

use convoke_core::leadership::{Seat, role_of};
use convoke_core::workers::MAX_REFRESHED;
use convoke_core::{
    Cursor, Error, Incarnation, Page, Paged, Refreshed, Registration, Result, Retention, RoleCounts, Timeouts,
    Timestamp, TopologyId, Trimmed, Vacated, Worker, WorkerChange, WorkerName, WorkerStatus, Workers, async_trait,
    error,
};

use crate::answer::{Fields, named, parse, strange};
use crate::keys::ordered;
use crate::scripts;
use crate::store::{RedisStore, refused_registration};

#[async_trait]
impl Workers for RedisStore {
    async fn register_worker(&self, name: &WorkerName) -> Result<Registration> {
        self.register(name).await.map_err(|error| error.at("workers.register"))
    }

    async fn ping_worker(&self, registration: &Registration) -> Result<()> {
        self.ping(registration).await.map_err(|error| error.at("workers.ping"))
    }

    async fn set_worker_status(
        &self,
        name: &WorkerName,
        incarnation: Option<Incarnation>,
        status: WorkerStatus,
    ) -> Result<()> {
        let set = self.set_status(name, incarnation, status).await;
        set.map_err(|error| error.at("workers.set_status"))
    }

    async fn get_worker(&self, name: &WorkerName) -> Result<Worker> {
        self.get(name).await.map_err(|error| error.at("workers.get"))
    }

    async fn list_workers(&self, page: &Page) -> Result<Paged<Worker>> {
        self.list(page).await.map_err(|error| error.at("workers.list"))
    }

    async fn count_workers(&self) -> Result<RoleCounts> {
        self.count().await.map_err(|error| error.at("workers.count"))
    }

    async fn delete_worker(&self, name: &WorkerName) -> Result<()> {
        self.delete(name).await.map_err(|error| error.at("workers.delete"))
    }

    async fn worker_history(&self, name: &WorkerName, page: &Page) -> Result<Paged<WorkerChange>> {
        self.history(name, page)
            .await
            .map_err(|error| error.at("workers.history"))
    }

    async fn trim_worker_history(&self, retention: &Retention, page: &Page) -> Result<Trimmed> {
        let trimmed = self.trim_rows(retention, page).await;
        trimmed.map_err(|error| error.at("workers.trim_history"))
    }

    async fn refresh_statuses(&self, timeouts: &Timeouts) -> Result<Refreshed> {
        let refreshed = self.refresh(timeouts).await;
        refreshed.map_err(|error| error.at("workers.refresh_statuses"))
    }
}

impl RedisStore {
    async fn register(&self, name: &WorkerName) -> Result<Registration> {
        let call = scripts::REGISTER_WORKER
            .call()
            .arg(self.now_argument()?)
            .arg(name.as_str());
        let mut answer = self.ask(&call).await?;
        match answer.word.as_str() {
            "registered" => Ok(Registration {
                worker: name.clone(),
                incarnation: Incarnation::from_number(answer.fields.parsed()?),
            }),
            _ => Err(answer.unexpected()),
        }
    }

    async fn ping(&self, registration: &Registration) -> Result<()> {
        let call = scripts::PING_WORKER
            .call()
            .arg(self.now_argument()?)
            .arg(registration.worker.as_str())
            .arg(registration.incarnation.number());
        let answer = self.ask_in_group(call).await?;
        match answer.word.as_str() {
            "pinged" => Ok(()),
            _ => Err(refused_registration(&answer, registration)),
        }
    }

    async fn set_status(
        &self,
        name: &WorkerName,
        incarnation: Option<Incarnation>,
        status: WorkerStatus,
    ) -> Result<()> {
        let call = scripts::SET_WORKER_STATUS
            .call()
            .arg(self.now_argument()?)
            .arg(name.as_str())
            .arg(incarnation.map(|it| it.number().to_string()).unwrap_or_default())
            .arg(status.as_str());
        let answer = self.ask(&call).await?;
        match (answer.word.as_str(), incarnation) {
            ("set", _) => Ok(()),
            ("unknown", _) => Err(error::unknown_worker(name)),
            ("stale", Some(incarnation)) => Err(error::stale_registration(&Registration {
                worker: name.clone(),
                incarnation,
            })),
            _ => Err(answer.unexpected()),
        }
    }

    async fn get(&self, name: &WorkerName) -> Result<Worker> {
        let call = scripts::GET_WORKER.call().arg(self.now_argument()?).arg(name.as_str());
        let mut answer = self.ask(&call).await?;
        match answer.word.as_str() {
            "found" => {
                let now = answer.fields.time()?;
                let seat = seat(&mut answer.fields.list()?)?;
                worker(name.clone(), &mut answer.fields, &seat, now)
            }
            "unknown" => Err(error::unknown_worker(name)),
            _ => Err(answer.unexpected()),
        }
    }

    async fn list(&self, page: &Page) -> Result<Paged<Worker>> {
        let after = page.after.as_ref().map(Cursor::worker).transpose()?;
        let call = scripts::LIST_WORKERS
            .call()
            .arg(self.now_argument()?)
            .arg(after.as_ref().map_or("", WorkerName::as_str))
            .arg(page.limit.get() + 1);
        let mut answer = self.ask(&call).await?;
        if answer.word != "page" {
            return Err(answer.unexpected());
        }
        let now = answer.fields.time()?;
        let seat = seat(&mut answer.fields.list()?)?;
        let mut rows = answer.fields.list()?;
        let mut workers = Vec::new();
        while !rows.is_done() {
            let name = rows.worker()?;
            workers.push(worker(name, &mut rows, &seat, now)?);
        }
        Ok(Paged::cut(workers, page.limit, |last: &Worker| {
            Cursor::behind_worker(&last.name)
        }))
    }

    async fn count(&self) -> Result<RoleCounts> {
        let call = scripts::COUNT_WORKERS.call().arg(self.now_argument()?);
        let mut answer = self.ask(&call).await?;
        match answer.word.as_str() {
            "counted" => Ok(RoleCounts {
                normal: answer.fields.parsed()?,
                candidate: answer.fields.parsed()?,
                leader: answer.fields.parsed()?,
            }),
            _ => Err(answer.unexpected()),
        }
    }

    async fn delete(&self, name: &WorkerName) -> Result<()> {
        let call = scripts::DELETE_WORKER.call().arg(name.as_str());
        let mut answer = self.ask(&call).await?;
        match answer.word.as_str() {
            "deleted" => Ok(()),
            "unknown" => Err(error::unknown_worker(name)),
            "in_use" => Err(error::worker_in_use(name)),
            "not_unloaded" => Err(error::not_unloaded(name, word(&answer.fields.text()?)?)),
            _ => Err(answer.unexpected()),
        }
    }

    async fn history(&self, name: &WorkerName, page: &Page) -> Result<Paged<WorkerChange>> {
        let before = page.after.as_ref().map(Cursor::number).transpose()?;
        let call = scripts::WORKER_HISTORY
            .call()
            .arg(name.as_str())
            .arg(before.map(ordered).unwrap_or_default())
            .arg(page.limit.get() + 1);
        let mut answer = self.ask(&call).await?;
        if answer.word != "page" {
            return Err(answer.unexpected());
        }
        let mut rows = answer.fields.list()?;
        let mut changes = Vec::new();
        while !rows.is_done() {
            changes.push(change(name, &rows.text()?)?);
        }
        let page = Paged::cut(changes, page.limit, |(number, _): &(u64, WorkerChange)| {
            Cursor::behind_number(*number)
        });
        Ok(page.map(|(_, change)| change))
    }

    async fn refresh(&self, timeouts: &Timeouts) -> Result<Refreshed> {
        let call = scripts::REFRESH_STATUSES
            .call()
            .arg(self.now_argument()?)
            .arg(timeouts.worker.as_micros())
            .arg(MAX_REFRESHED)
            .arg(timeouts.waiting.as_micros());
        let mut answer = self.ask(&call).await?;
        if answer.word != "refreshed" {
            return Err(answer.unexpected());
        }
        let died = names(&mut answer.fields.list()?)?;
        let mut lead = answer.fields.list()?;
        let vacated = if lead.is_done() {
            None
        } else {
            Some(Vacated {
                worker: lead.worker()?,
                term: lead.term()?,
            })
        };
        let lapsed = names(&mut answer.fields.list()?)?;
        let unassigned: Vec<TopologyId> = names(&mut answer.fields.list()?)?;
        let more = answer.fields.parsed::<u8>()? == 1;
        Ok(Refreshed::new(died, vacated, lapsed)
            .with_unassigned(unassigned)
            .with_more(more))
    }

    async fn trim_rows(&self, retention: &Retention, page: &Page) -> Result<Trimmed> {
        let after = page.after.as_ref().map(Cursor::worker).transpose()?;
        let after = after.as_ref().map(WorkerName::as_str);
        self.trim(
            &scripts::TRIM_WORKER_HISTORY,
            after,
            retention,
            page,
            Cursor::behind_worker,
        )
        .await
    }
}

/// Reads the seat: term, holder, its incarnation, until.
fn seat(fields: &mut Fields) -> Result<Seat> {
    let term = fields.optional_text()?;
    let holder = fields.optional_text()?;
    let incarnation = fields.optional_text()?;
    let until = fields.optional_text()?;
    let holder = match (holder, incarnation) {
        (Some(name), Some(incarnation)) => Some(Registration {
            worker: crate::answer::name(name)?,
            incarnation: Incarnation::from_number(parse(&incarnation)?),
        }),
        _ => None,
    };
    Ok(Seat {
        term: convoke_core::Term::from_number(term.as_deref().map_or(Ok(0), parse)?),
        holder,
        promised_until: Timestamp::from_micros(until.as_deref().map_or(Ok(0), parse)?),
    })
}

/// Reads record, last ping and candidacy.
fn worker(name: WorkerName, fields: &mut Fields, seat: &Seat, now: Timestamp) -> Result<Worker> {
    let record = fields.text()?;
    let last_ping = fields.score()?.ok_or_else(|| strange("a worker was never heard of"))?;
    let candidacy = fields.score()?;
    let (incarnation, status) = record
        .split_once(' ')
        .ok_or_else(|| strange("the record of a worker is not \"incarnation status\""))?;
    let status = word(status)?;
    Ok(Worker {
        role: role_of(seat, &name, status, candidacy, now),
        name,
        status,
        incarnation: Incarnation::from_number(parse(incarnation)?),
        last_ping,
    })
}

/// Reads a row of history, with its number: `worker NUL number when incarnation status role`.
fn change(name: &WorkerName, row: &str) -> Result<(u64, WorkerChange)> {
    let (_, row) = row
        .split_once('\0')
        .ok_or_else(|| strange("a row of history has no NUL"))?;
    let parts: Vec<_> = row.split(' ').collect();
    let [number, at, incarnation, status, role] = parts[..] else {
        return Err(strange("a row of history does not have five parts"));
    };
    let change = WorkerChange {
        at: Timestamp::from_micros(parse(at)?),
        name: name.clone(),
        status: word(status)?,
        role: word(role)?,
        incarnation: Incarnation::from_number(parse(incarnation)?),
    };
    Ok((parse(number)?, change))
}

fn names<N: TryFrom<String, Error = Error>>(fields: &mut Fields) -> Result<Vec<N>> {
    let mut names = Vec::new();
    while !fields.is_done() {
        names.push(named(fields.text()?)?);
    }
    Ok(names)
}

/// Reads one of the words for a status or a role.
pub(crate) fn word<T: FromStr<Err = Error>>(text: &str) -> Result<T> {
    text.parse()
        .map_err(|source: Error| strange("the store holds an unknown word").caused_by(source))
}
