//! `convoke migrate`, `check`, `properties`, `clear`, `reset`, `doctor`: the installation in a store.

mod doctor;

use std::process::ExitCode;

use anyhow::Result;
use convoke::{Confirmed, Durability, Properties, SchemaPolicy, SchemaStatus, StoreUrl, error};
use serde_json::json;

pub(crate) use doctor::doctor;

use crate::Opener;
use crate::output::{Output, table};
use crate::worker::done;

/// What `convoke check` is told.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct CheckArgs {
    /// Succeed also when the schema is not current
    #[arg(long)]
    only_look: bool,
}

/// What `convoke clear` and `convoke reset` are told.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct EmptyArgs {
    /// Yes, delete
    #[arg(long)]
    yes: bool,
}

pub(crate) async fn migrate(opener: &Opener, output: Output) -> Result<()> {
    let applied = opener.open_with(SchemaPolicy::LeaveAlone).await?.migrate().await?;
    output.answer(&json!({ "applied": applied }), |_| match &applied[..] {
        [] => "the schema is current".to_owned(),
        applied => applied
            .iter()
            .map(|name| format!("applied {name}"))
            .collect::<Vec<_>>()
            .join("\n"),
    })
}

pub(crate) async fn check(opener: &Opener, args: CheckArgs, output: Output) -> Result<ExitCode> {
    let status = opener.open_with(SchemaPolicy::LeaveAlone).await?.check().await?;
    output.answer(&status, checked)?;
    Ok(if status.is_current() || args.only_look {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(8)
    })
}

fn checked(status: &SchemaStatus) -> String {
    if status.is_current() {
        return format!("the schema is current, version {}", status.found);
    }
    let pending: String = status.pending.iter().map(|name| format!("\npending {name}")).collect();
    format!(
        "the schema has version {}, version {} is needed; run `convoke migrate`{pending}",
        status.found, status.needed
    )
}

pub(crate) async fn properties(opener: &Opener, output: Output) -> Result<()> {
    let properties = opener.open_with(SchemaPolicy::LeaveAlone).await?.properties().await?;
    output.answer(&properties, described)
}

fn described(properties: &Properties) -> String {
    let hints = if properties.pushes_hints { "pushed" } else { "polled" };
    let rows = [
        ("backend", properties.backend.clone()),
        ("server", properties.server.clone()),
        ("installation", properties.installation.clone()),
        ("durability", durability(&properties.durability)),
        (
            "wake-ups",
            format!("{hints}, late by {:?} at most", properties.poll_bound),
        ),
    ];
    table(
        ["property", "value"],
        rows.map(|(name, value)| [name.to_owned(), value]),
    )
}

fn durability(durability: &Durability) -> String {
    match durability {
        Durability::Full => "full: what was acknowledged survives a power cut".to_owned(),
        Durability::Relaxed(what) => format!("relaxed: {what}"),
        Durability::None => "none: nothing survives the process".to_owned(),
    }
}

pub(crate) async fn clear(opener: &Opener, args: EmptyArgs, output: Output) -> Result<()> {
    let confirmed = confirmed(opener, &args, "deletes all workers, leads, messages and their history")?;
    opener.open().await?.clear(confirmed).await?;
    done(output, "cleared")
}

pub(crate) async fn reset(opener: &Opener, args: EmptyArgs, output: Output) -> Result<()> {
    let confirmed = confirmed(opener, &args, "removes the whole installation")?;
    opener
        .open_with(SchemaPolicy::LeaveAlone)
        .await?
        .reset(confirmed)
        .await?;
    done(output, "reset")
}

fn confirmed(opener: &Opener, args: &EmptyArgs, what: &str) -> convoke::Result<Confirmed> {
    if args.yes {
        return Ok(Confirmed::YesDeleteEverything);
    }
    let url = opener.url.as_deref().map(StoreUrl::parse).transpose()?;
    let of = url.map_or_else(|| "the store".to_owned(), |url| url.to_string());
    Err(error::invalid(format!(
        "this {what} of {of}; repeat it with --yes if that is what you want"
    )))
}
