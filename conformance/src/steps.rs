//! Random steps: what a handful of workers might do, right and wrong, at times around the ends of things.
//!
//! A step names what it needs by how lately it was given out, so that it makes sense on any store and when it is
//! shrunk; [`Known`] makes it an operation with the real ids of a store.

mod of_locks;
mod of_settings;
mod of_topologies;

use std::collections::HashMap;
use std::time::Duration;

use convoke_core::{
    Answer, Candidacy, Claim, Command, Cursor, Delay, Incarnation, LeadershipAnswer as LA, LeadershipOperation as LO,
    Lease, Limit, Lock, MessagesAnswer as MA, MessagesOperation as MO, NewMessage, Operation, Page, Payload, Receipt,
    Registration, Renewal, Result, Retention, Revision, SettingKey, Term, Timeouts, Timestamp, TopologyId, Ttl,
    WorkerName, WorkerStatus, WorkersAnswer as WA, WorkersOperation as WO,
};
use proptest::prelude::*;
use uuid::Uuid;

use of_locks::LockDeed;
use of_settings::SettingDeed;
use of_topologies::TopologyDeed;

/// Names that are close to each other, few enough to collide.
const NAMES: [&str; 4] = ["a", "A", "b", "ab"];

/// Lengths of time that recur, so that ends coincide.
const LENGTHS: [Ttl; 4] = [Ttl::MIN, Ttl::from_secs(5), Ttl::from_secs(10), Ttl::from_secs(30)];

/// One step of a random run.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Time passes.
    Pass(Ttl),
    /// Time goes to the next end of something, or a microsecond before it.
    PassToEnd { before: bool },
    /// Somebody does something.
    Do(Deed),
}

/// How lately something was given out: 0 is the last one. Whatever was never given out is made up.
type Recency = usize;

/// What somebody may do. `who` and `to` number the names, `length` the lengths.
#[derive(Clone, Debug)]
#[rustfmt::skip]
pub(crate) enum Deed {
    Register { who: usize },
    Ping { who: usize, recency: Recency },
    SetStatus { who: usize, recency: Option<Recency>, status: WorkerStatus },
    Get { who: usize },
    List { limit: u32, on: bool },
    Count,
    Delete { who: usize },
    History { who: usize, limit: u32, on: bool },
    Trim { keep: Keep, limit: u32, on: bool },
    Refresh { length: usize, waiting: usize },
    Announce { who: usize, recency: Recency, length: usize },
    Check { who: usize, recency: Recency, length: usize },
    Campaign { who: usize, recency: Recency, length: usize },
    Renew { recency: Recency, length: usize },
    Resign { recency: Recency },
    Leader,
    CheckTerm { recency: Recency },
    Send { to: usize, length: usize, term: Option<Recency> },
    Receive { who: usize, recency: Recency, max: u32, length: usize },
    Take { who: usize, recency: Recency, max: u32 },
    Ack { recency: Recency },
    Nack { recency: Recency, length: Option<usize> },
    Extend { recency: Recency, length: usize },
    Peek { who: usize, limit: u32, on: bool },
    Topology(TopologyDeed),
    Lock(LockDeed),
    Setting(SettingDeed),
}

/// How much of a history is kept: the length of an age, and a number of rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keep {
    age: Option<usize>,
    rows: Option<u32>,
}

impl Keep {
    fn retention(self) -> Retention {
        let aged = self.age.map_or(Retention::FOREVER, |length| {
            Retention::FOREVER.with_age(LENGTHS[length])
        });
        self.rows.map_or(aged, |rows| aged.with_rows(rows))
    }
}

/// Which deeds a run is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mix {
    Workers,
    Leadership,
    Messages,
    Topologies,
    Locks,
    Settings,
    All,
}

/// A run of `1..=longest` steps, most of them after everybody was registered.
pub(crate) fn steps(mix: Mix, longest: usize) -> impl Strategy<Value = Vec<Step>> {
    let pass = prop_oneof![
        1 => length().prop_map(|length| Step::Pass(LENGTHS[length])),
        5 => any::<bool>().prop_map(|before| Step::PassToEnd { before }),
    ];
    // Topologies need a leader, and leads run out as time passes.
    let passing = if matches!(mix, Mix::Topologies) { 1 } else { 2 };
    let step = prop_oneof![passing => pass, 11 => deed(mix).prop_map(Step::Do)];
    let first = first(mix).into_iter().map(Step::Do).collect::<Vec<_>>();
    let first = prop_oneof![9 => Just(first), 1 => Just(Vec::new())];
    (first, prop::collection::vec(step, 1..=longest)).prop_map(|(first, rest)| first.into_iter().chain(rest).collect())
}

/// What comes first: the registration of every name, and where topologies are assigned of those, too, and a leader.
pub(crate) fn first(mix: Mix) -> Vec<Deed> {
    let mut first: Vec<_> = (0..NAMES.len()).map(|who| Deed::Register { who }).collect();
    if matches!(mix, Mix::Topologies | Mix::All) {
        first.push(Deed::Campaign {
            who: 0,
            recency: 0,
            length: LENGTHS.len() - 1,
        });
        first.extend(of_topologies::first().map(Deed::Topology));
    }
    first
}

/// One deed of a mix.
pub(crate) fn deed(mix: Mix) -> BoxedStrategy<Deed> {
    match mix {
        Mix::Workers => prop_oneof![6 => of_workers(), 2 => of_leadership()].boxed(),
        Mix::Leadership => prop_oneof![2 => of_workers(), 6 => of_leadership()].boxed(),
        Mix::Messages => prop_oneof![2 => of_workers(), 1 => of_leadership(), 7 => of_messages()].boxed(),
        Mix::Topologies => prop_oneof![
            2 => of_workers(),
            2 => (length(), length()).prop_map(|(length, waiting)| Deed::Refresh { length, waiting }),
            1 => of_leadership(),
            3 => who().prop_map(|who| Deed::Campaign { who, recency: 0, length: 3 }),
            1 => of_messages(),
            3 => who().prop_map(|who| Deed::Peek { who, limit: 1_000, on: false }),
            16 => of_topologies::deed().prop_map(Deed::Topology),
        ]
        .boxed(),
        Mix::Locks => of_locks::deed().prop_map(Deed::Lock).boxed(),
        Mix::Settings => of_settings::deed().prop_map(Deed::Setting).boxed(),
        Mix::All => prop_oneof![
            2 => of_workers(),
            2 => of_leadership(),
            2 => of_messages(),
            4 => of_topologies::deed().prop_map(Deed::Topology),
            1 => of_locks::deed().prop_map(Deed::Lock),
            1 => of_settings::deed().prop_map(Deed::Setting),
        ]
        .boxed(),
    }
}

fn who() -> impl Strategy<Value = usize> {
    prop_oneof![4 => Just(0), 2 => Just(1), 2 => Just(2), 1 => Just(3)]
}

fn recency() -> impl Strategy<Value = Recency> {
    prop_oneof![16 => Just(0), 3 => Just(1), 1 => 2..6usize, 1 => Just(usize::MAX)]
}

fn length() -> impl Strategy<Value = usize> {
    prop_oneof![1 => Just(0), 2 => Just(1), 3 => Just(2), 3 => Just(3)]
}

fn limit() -> impl Strategy<Value = u32> {
    prop_oneof![3 => 1..4u32, 1 => Just(1_000)]
}

fn keep() -> impl Strategy<Value = Keep> {
    let rows = prop_oneof![1 => Just(0), 4 => 1..6u32];
    (prop::option::of(length()), prop::option::of(rows)).prop_map(|(age, rows)| Keep { age, rows })
}

fn of_workers() -> BoxedStrategy<Deed> {
    let status = prop_oneof![5 => Just(WorkerStatus::Alive), 4 => prop::sample::select(WorkerStatus::ALL.to_vec())];
    prop_oneof![
        2 => who().prop_map(|who| Deed::Register { who }),
        3 => (who(), recency()).prop_map(|(who, recency)| Deed::Ping { who, recency }),
        3 => (who(), prop::option::of(recency()), status)
            .prop_map(|(who, recency, status)| Deed::SetStatus { who, recency, status }),
        2 => who().prop_map(|who| Deed::Get { who }),
        2 => (limit(), any::<bool>()).prop_map(|(limit, on)| Deed::List { limit, on }),
        1 => Just(Deed::Count),
        1 => who().prop_map(|who| Deed::Delete { who }),
        3 => (who(), limit(), any::<bool>()).prop_map(|(who, limit, on)| Deed::History { who, limit, on }),
        1 => (keep(), limit(), any::<bool>()).prop_map(|(keep, limit, on)| Deed::Trim { keep, limit, on }),
        2 => (length(), length()).prop_map(|(length, waiting)| Deed::Refresh { length, waiting }),
    ]
    .boxed()
}

fn of_leadership() -> BoxedStrategy<Deed> {
    prop_oneof![
        3 => (who(), recency(), length())
            .prop_map(|(who, recency, length)| Deed::Announce { who, recency, length }),
        3 => (who(), recency(), length()).prop_map(|(who, recency, length)| Deed::Check { who, recency, length }),
        6 => (who(), recency(), length()).prop_map(|(who, recency, length)| Deed::Campaign { who, recency, length }),
        3 => (recency(), length()).prop_map(|(recency, length)| Deed::Renew { recency, length }),
        1 => recency().prop_map(|recency| Deed::Resign { recency }),
        2 => Just(Deed::Leader),
        2 => recency().prop_map(|recency| Deed::CheckTerm { recency }),
    ]
    .boxed()
}

fn of_messages() -> BoxedStrategy<Deed> {
    prop_oneof![
        9 => (who(), length(), prop::option::weighted(0.1, recency()))
            .prop_map(|(to, length, term)| Deed::Send { to, length, term }),
        5 => (who(), recency(), limit(), length())
            .prop_map(|(who, recency, max, length)| Deed::Receive { who, recency, max, length }),
        1 => (who(), recency(), limit()).prop_map(|(who, recency, max)| Deed::Take { who, recency, max }),
        3 => recency().prop_map(|recency| Deed::Ack { recency }),
        2 => (recency(), prop::option::of(length())).prop_map(|(recency, length)| Deed::Nack { recency, length }),
        2 => (recency(), length()).prop_map(|(recency, length)| Deed::Extend { recency, length }),
        2 => (who(), limit(), any::<bool>()).prop_map(|(who, limit, on)| Deed::Peek { who, limit, on }),
    ]
    .boxed()
}

/// What a store gave out so far, and when things end.
#[derive(Debug, Default)]
pub(crate) struct Known {
    registrations: HashMap<WorkerName, Vec<Registration>>,
    leases: Vec<Lease>,
    receipts: Vec<Receipt>,
    /// Who was given a topology last.
    given: HashMap<TopologyId, WorkerName>,
    locks: Vec<Lock>,
    revisions: HashMap<SettingKey, Vec<Revision>>,
    cursors: HashMap<&'static str, Cursor>,
    ends: Vec<Timestamp>,
    made: u64,
}

impl Known {
    /// Moves on to the next end of something, or a microsecond before it; a second when nothing ends.
    pub(crate) fn next_end(&mut self, now: Timestamp, before: bool) -> Timestamp {
        self.ends.retain(|end| now < *end);
        let end = self
            .ends
            .iter()
            .copied()
            .min()
            .unwrap_or(now.plus(Duration::from_secs(1)));
        let just_before = Timestamp::from_micros(end.as_micros() - 1);
        if before && now < just_before { just_before } else { end }
    }

    /// The operation that a deed is on this store.
    ///
    /// # Errors
    /// None: names and limits of deeds are good ones.
    #[rustfmt::skip]
    pub(crate) fn operation(&mut self, deed: &Deed, now: Timestamp) -> Result<Operation> {
        Ok(match *deed {
            Deed::Register { who } => WO::RegisterWorker { name: name(who)? }.into(),
            Deed::Ping { who, recency } => {
                self.ends.push(now.plus(LENGTHS[3]));
                WO::PingWorker { registration: self.registration(who, recency)? }.into()
            }
            Deed::SetStatus { who, recency, status } => {
                let by = recency.map(|recency| self.registration(who, recency)).transpose()?;
                let incarnation = by.map(|registration| registration.incarnation);
                WO::SetWorkerStatus { name: name(who)?, incarnation, status }.into()
            }
            Deed::Get { who } => WO::GetWorker { name: name(who)? }.into(),
            Deed::List { limit, on } => WO::ListWorkers { page: self.page("workers", limit, on)? }.into(),
            Deed::Count => WO::CountWorkers {}.into(),
            Deed::Delete { who } => WO::DeleteWorker { name: name(who)? }.into(),
            Deed::History { who, limit, on } => {
                WO::WorkerHistory { name: name(who)?, page: self.page(HISTORIES[who], limit, on)? }.into()
            }
            Deed::Trim { keep, limit, on } => {
                WO::TrimWorkerHistory { retention: keep.retention(), page: self.page(TRIM, limit, on)? }.into()
            }
            Deed::Refresh { length, waiting } => {
                let timeouts = Timeouts::default().with_worker(LENGTHS[length]).with_waiting(LENGTHS[waiting]);
                WO::RefreshStatuses { timeouts }.into()
            }
            Deed::Announce { who, recency, length } => {
                let valid_for = self.lasting(length, now);
                LO::AnnounceCandidacy { registration: self.registration(who, recency)?, valid_for }.into()
            }
            Deed::Check { who, recency, length } => {
                let ttl = self.lasting(length, now);
                LO::CheckCandidacy { registration: self.registration(who, recency)?, ttl }.into()
            }
            Deed::Campaign { who, recency, length } => {
                let ttl = self.lasting(length, now);
                LO::Campaign { registration: self.registration(who, recency)?, ttl }.into()
            }
            Deed::Renew { recency, length } => {
                LO::RenewLease { ttl: self.lasting(length, now), lease: self.lease(recency)? }.into()
            }
            Deed::Resign { recency } => LO::Resign { lease: self.lease(recency)? }.into(),
            Deed::Leader => LO::Leader {}.into(),
            Deed::CheckTerm { recency } => LO::CheckTerm { term: self.lease(recency)?.term }.into(),
            Deed::Send { to, length, term } => {
                let ttl = self.lasting(length, now);
                let term = term.map(|recency| self.lease(recency)).transpose()?.map(|lease| lease.term);
                MO::SendMessage { message: NewMessage { term, ..self.message(to)?.with_ttl(ttl) } }.into()
            }
            Deed::Receive { who, recency, max, length } => {
                let visibility = self.lasting(length, now);
                let claim = Claim { max: Limit::new(max)?, visibility, token: self.token() };
                MO::ReceiveMessages { registration: self.registration(who, recency)?, claim }.into()
            }
            Deed::Take { who, recency, max } => {
                let registration = self.registration(who, recency)?;
                MO::TakeMessages { registration, max: Limit::new(max)? }.into()
            }
            Deed::Ack { recency } => MO::AckMessage { receipt: self.receipt(recency)? }.into(),
            Deed::Nack { recency, length } => {
                let delay = length.map_or(Duration::ZERO, |length| self.lasting(length, now).into());
                MO::NackMessage { receipt: self.receipt(recency)?, delay: Delay::new(delay)? }.into()
            }
            Deed::Extend { recency, length } => {
                MO::ExtendClaim { visibility: self.lasting(length, now), receipt: self.receipt(recency)? }.into()
            }
            Deed::Peek { who, limit, on } => {
                MO::PeekMessages { worker: name(who)?, page: self.page(QUEUES[who], limit, on)? }.into()
            }
            Deed::Topology(ref deed) => deed.operation(self, now)?.into(),
            Deed::Lock(deed) => deed.operation(self, now)?.into(),
            Deed::Setting(ref deed) => deed.operation(self)?.into(),
        })
    }

    /// Remembers what an answer gave out.
    pub(crate) fn learn(&mut self, operation: &Operation, answer: &Answer) {
        match answer {
            Answer::Workers(WA::RegisterWorker(registration)) => {
                self.registrations
                    .entry(registration.worker.clone())
                    .or_default()
                    .push(registration.clone());
            }
            Answer::Workers(WA::ListWorkers(page)) => self.turn("workers", page.next.clone()),
            Answer::Workers(WA::TrimWorkerHistory(trimmed)) => self.turn(TRIM, trimmed.next.clone()),
            Answer::Workers(WA::WorkerHistory(page)) => {
                if let Operation::Workers(WO::WorkerHistory { name, .. }) = operation {
                    self.turn(list_of(&HISTORIES, name), page.next.clone());
                }
            }
            Answer::Leadership(
                LA::CheckCandidacy(Candidacy::Elected(lease))
                | LA::Campaign(Candidacy::Elected(lease))
                | LA::RenewLease(Renewal::Renewed(lease)),
            ) => self.leases.push(lease.clone()),
            Answer::Messages(MA::ReceiveMessages(deliveries)) => {
                self.receipts
                    .extend(deliveries.iter().map(|delivery| delivery.receipt.clone()));
            }
            // What was settled is the first to be forgotten, so that the latest receipts are live ones.
            Answer::Messages(MA::AckMessage(()) | MA::NackMessage(())) => {
                if let Operation::Messages(MO::AckMessage { receipt } | MO::NackMessage { receipt, .. }) = operation {
                    self.receipts.retain(|known| known != receipt);
                    self.receipts.insert(0, receipt.clone());
                }
            }
            Answer::Messages(MA::PeekMessages(page)) => {
                if let Operation::Messages(MO::PeekMessages { worker, .. }) = operation {
                    self.turn(list_of(&QUEUES, worker), page.next.clone());
                }
            }
            Answer::Topologies(answer) => of_topologies::learn(self, operation, answer),
            Answer::Locks(answer) => of_locks::learn(self, answer),
            Answer::Settings(answer) => of_settings::learn(self, operation, answer),
            _ => {}
        }
    }

    fn turn(&mut self, list: &'static str, next: Option<Cursor>) {
        match next {
            Some(next) => self.cursors.insert(list, next),
            None => self.cursors.remove(list),
        };
    }

    fn lasting(&mut self, length: usize, now: Timestamp) -> Ttl {
        self.ends.push(now.plus(LENGTHS[length]));
        LENGTHS[length]
    }

    fn page(&self, list: &'static str, limit: u32, on: bool) -> Result<Page> {
        let page = Page::first(limit)?;
        Ok(match self.cursors.get(list).filter(|_| on) {
            Some(cursor) => page.behind(cursor.clone()),
            None => page,
        })
    }

    fn registration(&self, who: usize, recency: Recency) -> Result<Registration> {
        let worker = name(who)?;
        let given = self
            .registrations
            .get(&worker)
            .and_then(|all| all.iter().nth_back(recency));
        Ok(given.cloned().unwrap_or(Registration {
            worker,
            incarnation: Incarnation::from_number(0),
        }))
    }

    fn lease(&self, recency: Recency) -> Result<Lease> {
        Ok(match self.leases.iter().nth_back(recency) {
            Some(lease) => lease.clone(),
            None => Lease {
                registration: self.registration(0, 0)?,
                term: Term::from_number(0),
                expires: Timestamp::EPOCH,
            },
        })
    }

    fn receipt(&self, recency: Recency) -> Result<Receipt> {
        if let Some(receipt) = self.receipts.iter().nth_back(recency) {
            return Ok(receipt.clone());
        }
        let nobodys = Receipt {
            message: convoke_core::MessageId::from_number(0),
            registration: self.registration(0, 0)?,
            token: Uuid::nil(),
        };
        // A claim that lives, with a token that is not its own.
        Ok(self.receipts.last().map_or(nobodys, |live| Receipt {
            token: Uuid::nil(),
            ..live.clone()
        }))
    }

    fn message(&mut self, to: usize) -> Result<NewMessage> {
        self.made += 1;
        let command = Command::new(format!("c{}", self.made))?;
        Ok(NewMessage::new(name(to)?, command, Payload::of(&self.made)?))
    }

    fn token(&mut self) -> Uuid {
        self.made += 1;
        Uuid::from_u128(u128::from(self.made))
    }
}

const TRIM: &str = "trim of workers";
const HISTORIES: [&str; NAMES.len()] = ["history of a", "history of A", "history of b", "history of ab"];
const QUEUES: [&str; NAMES.len()] = ["queue of a", "queue of A", "queue of b", "queue of ab"];

fn name(who: usize) -> Result<WorkerName> {
    WorkerName::new(NAMES[who])
}

fn list_of(lists: &[&'static str; NAMES.len()], worker: &WorkerName) -> &'static str {
    let who = NAMES.iter().position(|name| *name == worker.as_str());
    lists[who.unwrap_or_default()]
}
