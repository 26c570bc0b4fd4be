//! Whether a server answers in its own protocol, not only accepts connections.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::Kind;

const PATIENCE: Duration = Duration::from_secs(60);
const ONE_TRY: Duration = Duration::from_secs(2);

/// Waits until the server answers. `has_exited` waits a little and says whether the server is gone.
pub(crate) fn wait(kind: Kind, host: &str, port: u16, mut has_exited: impl FnMut(Duration) -> bool) -> Result<()> {
    let start = Instant::now();
    loop {
        let Err(error) = says_hello(kind, host, port) else {
            return Ok(());
        };
        if has_exited(Duration::from_millis(10)) {
            bail!("{kind} exited instead of starting");
        }
        if start.elapsed() > PATIENCE {
            bail!("{kind} at {host}:{port} did not answer within {PATIENCE:?}: {error}");
        }
    }
}

fn says_hello(kind: Kind, host: &str, port: u16) -> io::Result<()> {
    let address = (host, port)
        .to_socket_addrs()?
        .next()
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the host has no address"))?;
    let mut connection = TcpStream::connect_timeout(&address, ONE_TRY)?;
    connection.set_read_timeout(Some(ONE_TRY))?;
    connection.set_nodelay(true)?;
    match kind {
        Kind::MariaDb | Kind::MySql => database_hello(&mut connection),
        Kind::Redis | Kind::Valkey => key_value_hello(&mut connection),
    }?;
    connection.shutdown(Shutdown::Both)
}

/// A greeting: three bytes of length, a zero, and version 10 of the protocol.
fn database_hello(connection: &mut TcpStream) -> io::Result<()> {
    let mut head = [0; 5];
    connection.read_exact(&mut head)?;
    match head[4] {
        10 => Ok(()),
        other => Err(io::Error::other(format!(
            "the greeting begins with {other}, not with 10"
        ))),
    }
}

fn key_value_hello(connection: &mut TcpStream) -> io::Result<()> {
    connection.write_all(b"PING\r\n")?;
    let mut answer = [0; 5];
    connection.read_exact(&mut answer)?;
    if &answer == b"+PONG" {
        Ok(())
    } else {
        Err(io::Error::other(format!(
            "the answer to PING begins with {:?}",
            String::from_utf8_lossy(&answer)
        )))
    }
}
