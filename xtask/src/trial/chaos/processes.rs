//! What /proc tells of the processes of a trial.

use std::collections::HashSet;
use std::ffi::OsStr;

use anyhow::{Context, Result};
use procfs::process::{Process, all_processes};
use rustix::process::{Pid, WaitOptions, waitpid};

/// The variable of the environment by which whatever a trial started is found, however far it went.
pub(crate) const MARK: &str = "CONVOKE_TRIAL";

/// A process that is over and that its parent has not asked about.
const ZOMBIE: char = 'Z';
/// A process that was stopped and goes on when it is told to.
const STOPPED: char = 'T';

/// The guards that an agent has.
pub(crate) fn guards_of(agent: u32) -> Result<Vec<u32>> {
    let agent = agent.cast_signed();
    let is_guard = |process: &Process| {
        let is_child = process.stat().is_ok_and(|stat| stat.ppid == agent);
        // Before it has become one, it has the agent's command line.
        is_child
            && process
                .cmdline()
                .is_ok_and(|words| words.get(1).is_some_and(|word| word == "guard"))
    };
    let guards = all()?.filter(is_guard);
    Ok(guards.map(|guard| guard.pid.cast_unsigned()).collect())
}

/// Whether a process is stopped by a signal.
pub(crate) fn is_stopped(process: u32) -> bool {
    Process::new(process.cast_signed())
        .and_then(|process| process.stat())
        .is_ok_and(|stat| stat.state == STOPPED)
}

/// The processes that have this mark in their environment, each with its command line.
pub(crate) fn marked(mark: &str) -> Result<Vec<String>> {
    let is_marked = |process: &Process| {
        process
            .environ()
            .is_ok_and(|it| it.get(OsStr::new(MARK)).is_some_and(|it| it == mark))
    };
    let shown = |process: Process| {
        let words = process.cmdline().unwrap_or_default();
        format!("{} {}", process.pid, words.join(" "))
    };
    Ok(all()?.filter(is_marked).map(shown).collect())
}

/// The processes that are over and that one of these parents has not asked about.
pub(crate) fn zombies_of(parents: &HashSet<u32>) -> Result<HashSet<u32>> {
    let is_zombie = |process: &Process| {
        process
            .stat()
            .is_ok_and(|stat| stat.state == ZOMBIE && parents.contains(&stat.ppid.cast_unsigned()))
    };
    let zombies = all()?.filter(is_zombie);
    Ok(zombies.map(|zombie| zombie.pid.cast_unsigned()).collect())
}

/// Takes the exit statuses of what became a child of this process because its parent was killed. Those of `known` are
/// waited for elsewhere.
pub(crate) fn reap_adopted(known: &HashSet<u32>) -> Result<()> {
    let me = HashSet::from([std::process::id()]);
    for zombie in zombies_of(&me)?.difference(known) {
        if let Some(pid) = Pid::from_raw(zombie.cast_signed()) {
            // Answers an error when it was waited for elsewhere meanwhile, which is as good.
            let _ = waitpid(Some(pid), WaitOptions::NOHANG);
        }
    }
    Ok(())
}

/// All there are; one that ends meanwhile is left out.
fn all() -> Result<impl Iterator<Item = Process>> {
    Ok(all_processes().context("cannot read /proc")?.filter_map(Result::ok))
}
