//! How SQLite goes about each statement of this crate: by an index, never through a whole table.

use rusqlite::Connection;

use crate::schema;

const SOURCES: [&str; 10] = [
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
const ABOUT_ALL: [&str; 9] = [
    "SELECT count(*) FROM convoke_worker",
    "DELETE FROM convoke_worker",
    "DELETE FROM convoke_worker_history",
    "DELETE FROM convoke_message",
    "DELETE FROM convoke_topology",
    "DELETE FROM convoke_topology_config",
    "DELETE FROM convoke_topology_history",
    "DELETE FROM convoke_gone",
    "DELETE FROM convoke_setting",
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
                || line.contains("USING INDEX convoke_worker_listened_to");
            assert!(!line.starts_with("SCAN convoke_") || by_small_index, "{sql}\n{line}");
            assert!(!line.contains("TEMP B-TREE"), "{sql}\n{line}");
        }
    }
}

#[test]
fn a_list_begins_where_the_page_does() {
    let connection = set_up();
    let lists: Vec<_> = statements().into_iter().filter(|sql| sql.contains("LIMIT ?")).collect();
    assert_eq!(lists.len(), 2, "{lists:?}");
    for sql in lists {
        let plan = plan(&connection, sql);
        assert!(plan[0].contains("USING PRIMARY KEY"), "{sql}\n{plan:?}");
    }
}

#[test]
fn receiving_passes_over_what_is_hidden() {
    let connection = set_up();
    let by_index = |part: &str| {
        let found: Vec<_> = statements().into_iter().filter(|sql| sql.contains(part)).collect();
        assert!(!found.is_empty(), "{part}");
        found
            .into_iter()
            .map(|sql| plan(&connection, sql).join(" "))
            .collect::<Vec<_>>()
    };
    for (part, by) in [
        ("id > ?2 ORDER BY id", "PRIMARY KEY (worker=? AND id>?)"),
        (
            "visible_from <= ?2",
            "convoke_message_hidden (worker=? AND visible_from>? AND visible_from<?)",
        ),
        (
            "ORDER BY visible_from",
            "convoke_message_hidden (worker=? AND visible_from>?)",
        ),
        ("ORDER BY id DESC", "convoke_message_received (worker=?)"),
    ] {
        for plan in by_index(part) {
            assert!(plan.contains(by), "{part}\n{plan}");
        }
    }
}

#[test]
fn all_statements_fit_into_the_cache() {
    assert!(statements().len() + 5 < crate::connection::STATEMENTS);
}
