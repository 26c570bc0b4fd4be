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
        let timeouts = Timeouts::default().with_worker(args.ttl).with_waiting(args.ttl);
        let cluster = ClusterSettings::default().with_timeouts(timeouts).with_lead(lead);
        let mut worker = WorkerSettings::of(cluster.clone())
            .with_stop_within(args.grace.saturating_add(AFTER_KILL))
            .with_restart_after(args.restart_after, args.restart_after_at_most.max(args.restart_after));
        worker.reconcile_every = args.look_every.unwrap_or((length / 4).min(Duration::from_secs(5)));
        worker.poll_every = args.poll_every.unwrap_or((length / 4).min(Duration::from_secs(1)));
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
