//! Processes that campaign.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use convoke::{Candidacy, Deferral, Renewal, Ttl, WorkerName};
use rustix::time::{ClockId, clock_gettime};

use super::crew::{Crew, Notes, wait_to_go};
use super::{Member, Part};
use crate::bench::place::Place;

/// Short, so that many leases run out. A store on a busy machine may need longer than that for an answer: then the
/// lease is over before it is known, which is a case too.
const LEASE: Ttl = Ttl::from_millis(20);

/// Tries it, and says what was seen.
pub(crate) async fn run(place: &Place, processes: usize, rounds: usize) -> Result<String> {
    let url = place.fresh("elections").await?;
    let mut crew = Crew::new()?;
    for _ in 0..processes {
        crew.add(Part::Elect, &url, rounds, None)?;
    }
    crew.end()?;
    judge(&crew.notes()?)
}

/// One lead, as its holder saw it: by the monotonic clock that all processes share.
#[derive(Clone, Copy, Debug)]
struct Lead {
    process: usize,
    term: u64,
    from: u64,
    until: u64,
}

fn judge(notes: &[Vec<String>]) -> Result<String> {
    let mut holders: BTreeMap<u64, usize> = BTreeMap::new();
    let mut leads: Vec<Lead> = Vec::new();
    let (mut answers, mut latest) = (0, BTreeMap::new());
    for (process, lines) in notes.iter().enumerate() {
        for line in lines {
            let words: Vec<&str> = line.split(' ').collect();
            let [what, term, from, until] = words[..] else {
                bail!("unreadable note: {line}")
            };
            let (term, from, until): (u64, u64, u64) = (term.parse()?, from.parse()?, until.parse()?);
            answers += 1;
            let before: u64 = latest.insert(process, term).unwrap_or(0);
            ensure!(before <= term, "process {process} saw term {term} after term {before}");
            // Whoever asks again while it leads is elected again, to the same term.
            if what == "elected"
                && let Some(other) = holders.insert(term, process)
                && other != process
            {
                bail!("term {term} has two holders: processes {other} and {process}");
            }
            if what == "resigned" {
                for lead in leads
                    .iter_mut()
                    .filter(|lead| lead.process == process && lead.term == term)
                {
                    lead.until = lead.until.min(from);
                }
            }
            if what == "elected" || what == "renewed" {
                leads.push(Lead {
                    process,
                    term,
                    from,
                    until,
                });
            }
        }
    }
    // A lease that was over before its holder knew of it was never acted on.
    leads.retain(|lead| lead.from < lead.until);
    leads.sort_by_key(|lead| lead.from);
    for (index, lead) in leads.iter().enumerate() {
        for later in leads[index + 1..].iter().take_while(|later| later.from < lead.until) {
            let terms = (lead.term, later.term);
            ensure!(
                later.process == lead.process,
                "two lead at a time, in the terms {terms:?}"
            );
        }
    }
    ensure!(!holders.is_empty(), "nobody was ever elected");
    Ok(format!(
        "{} processes, {answers} answers, {} terms, each with one holder; no two led at a time",
        notes.len(),
        holders.len()
    ))
}

/// What one process does: it campaigns, and half of the time it leads until its lease is over.
///
/// A note is the term and from when until when this process may act, or when it was about to resign.
pub(crate) async fn take_part(member: &Member) -> Result<()> {
    let mut notes = Notes::open(&member.notes)?;
    let store = crate::bench::place::open(&member.url).await?;
    let name = WorkerName::new(format!("process-{}", std::process::id()))?;
    let me = store.register_worker(&name).await?;
    wait_to_go()?;
    for round in 0..member.rounds {
        let asked = monotonic();
        match store.campaign(&me, LEASE).await? {
            Candidacy::Elected(lease) => {
                let term = lease.term.number();
                let answered = monotonic();
                let deadline = asked + u64::try_from(Duration::from(LEASE).as_nanos())?;
                match round % 4 {
                    0 => notes.write(&format!("elected {term} {answered} {}", deadline.max(answered)))?,
                    1 => {
                        notes.write(&format!("elected {term} {answered} {}", deadline.max(answered)))?;
                        let asked = monotonic();
                        if let Renewal::Renewed(_) = store.renew_lease(&lease, LEASE).await? {
                            let from = monotonic();
                            let until = asked + u64::try_from(Duration::from(LEASE).as_nanos())?;
                            notes.write(&format!("renewed {term} {from} {}", until.max(from)))?;
                        }
                    }
                    _ => {
                        notes.write(&format!("elected {term} {answered} {}", deadline.max(answered)))?;
                        let now = monotonic();
                        notes.write(&format!("resigned {term} {now} {now}"))?;
                        store.resign(&lease).await?;
                    }
                }
            }
            Candidacy::Deferred(Deferral::LedBy(leader)) => {
                notes.write(&format!("deferred {} {asked} {asked}", leader.term.number()))?;
            }
            Candidacy::Deferred(Deferral::Outranked { .. } | Deferral::Promised(_)) => {}
            Candidacy::Deferred(why) => bail!("deferred for no reason that there is here: {why}"),
        }
    }
    Ok(())
}

/// Nanoseconds by the clock that all processes of this host share.
fn monotonic() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let nanos = now.tv_sec.unsigned_abs() * 1_000_000_000;
    nanos + now.tv_nsec.unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::judge;

    fn notes(processes: &[&[&str]]) -> Vec<Vec<String>> {
        processes
            .iter()
            .map(|lines| lines.iter().map(|line| (*line).to_owned()).collect())
            .collect()
    }

    #[test]
    fn leads_one_after_the_other_pass() {
        assert!(
            judge(&notes(&[
                &["elected 1 10 20", "deferred 2 25 25"],
                &["elected 2 20 30"]
            ]))
            .is_ok()
        );
    }

    #[test]
    fn two_holders_of_a_term_a_falling_term_and_two_leads_at_a_time_are_rejected() {
        assert!(judge(&notes(&[&["elected 1 10 20"], &["elected 1 20 30"]])).is_err());
        assert!(judge(&notes(&[&["elected 2 10 20", "deferred 1 25 25"]])).is_err());
        assert!(judge(&notes(&[&["elected 1 10 20"], &["elected 2 19 30"]])).is_err());
        assert!(judge(&notes(&[&["elected 1 10 12", "renewed 1 12 40"], &["elected 2 30 50"]])).is_err());
        assert!(judge(&notes(&[&[]])).is_err());
    }
}
