//! What `convoke lead` and its guard say to each other: lines of text over a pair of connected sockets.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, bail};
use rustix::process::WaitStatus;

use super::Boottime;

/// What `convoke lead` tells its guard. That the socket ends says: `convoke lead` is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// The lease lives until then. The first one starts the command; later ones only prolong.
    Until(Boottime),
    /// End the command: TERM, and KILL after the grace.
    Stop,
    /// End the command: KILL.
    Kill,
}

/// What the guard reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Report {
    /// The command was started, as this process.
    Started(i32),
    /// It was too late to start the command; there was none.
    TooLate,
    /// The lease was not prolonged in time: the command was told to stop.
    RunningOut,
    /// The command ended, and so did everything that it had started.
    Ended(Status),
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Exited(i32),
    Killed(i32),
}

impl Status {
    /// The exit code to pass on: the command's, or 128 and the signal, as shells do.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Exited(code) => u8::try_from(code).unwrap_or(u8::MAX),
            Self::Killed(signal) => u8::try_from(128 + signal).unwrap_or(u8::MAX),
        }
    }
}

impl From<WaitStatus> for Status {
    fn from(status: WaitStatus) -> Self {
        match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => Self::Exited(code),
            (None, Some(signal)) => Self::Killed(signal),
            // Only reached if the kernel reported a stop, which was not asked for.
            (None, None) => Self::Killed(0),
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "exited {code}"),
            Self::Killed(signal) => write!(f, "killed {signal}"),
        }
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Until(deadline) => write!(f, "until {deadline}"),
            Self::Stop => f.write_str("stop"),
            Self::Kill => f.write_str("kill"),
        }
    }
}

impl FromStr for Order {
    type Err = anyhow::Error;

    fn from_str(line: &str) -> anyhow::Result<Self> {
        let words: Vec<&str> = line.split(' ').collect();
        Ok(match words[..] {
            ["until", deadline] => Self::Until(deadline.parse().context("a deadline in nanoseconds")?),
            ["stop"] => Self::Stop,
            ["kill"] => Self::Kill,
            _ => bail!("the guard was told what it does not know: {line:?}"),
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started(pid) => write!(f, "started {pid}"),
            Self::TooLate => f.write_str("too late"),
            Self::RunningOut => f.write_str("running out"),
            Self::Ended(status) => write!(f, "ended {status}"),
        }
    }
}

impl FromStr for Report {
    type Err = anyhow::Error;

    fn from_str(line: &str) -> anyhow::Result<Self> {
        let words: Vec<&str> = line.split(' ').collect();
        Ok(match words[..] {
            ["started", pid] => Self::Started(pid.parse().context("a process id")?),
            ["too", "late"] => Self::TooLate,
            ["running", "out"] => Self::RunningOut,
            ["ended", "exited", code] => Self::Ended(Status::Exited(code.parse().context("an exit code")?)),
            ["ended", "killed", signal] => Self::Ended(Status::Killed(signal.parse().context("a signal")?)),
            _ => bail!("the guard reported what is not known: {line:?}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_the_same() {
        for order in [Order::Until(Boottime::now()), Order::Stop, Order::Kill] {
            assert_eq!(order.to_string().parse::<Order>().unwrap(), order);
        }
        for report in [
            Report::Started(7),
            Report::TooLate,
            Report::RunningOut,
            Report::Ended(Status::Exited(3)),
            Report::Ended(Status::Killed(9)),
        ] {
            assert_eq!(report.to_string().parse::<Report>().unwrap(), report);
        }
    }

    #[test]
    fn a_killed_command_passes_128_and_its_signal_on() {
        assert_eq!((Status::Killed(15).code(), Status::Exited(3).code()), (143, 3));
    }
}
