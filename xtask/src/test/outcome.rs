//! What `cargo test` wrote, counted per backend.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use comfy_table::Table;

/// The backends that must have taken the suite.
const BACKENDS: [&str; 6] = ["memory", "sqlite", "mariadb", "mysql", "redis", "valkey"];

/// How the tests went, while they run.
#[derive(Debug, Default)]
pub(crate) struct Outcomes {
    /// Package and target of each executable, by its file name.
    executables: BTreeMap<String, (String, String)>,
    /// Of the tests that run now.
    package: String,
    target: String,
    /// Cases of the suite, by backend.
    cases: BTreeMap<String, Count>,
    saboteurs: Count,
    all: Count,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    passed: usize,
    failed: usize,
    ignored: usize,
}

impl Count {
    fn add(&mut self, result: &str) {
        match result.split([',', ' ']).next().unwrap_or_default() {
            "ok" => self.passed += 1,
            "FAILED" => self.failed += 1,
            "ignored" => self.ignored += 1,
            // What a test printed itself.
            _ => {}
        }
    }

    /// Adds a summary, such as `ok. 3 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out`.
    fn add_summary(&mut self, summary: &str) {
        let words: Vec<_> = summary.split([' ', ';']).collect();
        let number_before = |word| {
            words
                .iter()
                .position(|other| *other == word)
                .and_then(|at| words[..at].last()?.parse().ok())
        };
        self.passed += number_before("passed").unwrap_or(0);
        self.failed += number_before("failed").unwrap_or(0);
        self.ignored += number_before("ignored").unwrap_or(0);
    }
}

impl Outcomes {
    pub(crate) fn of(executables: BTreeMap<String, (String, String)>) -> Self {
        Self {
            executables,
            ..Self::default()
        }
    }

    /// Takes in one line.
    pub(crate) fn read(&mut self, line: &str) {
        if let Some(path) = line.trim_start().strip_prefix("Running ") {
            let file = path.rsplit(['/', '(']).next().unwrap_or_default().trim_end_matches(')');
            (self.package, self.target) = self.executables.get(file).cloned().unwrap_or_default();
        } else if let Some(package) = line.trim_start().strip_prefix("Doc-tests ") {
            self.package = package.to_owned();
            self.target = "doc".to_owned();
        } else if let Some(summary) = line.strip_prefix("test result: ") {
            self.all.add_summary(summary);
        } else if let Some((name, result)) = line.strip_prefix("test ").and_then(|rest| rest.split_once(" ... ")) {
            self.count(name, result);
        }
    }

    fn count(&mut self, name: &str, result: &str) {
        if name.starts_with("rejects::") {
            self.saboteurs.add(result);
        } else if let Some(backend) = self.package.strip_prefix("convoke-backend-")
            && self.target != "doc"
            && is_case(name)
        {
            // A package that takes the suite more than once has a module for each time, named after the server.
            let backend = match name.rsplit("::").nth(1) {
                Some(server) if BACKENDS.contains(&server) => server.to_owned(),
                None | Some("contract") => backend.to_owned(),
                Some(variant) => format!("{backend} ({variant})"),
            };
            self.cases.entry(backend).or_default().add(result);
        }
    }

    /// What to print in the end.
    pub(crate) fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(comfy_table::presets::ASCII_MARKDOWN);
        table.set_header(["", "passed", "failed", "ignored"]);
        for (backend, count) in &self.cases {
            table.add_row(row(&format!("{backend}: cases of the suite"), *count));
        }
        if self.saboteurs != Count::default() {
            table.add_row(row("saboteurs rejected", self.saboteurs));
        }
        table.add_row(row("all tests, the above included", self.all));
        table
    }

    /// Whether every backend took every case, and there were saboteurs.
    pub(crate) fn check_complete(&self) -> Result<()> {
        let passed = |backend: &str| self.cases.get(backend).map_or(0, |count| count.passed);
        let most = BACKENDS.iter().map(|backend| passed(backend)).max().unwrap_or_default();
        for backend in BACKENDS {
            if most == 0 || passed(backend) < most {
                bail!("{backend} passed {} cases of the suite, others {most}", passed(backend));
            }
        }
        if self.saboteurs.passed == 0 {
            bail!("no saboteur was tried, so nothing shows that the suite finds faults");
        }
        if self.all.ignored > 0 {
            bail!("{} tests are ignored; there must be none", self.all.ignored);
        }
        Ok(())
    }
}

fn row(name: &str, count: Count) -> [String; 4] {
    [
        name.to_owned(),
        count.passed.to_string(),
        count.failed.to_string(),
        count.ignored.to_string(),
    ]
}

/// Whether a test is a case of the suite, such as `mariadb::leadership_e03_a_leader_asking_twice_keeps_its_term`.
fn is_case(name: &str) -> bool {
    let name = name.rsplit("::").next().unwrap_or(name);
    let id = name.split('_').nth(1).unwrap_or_default();
    let number = id.trim_start_matches(['e', 'i', 'm', 'r']);
    number.len() + 1 == id.len() && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(lines: &[&str]) -> Outcomes {
        let of = |package: &str, target: &str| (package.to_owned(), target.to_owned());
        let mut outcomes = Outcomes::of(BTreeMap::from([
            ("suite-1".to_owned(), of("convoke-backend-sqlite", "suite")),
            ("suite-2".to_owned(), of("convoke-backend-mysql", "suite")),
            ("suite-3".to_owned(), of("convoke-backend-redis", "suite")),
            ("teeth-4".to_owned(), of("convoke-conformance", "teeth")),
        ]));
        for line in lines {
            outcomes.read(line);
        }
        outcomes
    }

    #[test]
    fn cases_are_counted_for_the_backend_or_the_module_that_took_them() {
        let outcomes = after(&[
            "     Running tests/suite.rs (target/debug/deps/suite-1)",
            "test contract::workers_e01_a_name_is_taken ... ok",
            "test contract::workers_e02_a_name_is_taken_over ... FAILED",
            "test a_busy_file_waits ... ok",
            "     Running tests/suite.rs (/elsewhere/deps/suite-2)",
            "test mariadb::workers_e01_a_name_is_taken ... ok",
            "test mysql::workers_e01_a_name_is_taken ... ok",
            "     Running tests/suite.rs (target/debug/deps/suite-3)",
            "test contract::valkey::workers_e01_a_name_is_taken ... ok",
            "test cluster::workers_e01_a_name_is_taken ... ok",
            "     Running tests/teeth.rs (target/debug/deps/teeth-4)",
            "test rejects::a_term_that_is_forgotten ... ok",
            "test honest::workers_e01_a_name_is_taken ... ok",
            "test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s",
            "test result: FAILED. 6 passed; 1 failed; 3 ignored; 0 measured; 5 filtered out; finished in 0.01s",
        ]);
        let count = |passed, failed| Count {
            passed,
            failed,
            ignored: 0,
        };
        let expected = [
            ("mariadb", count(1, 0)),
            ("mysql", count(1, 0)),
            ("redis (cluster)", count(1, 0)),
            ("sqlite", count(1, 1)),
            ("valkey", count(1, 0)),
        ];
        assert_eq!(
            outcomes.cases,
            expected.map(|(name, count)| (name.to_owned(), count)).into()
        );
        assert_eq!(
            (outcomes.saboteurs, outcomes.all),
            (
                count(1, 0),
                Count {
                    ignored: 3,
                    ..count(8, 1)
                }
            )
        );
    }

    #[test]
    fn a_backend_that_took_no_case_is_noticed() {
        let outcomes = after(&[
            "     Running tests/suite.rs (target/debug/deps/suite-1)",
            "test workers_e01_a_name_is_taken ... ok",
        ]);
        let error = outcomes.check_complete().unwrap_err().to_string();
        assert!(error.contains("memory passed 0 cases"), "{error}");
    }

    #[test]
    fn nothing_run_at_all_is_noticed() {
        assert!(after(&[]).check_complete().is_err());
    }

    #[test]
    fn a_case_is_known_by_its_letter_and_number() {
        assert!(is_case("mariadb::leadership_e03_a_leader_asking_twice_keeps_its_term"));
        assert!(is_case("messages_r12_two_receivers"));
        assert!(!is_case("a_live_lease_refuses_other_workers"));
        assert!(!is_case("a_e_b") && !is_case("workers"));
    }
}
