//! `cargo xtask schema`: the tables that the migrations make, compared with the dumps that reviewers read.

#[cfg(feature = "stores")]
mod dump;

use anyhow::Result;

/// What to do with the schemas.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Renews the dumps instead of comparing.
    #[arg(long)]
    write: bool,
}

/// Builds this program with the stores and runs it again.
#[cfg(not(feature = "stores"))]
pub(crate) fn run(_: &Arguments) -> Result<()> {
    crate::workspace::run_with_stores(false)
}

/// Compares the dumps or renews them.
#[cfg(feature = "stores")]
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mut differing = Vec::new();
    for (path, made) in [
        ("backend-sqlite/schema.sql", dump::of_sqlite()?),
        ("backend-mysql/schema.sql", dump::of_mariadb()?),
    ] {
        let file = crate::workspace::root().join(path);
        if arguments.write {
            std::fs::write(&file, made)?;
            println!("wrote {path}");
            continue;
        }
        let committed = std::fs::read_to_string(&file).unwrap_or_default();
        match first_difference(&committed, &made) {
            None => println!("{path} is what the migrations make"),
            Some((line, committed, made)) => {
                println!("{path}:{line}: committed: {committed}\n{path}:{line}: made:      {made}");
                differing.push(path);
            }
        }
    }
    if !differing.is_empty() {
        anyhow::bail!(
            "{} differs; if that is meant: cargo xtask schema --write",
            differing.join(", ")
        );
    }
    Ok(())
}

/// The first line in which two texts differ.
#[cfg(any(feature = "stores", test))]
fn first_difference<'a>(one: &'a str, other: &'a str) -> Option<(usize, &'a str, &'a str)> {
    let end = "(the end)";
    let mut ones = one.lines();
    let mut others = other.lines();
    for number in 1.. {
        match (ones.next(), others.next()) {
            (None, None) => return None,
            (one, other) if one != other => return Some((number, one.unwrap_or(end), other.unwrap_or(end))),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_line_and_a_missing_one_are_found() {
        assert_eq!(first_difference("a\nb\n", "a\nb\n"), None);
        assert_eq!(first_difference("a\nb\n", "a\nc\n"), Some((2, "b", "c")));
        assert_eq!(first_difference("a\n", "a\nb\n"), Some((2, "(the end)", "b")));
        assert_eq!(first_difference("", "a\n"), Some((1, "(the end)", "a")));
    }
}
