//! Leadership on Redis.

use convoke_core::{
    Announcement, Candidacy, Deferral, Incarnation, LEADER_TIMEOUT, Leader, Leadership, Lease, Registration, Renewal,
    Resignation, Result, Term, Ttl, async_trait, error,
};

use crate::answer::{Answer, Fields};
use crate::script::{Call, Script};
use crate::scripts;
use crate::store::{RedisStore, refused_registration};
use crate::workers::word;

#[async_trait]
impl Leadership for RedisStore {
    async fn announce_candidacy(&self, registration: &Registration, valid_for: Ttl) -> Result<Announcement> {
        let announced = self.announce(registration, valid_for).await;
        announced.map_err(|error| error.at("leadership.announce"))
    }

    async fn check_candidacy(&self, registration: &Registration, ttl: Ttl) -> Result<Candidacy> {
        let checked = self.check_standing(registration, ttl).await;
        checked.map_err(|error| error.at("leadership.check"))
    }

    async fn campaign(&self, registration: &Registration, ttl: Ttl) -> Result<Candidacy> {
        let campaigned = self.stand_and_check(registration, ttl).await;
        campaigned.map_err(|error| error.at("leadership.campaign"))
    }

    async fn renew_lease(&self, lease: &Lease, ttl: Ttl) -> Result<Renewal> {
        self.renew(lease, ttl)
            .await
            .map_err(|error| error.at("leadership.renew"))
    }

    async fn resign(&self, lease: &Lease) -> Result<Resignation> {
        self.give_up(lease).await.map_err(|error| error.at("leadership.resign"))
    }

    async fn leader(&self) -> Result<Option<Leader>> {
        self.who_leads().await.map_err(|error| error.at("leadership.leader"))
    }

    async fn check_term(&self, term: Term) -> Result<()> {
        self.check_leading(term)
            .await
            .map_err(|error| error.at("leadership.check_term"))
    }
}

impl RedisStore {
    async fn announce(&self, registration: &Registration, valid_for: Ttl) -> Result<Announcement> {
        let call = self.about_candidacy(&scripts::ANNOUNCE_CANDIDACY, registration)?;
        let mut answer = self.ask(&call.arg(valid_for.as_micros())).await?;
        match answer.word.as_str() {
            "announced" => answer.fields.time().map(Announcement::Announced),
            _ => deferral(&mut answer, registration).map(Announcement::Refused),
        }
    }

    async fn check_standing(&self, registration: &Registration, ttl: Ttl) -> Result<Candidacy> {
        let call = self.about_candidacy(&scripts::CHECK_CANDIDACY, registration)?;
        let answer = self.ask(&call.arg(ttl.as_micros())).await?;
        candidacy(answer, registration)
    }

    async fn stand_and_check(&self, registration: &Registration, ttl: Ttl) -> Result<Candidacy> {
        let call = self.about_candidacy(&scripts::CAMPAIGN, registration)?;
        let stands_for = ttl.min(LEADER_TIMEOUT);
        let answer = self.ask(&call.arg(ttl.as_micros()).arg(stands_for.as_micros())).await?;
        candidacy(answer, registration)
    }

    async fn renew(&self, lease: &Lease, ttl: Ttl) -> Result<Renewal> {
        let call = scripts::RENEW_LEASE
            .call()
            .arg(self.now_argument()?)
            .arg(lease.registration.worker.as_str())
            .arg(lease.registration.incarnation.number())
            .arg(lease.term.number())
            .arg(ttl.as_micros());
        let mut answer = self.ask_in_group(call).await?;
        match answer.word.as_str() {
            "renewed" => Ok(Renewal::Renewed(Lease {
                expires: answer.fields.time()?,
                ..lease.clone()
            })),
            "lost" => leader(&mut answer.fields).map(Renewal::Lost),
            _ => Err(answer.unexpected()),
        }
    }

    async fn give_up(&self, lease: &Lease) -> Result<Resignation> {
        let call = scripts::RESIGN
            .call()
            .arg(self.now_argument()?)
            .arg(lease.registration.worker.as_str())
            .arg(lease.registration.incarnation.number())
            .arg(lease.term.number());
        let mut answer = self.ask(&call).await?;
        match answer.word.as_str() {
            "resigned" => Ok(Resignation::Resigned),
            "lost" => leader(&mut answer.fields).map(Resignation::Lost),
            _ => Err(answer.unexpected()),
        }
    }

    async fn who_leads(&self) -> Result<Option<Leader>> {
        let call = scripts::LEADER.call().arg(self.now_argument()?);
        let mut answer = self.ask(&call).await?;
        match answer.word.as_str() {
            "seat" => leader(&mut answer.fields),
            _ => Err(answer.unexpected()),
        }
    }

    async fn check_leading(&self, term: Term) -> Result<()> {
        let call = scripts::CHECK_TERM.call().arg(self.now_argument()?).arg(term.number());
        let answer = self.ask(&call).await?;
        match answer.word.as_str() {
            "leads" => Ok(()),
            "stale_term" => Err(error::stale_term(term)),
            _ => Err(answer.unexpected()),
        }
    }

    /// What the three scripts of candidacies have in common.
    fn about_candidacy<'a>(&self, script: &'a Script, registration: &Registration) -> Result<Call<'a>> {
        let call = script.call();
        Ok(call
            .arg(self.now_argument()?)
            .arg(registration.worker.as_str())
            .arg(registration.incarnation.number()))
    }
}

fn candidacy(mut answer: Answer, registration: &Registration) -> Result<Candidacy> {
    match answer.word.as_str() {
        "elected" => Ok(Candidacy::Elected(Lease {
            registration: registration.clone(),
            term: answer.fields.term()?,
            expires: answer.fields.time()?,
        })),
        _ => deferral(&mut answer, registration).map(Candidacy::Deferred),
    }
}

fn deferral(answer: &mut Answer, registration: &Registration) -> Result<Deferral> {
    let Answer { word: which, fields } = answer;
    match which.as_str() {
        "led_by" => match leader(fields)? {
            Some(leader) => Ok(Deferral::LedBy(leader)),
            None => Err(answer.unexpected()),
        },
        "promised" => fields.time().map(Deferral::Promised),
        "outranked" => Ok(Deferral::Outranked {
            by: fields.worker()?,
            until: fields.time()?,
        }),
        "not_announced" => Ok(Deferral::NotAnnounced),
        "not_alive" => Ok(Deferral::NotAlive(word(&fields.text()?)?)),
        _ => Err(refused_registration(answer, registration)),
    }
}

/// Reads worker, incarnation, term and until, if there is a leader.
fn leader(fields: &mut Fields) -> Result<Option<Leader>> {
    if fields.is_done() {
        return Ok(None);
    }
    Ok(Some(Leader {
        worker: fields.worker()?,
        incarnation: Incarnation::from_number(fields.parsed()?),
        term: fields.term()?,
        expires: fields.time()?,
    }))
}
