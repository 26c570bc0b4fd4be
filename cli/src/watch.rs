//! `convoke watch`: an installation as it changes, on a terminal or as lines of JSON.

mod lines;
mod look;
mod news;
mod screen;

use std::io::{IsTerminal, stdin, stdout};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use convoke::{Store, Ttl};

use crate::Opener;
use crate::output::{Output, line};
use crate::wait::may_pass;
use look::Look;
use news::News;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct WatchArgs {
    /// How often to look
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = crate::args::ttl)]
    every: Ttl,
    /// Look once, and end
    #[arg(long)]
    once: bool,
}

pub(crate) async fn run(opener: Opener, args: WatchArgs, output: Output) -> Result<ExitCode> {
    let mut watcher = Watcher {
        opener,
        store: None,
        news: News::default(),
    };
    // Whoever may not look, or names no store, learns it at once; what may pass is waited for.
    let first = match watcher.look().await {
        Err(error) if args.once || !may_pass(&error) => return Err(error.into()),
        first => first,
    };
    let is_for_people = stdout().is_terminal() && !output.json();
    match (is_for_people, args.once, first) {
        (true, true, Ok(look)) => line(&look.text()).map(|()| ExitCode::SUCCESS),
        (true, false, first) if stdin().is_terminal() => screen::run(watcher, first, args.every).await,
        (_, once, first) => lines::run(watcher, first, args.every, once).await,
    }
}

/// Looks at an installation again and again.
struct Watcher {
    opener: Opener,
    /// None until it could be opened.
    store: Option<Arc<dyn Store>>,
    news: News,
}

impl Watcher {
    async fn look(&mut self) -> convoke::Result<Look> {
        let store = match &self.store {
            Some(store) => store,
            // It changes nothing: a schema that is not there is no reason to set one up.
            None => self
                .store
                .insert(self.opener.open_with(convoke::SchemaPolicy::Check).await?),
        };
        Look::at(&**store, &mut self.news).await
    }
}
