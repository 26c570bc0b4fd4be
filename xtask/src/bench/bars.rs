//! The bars that speed and memory have to clear, and which of them are cleared.

use comfy_table::{CellAlignment, Table};

use super::beside::{BESIDE, CALLERS};
use super::handing_out;
use super::report::{Record, Report};

const IDLE_CLIENT: u64 = 20 * 1_024 * 1_024;
const MEMORY_PER_SECOND: f64 = 500_000.0;
const CROWDED: f64 = 0.9;
/// How many times the old client's rate.
const BESIDE_OLD: f64 = 20.0;
/// How long it may take to hand out 10,000 topologies.
const HANDED_OUT: f64 = 10.0;

/// A bar and what was measured of it.
#[derive(Debug, PartialEq)]
struct Judged {
    what: String,
    measured: String,
    wanted: String,
    is_met: bool,
}

/// Prints the bars that something was measured of, and answers how many are missed.
pub(crate) fn print(report: &Report) -> usize {
    let judged = judge(report);
    let mut table = Table::new();
    table.load_style(comfy_table::presets::ASCII_MARKDOWN);
    table.set_header(["bar", "measured", "wanted", ""]);
    for bar in &judged {
        let verdict = if bar.is_met { "met" } else { "MISSED" };
        table.add_row([bar.what.as_str(), &bar.measured, &bar.wanted, verdict]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let missed = judged.iter().filter(|bar| !bar.is_met).count();
    println!("{table}\n{} of {} bars are met", judged.len() - missed, judged.len());
    missed
}

fn judge(report: &Report) -> Vec<Judged> {
    let operations = report.operations.iter().filter_map(judge_record);
    let clients = report.idle_clients.iter().map(|idle| Judged {
        what: format!("{}: memory of an idle client", idle.store),
        measured: format!("{:.1} MiB", idle.resident_bytes as f64 / 1_048_576.0),
        wanted: "< 20 MiB".to_owned(),
        is_met: idle.resident_bytes < IDLE_CLIENT,
    });
    operations.chain(clients).collect()
}

fn judge_record(record: &Record) -> Option<Judged> {
    let Record {
        store,
        operation,
        callers,
        ..
    } = record;
    let plural = if *callers == 1 { "" } else { "s" };
    let what = format!("{store}: {operation}, {callers} caller{plural}");
    if store == "memory" && *callers == 1 && ["ping", "send", "receive+ack"].contains(&operation.as_str()) {
        return Some(Judged {
            what,
            measured: format!("{:.0}/s", record.ops_per_s),
            wanted: format!("≥ {MEMORY_PER_SECOND:.0}/s"),
            is_met: record.ops_per_s >= MEMORY_PER_SECOND,
        });
    }
    if operation == handing_out::NAME {
        let seconds = 10.0 / record.ops_per_s;
        return Some(Judged {
            what: format!("{store}: 10,000 topologies handed out"),
            measured: format!("{seconds:.2} s"),
            wanted: format!("< {HANDED_OUT} s"),
            is_met: seconds < HANDED_OUT,
        });
    }
    let (ratio, wanted) = (record.ratio?, wanted_ratio(store, operation, *callers)?);
    Some(Judged {
        what,
        measured: format!("{ratio:.2}"),
        wanted: format!("≥ {wanted}"),
        is_met: ratio >= wanted,
    })
}

fn wanted_ratio(store: &str, operation: &str, callers: usize) -> Option<f64> {
    if operation.ends_with(", crowded") {
        return Some(CROWDED);
    }
    if operation.ends_with(BESIDE) {
        // Its rates were taken on MariaDB: the published client can't log in to MySQL 9.
        return (store == "mariadb" && CALLERS.contains(&callers)).then_some(BESIDE_OLD);
    }
    if !["ping", "send", "renew"].contains(&operation) {
        return None;
    }
    match (store, callers) {
        ("sqlite", 1) => Some(0.8),
        ("sqlite", 8) => Some(3.0),
        ("sqlite", 64) => Some(10.0),
        ("mariadb" | "mysql", 1 | 8 | 64) => Some(0.7),
        ("redis" | "valkey", 1 | 8 | 64) => Some(0.6),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(store: &str, operation: &str, callers: usize, ops_per_s: f64, floor: Option<f64>) -> Record {
        Record {
            store: store.to_owned(),
            operation: operation.to_owned(),
            callers,
            ops_per_s,
            p50_us: 1.0,
            p99_us: 2.0,
            floor,
            ratio: floor.map(|floor| ops_per_s / floor),
        }
    }

    fn is_met(record: Record) -> Option<bool> {
        judge_record(&record).map(|bar| bar.is_met)
    }

    #[test]
    fn each_store_is_judged_by_its_own_bar() {
        assert_eq!(is_met(record("memory", "ping", 1, 499_999.0, None)), Some(false));
        assert_eq!(is_met(record("memory", "receive+ack", 1, 500_000.0, None)), Some(true));
        assert_eq!(is_met(record("sqlite", "send", 8, 290.0, Some(100.0))), Some(false));
        assert_eq!(is_met(record("sqlite", "send", 64, 1_000.0, Some(100.0))), Some(true));
        assert_eq!(is_met(record("mysql", "renew", 1, 69.0, Some(100.0))), Some(false));
        assert_eq!(is_met(record("redis", "renew", 64, 60.0, Some(100.0))), Some(true));
    }

    #[test]
    fn a_crowd_may_cost_a_tenth_on_every_store() {
        assert_eq!(
            is_met(record("memory", "list a page, crowded", 1, 89.0, Some(100.0))),
            Some(false)
        );
        assert_eq!(
            is_met(record("valkey", "empty receive, crowded", 64, 90.0, Some(100.0))),
            Some(true)
        );
    }

    #[test]
    fn the_old_client_is_left_behind_twenty_times_by_few_callers() {
        let report =
            |callers, ops_per_s| record("mariadb", "report, beside qtopology", callers, ops_per_s, Some(135.0));
        assert_eq!(is_met(report(1, 2_699.0)), Some(false));
        assert_eq!(is_met(report(8, 2_700.0)), Some(true));
        assert_eq!(is_met(report(64, 2_700.0)), None);
    }

    #[test]
    fn ten_thousand_topologies_are_handed_out_in_ten_steps_and_ten_seconds() {
        assert_eq!(is_met(record("mysql", "hand out 1,000", 1, 1.01, None)), Some(true));
        assert_eq!(is_met(record("mysql", "hand out 1,000", 1, 1.0, None)), Some(false));
    }

    #[test]
    fn what_has_no_bar_is_not_judged() {
        assert_eq!(is_met(record("memory", "ping", 8, 1.0, None)), None);
        assert_eq!(is_met(record("mysql", "register", 1, 1.0, Some(100.0))), None);
    }
}
