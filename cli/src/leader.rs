//! `convoke leader`: look at who leads; campaign, renew and resign from scripts.

use anyhow::{Result, anyhow};
use clap::Subcommand;
use convoke::{
    Candidacy, Incarnation, Leader, Lease, Registration, Renewal, Resignation, Store, Term, Timestamp, Ttl, WorkerName,
};

use crate::output::{Output, table};
use crate::worker::done;

#[derive(Debug, Subcommand)]
pub(crate) enum LeaderCommand {
    /// Who leads
    Show,
    /// Succeed if this term leads now; exit with 5 if it does not
    CheckTerm { term: u64 },
    /// Stand for election once
    Campaign {
        #[command(flatten)]
        registration: RegistrationArgs,
        /// How long the lease is
        #[arg(long, value_name = "TIME", default_value = "10s", value_parser = crate::args::ttl)]
        ttl: Ttl,
    },
    /// Prolong an own lease
    Renew {
        #[command(flatten)]
        lease: LeaseArgs,
        /// How long the lease is from now on
        #[arg(long, value_name = "TIME", default_value = "10s", value_parser = crate::args::ttl)]
        ttl: Ttl,
    },
    /// Give an own lead up at once
    ///
    /// Only for who holds the lease and has stopped acting: the next one is elected without waiting. To move the lead
    /// away from a running worker, disable it: `convoke worker status NAME disabled`.
    Resign {
        #[command(flatten)]
        lease: LeaseArgs,
    },
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct RegistrationArgs {
    /// The worker
    name: WorkerName,
    /// Its incarnation, as `convoke worker register` printed it
    #[arg(long)]
    incarnation: u64,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct LeaseArgs {
    #[command(flatten)]
    registration: RegistrationArgs,
    /// The term, as `convoke leader campaign` printed it
    #[arg(long)]
    term: u64,
}

impl From<RegistrationArgs> for Registration {
    fn from(args: RegistrationArgs) -> Self {
        Self {
            worker: args.name,
            incarnation: Incarnation::from_number(args.incarnation),
        }
    }
}

impl From<LeaseArgs> for Lease {
    fn from(args: LeaseArgs) -> Self {
        Self {
            registration: args.registration.into(),
            term: Term::from_number(args.term),
            // Only the store knows; it does not look at this.
            expires: Timestamp::EPOCH,
        }
    }
}

pub(crate) async fn run(store: &dyn Store, command: LeaderCommand, output: Output) -> Result<()> {
    match command {
        LeaderCommand::Show => {
            let leader = store.leader().await?;
            output.answer(&leader, |leader| {
                leader.as_ref().map_or_else(|| "nobody leads".to_owned(), shown)
            })
        }
        LeaderCommand::CheckTerm { term } => {
            store.check_term(Term::from_number(term)).await?;
            done(output, &format!("term {term} leads"))
        }
        LeaderCommand::Campaign { registration, ttl } => {
            let candidacy = store.campaign(&registration.into(), ttl).await?;
            output.answer(&candidacy, |candidacy| match candidacy {
                Candidacy::Elected(lease) => format!("elected, term {}, until {}", lease.term, lease.expires),
                Candidacy::Deferred(why) => format!("not elected: {why}"),
            })
        }
        LeaderCommand::Renew { lease, ttl } => {
            let renewal = store.renew_lease(&lease.into(), ttl).await?;
            output.answer(&renewal, |renewal| match renewal {
                Renewal::Renewed(lease) => format!("renewed, term {}, until {}", lease.term, lease.expires),
                Renewal::Lost(leader) => lost(leader.as_ref()),
            })?;
            match renewal {
                Renewal::Renewed(_) => Ok(()),
                Renewal::Lost(_) => Err(fenced()),
            }
        }
        LeaderCommand::Resign { lease } => {
            let resignation = store.resign(&lease.into()).await?;
            output.answer(&resignation, |resignation| match resignation {
                Resignation::Resigned => "resigned".to_owned(),
                Resignation::Lost(leader) => lost(leader.as_ref()),
            })
        }
    }
}

fn shown(leader: &Leader) -> String {
    table(
        ["leader", "incarnation", "term", "lease ends"],
        [[
            leader.worker.to_string(),
            leader.incarnation.to_string(),
            leader.term.to_string(),
            leader.expires.to_string(),
        ]],
    )
}

fn lost(leader: Option<&Leader>) -> String {
    match leader {
        Some(leader) => format!("the lease is over; {} leads in term {}", leader.worker, leader.term),
        None => "the lease is over; nobody leads".to_owned(),
    }
}

/// So that a script that renews stops acting.
fn fenced() -> anyhow::Error {
    anyhow!(convoke::Error::new(
        convoke::ErrorKind::Fenced,
        "this lease is over; stop acting as the leader"
    ))
}
