//! `cargo xtask tidy`: the house rules that no compiler checks. See CONTRIBUTING.md and ARCHITECTURE.md.

mod operations;
mod rust_source;
mod store_source;
mod tree;

use anyhow::{Result, bail};

use tree::{Finding, Tree};

/// A rule: what it wants, and what breaks it.
type Rule = (&'static str, fn(&Tree) -> Vec<Finding>);

const RULES: [Rule; 12] = [
    (
        "every concern has its file in core, in every backend and in the suite",
        operations::concerns_without_file,
    ),
    (
        "every operation has its file in lua/ and, when it writes, in procedures/",
        operations::operations_without_file,
    ),
    ("no source file has more than 600 lines", rust_source::too_long),
    (
        "no file is called util, common, manager or helper",
        rust_source::vague_names,
    ),
    (
        "nothing is left undone, printed for debugging, or ignored",
        rust_source::unfinished,
    ),
    ("tests are sentences", rust_source::tests_that_are_no_sentences),
    (
        "the calendar clock of the host is read in a few places",
        rust_source::calendar_clocks,
    ),
    (
        "every crate takes the lints of the workspace",
        rust_source::crates_without_lints,
    ),
    ("columns are named", store_source::unnamed_columns),
    (
        "a file of a routine holds one routine, named in capitals",
        store_source::routines,
    ),
    (
        "a script begins with its KEYS, its ARGV and its answer",
        store_source::scripts_without_header,
    ),
    (
        "a script takes its keys from KEYS",
        store_source::scripts_that_make_keys,
    ),
];

/// Prints what breaks a rule, and fails if anything does.
pub(crate) fn run() -> Result<()> {
    let tree = Tree::read(&crate::workspace::root())?;
    let mut broken = 0;
    for (rule, check) in RULES {
        for finding in check(&tree) {
            println!("{finding}\n    rule: {rule}");
            broken += 1;
        }
    }
    if broken > 0 {
        bail!("tidy found {broken} things");
    }
    println!("tidy: {} rules kept by {} files", RULES.len(), tree.files.len());
    Ok(())
}
