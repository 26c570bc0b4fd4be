//! Rules of SQL and Lua.

use super::tree::{File, Finding, Tree};

/// Not in tests: they play the part of other programs, which do it.
pub(crate) fn unnamed_columns(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let files = tree.ending("rs").chain(tree.ending("sql")).chain(tree.ending("lua"));
    for file in files.filter(|file| !file.path.contains("/tests/")) {
        for (number, line) in file.text.lines().enumerate() {
            let words: Vec<_> = line
                .split(|letter: char| letter.is_whitespace() || letter == '"')
                .collect();
            if words
                .windows(2)
                .any(|pair| pair[0].eq_ignore_ascii_case("select") && pair[1].starts_with('*'))
            {
                findings.push(file.finding(number, "select the columns by their names"));
            }
        }
    }
    findings
}

/// Files of procedures/ hold one routine each, and write what makes it in capitals.
pub(crate) fn routines(tree: &Tree) -> Vec<Finding> {
    let routines = tree
        .ending("sql")
        .filter(|file| file.path.starts_with("backend-mysql/procedures/"));
    routines
        .filter_map(|file| match made(&file.text) {
            1 => None,
            count => Some(file.as_a_whole(format!(
                "makes {count} routines by CREATE PROCEDURE, FUNCTION or TRIGGER"
            ))),
        })
        .collect()
}

fn made(sql: &str) -> usize {
    let makes = |line: &&str| {
        let line = line.trim_start();
        line.starts_with("CREATE ")
            && ["PROCEDURE ", "FUNCTION ", "TRIGGER "]
                .iter()
                .any(|kind| line.contains(kind))
    };
    sql.lines().filter(makes).count()
}

/// Scripts of an operation; what they share is in lua/shared/ and has no keys of its own.
fn scripts(tree: &Tree) -> impl Iterator<Item = &File> {
    tree.ending("lua")
        .filter(|file| file.path.starts_with("backend-redis/lua/") && !file.path.contains("/shared/"))
}

pub(crate) fn scripts_without_header(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in scripts(tree) {
        let header: Vec<_> = file.text.lines().take_while(|line| line.starts_with("--")).collect();
        let header = header.join("\n");
        for word in ["KEYS", "ARGV", "answer"] {
            if !header.to_lowercase().contains(&word.to_lowercase()) {
                findings.push(file.as_a_whole(format!("the comment it begins with does not name its {word}")));
            }
        }
    }
    findings
}

/// A key that is put together in the script would not be in the cluster's slot check.
pub(crate) fn scripts_that_make_keys(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in scripts(tree) {
        for (number, line) in file.text.lines().enumerate() {
            let call = line.split("redis.call(").nth(1).and_then(|call| call.split(')').next());
            let key = call.and_then(|call| call.split(',').nth(1)).unwrap_or_default().trim();
            if key.starts_with(['\'', '"']) && key.contains(':') || key.contains("..") {
                findings.push(file.finding(number, format!("{key} is no key passed in KEYS")));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_instead_of_columns_is_found_and_a_count_is_not() {
        let text = format!("SELECT {} FROM worker;\nSELECT COUNT(*) FROM worker;\nSELECT 1\n", '*');
        let rust = format!("query(\"select {} from worker\")", '*');
        assert_eq!(unnamed_columns(&Tree::of([("a.sql", &text), ("b.rs", &rust)])).len(), 2);
    }

    #[test]
    fn a_file_with_two_routines_or_none_is_found() {
        let one = "-- Makes it.\nCREATE PROCEDURE a()\nBEGIN\n  SELECT 1;\nEND\n";
        let two = [one, one].concat();
        let tree = Tree::of([
            ("backend-mysql/procedures/workers/one.sql", one),
            ("backend-mysql/procedures/workers/two.sql", &two),
            ("backend-mysql/procedures/workers/none.sql", "SELECT 1;\n"),
            ("backend-mysql/migrations/0001_tables.sql", "CREATE TABLE a (b INT);\n"),
        ]);
        assert_eq!(routines(&tree).len(), 2);
    }

    #[test]
    fn a_script_without_its_header_is_found() {
        let with = "-- Pings.\n-- KEYS: worker\n-- ARGV: now\n-- Answer: word\nlocal worker = KEYS[1]\n";
        let tree = Tree::of([
            ("backend-redis/lua/workers/with.lua", with),
            (
                "backend-redis/lua/workers/without.lua",
                "-- Pings.\nlocal worker = KEYS[1]\n",
            ),
            ("backend-redis/lua/shared/now.lua", "local function now() end\n"),
        ]);
        assert_eq!(scripts_without_header(&tree).len(), 3);
    }

    #[test]
    fn a_key_made_in_the_script_is_found() {
        let script = "redis.call('HGET', worker, 'name')\nredis.call('GET', 'convoke:' .. name)\n\
                      redis.call('GET', prefix .. name)\nredis.call('ZADD', KEYS[1], 0, a .. b)\n";
        assert_eq!(
            scripts_that_make_keys(&Tree::of([("backend-redis/lua/workers/a.lua", script)])).len(),
            2
        );
    }
}
