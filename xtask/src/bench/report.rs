//! What was measured, for people and as JSON.

use std::path::Path;

use anyhow::{Context, Result};
use comfy_table::{CellAlignment, Table};
use serde::Serialize;

use super::measure::Measured;

/// Everything that was measured.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    pub(crate) operations: Vec<Record>,
    pub(crate) idle_clients: Vec<Idle>,
}

/// One operation on one store with so many callers.
#[derive(Debug, Serialize)]
pub(crate) struct Record {
    pub(crate) store: String,
    pub(crate) operation: String,
    pub(crate) callers: usize,
    pub(crate) ops_per_s: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    /// What it is compared with, per second.
    pub(crate) floor: Option<f64>,
    /// The median of the ratios of slices that alternated.
    pub(crate) ratio: Option<f64>,
}

/// The memory of a client that does nothing.
#[derive(Debug, Serialize)]
pub(crate) struct Idle {
    pub(crate) store: String,
    pub(crate) resident_bytes: u64,
}

impl Record {
    pub(crate) fn new(store: &str, operation: &str, callers: usize, measured: &Measured, floor: &Measured) -> Self {
        Self {
            store: store.to_owned(),
            operation: operation.to_owned(),
            callers,
            ops_per_s: measured.per_second().unwrap_or_default(),
            p50_us: measured.micros_at(0.5).unwrap_or_default(),
            p99_us: measured.micros_at(0.99).unwrap_or_default(),
            floor: floor.per_second(),
            ratio: measured.ratio_to(floor),
        }
    }
}

impl Report {
    pub(crate) fn add(&mut self, record: Record) {
        self.operations.push(record);
    }

    pub(crate) fn idle(&mut self, store: &str, resident_bytes: u64) {
        self.idle_clients.push(Idle {
            store: store.to_owned(),
            resident_bytes,
        });
    }

    pub(crate) fn print(&self) {
        let mut table = Table::new();
        table.load_style(comfy_table::presets::ASCII_MARKDOWN);
        table.set_header([
            "store",
            "operation",
            "callers",
            "per second",
            "p50 µs",
            "p99 µs",
            "floor",
            "ratio",
        ]);
        for record in &self.operations {
            table.add_row([
                record.store.clone(),
                record.operation.clone(),
                record.callers.to_string(),
                format!("{:.0}", record.ops_per_s),
                format!("{:.1}", record.p50_us),
                format!("{:.1}", record.p99_us),
                record.floor.map_or_else(String::new, |floor| format!("{floor:.0}")),
                record.ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}")),
            ]);
        }
        for column in table.column_iter_mut().skip(2) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        println!("{table}");
    }

    /// Writes all of it as JSON.
    pub(crate) fn write(&self, file: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        std::fs::write(file, text).with_context(|| format!("writing {}", file.display()))
    }
}
