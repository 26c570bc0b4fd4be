//! Leadership on MySQL: what the procedures answer, as answers of the trait.

use std::time::Instant;

use convoke_core::leadership::{Seat, check_leading};
use convoke_core::{
    Announcement, Candidacy, Deferral, Incarnation, LEADER_TIMEOUT, Leader, Leadership, Lease, Registration, Renewal,
    Resignation, Result, Term, Timestamp, Ttl, async_trait, error,
};
use sqlx::mysql::MySqlRow;

use crate::call::sql_now;
use crate::error::unexpected;
use crate::renewals::Asked;
use crate::row::Columns;
use crate::sharing::share;
use crate::store::MysqlStore;
use crate::workers::status;

const SEAT: &str = concat!(
    "SELECT holder, incarnation, term, promised_until_us, ",
    sql_now!(),
    " FROM convoke_seat WHERE id = 1"
);

#[async_trait]
impl Leadership for MysqlStore {
    async fn announce_candidacy(&self, registration: &Registration, valid_for: Ttl) -> Result<Announcement> {
        const AT: &str = "leadership.announce";
        let params = [
            registration.worker.as_str().into(),
            registration.incarnation.number().into(),
            valid_for.as_micros().into(),
            self.now_param(),
        ];
        let rows = self
            .write(AT, "CALL convoke_announce_candidacy(?, ?, ?, ?)", &params)
            .await?;
        let announcement = only(&rows).and_then(|row| match row.text(0)? {
            "announced" => Ok(Announcement::Announced(row.time(4)?)),
            other => deferral(other, &row, registration).map(Announcement::Refused),
        });
        announcement.map_err(|error| error.at(AT))
    }

    async fn check_candidacy(&self, registration: &Registration, ttl: Ttl) -> Result<Candidacy> {
        const AT: &str = "leadership.check";
        let params = [
            registration.worker.as_str().into(),
            registration.incarnation.number().into(),
            ttl.as_micros().into(),
            self.now_param(),
        ];
        let rows = self
            .write(AT, "CALL convoke_check_candidacy(?, ?, ?, ?)", &params)
            .await?;
        candidacy(&rows, registration).map_err(|error| error.at(AT))
    }

    async fn campaign(&self, registration: &Registration, ttl: Ttl) -> Result<Candidacy> {
        const AT: &str = "leadership.campaign";
        let params = [
            registration.worker.as_str().into(),
            registration.incarnation.number().into(),
            ttl.min(LEADER_TIMEOUT).as_micros().into(),
            ttl.as_micros().into(),
            self.now_param(),
        ];
        let rows = self.write(AT, "CALL convoke_campaign(?, ?, ?, ?, ?)", &params).await?;
        candidacy(&rows, registration).map_err(|error| error.at(AT))
    }

    async fn renew_lease(&self, lease: &Lease, ttl: Ttl) -> Result<Renewal> {
        let asked = Asked {
            lease: lease.clone(),
            ttl,
        };
        share(self, &asked).await
    }

    async fn resign(&self, lease: &Lease) -> Result<Resignation> {
        const AT: &str = "leadership.resign";
        let params = [
            lease.registration.worker.as_str().into(),
            lease.registration.incarnation.number().into(),
            lease.term.number().into(),
            self.now_param(),
        ];
        let rows = self.write(AT, "CALL convoke_resign(?, ?, ?, ?)", &params).await?;
        let resignation = only(&rows).and_then(|row| match row.text(0)? {
            "resigned" => Ok(Resignation::Resigned),
            _ => leads_now(&row).map(Resignation::Lost),
        });
        resignation.map_err(|error| error.at(AT))
    }

    async fn leader(&self) -> Result<Option<Leader>> {
        const AT: &str = "leadership.leader";
        let (seat, now) = self.seat(AT).await?;
        Ok(seat.leader(now))
    }

    async fn check_term(&self, term: Term) -> Result<()> {
        const AT: &str = "leadership.check_term";
        let (seat, now) = self.seat(AT).await?;
        check_leading(&seat, term, now).map_err(|error| error.at(AT))
    }
}

impl MysqlStore {
    /// The call that renews.
    pub(crate) async fn renew(&self, lease: &Lease, ttl: Ttl, deadline: Instant) -> Result<Renewal> {
        const AT: &str = "leadership.renew";
        let params = [
            lease.registration.worker.as_str().into(),
            lease.registration.incarnation.number().into(),
            lease.term.number().into(),
            ttl.as_micros().into(),
            self.now_param(),
        ];
        let rows = self
            .write_by(AT, "CALL convoke_renew_lease(?, ?, ?, ?, ?)", &params, deadline)
            .await?;
        let renewal = only(&rows).and_then(|row| match row.some_int(0)? {
            Some(_) => Ok(Renewal::Renewed(Lease {
                expires: row.time(0)?,
                ..lease.clone()
            })),
            None => leads_now(&row).map(Renewal::Lost),
        });
        renewal.map_err(|error| error.at(AT))
    }

    /// The seat, and the time at which it was read.
    async fn seat(&self, at: &'static str) -> Result<(Seat, Timestamp)> {
        let rows = self.read(at, SEAT, &[self.now_param()]).await?;
        only(&rows).and_then(|row| seat(&row)).map_err(|error| error.at(at))
    }
}

fn seat(row: &Columns<'_>) -> Result<(Seat, Timestamp)> {
    let holder = match row.some_text(0)? {
        None => None,
        Some(_) => Some(Registration {
            worker: row.worker(0)?,
            incarnation: Incarnation::from_number(row.number(1)?),
        }),
    };
    let seat = Seat {
        term: Term::from_number(row.number(2)?),
        holder,
        promised_until: row.time(3)?,
    };
    Ok((seat, row.time(4)?))
}

fn only(rows: &[MySqlRow]) -> Result<Columns<'_>> {
    rows.first().map(Columns).ok_or_else(|| unexpected("no row"))
}

/// Reads outcome, who, incarnation, term and until.
fn candidacy(rows: &[MySqlRow], registration: &Registration) -> Result<Candidacy> {
    let row = only(rows)?;
    match row.text(0)? {
        "elected" => Ok(Candidacy::Elected(Lease {
            registration: registration.clone(),
            term: Term::from_number(row.number(3)?),
            expires: row.time(4)?,
        })),
        other => deferral(other, &row, registration).map(Candidacy::Deferred),
    }
}

fn deferral(outcome: &str, row: &Columns<'_>, registration: &Registration) -> Result<Deferral> {
    match outcome {
        "unknown" => Err(error::unknown_worker(&registration.worker)),
        "stale" => Err(error::stale_registration(registration)),
        "not_alive" => Ok(Deferral::NotAlive(status(row.text(1)?)?)),
        "not_announced" => Ok(Deferral::NotAnnounced),
        "promised" => Ok(Deferral::Promised(row.time(4)?)),
        "outranked" => Ok(Deferral::Outranked {
            by: row.worker(1)?,
            until: row.time(4)?,
        }),
        "led_by" => leads_now(row)?
            .map(Deferral::LedBy)
            .ok_or_else(|| unexpected("nobody who leads")),
        _ => Err(unexpected("an unknown outcome")),
    }
}

/// Reads who, incarnation, term and until; nobody leads when there is no name.
fn leads_now(row: &Columns<'_>) -> Result<Option<Leader>> {
    if row.some_text(1)?.is_none() {
        return Ok(None);
    }
    Ok(Some(Leader {
        worker: row.worker(1)?,
        incarnation: Incarnation::from_number(row.number(2)?),
        term: Term::from_number(row.number(3)?),
        expires: row.time(4)?,
    }))
}
