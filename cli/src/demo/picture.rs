//! What is to be seen while the demo runs: on a terminal a picture that changes, on a pipe one after each step.

use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::guard::Boottime;
use crate::output::{self, Output};

/// How often the picture changes.
const EVERY: Duration = Duration::from_millis(50);

/// An agent in the picture.
pub(super) struct Row {
    pub(super) agent: &'static str,
    pub(super) state: String,
    /// Which of the units run on it.
    pub(super) units: Vec<bool>,
}

/// Says a line of what is going on, with the time.
#[derive(Clone)]
pub(super) struct Teller {
    began: Boottime,
    bars: MultiProgress,
    silent: bool,
}

impl Teller {
    pub(super) fn tell(&self, text: &str) {
        let line = format!("{:7.3} s  {text}", Boottime::now().since(self.began).as_secs_f64());
        self.say(&line);
    }

    fn say(&self, text: &str) {
        if !self.silent {
            // Told for show: a reader who went away does not change what is shown at the end.
            let _ = self.bars.suspend(|| output::line(text));
        }
    }
}

pub(super) struct Screen {
    teller: Teller,
    /// Draws nothing when standard error is no terminal.
    bar: ProgressBar,
    shown: Option<Instant>,
}

impl Screen {
    pub(super) fn new(output: Output) -> Self {
        let bars = MultiProgress::new();
        let bar = ProgressBar::no_length().with_style(ProgressStyle::with_template("{msg}").unwrap_or_else(|_| {
            // A template that is a literal is a good one.
            ProgressStyle::default_spinner()
        }));
        Self {
            bar: bars.add(bar),
            teller: Teller {
                began: Boottime::now(),
                bars,
                silent: output.json(),
            },
            shown: None,
        }
    }

    pub(super) fn teller(&self) -> Teller {
        self.teller.clone()
    }

    /// Whether there is a picture to be drawn anew.
    pub(super) fn is_due(&self) -> bool {
        !self.bar.is_hidden() && self.shown.is_none_or(|shown| shown.elapsed() > EVERY)
    }

    /// Shows the picture; `on_paper` also where no changing one can be shown.
    pub(super) fn show(&mut self, rows: &[Row], on_paper: bool) {
        self.shown = Some(Instant::now());
        if !self.bar.is_hidden() {
            self.bar.set_message(drawn(rows));
        } else if on_paper {
            self.teller.say(&drawn(rows));
        }
    }

    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

fn drawn(rows: &[Row]) -> String {
    let numbers: String = (1..=rows.first().map_or(0, |row| row.units.len()))
        .map(|number| format!(" {number:02}"))
        .collect();
    let mut text = format!("\n{:20}{numbers}", "");
    for row in rows {
        let mark = |runs: &bool| if *runs { "  ●" } else { "  ·" };
        let units: String = row.units.iter().map(mark).collect();
        text += &format!("\n{:12}{:8}{units}  {}", "", row.agent, row.state);
    }
    text + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_unit_is_seen_on_the_agent_that_runs_it() {
        let rows = [
            Row {
                agent: "amber",
                state: "leads".to_owned(),
                units: vec![true, false],
            },
            Row {
                agent: "birch",
                state: "alive".to_owned(),
                units: vec![false, true],
            },
        ];
        let lines: Vec<_> = drawn(&rows).lines().map(|line| line.trim().to_owned()).collect();
        assert_eq!(lines, ["", "01 02", "amber     ●  ·  leads", "birch     ·  ●  alive"]);
    }
}
