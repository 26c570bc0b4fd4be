//! Renewals that are asked for at once share a call.
//!
//! A lease is one row, for which those who renew it queue at the server. One call renews for them all, for the longest time that
//! any of them asked for: the same as if they had come one after the other, the longest first, since a renewal never
//! shortens a lease.

use std::time::{Duration, Instant};

use convoke_core::{Lease, Renewal, Result, Ttl};

use crate::sharing::{Line, Share};
use crate::store::MysqlStore;

/// What is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) lease: Lease,
    pub(crate) ttl: Ttl,
}

/// Those who renew.
pub(crate) type Renewals = Line<Asked, Renewal>;

impl Share<Asked> for MysqlStore {
    type Answer = Renewal;
    type Load = Option<Lease>;
    const AT_ONCE: usize = 1;

    fn line(&self) -> &Renewals {
        &self.renewals
    }

    fn timeout(&self) -> Duration {
        self.pool.timeout()
    }

    fn take_on(load: &mut Option<Lease>, asked: &Asked) -> bool {
        let lease = load.get_or_insert_with(|| asked.lease.clone());
        lease.term == asked.lease.term && lease.registration == asked.lease.registration
    }

    async fn alone(&self, asked: &Asked, deadline: Instant) -> Result<Renewal> {
        self.renew(&asked.lease, asked.ttl, deadline).await
    }

    async fn together(&self, asked: &[Asked], deadline: Instant) -> Result<Vec<Option<Renewal>>> {
        let longest = asked.iter().max_by_key(|asked| asked.ttl);
        let Some(longest) = longest else { return Ok(Vec::new()) };
        let renewal = self.renew(&longest.lease, longest.ttl, deadline).await?;
        Ok(asked.iter().map(|asked| Some(renewed(&renewal, asked))).collect())
    }
}

/// What a renewal for all is for one of them: its own lease, for longer.
fn renewed(renewal: &Renewal, asked: &Asked) -> Renewal {
    match renewal {
        Renewal::Renewed(lease) => Renewal::Renewed(Lease {
            expires: lease.expires,
            ..asked.lease.clone()
        }),
        lost @ Renewal::Lost(_) => lost.clone(),
    }
}

#[cfg(test)]
mod tests {
    use convoke_core::{Incarnation, Registration, Term, Timestamp, WorkerName};

    use super::*;

    fn asked(worker: &str, term: u64) -> Asked {
        Asked {
            lease: Lease {
                registration: Registration {
                    worker: WorkerName::new(worker).unwrap(),
                    incarnation: Incarnation::from_number(1),
                },
                term: Term::from_number(term),
                expires: Timestamp::EPOCH,
            },
            ttl: Ttl::from_secs(1),
        }
    }

    #[test]
    fn other_leases_get_calls_of_their_own() {
        let mut load = None;
        let takes_on = [("a", 1), ("a", 2), ("b", 1), ("a", 1)]
            .map(|(worker, term)| <MysqlStore as Share<Asked>>::take_on(&mut load, &asked(worker, term)));
        assert_eq!(takes_on, [true, false, false, true]);
    }
}
