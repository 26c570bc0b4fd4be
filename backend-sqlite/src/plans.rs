//! How SQLite goes about each statement of this crate: by an index, never through a whole table.

use rusqlite::Connection;

use crate::schema;

const SOURCES: [&str; 11] = [
    include_str!("arrivals.rs"),
    include_str!("history.rs"),
    include_str!("installation.rs"),
    include_str!("leadership.rs"),
    include_str!("locks.rs"),
    include_str!("messages.rs"),
    include_str!("settings.rs"),
    include_str!("topologies.rs"),
    include_str!("topologies/rows.rs"),
    include_str!("transaction.rs"),
    include_str!("workers.rs"),
];

/// Statements that are about everything there is.
const ABOUT_ALL: [&str; 10] = [
    "SELECT count(*) FROM convoke_worker",
    "DELETE FROM convoke_worker",
    "DELETE FROM convoke_worker_history",
    "DELETE FROM convoke_message",
    "DELETE FROM convoke_topology",
    "DELETE FROM convoke_topology_config",
    "DELETE FROM convoke_topology_history",
    "DELETE FROM convoke_gone",
    "DELETE FROM convoke_setting",
    "DELETE FROM convoke_arrival",
];

/// Each string of the sources that is a statement.
fn statements() -> Vec<&'static str> {
    let is_statement = |text: &&str| {
        ["SELECT ", "INSERT ", "UPDATE ", "DELETE "]
            .iter()
            .any(|verb| text.starts_with(verb))
    };
    let mut found: Vec<_> = SOURCES
        .iter()
        .flat_map(|source| source.split('"').filter(is_statement))
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

fn plan(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let mut rows = statement.raw_query();
    let mut lines = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        lines.push(row.get(3).unwrap());
    }
    lines
}

fn set_up() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    schema::set_up(&connection).unwrap();
    connection
}

#[test]
fn no_statement_goes_through_a_whole_table_or_sorts() {
    let connection = set_up();
    let statements = statements();
    assert!(statements.len() >= 30, "only {} statements found", statements.len());
    for sql in statements.iter().filter(|sql| !ABOUT_ALL.contains(sql)) {
        for line in plan(&connection, sql) {
            let by_small_index = line.contains("USING INDEX convoke_worker_candidate")
                || line.contains("USING COVERING INDEX convoke_worker_candidate")
                || line.contains("USING INDEX convoke_worker_listened_to")
                || line.contains("USING INDEX convoke_topology_waiting")
                || line == "SCAN convoke_gone";
            // There are never many arrivals, and sorting them is what they are there for.
            let of_arrivals = line == "SCAN convoke_arrival";
            assert!(
                !line.starts_with("SCAN convoke_") || by_small_index || of_arrivals,
                "{sql}\n{line}"
            );
            let sorts_arrivals = sql.ends_with("FROM convoke_arrival ORDER BY worker, id");
            assert!(!line.contains("TEMP B-TREE") || sorts_arrivals, "{sql}\n{line}");
        }
    }
}

#[test]
fn a_list_begins_where_the_page_does() {
    let connection = set_up();
    let lists: Vec<_> = statements().into_iter().filter(|sql| sql.contains("LIMIT ?")).collect();
    assert_eq!(lists.len(), 5, "{lists:?}");
    for sql in lists {
        let plan = plan(&connection, sql);
        let begins = plan[0].contains("USING PRIMARY KEY")
            || plan[0].ends_with("USING INDEX convoke_topology_held (worker=? AND id>?)");
        assert!(begins && plan[0].contains("?)"), "{sql}\n{plan:?}");
    }
}

#[test]
fn receiving_passes_over_what_is_hidden() {
    assert_plans(&[
        (
            "FROM convoke_message\n         WHERE worker = ?1 AND id > ?2",
            "PRIMARY KEY (worker=? AND id>?)",
        ),
        (
            "FROM convoke_message\n     WHERE worker = ?1 AND id > ?2",
            "PRIMARY KEY (worker=? AND id>?)",
        ),
        (
            "FROM convoke_arrival\n         WHERE worker = ?1 AND id > ?2",
            "INTEGER PRIMARY KEY (rowid>?)",
        ),
        (
            "visible_from <= ?2",
            "convoke_message_received (worker=? AND visible_from<?)",
        ),
        ("ORDER BY visible_from", "convoke_message_received (worker=?)"),
        ("SELECT received", "PRIMARY KEY (name=?)"),
    ]);
}

#[test]
fn refreshing_looks_only_at_what_it_may_take_away() {
    assert_plans(&[
        (
            "WHERE status = 'waiting'",
            "SCAN convoke_topology USING INDEX convoke_topology_waiting",
        ),
        (
            "status IN ('waiting', 'running')",
            "INDEX convoke_topology_in_use (worker=?)",
        ),
        ("SELECT worker FROM convoke_gone", "SCAN convoke_gone"),
    ]);
}

#[test]
fn locks_settings_and_histories_are_walked_in_their_order() {
    assert_plans(&[
        ("FROM convoke_lock WHERE name > ?1", "PRIMARY KEY (name>?)"),
        (
            "FROM convoke_lock WHERE expires <= ?1",
            "COVERING INDEX convoke_lock_expires (expires<?)",
        ),
        ("FROM convoke_setting WHERE key >= ?1", "PRIMARY KEY (key>?)"),
        ("WHERE worker > ?1 ORDER BY worker LIMIT 1", "PRIMARY KEY (worker>?)"),
        (
            "WHERE topology > ?1 ORDER BY topology LIMIT 1",
            "PRIMARY KEY (topology>?)",
        ),
        (
            "WHERE topology = ?1 AND number <= ?2",
            "PRIMARY KEY (topology=? AND number<?)",
        ),
        (
            "SELECT number, at FROM convoke_worker_history",
            "PRIMARY KEY (worker=?)",
        ),
    ]);
}

/// The plan of each statement with this in it has that in it.
fn assert_plans(expected: &[(&str, &str)]) {
    let connection = set_up();
    for (part, by) in expected {
        let found: Vec<_> = statements().into_iter().filter(|sql| sql.contains(part)).collect();
        assert!(!found.is_empty(), "{part}");
        for sql in found {
            let plan = plan(&connection, sql).join(" ");
            assert!(plan.contains(by), "{sql}\n{plan}");
        }
    }
}

#[test]
fn all_statements_fit_into_the_cache() {
    assert!(statements().len() + 5 < crate::connection::STATEMENTS);
}
