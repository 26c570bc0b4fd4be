//! The commands of the README, run as a reader would.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::workspace;

/// Runs every block of commands but the one that runs the tests, which CI runs by itself.
pub(crate) fn run() -> Result<()> {
    let path = workspace::root().join("README.md");
    let text = std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let blocks = blocks(&text);
    ensure!(
        blocks.len() >= 2,
        "README.md has {} blocks of commands; two commands come first",
        blocks.len()
    );
    ensure!(
        blocks[1].trim() == "cargo xtask test",
        "the second command of README.md is not the one that CI runs: {}",
        blocks[1]
    );
    for block in blocks.iter().filter(|block| block.trim() != "cargo xtask test") {
        println!("--- README.md:\n{block}---");
        workspace::run(
            Command::new("sh")
                .args(["-eu", "-c", block])
                .current_dir(workspace::root()),
        )
        .context("a command of README.md failed")?;
    }
    Ok(())
}

/// What stands between ```sh and ```.
fn blocks(markdown: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = markdown.lines();
    while let Some(line) = lines.next() {
        if line == "```sh" {
            let block = lines.by_ref().take_while(|line| *line != "```");
            blocks.push(block.fold(String::new(), |block, line| block + line + "\n"));
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_blocks_of_commands_are_taken() {
        let text = "# A\n```sh\none\ntwo\n```\n```rust\nfn main() {}\n```\n```text\nnot run\n```\n```sh\nthree\n```\n";
        assert_eq!(blocks(text), ["one\ntwo\n", "three\n"]);
    }
}
