//! Leadership in SQLite.

use std::collections::BTreeSet;

use convoke_core::leadership::{
    Candidate, Seat, Verdict, check_leading, decide_announcement, decide_candidacy, decide_renewal, decide_resignation,
};
use convoke_core::{
    Announcement, Candidacy, Incarnation, LEADER_TIMEOUT, Leader, Leadership, Lease, Registration, Renewal,
    Resignation, Result, Role, Term, Timestamp, Ttl, WorkerName, WorkerStatus, async_trait,
};
use rusqlite::Row;

use crate::error::{Fault, corrupt};
use crate::store::SqliteStore;
use crate::transaction::{Transaction, number, stored, timestamp, worker_name};
use crate::workers::{Entry, Standing, ping, record, record_normal, registered, write_candidacy};

#[async_trait]
impl Leadership for SqliteStore {
    async fn announce_candidacy(&self, registration: &Registration, valid_for: Ttl) -> Result<Announcement> {
        let registration = registration.clone();
        self.write("leadership.announce", move |step| {
            announce(step, &registration, valid_for)
        })
        .await
    }

    async fn check_candidacy(&self, registration: &Registration, ttl: Ttl) -> Result<Candidacy> {
        let registration = registration.clone();
        self.write("leadership.check", move |step| {
            let entry = registered(step, &registration)?;
            let announced = entry.candidacy;
            decide(step, &registration, &entry, announced, ttl)
        })
        .await
    }

    async fn campaign(&self, registration: &Registration, ttl: Ttl) -> Result<Candidacy> {
        let registration = registration.clone();
        self.write("leadership.campaign", move |step| {
            let entry = registered(step, &registration)?;
            let announced = step.now.plus(ttl.min(LEADER_TIMEOUT));
            decide(step, &registration, &entry, Some(announced), ttl)
        })
        .await
    }

    async fn renew_lease(&self, lease: &Lease, ttl: Ttl) -> Result<Renewal> {
        let lease = lease.clone();
        self.write("leadership.renew", move |step| renew(step, lease, ttl))
            .await
    }

    async fn resign(&self, lease: &Lease) -> Result<Resignation> {
        let lease = lease.clone();
        self.write("leadership.resign", move |step| {
            Ok(match decide_resignation(&seat(step)?, &lease, step.now) {
                Ok(free) => {
                    write_seat(step, &free)?;
                    record_normal(step, &lease.registration.worker)?;
                    Resignation::Resigned
                }
                Err(leader) => Resignation::Lost(leader),
            })
        })
        .await
    }

    async fn leader(&self) -> Result<Option<Leader>> {
        self.read("leadership.leader", |step| Ok(seat(step)?.leader(step.now)))
            .await
    }

    async fn check_term(&self, term: Term) -> Result<()> {
        self.read("leadership.check_term", move |step| check_term(step, term))
            .await
    }
}

pub(crate) fn seat(step: &Transaction<'_>) -> Result<Seat, Fault> {
    let found = step.first(
        "SELECT term, promised_until, holder, holder_incarnation FROM convoke_seat WHERE id = 1",
        [],
        |row| {
            Ok(Seat {
                term: Term::from_number(number(row, 0)?),
                promised_until: timestamp(row, 1)?,
                holder: holder(row)?,
            })
        },
    )?;
    found.ok_or_else(|| corrupt("the seat of the leader is missing; restore the file from a copy").into())
}

pub(crate) fn write_seat(step: &Transaction<'_>, seat: &Seat) -> Result<(), Fault> {
    let holder = seat.holder.as_ref();
    step.execute(
        "UPDATE convoke_seat SET term = ?1, promised_until = ?2, holder = ?3, holder_incarnation = ?4 WHERE id = 1",
        (
            stored(seat.term.number()),
            seat.promised_until.as_micros(),
            holder.map(|holder| holder.worker.as_str()),
            holder.map(|holder| stored(holder.incarnation.number())),
        ),
    )?;
    Ok(())
}

/// Vacates the seat if this worker holds it, and answers the seat as it is then.
pub(crate) fn vacate(step: &Transaction<'_>, seat: &Seat, worker: &WorkerName) -> Result<Seat, Fault> {
    if seat.holder.as_ref().is_none_or(|holder| holder.worker != *worker) {
        return Ok(seat.clone());
    }
    let vacated = seat.vacated();
    write_seat(step, &vacated)?;
    Ok(vacated)
}

pub(crate) fn check_term(step: &Transaction<'_>, term: Term) -> Result<(), Fault> {
    Ok(check_leading(&seat(step)?, term, step.now)?)
}

/// Whose candidacy is over and was not cleared yet.
pub(crate) fn lapsed_candidates(step: &Transaction<'_>) -> Result<Vec<WorkerName>, Fault> {
    step.all(
        "SELECT name FROM convoke_worker WHERE candidacy IS NOT NULL AND candidacy <= ?1",
        [step.now.as_micros()],
        |row| worker_name(row, 0),
    )
}

fn announce(step: &Transaction<'_>, registration: &Registration, valid_for: Ttl) -> Result<Announcement, Fault> {
    let entry = registered(step, registration)?;
    let seat = seat(step)?;
    ping(step, &registration.worker)?;
    Ok(match decide_announcement(&seat, entry.status, valid_for, step.now) {
        Ok(until) => {
            stand(step, &seat, &registration.worker, &entry, until)?;
            Announcement::Announced(until)
        }
        Err(why) => Announcement::Refused(why),
    })
}

/// Decides an election and writes what follows. `candidacy` is the worker's own, announced before or now.
fn decide(
    step: &Transaction<'_>,
    registration: &Registration,
    entry: &Entry,
    candidacy: Option<Timestamp>,
    ttl: Ttl,
) -> Result<Candidacy, Fault> {
    let name = &registration.worker;
    let seat = seat(step)?;
    let rival = greatest_rival(step, name)?;
    let verdict = decide_candidacy(
        &seat,
        registration,
        entry.status,
        candidacy,
        rival.as_ref(),
        ttl,
        step.now,
    );
    let answer = verdict.answer();
    ping(step, name)?;
    match verdict {
        Verdict::Refuse(_) => {}
        Verdict::Wait(_, until) => stand(step, &seat, name, entry, until)?,
        Verdict::Prolong(prolonged) => write_seat(step, &prolonged)?,
        Verdict::Elect(next) => elect(step, &seat, &next, registration)?,
    }
    Ok(answer)
}

/// Writes a new term: every candidacy ends, and whoever let a lead run out without being vacated has lost it.
fn elect(step: &Transaction<'_>, before: &Seat, next: &Seat, winner: &Registration) -> Result<(), Fault> {
    let mut losers: BTreeSet<_> = step
        .all(
            "SELECT name FROM convoke_worker WHERE candidacy IS NOT NULL",
            [],
            |row| worker_name(row, 0),
        )?
        .into_iter()
        .collect();
    step.execute(
        "UPDATE convoke_worker SET candidacy = NULL WHERE candidacy IS NOT NULL",
        [],
    )?;
    write_seat(step, next)?;
    losers.extend(before.holder.as_ref().map(|holder| holder.worker.clone()));
    losers.remove(&winner.worker);
    for loser in &losers {
        record_normal(step, loser)?;
    }
    let standing = Standing {
        status: WorkerStatus::Alive,
        role: Role::Leader,
        incarnation: winner.incarnation,
    };
    record(step, &winner.worker, &standing)
}

/// Keeps a candidacy until then. Whoever stands has let go of a lead that ran out.
fn stand(step: &Transaction<'_>, seat: &Seat, name: &WorkerName, entry: &Entry, until: Timestamp) -> Result<(), Fault> {
    vacate(step, seat, name)?;
    if entry.candidacy != Some(until) {
        write_candidacy(step, name, Some(until))?;
    }
    if entry.candidacy.is_some_and(|before| step.now < before) {
        return Ok(());
    }
    let standing = Standing {
        status: entry.status,
        role: Role::Candidate,
        incarnation: entry.incarnation,
    };
    record(step, name, &standing)
}

fn greatest_rival(step: &Transaction<'_>, candidate: &WorkerName) -> Result<Option<Candidate>, Fault> {
    step.first(
        "SELECT name, candidacy FROM convoke_worker WHERE candidacy > ?2 AND name <> ?1 ORDER BY name DESC LIMIT 1",
        (candidate.as_str(), step.now.as_micros()),
        |row| {
            Ok(Candidate {
                worker: worker_name(row, 0)?,
                until: timestamp(row, 1)?,
            })
        },
    )
}

fn renew(step: &Transaction<'_>, lease: Lease, ttl: Ttl) -> Result<Renewal, Fault> {
    Ok(match decide_renewal(&seat(step)?, &lease, ttl, step.now) {
        Ok(renewed) => {
            write_seat(step, &renewed)?;
            ping(step, &lease.registration.worker)?;
            Renewal::Renewed(Lease {
                expires: renewed.promised_until,
                ..lease
            })
        }
        Err(leader) => Renewal::Lost(leader),
    })
}

fn holder(row: &Row<'_>) -> Result<Option<Registration>, Fault> {
    if row.get_ref(2)? == rusqlite::types::ValueRef::Null {
        return Ok(None);
    }
    Ok(Some(Registration {
        worker: worker_name(row, 2)?,
        incarnation: Incarnation::from_number(number(row, 3)?),
    }))
}
