//! `convoke lock`: take, prolong and give back named locks from scripts.

use anyhow::Result;
use clap::Subcommand;
use convoke::{
    Error, ErrorKind, Lock, LockAcquisition, LockName, LockOwner, LockRelease, LockRenewal, LockToken, Store,
    Timestamp, Ttl,
};

use crate::args::PageArgs;
use crate::output::{Output, table};
use crate::worker::done;

#[derive(Debug, Subcommand)]
pub(crate) enum LockCommand {
    /// Take a lock. Prints the fencing token; exits with 4 when somebody has it
    Acquire {
        name: LockName,
        owner: LockOwner,
        /// For how long
        #[arg(long, value_name = "TIME", default_value = "30s", value_parser = crate::args::ttl)]
        ttl: Ttl,
    },
    /// Prolong a lock. Exits with 5 when it is lost
    Renew {
        #[command(flatten)]
        held: HeldArgs,
        /// For how long from now
        #[arg(long, value_name = "TIME", default_value = "30s", value_parser = crate::args::ttl)]
        ttl: Ttl,
    },
    /// Give a lock back. Exits with 5 when it was lost
    Release {
        #[command(flatten)]
        held: HeldArgs,
    },
    /// Check that a token holds a lock
    Check { name: LockName, token: u64 },
    /// Who has a lock
    Get { name: LockName },
    /// The locks that are held, ordered by name
    List {
        #[command(flatten)]
        page: PageArgs,
    },
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct HeldArgs {
    name: LockName,
    owner: LockOwner,
    /// The token that acquiring it printed
    #[arg(long)]
    token: u64,
}

impl From<HeldArgs> for Lock {
    fn from(held: HeldArgs) -> Self {
        Self {
            name: held.name,
            owner: held.owner,
            token: LockToken::from_number(held.token),
            expires: Timestamp::EPOCH,
        }
    }
}

pub(crate) async fn run(store: &dyn Store, command: LockCommand, output: Output) -> Result<()> {
    match command {
        LockCommand::Acquire { name, owner, ttl } => {
            let acquisition = store.acquire_lock(&name, &owner, ttl).await?;
            output.answer(&acquisition, |it| match it {
                LockAcquisition::Acquired(lock) => format!("acquired, token {}, until {}", lock.token, lock.expires),
                LockAcquisition::HeldBy(lock) => held(lock),
            })?;
            match acquisition {
                LockAcquisition::Acquired(_) => Ok(()),
                LockAcquisition::HeldBy(_) => Err(refused(ErrorKind::Conflict, "the lock is held")),
            }
        }
        LockCommand::Renew { held: given, ttl } => {
            let renewal = store.renew_lock(&given.into(), ttl).await?;
            output.answer(&renewal, |it| match it {
                LockRenewal::Renewed(lock) => format!("renewed until {}", lock.expires),
                LockRenewal::Lost(holder) => lost(holder.as_ref()),
            })?;
            match renewal {
                LockRenewal::Renewed(_) => Ok(()),
                LockRenewal::Lost(_) => Err(refused(
                    ErrorKind::Fenced,
                    "the lock is lost; stop acting under its token",
                )),
            }
        }
        LockCommand::Release { held: given } => {
            let release = store.release_lock(&given.into()).await?;
            output.answer(&release, |it| match it {
                LockRelease::Released => "released".to_owned(),
                LockRelease::Lost(holder) => lost(holder.as_ref()),
            })?;
            match release {
                LockRelease::Released => Ok(()),
                LockRelease::Lost(_) => Err(refused(
                    ErrorKind::Fenced,
                    "the lock is lost; stop acting under its token",
                )),
            }
        }
        LockCommand::Check { name, token } => {
            store.check_lock(&name, LockToken::from_number(token)).await?;
            done(output, &format!("token {token} holds {name}"))
        }
        LockCommand::Get { name } => {
            let lock = store.get_lock(&name).await?;
            output.answer(&lock, |it| {
                it.as_ref()
                    .map_or_else(|| "nobody has it".to_owned(), |lock| table(HEADER, [row(lock)]))
            })
        }
        LockCommand::List { page } => {
            let read = async |page| store.list_locks(&page).await;
            output.list(page, HEADER, row, read).await
        }
    }
}

/// Who has it is printed already; the exit code is for scripts.
fn refused(kind: ErrorKind, what: &'static str) -> anyhow::Error {
    Error::new(kind, what).into()
}

fn held(lock: &Lock) -> String {
    format!("{} has it until {}, token {}", lock.owner, lock.expires, lock.token)
}

fn lost(holder: Option<&Lock>) -> String {
    holder.map_or_else(
        || "lost; nobody has it".to_owned(),
        |lock| format!("lost; {}", held(lock)),
    )
}

const HEADER: [&str; 4] = ["name", "owner", "token", "expires"];

fn row(lock: &Lock) -> [String; 4] {
    [
        lock.name.to_string(),
        lock.owner.to_string(),
        lock.token.to_string(),
        lock.expires.to_string(),
    ]
}
