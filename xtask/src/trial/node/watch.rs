//! Who leads, looked at again and again: one row of the old client's table at most, and it is that of the lease that lives.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;
use sqlx::{Connection, MySqlConnection};
use tokio::task::JoinHandle;

use super::monotonic;

/// How often it looks.
const EVERY: Duration = Duration::from_millis(10);

/// One look, in one statement, so that it is of one moment.
const LOOK: &str = "SELECT s.term, s.holder, s.legacy <> 0 AS legacy,
    s.promised_until_us > TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) AS promised,
    (SELECT COUNT(*) FROM qtopology_worker WHERE lstatus = 'leader') AS leaders,
    (SELECT MIN(name) FROM qtopology_worker WHERE lstatus = 'leader') AS leader
  FROM convoke_seat AS s WHERE s.id = 1";

#[derive(Clone, Debug)]
struct Look {
    term: i64,
    holder: Option<String>,
    legacy: bool,
    promised: bool,
    leaders: i64,
    leader: Option<String>,
}

/// A row of [`LOOK`].
type Row = (i64, Option<String>, i64, i64, i64, Option<String>);

impl Look {
    fn of((term, holder, legacy, promised, leaders, leader): Row) -> Self {
        Self {
            term,
            holder,
            legacy: legacy != 0,
            promised: promised != 0,
            leaders,
            leader,
        }
    }

    /// Who has a lease that lives.
    fn lives(&self) -> Option<&str> {
        self.holder.as_deref().filter(|_| self.promised)
    }

    /// What is wrong with it.
    fn fault(&self) -> Option<String> {
        if self.leaders > 1 {
            return Some(format!("{} rows say that they lead", self.leaders));
        }
        // A lead that ran out keeps its row until somebody notices.
        if self.leader != self.holder {
            let (row, seat) = (&self.leader, &self.holder);
            return Some(format!("the row of the leader is {row:?}, the seat has {seat:?}"));
        }
        None
    }
}

/// From when until when somebody's lease lived.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Lead {
    pub(super) worker: String,
    /// By the rules of the old client.
    pub(super) legacy: bool,
    pub(super) term: i64,
    from: u64,
    until: u64,
}

/// What was seen.
#[derive(Debug, Default)]
struct Seen {
    looks: u64,
    longest_pause: u64,
    latest: Option<(u64, Look)>,
    leads: Vec<Lead>,
    faults: Vec<String>,
    error: Option<String>,
}

/// Looks until it is dropped.
#[derive(Debug)]
pub(super) struct Watch {
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

/// What was seen of the leads, for people.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Summary {
    pub(super) looks: u64,
    pub(super) longest_pause_ms: u64,
    pub(super) leads: Vec<Lead>,
    pub(super) faults: Vec<String>,
}

impl Watch {
    pub(super) async fn start(url: &str) -> Result<Self> {
        let mut connection = MySqlConnection::connect(url).await.context("connecting to look")?;
        let seen = Arc::new(Mutex::new(Seen::default()));
        let shared = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            loop {
                let row = sqlx::query_as(LOOK).fetch_one(&mut connection).await;
                let looked = row.map(Look::of);
                let is_over = looked.is_err();
                shared.lock().unwrap_or_else(PoisonError::into_inner).hear(looked);
                if is_over {
                    return;
                }
                tokio::time::sleep(EVERY).await;
            }
        });
        Ok(Self { seen, task })
    }

    /// Whose lease lives, and whether that is one of the old client.
    pub(super) fn leader(&self) -> Option<(String, bool)> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, look) = seen.latest.as_ref()?;
        Some((look.lives()?.to_owned(), look.legacy))
    }

    pub(super) fn summary(&self) -> Result<Summary> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = &seen.error {
            anyhow::bail!("nobody looked any more: {error}");
        }
        Ok(Summary {
            looks: seen.looks,
            longest_pause_ms: seen.longest_pause / 1_000_000,
            leads: seen.leads.clone(),
            faults: seen.faults.clone(),
        })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Seen {
    fn hear(&mut self, looked: Result<Look, sqlx::Error>) {
        match looked {
            Ok(look) => self.note(monotonic(), look),
            Err(error) => self.error = Some(error.to_string()),
        }
    }

    fn note(&mut self, now: u64, look: Look) {
        self.looks += 1;
        if let Some((before, last)) = &self.latest {
            self.longest_pause = self.longest_pause.max(now - before);
            if look.term < last.term {
                self.faults
                    .push(format!("term {} came after term {}", look.term, last.term));
            }
        }
        if let Some(fault) = look.fault()
            && !self.faults.contains(&fault)
        {
            self.faults.push(fault);
        }
        if let Some(worker) = look.lives() {
            match self.leads.last_mut().filter(|lead| lead.term == look.term) {
                Some(lead) if lead.worker == worker => lead.until = now,
                Some(lead) => {
                    let fault = format!("term {} has two holders: {} and {worker}", look.term, lead.worker);
                    self.faults.push(fault);
                }
                None => self.leads.push(Lead {
                    worker: worker.to_owned(),
                    legacy: look.legacy,
                    term: look.term,
                    from: now,
                    until: now,
                }),
            }
        }
        self.latest = Some((now, look));
    }
}

/// When members took themselves for the leader, as each wrote down.
#[derive(Debug, Default)]
pub(super) struct Views(Vec<View>);

#[derive(Clone, Debug)]
struct View {
    worker: String,
    legacy: bool,
    from: u64,
    until: u64,
}

/// How long two took themselves for the leader at a time, at the longest.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Doubts {
    /// Two of ours.
    pub(super) ours_ms: u64,
    /// One of ours and one of the old client, or two of those.
    pub(super) others_ms: u64,
}

impl Views {
    /// Reads the notes of a process, which ended at `end` when it ended.
    pub(super) fn read(&mut self, worker: &str, legacy: bool, notes: &Path, end: u64) -> Result<()> {
        let text = std::fs::read_to_string(notes).unwrap_or_default();
        let mut since = None;
        for line in text.lines() {
            let (at, word) = line
                .split_once(' ')
                .with_context(|| format!("unreadable note: {line}"))?;
            let at: u64 = at.parse()?;
            match (word, since) {
                ("leads", None) => since = Some(at),
                ("follows", Some(from)) => {
                    self.add(worker, legacy, from, at);
                    since = None;
                }
                _ => {}
            }
        }
        if let Some(from) = since {
            self.add(worker, legacy, from, end);
        }
        Ok(())
    }

    fn add(&mut self, worker: &str, legacy: bool, from: u64, until: u64) {
        let worker = worker.to_owned();
        self.0.push(View {
            worker,
            legacy,
            from,
            until,
        });
    }

    pub(super) fn doubts(&self) -> Doubts {
        let mut doubts = Doubts::default();
        for (index, one) in self.0.iter().enumerate() {
            for other in self.0[index + 1..].iter().filter(|other| other.worker != one.worker) {
                let both = one.until.min(other.until).saturating_sub(one.from.max(other.from)) / 1_000_000;
                let longest = if one.legacy || other.legacy {
                    &mut doubts.others_ms
                } else {
                    &mut doubts.ours_ms
                };
                *longest = both.max(*longest);
            }
        }
        doubts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(term: i64, holder: Option<&str>, leader: Option<&str>, leaders: i64) -> Look {
        Look {
            term,
            holder: holder.map(str::to_owned),
            legacy: false,
            promised: true,
            leaders,
            leader: leader.map(str::to_owned),
        }
    }

    fn faults(looks: &[Look]) -> usize {
        let mut seen = Seen::default();
        (1_u64..)
            .zip(looks)
            .for_each(|(now, look)| seen.note(now, look.clone()));
        seen.faults.len()
    }

    #[test]
    fn two_rows_another_row_than_the_seat_s_a_falling_term_and_two_holders_are_faults() {
        let good = look(2, Some("a"), Some("a"), 1);
        assert_eq!(
            faults(&[good.clone(), look(2, None, None, 0), look(3, Some("b"), Some("b"), 1)]),
            0
        );
        assert_eq!(faults(&[look(2, Some("a"), Some("a"), 2)]), 1);
        assert_eq!(faults(&[look(2, Some("a"), Some("b"), 1)]), 1);
        assert_eq!(faults(&[look(2, Some("a"), None, 0)]), 1);
        assert_eq!(faults(&[good.clone(), look(1, Some("a"), Some("a"), 1)]), 1);
        assert_eq!(faults(&[good, look(2, Some("b"), Some("b"), 1)]), 1);
    }

    #[test]
    fn two_who_take_themselves_for_the_leader_at_a_time_are_in_doubt() {
        let mut views = Views::default();
        views.add("a", false, 0, 5_000_000);
        views.add("b", false, 5_000_000, 20_000_000);
        views.add("c", true, 18_000_000, 30_000_000);
        let doubts = views.doubts();
        assert_eq!((doubts.ours_ms, doubts.others_ms), (0, 2));
    }
}
