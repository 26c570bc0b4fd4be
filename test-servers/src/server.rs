//! A server, wherever it comes from.

use std::sync::OnceLock;

use anyhow::{Result, anyhow, bail};
use rustix::process::Signal;

use crate::Kind;
use crate::certificates::Certificates;
use crate::docker::{self, Container};
use crate::local::Local;

/// A server for tests.
///
/// Dropping it stops it, if it was started here.
#[derive(Debug)]
pub struct Server {
    kind: Kind,
    url: String,
    origin: Origin,
}

#[derive(Debug)]
enum Origin {
    Environment,
    /// Held for its guard.
    Container {
        _container: Container,
    },
    Local(Local),
}

/// The server of this kind that the whole process shares, started on first use.
///
/// # Errors
/// When it can't be had; the text says how to install it. The same on each call.
pub fn shared(kind: Kind) -> Result<&'static Server> {
    static SERVERS: [OnceLock<Result<Server, String>>; Kind::ALL.len()] = [const { OnceLock::new() }; Kind::ALL.len()];
    let index = Kind::ALL.iter().position(|other| *other == kind).unwrap_or_default();
    SERVERS[index]
        .get_or_init(|| Server::somehow(kind).map_err(|error| format!("{error:#}")))
        .as_ref()
        .map_err(|error| anyhow!("{error}"))
}

/// A server of one's own from the programs on this machine; it may be hurt.
///
/// # Errors
/// When it can't be had; the text says how to install it.
///
/// # Example
/// ```no_run
/// use convoke_test_servers::{Kind, private};
/// let mut server = private(Kind::Redis)?;
/// server.kill();
/// server.start()?;
/// # anyhow::Ok(())
/// ```
pub fn private(kind: Kind) -> Result<Server> {
    private_with(kind, &[])
}

/// Like [`private`], with more arguments on the server's command line, such as `["--cluster-enabled", "yes"]`.
///
/// # Errors
/// As for [`private`].
pub fn private_with(kind: Kind, arguments: &[&str]) -> Result<Server> {
    Ok(Server::of(kind, Local::start(kind, arguments, false)?))
}

/// Like [`private`], a server that speaks TLS by [`Certificates`] of its own. The URL of Redis and Valkey is then a
/// `rediss://` one; MariaDB and MySQL speak both on one port.
///
/// # Errors
/// As for [`private`].
pub fn private_with_tls(kind: Kind) -> Result<Server> {
    Ok(Server::of(kind, Local::start(kind, &[], true)?))
}

impl Server {
    fn of(kind: Kind, local: Local) -> Self {
        let url = local.url();
        let origin = Origin::Local(local);
        Self { kind, url, origin }
    }

    fn somehow(kind: Kind) -> Result<Self> {
        if let Some(url) = std::env::var(kind.variable()).ok().filter(|url| !url.is_empty()) {
            return Ok(Self {
                kind,
                url,
                origin: Origin::Environment,
            });
        }
        if docker::is_available() {
            match docker::start(kind) {
                Ok(container) => {
                    return Ok(Self {
                        kind,
                        url: container.url.clone(),
                        origin: Origin::Container { _container: container },
                    });
                }
                Err(error) => eprintln!("{kind}: no container ({error:#}); trying the programs on this machine"),
            }
        }
        private(kind)
    }

    /// Where it is: `mysql://root@127.0.0.1:PORT/` or `redis://127.0.0.1:PORT/`, or what the environment says.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Its certificates, when it was started by [`private_with_tls`].
    #[must_use]
    pub fn certificates(&self) -> Option<&Certificates> {
        match &self.origin {
            Origin::Local(local) => local.certificates(),
            Origin::Environment | Origin::Container { .. } => None,
        }
    }

    /// Its process, when it is a local one and runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        match &self.origin {
            Origin::Local(local) => local.running().map(crate::guard::Running::pid),
            Origin::Environment | Origin::Container { .. } => None,
        }
    }

    /// Stops it in good order. Its data and its port stay.
    ///
    /// # Errors
    /// When it is not a private server, or does not run, or had to be killed.
    pub fn stop(&mut self) -> Result<()> {
        self.local()?.stop(Signal::TERM)
    }

    /// Ends it as a power cut of the program would: SIGKILL. Its data and its port stay.
    ///
    /// # Panics
    /// When it is not a private server, or does not run: a mistake in the test.
    pub fn kill(&mut self) {
        let killed = self.local().and_then(|local| local.stop(Signal::KILL));
        #[expect(clippy::panic, reason = "a mistake in the test; see the documentation")]
        if let Err(error) = killed {
            panic!("{error:#}");
        }
    }

    /// Starts it again after [`Server::stop`] or [`Server::kill`], with the same port and data.
    ///
    /// # Errors
    /// When it is not a private server, is not stopped, or does not start; with the end of its log.
    pub fn start(&mut self) -> Result<()> {
        self.local()?.run()
    }

    /// Stops it in good order and starts it again.
    ///
    /// # Errors
    /// As for [`Server::stop`] and [`Server::start`].
    pub fn restart(&mut self) -> Result<()> {
        self.stop()?;
        self.start()
    }

    /// Freezes it with SIGSTOP: connections stay open, nothing is answered.
    ///
    /// # Panics
    /// When it is not a private server, or does not run: a mistake in the test.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on after [`Server::pause`].
    ///
    /// # Panics
    /// As for [`Server::pause`].
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let running = match &self.origin {
            Origin::Local(local) => local.running(),
            Origin::Environment | Origin::Container { .. } => None,
        };
        #[expect(clippy::panic, reason = "a mistake in the test; see the documentation")]
        let Some(running) = running else {
            panic!("{} is not a private server that runs, so it gets no signal", self.kind);
        };
        running.signal(signal);
    }

    fn local(&mut self) -> Result<&mut Local> {
        match &mut self.origin {
            Origin::Local(local) => Ok(local),
            Origin::Environment | Origin::Container { .. } => {
                bail!(
                    "{} was not started here; only a private server can be stopped",
                    self.kind
                )
            }
        }
    }
}
