//! What a trial saw on each store: a sentence, and figures for people and as JSON.

use std::path::Path;

use anyhow::{Context, Result, bail};
use comfy_table::{CellAlignment, Table};
use serde_json::{Map, Value};

/// What was seen on one store.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) text: String,
    /// By names with their units.
    pub(crate) figures: Vec<(&'static str, f64)>,
    /// What should not have been.
    pub(crate) faults: Vec<String>,
}

impl From<String> for Seen {
    fn from(text: String) -> Self {
        Self {
            text,
            ..Self::default()
        }
    }
}

/// What was seen on all stores.
#[derive(Debug, Default)]
pub(crate) struct Report(Vec<(String, Seen)>);

impl Report {
    pub(crate) fn add(&mut self, store: &str, seen: Seen) {
        self.0.push((store.to_owned(), seen));
    }

    /// Prints the figures, where there are any.
    pub(crate) fn print(&self) {
        let Some((_, first)) = self.0.first().filter(|(_, seen)| !seen.figures.is_empty()) else {
            return;
        };
        let mut table = Table::new();
        table.load_style(comfy_table::presets::ASCII_MARKDOWN);
        let names = first.figures.iter().map(|(name, _)| name.replace('_', " "));
        table.set_header(std::iter::once("store".to_owned()).chain(names));
        for (store, seen) in &self.0 {
            let figures = seen.figures.iter().map(|(_, figure)| rounded(*figure));
            table.add_row(std::iter::once(store.clone()).chain(figures));
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        println!("{table}");
    }

    /// Writes all of it as JSON: a list with an object for each store.
    pub(crate) fn write(&self, file: &Path) -> Result<()> {
        let stores: Vec<_> = self.0.iter().map(|(store, seen)| record(store, seen)).collect();
        let text = serde_json::to_string_pretty(&stores)? + "\n";
        std::fs::write(file, text).with_context(|| format!("writing {}", file.display()))
    }

    /// Fails when something was seen that should not have been.
    pub(crate) fn judge(&self) -> Result<()> {
        let faults: Vec<_> = self
            .0
            .iter()
            .flat_map(|(store, seen)| seen.faults.iter().map(move |fault| format!("{store}: {fault}")))
            .collect();
        if faults.is_empty() {
            return Ok(());
        }
        bail!("{}", faults.join("; "))
    }
}

fn record(store: &str, seen: &Seen) -> Value {
    let mut record = Map::new();
    record.insert("store".to_owned(), store.into());
    record.insert("seen".to_owned(), seen.text.clone().into());
    for (name, figure) in &seen.figures {
        // What could not be measured is null.
        record.insert((*name).to_owned(), (*figure).into());
    }
    record.insert("faults".to_owned(), seen.faults.clone().into());
    Value::Object(record)
}

fn rounded(figure: f64) -> String {
    if figure.is_nan() {
        "–".to_owned()
    } else if figure.fract() == 0.0 {
        format!("{figure:.0}")
    } else {
        format!("{figure:.1}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_on_one_store_fails_the_trial_and_names_it() {
        let mut report = Report::default();
        report.add("sqlite", "all well".to_owned().into());
        assert!(report.judge().is_ok());
        report.add(
            "redis",
            Seen {
                faults: vec!["2 workers died".to_owned()],
                ..Seen::default()
            },
        );
        assert_eq!(report.judge().unwrap_err().to_string(), "redis: 2 workers died");
    }

    #[test]
    fn what_could_not_be_measured_is_null_as_json_and_a_dash_for_people() {
        let seen = Seen {
            figures: vec![("cpu_percent", f64::NAN), ("agents", 3.0)],
            ..Seen::default()
        };
        let record = record("redis", &seen);
        assert!(record["cpu_percent"].is_null());
        assert_eq!(record["agents"], 3.0);
        assert_eq!([f64::NAN, 3.0, 2.5].map(rounded), ["–", "3", "2.5"]);
    }
}
