//! Says what is going on, and how far it is.

use std::time::Duration;

use anyhow::Result;
use convoke::runtime::Boottime;
use indicatif::{ProgressBar, ProgressStyle};

/// Lines, and below them a bar where there is a terminal.
#[derive(Debug)]
pub(crate) struct Teller {
    began: Boottime,
    bar: ProgressBar,
}

impl Teller {
    /// From now on, for about so long.
    pub(crate) fn new(length: Duration) -> Result<Self> {
        let bar = ProgressBar::new(length.as_secs());
        bar.set_style(ProgressStyle::with_template("{bar:30} {pos}/{len} s {msg}")?);
        Ok(Self {
            began: Boottime::now(),
            bar,
        })
    }

    pub(crate) const fn began(&self) -> Boottime {
        self.began
    }

    /// A line that stays.
    pub(crate) fn tell(&self, what: &str) {
        let at = Boottime::now().since(self.began).as_secs_f64();
        self.bar.suspend(|| eprintln!("{at:8.2} s  {what}"));
    }

    /// What the bar shows.
    pub(crate) fn show(&self, what: &str) {
        self.bar.set_position(Boottime::now().since(self.began).as_secs());
        self.bar.set_message(what.to_owned());
    }

    pub(crate) fn end(&self) {
        self.bar.finish_and_clear();
    }
}
