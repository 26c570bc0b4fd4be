//! The times of an agent, derived from the worker time-out of its cluster.

use std::time::Duration;

use convoke::runtime::{ClusterSettings, LeaderSettings, WorkerSettings};
use convoke::{Result, Timeouts, Ttl, error};

use super::AgentArgs;
use crate::guard::Schedule;

/// The shortest worker time-out that can be kept: below, a busy host would lose its units all the time.
const SHORTEST: Duration = Duration::from_millis(300);
/// The shortest lead that can be kept.
const SHORTEST_LEAD: Duration = Duration::from_millis(100);
/// How much longer than the grace a unit is given to be gone.
const AFTER_KILL: Duration = Duration::from_secs(5);

/// When an agent does what.
#[derive(Clone, Debug)]
pub(crate) struct Timing {
    pub(crate) worker: WorkerSettings,
    pub(crate) leader: LeaderSettings,
    pub(crate) guard: Schedule,
}

impl Timing {
    /// # Errors
    /// InvalidArgument when a time is too short to be kept.
    pub(crate) fn new(args: &AgentArgs) -> Result<Self> {
        let length = args.ttl.as_duration();
        let lead = args.lead_ttl.unwrap_or_else(|| args.ttl.min(Ttl::from_secs(10)));
        if length < SHORTEST {
            return Err(error::invalid(
                "--ttl has to be 300ms or more: in a shorter time a busy host would lose its units again and again",
            ));
        }
        if lead.as_duration() < SHORTEST_LEAD {
            return Err(error::invalid(
                "--lead-ttl has to be 100ms or more: a shorter lead would be lost whenever the host is busy",
            ));
        }
        if args.ping_every.is_some_and(|every| every > length / 3) {
            return Err(error::invalid(
                "--ping-every has to be a third of --ttl or less: a single ping that is late must not cost all units",
            ));
        }
        let timeouts = Timeouts::default().with_worker(args.ttl).with_waiting(args.ttl);
        let cluster = ClusterSettings::default().with_timeouts(timeouts).with_lead(lead);
        let mut worker = WorkerSettings::of(cluster.clone())
            .with_stop_within(args.grace.saturating_add(AFTER_KILL))
            .with_restart_after(args.restart_after, args.restart_after_at_most.max(args.restart_after));
        worker.reconcile_every = args.look_every.unwrap_or((length / 4).min(Duration::from_secs(5)));
        worker.poll_every = args.poll_every.unwrap_or(worker.poll_every);
        worker.ping_every = args.ping_every.unwrap_or(worker.ping_every);
        let leader = LeaderSettings::of(cluster)
            .with_place_every((length / 4).min(Duration::from_secs(2)))
            .with_rebalance_every(args.rebalance_every);
        Ok(Self {
            guard: Schedule::new(length, args.grace),
            worker,
            leader,
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Args, Command};

    fn timing(options: &[&str]) -> Result<Timing> {
        let words = ["convoke", "agent", "--name", "a"].iter().chain(options);
        match Args::parse_from(words).command {
            Command::Agent(args) => Timing::new(&args),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn several_pings_fit_before_units_are_warned() {
        for ttl in ["300ms", "500ms", "1s", "3s", "30s", "1h"] {
            let timing = timing(&["--ttl", ttl, "--grace", "1h"]).unwrap();
            let timeout = timing.worker.cluster.timeouts.worker.as_duration();
            let warned = timeout - timing.worker.margin - timing.guard.margin - timing.guard.warning;
            assert!(timing.worker.ping_every * 4 < warned, "{ttl} {timing:?}");
            // One is never answered, and the next one is.
            assert!(
                timing.worker.ping_every * 2 + timing.worker.ping_within < warned,
                "{ttl} {timing:?}"
            );
        }
    }

    #[test]
    fn a_lead_is_not_longer_than_an_agent_is_waited_for_unless_it_is_told_so() {
        let lead = |options: &[&str]| timing(options).unwrap().leader.cluster.lead;
        assert_eq!(lead(&[]), Ttl::from_secs(10));
        assert_eq!(lead(&["--ttl", "3s"]), Ttl::from_secs(3));
        assert_eq!(lead(&["--ttl", "3s", "--lead-ttl", "5s"]), Ttl::from_secs(5));
    }

    #[test]
    fn a_unit_has_its_grace_before_it_is_dropped() {
        let timing = timing(&["--grace", "7s"]).unwrap();
        assert!(timing.worker.stop_within > Duration::from_secs(7));
        assert_eq!(timing.guard.grace, Duration::from_secs(7));
    }
}
