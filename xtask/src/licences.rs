//! Whether every dependency may be used under a licence that `deny.toml` allows.
//!
//! cargo-deny checks the same and more; it takes minutes to build, and this takes a second on any machine.

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::workspace;

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    license: Option<String>,
}

/// Checks every package of the lock file.
pub(crate) fn run() -> Result<()> {
    let deny = std::fs::read_to_string(workspace::root().join("deny.toml")).context("reading deny.toml")?;
    let allowed = allowed(&deny);
    let text = workspace::output_of(workspace::cargo().args(["metadata", "--locked", "--format-version=1"]))?;
    let metadata: Metadata = serde_json::from_str(&text).context("reading what cargo metadata says")?;
    let mut refused = 0;
    for package in &metadata.packages {
        let licence = package.license.as_deref().unwrap_or("none");
        if !is_allowed(licence, &allowed) {
            println!("{}: deny.toml does not allow its licence, {licence}", package.name);
            refused += 1;
        }
    }
    if refused > 0 {
        bail!(
            "{refused} of {} packages have a licence that is not allowed",
            metadata.packages.len()
        );
    }
    println!("licences: {} packages, all allowed", metadata.packages.len());
    Ok(())
}

/// The quoted words of the list `allow` in deny.toml, one a line.
fn allowed(deny: &str) -> Vec<&str> {
    let lines = deny
        .lines()
        .map(str::trim)
        .skip_while(|line| *line != "allow = [")
        .skip(1);
    lines
        .take_while(|line| *line != "]")
        .filter_map(|line| line.split('"').nth(1))
        .collect()
}

/// Whether an SPDX expression can be satisfied; `A/B` is how old packages write `A OR B`.
fn is_allowed(expression: &str, allowed: &[&str]) -> bool {
    let expression = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<_> = expression.split_whitespace().collect();
    let mut rest = words.as_slice();
    either(&mut rest, allowed) && rest.is_empty()
}

fn either(words: &mut &[&str], allowed: &[&str]) -> bool {
    let mut answer = both(words, allowed);
    while let [first, rest @ ..] = *words
        && *first == "OR"
    {
        *words = rest;
        answer |= both(words, allowed);
    }
    answer
}

fn both(words: &mut &[&str], allowed: &[&str]) -> bool {
    let mut answer = one(words, allowed);
    while let [first, rest @ ..] = *words
        && *first == "AND"
    {
        *words = rest;
        answer &= one(words, allowed);
    }
    answer
}

fn one(words: &mut &[&str], allowed: &[&str]) -> bool {
    let [first, rest @ ..] = *words else { return false };
    *words = rest;
    if *first == "(" {
        let answer = either(words, allowed);
        let [")", rest @ ..] = *words else { return false };
        *words = rest;
        return answer;
    }
    if let ["WITH", exception, rest @ ..] = *words {
        let licence = format!("{first} WITH {exception}");
        *words = rest;
        return allowed.contains(first) || allowed.contains(&licence.as_str());
    }
    allowed.contains(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_several_licences_suffices_and_all_of_those_joined_are_needed() {
        let allowed = ["MIT", "ISC", "Apache-2.0"];
        for expression in [
            "MIT",
            "GPL-3.0 OR MIT",
            "MIT/Unlicense",
            "(GPL-3.0 OR MIT) AND ISC",
            "Apache-2.0 WITH LLVM-exception",
        ] {
            assert!(is_allowed(expression, &allowed), "{expression}");
        }
        for expression in [
            "GPL-3.0",
            "MIT AND GPL-3.0",
            "(MIT OR ISC) AND GPL-3.0",
            "none",
            "",
            "MIT )",
        ] {
            assert!(!is_allowed(expression, &allowed), "{expression}");
        }
    }

    #[test]
    fn the_list_is_read_from_deny_toml() {
        let deny = "[licenses]\nallow = [\n    \"MIT\", # most\n    \"ISC\",\n]\nother = [\"no\"]\n";
        assert_eq!(allowed(deny), ["MIT", "ISC"]);
    }
}
