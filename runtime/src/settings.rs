//! The periods and time-outs of the loops, each with its unit.

use std::time::Duration;

use convoke_core::{Retention, Timeouts, Ttl};

use crate::dormancy::Dormancy;

/// How a cluster keeps time. Workers and leaders of one installation must agree on `timeouts.worker`: it is for how long
/// a worker may go on without being heard of. They check it when they start, see [`agree`](crate::agree).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClusterSettings {
    /// When a silent worker is dead, and a waiting topology is taken away. Default: 30 s and 30 s.
    pub timeouts: Timeouts,
    /// For how long a lead is granted; it is renewed after a third of it. Default: 10 s.
    pub lead: Ttl,
}

impl ClusterSettings {
    /// The same with these time-outs.
    #[must_use]
    pub const fn with_timeouts(self, timeouts: Timeouts) -> Self {
        Self { timeouts, ..self }
    }

    /// The same with leads of this length.
    #[must_use]
    pub const fn with_lead(self, lead: Ttl) -> Self {
        Self { lead, ..self }
    }
}

impl Default for ClusterSettings {
    fn default() -> Self {
        Self {
            timeouts: Timeouts::default(),
            lead: Ttl::from_secs(10),
        }
    }
}

/// How a worker works.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerSettings {
    /// How the cluster keeps time.
    pub cluster: ClusterSettings,
    /// How often the store hears of the worker at least: it pings when it has not received messages meanwhile. Default: a tenth
    /// of the worker time-out, 1 s at most.
    pub ping_every: Duration,
    /// After how long a ping that is not answered is given up, so that another one can come before units have to end. On a
    /// store that sends all calls over one connection, as Redis, a connection that hangs is only left after the store's own
    /// time-out: keep that below half of the worker time-out there. Default: a quarter of the worker time-out.
    pub ping_within: Duration,
    /// How often what runs is compared with what is assigned, when no message says that it changed. Default: 5 s.
    pub reconcile_every: Duration,
    /// How long a unit that is asked to stop may take until it is dropped. Default: 5 s. Less when the worker loses the
    /// store: what is left of the worker time-out.
    pub stop_within: Duration,
    /// How long before the worker would be taken for dead its units are dropped, at the latest. Default: a fiftieth of the
    /// worker time-out, 10 ms at least.
    pub margin: Duration,
    /// How long to wait before a unit that failed is started again: doubled each time, from the first to the second; back
    /// at the first once it ran for longer than the second. Default: 1 s to 60 s.
    pub restart_after: (Duration, Duration),
    /// How often messages are received when nothing hints at any. A store that can lose hints has whoever waits look earlier
    /// ([`Properties::poll_bound`](convoke_core::Properties)). Default: 5 s.
    pub poll_every: Duration,
    /// When it takes no work, by the store's clock: it is disabled then, and alive again afterwards. Default: never.
    pub dormancy: Option<Dormancy>,
}

impl WorkerSettings {
    /// What goes with a cluster.
    #[must_use]
    pub fn of(cluster: ClusterSettings) -> Self {
        let timeout = cluster.timeouts.worker.as_duration();
        Self {
            ping_every: (timeout / 10).min(Duration::from_secs(1)),
            ping_within: timeout / 4,
            reconcile_every: Duration::from_secs(5),
            stop_within: Duration::from_secs(5),
            margin: (timeout / 50).max(Duration::from_millis(10)),
            restart_after: (Duration::from_secs(1), Duration::from_secs(60)),
            poll_every: Duration::from_secs(5),
            dormancy: None,
            cluster,
        }
    }

    /// The same, reconciling this often.
    #[must_use]
    pub fn with_reconcile_every(self, reconcile_every: Duration) -> Self {
        Self {
            reconcile_every,
            ..self
        }
    }

    /// The same, with this long to stop.
    #[must_use]
    pub fn with_stop_within(self, stop_within: Duration) -> Self {
        Self { stop_within, ..self }
    }

    /// The same, taking no work at these times.
    #[must_use]
    pub fn with_dormancy(self, dormancy: Dormancy) -> Self {
        Self {
            dormancy: Some(dormancy),
            ..self
        }
    }

    /// The same, starting what failed again after this long, and at the longest after that long.
    #[must_use]
    pub fn with_restart_after(self, first: Duration, longest: Duration) -> Self {
        Self {
            restart_after: (first, longest),
            ..self
        }
    }
}

impl Default for WorkerSettings {
    fn default() -> Self {
        Self::of(ClusterSettings::default())
    }
}

/// How a leader leads.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeaderSettings {
    /// How the cluster keeps time.
    pub cluster: ClusterSettings,
    /// How often it looks who is dead, while it leads or nobody does. Default: a tenth of the lesser of lead and worker time-out, 500 ms
    /// at most.
    pub look_every: Duration,
    /// After how long a renewal that is not answered is given up, so that another one can come before the lease runs out.
    /// Default: a quarter of the lead.
    pub renew_within: Duration,
    /// How often it looks whether somebody leads, while somebody else does: one read each time. Default: a fifth of the lead,
    /// 2 s at most.
    pub watch_every: Duration,
    /// How often it looks for topologies that nobody has, when it has not just taken some away. Default: 2 s.
    pub place_every: Duration,
    /// How often what runs is rebalanced, when nobody asks for it. Default: 60 min.
    pub rebalance_every: Duration,
    /// How much of the histories is kept.
    pub history: Retention,
    /// How often histories are trimmed. Default: 10 min.
    pub trim_every: Duration,
}

impl LeaderSettings {
    /// What goes with a cluster.
    #[must_use]
    pub fn of(cluster: ClusterSettings) -> Self {
        let shorter = cluster.timeouts.worker.min(cluster.lead).as_duration();
        Self {
            look_every: (shorter / 10).min(Duration::from_millis(500)),
            renew_within: cluster.lead.as_duration() / 4,
            watch_every: (cluster.lead.as_duration() / 5).min(Duration::from_secs(2)),
            place_every: Duration::from_secs(2),
            rebalance_every: Duration::from_secs(3_600),
            history: Retention::default(),
            trim_every: Duration::from_secs(600),
            cluster,
        }
    }

    /// The same, placing this often.
    #[must_use]
    pub fn with_place_every(self, place_every: Duration) -> Self {
        Self { place_every, ..self }
    }

    /// The same, rebalancing this often.
    #[must_use]
    pub fn with_rebalance_every(self, rebalance_every: Duration) -> Self {
        Self {
            rebalance_every,
            ..self
        }
    }

    /// The same, keeping this much of the histories.
    #[must_use]
    pub fn with_history(self, history: Retention) -> Self {
        Self { history, ..self }
    }
}

impl Default for LeaderSettings {
    fn default() -> Self {
        Self::of(ClusterSettings::default())
    }
}
