//! All processes that descend from one, and their end.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;

use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions, pidfd_open, pidfd_send_signal, waitpid};

/// A process as /proc shows it.
#[derive(Clone, Copy, Debug)]
struct Process {
    pid: Pid,
    parent: i32,
    state: char,
    /// When it was started, in ticks since boot. Tells it from a later process that got the same id.
    started: u64,
}

/// Kills every descendant of `root` but the `spared` ones and theirs. Answers how many there were.
///
/// A process that forks meanwhile is caught by the next call: its children descend from `root` too, which has to be a
/// child subreaper so that they still do when their parent ends. Call it until it answers zero.
pub(crate) fn kill_descendants(root: Pid, spared: &HashSet<i32>) -> io::Result<usize> {
    let found = descendants(root, spared)?;
    for process in &found {
        kill(*process);
    }
    Ok(found.len())
}

/// Takes the exit statuses of the children of this process that `kill_descendants` may have ended.
///
/// Only of those given: the others' are waited for elsewhere.
pub(crate) fn reap_adopted(root: Pid, spared: &HashSet<i32>) -> io::Result<()> {
    for process in descendants(root, spared)? {
        if process.parent == root.as_raw_nonzero().get() {
            // Answers an error when somebody else was quicker, which is as good.
            let _ = waitpid(Some(process.pid), WaitOptions::NOHANG);
        }
    }
    Ok(())
}

/// The ids of the children of a process.
pub(crate) fn children(of: Pid) -> io::Result<HashSet<i32>> {
    let of = of.as_raw_nonzero().get();
    let all = processes()?.into_iter();
    Ok(all
        .filter(|process| process.parent == of)
        .map(|process| process.pid.as_raw_nonzero().get())
        .collect())
}

/// Whether a process is stopped, as by SIGSTOP.
pub(crate) fn is_stopped(pid: Pid) -> bool {
    process(pid.as_raw_nonzero().get()).is_some_and(|process| process.state == 'T')
}

fn descendants(root: Pid, spared: &HashSet<i32>) -> io::Result<Vec<Process>> {
    let mut by_parent: HashMap<i32, Vec<Process>> = HashMap::new();
    for process in processes()? {
        by_parent.entry(process.parent).or_default().push(process);
    }
    let mut found = Vec::new();
    let mut parents = vec![root.as_raw_nonzero().get()];
    while let Some(parent) = parents.pop() {
        for child in by_parent.remove(&parent).unwrap_or_default() {
            let pid = child.pid.as_raw_nonzero().get();
            if !spared.contains(&pid) {
                parents.push(pid);
                found.push(child);
            }
        }
    }
    Ok(found)
}

fn processes() -> io::Result<Vec<Process>> {
    let ids = fs::read_dir("/proc")?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    Ok(ids.filter_map(process).collect())
}

/// None when there is no such process (any more).
fn process(pid: i32) -> Option<Process> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in parentheses and may hold anything, parentheses too: read on behind the last one.
    let behind_name = stat.iter().rposition(|byte| *byte == b')')? + 1;
    let fields: Vec<&str> = std::str::from_utf8(&stat[behind_name..])
        .ok()?
        .split_ascii_whitespace()
        .collect();
    Some(Process {
        pid: Pid::from_raw(pid)?,
        state: fields.first()?.chars().next()?,
        parent: fields.get(1)?.parse().ok()?,
        started: fields.get(19)?.parse().ok()?,
    })
}

/// Kills exactly that process: the descriptor pins its identity before it is looked at again.
fn kill(target: Process) {
    let Ok(descriptor) = pidfd_open(target.pid, PidfdFlags::empty()) else {
        return; // It is gone.
    };
    let pid = target.pid.as_raw_nonzero().get();
    if process(pid).is_some_and(|now| now.started == target.started) {
        // Fails when it is gone, or is not ours to kill (it changed its user): the caller sees that it remains.
        let _ = pidfd_send_signal(descriptor, Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_child_is_found_with_its_parent_and_start() {
        let mut child = Command::new("sleep").arg("60").stdin(Stdio::null()).spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let found = process(pid).unwrap();
        assert_eq!(found.parent, rustix::process::getpid().as_raw_nonzero().get());
        assert!(children(rustix::process::getpid()).unwrap().contains(&pid));
        kill(found);
        assert!(!child.wait().unwrap().success());
        assert!(process(pid).is_none());
    }

    #[test]
    fn a_later_process_of_the_same_id_is_not_killed() {
        let mut child = Command::new("sleep").arg("60").stdin(Stdio::null()).spawn().unwrap();
        let found = process(i32::try_from(child.id()).unwrap()).unwrap();
        kill(Process {
            started: found.started - 1,
            ..found
        });
        assert!(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
