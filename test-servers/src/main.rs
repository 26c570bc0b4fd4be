//! Starts servers of the kinds given, prints their URLs, and stops them when its standard input ends.
//!
//! `cargo run -p convoke-test-servers -- redis mariadb`, then Ctrl-D or Ctrl-C.

use std::io::{self, Read, Write};

use anyhow::{Context, Result};
use convoke_test_servers::{Kind, shared};

fn main() -> Result<()> {
    for word in std::env::args().skip(1) {
        let kind =
            Kind::of_word(&word).with_context(|| format!("{word} is not one of mariadb, mysql, redis, valkey"))?;
        let server = shared(kind)?;
        let pid = server
            .pid()
            .map_or_else(|| "elsewhere".to_owned(), |pid| pid.to_string());
        writeln!(io::stdout(), "{word} {} {pid}", server.url())?;
    }
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
