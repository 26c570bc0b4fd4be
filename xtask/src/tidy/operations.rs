//! Whoever knows the concern, the operation and the store knows the file.

use super::tree::{Finding, Tree};

const BACKENDS: [&str; 4] = ["backend-memory", "backend-sqlite", "backend-mysql", "backend-redis"];

/// A concern of core: its name, and its operations.
struct Concern {
    name: String,
    operations: Vec<Operation>,
}

struct Operation {
    name: String,
    is_read: bool,
}

pub(crate) fn concerns_without_file(tree: &Tree) -> Vec<Finding> {
    let places = BACKENDS.into_iter().chain(["conformance"]);
    let mut findings = Vec::new();
    for concern in concerns(tree) {
        for place in places.clone() {
            let module = format!("{place}/src/{}", concern.name);
            if !tree.has(&format!("{module}.rs")) && !tree.has_folder(&module) {
                findings.push(Finding::missing(
                    format!("{module}.rs"),
                    "this concern has no file here",
                ));
            }
        }
    }
    findings
}

pub(crate) fn operations_without_file(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for concern in concerns(tree) {
        for Operation { name, is_read } in concern.operations {
            let script = format!("backend-redis/lua/{}/{name}.lua", concern.name);
            let procedure = format!("backend-mysql/procedures/{}/{name}.sql", concern.name);
            for (path, is_wanted) in [(script, true), (procedure, !is_read)] {
                if is_wanted && !tree.has(&path) {
                    findings.push(Finding::missing(path, format!("the operation {name} has no file here")));
                }
            }
        }
    }
    findings
}

/// The traits of core marked `#[operations]`, one per file.
fn concerns(tree: &Tree) -> Vec<Concern> {
    let modules = tree.ending("rs").filter_map(|file| {
        let module = file.path.strip_prefix("core/src/")?.strip_suffix(".rs")?;
        file.text.contains("#[operations]").then_some((module, &file.text))
    });
    let concern = |(module, text): (&str, &String)| Concern {
        name: module.to_owned(),
        operations: operations(text),
    };
    modules.map(concern).collect()
}

/// The methods of the trait, as rustfmt writes them.
fn operations(text: &str) -> Vec<Operation> {
    let mut operations = Vec::new();
    let mut is_read = false;
    let methods = text
        .lines()
        .skip_while(|line| *line != "#[operations]")
        .take_while(|line| *line != "}");
    for line in methods {
        if line == "    #[read]" {
            is_read = true;
        } else if let Some((name, _)) = line.strip_prefix("    async fn ").and_then(|rest| rest.split_once('(')) {
            let name = name.to_owned();
            operations.push(Operation { name, is_read });
            is_read = false;
        }
    }
    operations
}

#[cfg(test)]
mod tests {
    use super::*;

    const CORE: (&str, &str) = (
        "core/src/locks.rs",
        "#[operations]\n#[async_trait]\npub trait Locks {\n    async fn acquire(&self) -> Result<()>;\n    /// Looks.\n    \
         #[read]\n    async fn holder(&self) -> Result<()>;\n}\n\nimpl Other {\n    async fn no_operation() {}\n}\n",
    );

    fn shown(findings: &[Finding]) -> Vec<String> {
        findings
            .iter()
            .map(|finding| finding.to_string().split(':').next().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn an_operation_needs_a_script_and_a_writing_one_a_procedure() {
        let tree = Tree::of([CORE, ("backend-redis/lua/locks/acquire.lua", "")]);
        let missing = [
            "backend-mysql/procedures/locks/acquire.sql",
            "backend-redis/lua/locks/holder.lua",
        ];
        assert_eq!(shown(&operations_without_file(&tree)), missing);
    }

    #[test]
    fn a_concern_is_a_file_or_a_folder_in_each_backend_and_the_suite() {
        let tree = Tree::of([
            CORE,
            ("backend-memory/src/locks.rs", ""),
            ("backend-sqlite/src/locks/acquire.rs", ""),
            ("backend-mysql/src/locks.rs", ""),
            ("conformance/src/locks.rs", ""),
        ]);
        assert_eq!(shown(&concerns_without_file(&tree)), ["backend-redis/src/locks.rs"]);
    }
}
