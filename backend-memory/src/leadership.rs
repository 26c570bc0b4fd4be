//! Leadership in memory.

use convoke_core::leadership::{
    Candidate, Verdict, check_leading, decide_announcement, decide_candidacy, decide_renewal, decide_resignation,
};
use convoke_core::{
    Announcement, Candidacy, LEADER_TIMEOUT, Lease, Registration, Renewal, Resignation, Result, Role, Term, Timestamp,
    Ttl, WorkerName,
};

use crate::state::State;

impl State {
    pub(crate) fn announce_candidacy(
        &mut self,
        registration: &Registration,
        valid_for: Ttl,
        now: Timestamp,
    ) -> Result<Announcement> {
        let status = self.hear_of(registration, now)?;
        Ok(match decide_announcement(&self.seat, status, valid_for, now) {
            Ok(until) => {
                self.stand(&registration.worker, until, now);
                Announcement::Announced(until)
            }
            Err(why) => Announcement::Refused(why),
        })
    }

    pub(crate) fn check_candidacy(
        &mut self,
        registration: &Registration,
        ttl: Ttl,
        now: Timestamp,
    ) -> Result<Candidacy> {
        let stored = self.candidacies.get(&registration.worker).copied();
        self.decide(registration, stored, ttl, now)
    }

    pub(crate) fn campaign(&mut self, registration: &Registration, ttl: Ttl, now: Timestamp) -> Result<Candidacy> {
        let announced = now.plus(ttl.min(LEADER_TIMEOUT));
        self.decide(registration, Some(announced), ttl, now)
    }

    pub(crate) fn renew_lease(&mut self, lease: &Lease, ttl: Ttl, now: Timestamp) -> Renewal {
        match decide_renewal(&self.seat, lease, ttl, now) {
            Ok(seat) => {
                // The holder of the seat is a registered worker; hearing of it cannot fail.
                let _ = self.hear_of(&lease.registration, now);
                let expires = seat.promised_until;
                self.seat = seat;
                Renewal::Renewed(Lease {
                    expires,
                    ..lease.clone()
                })
            }
            Err(leader) => Renewal::Lost(leader),
        }
    }

    pub(crate) fn resign(&mut self, lease: &Lease, now: Timestamp) -> Resignation {
        match decide_resignation(&self.seat, lease, now) {
            Ok(seat) => {
                self.seat = seat;
                self.record(&lease.registration.worker, Role::Normal, now);
                Resignation::Resigned
            }
            Err(leader) => Resignation::Lost(leader),
        }
    }

    pub(crate) fn check_term(&self, term: Term, now: Timestamp) -> Result<()> {
        check_leading(&self.seat, term, now)
    }

    fn decide(
        &mut self,
        registration: &Registration,
        candidacy: Option<Timestamp>,
        ttl: Ttl,
        now: Timestamp,
    ) -> Result<Candidacy> {
        let status = self.hear_of(registration, now)?;
        let rival = self.greatest_rival(&registration.worker, now);
        let verdict = decide_candidacy(&self.seat, registration, status, candidacy, rival.as_ref(), ttl, now);
        let answer = verdict.answer();
        match verdict {
            Verdict::Refuse(_) => {}
            Verdict::Wait(_, until) => self.stand(&registration.worker, until, now),
            Verdict::Prolong(seat) => self.seat = seat,
            Verdict::Elect(seat) => {
                let before = self.seat.holder.take().map(|holder| holder.worker);
                self.seat = seat;
                let losers = std::mem::take(&mut self.candidacies).into_keys().chain(before);
                for loser in losers.filter(|loser| *loser != registration.worker) {
                    self.record(&loser, Role::Normal, now);
                }
                self.record(&registration.worker, Role::Leader, now);
            }
        }
        Ok(answer)
    }

    fn greatest_rival(&self, candidate: &WorkerName, now: Timestamp) -> Option<Candidate> {
        let live = self
            .candidacies
            .iter()
            .rev()
            .filter(|(name, until)| *name != candidate && now < **until);
        live.map(|(name, until)| Candidate {
            worker: name.clone(),
            until: *until,
        })
        .next()
    }

    /// Keeps a candidacy until then. Whoever stands has let go of a lead that ran out.
    fn stand(&mut self, name: &WorkerName, until: Timestamp, now: Timestamp) {
        if self.seat.holder.as_ref().is_some_and(|holder| holder.worker == *name) {
            self.seat = self.seat.vacated();
        }
        let before = self.candidacies.insert(name.clone(), until);
        if before.is_none_or(|before| before <= now) {
            self.record(name, Role::Candidate, now);
        }
    }
}
