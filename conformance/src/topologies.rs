//! The clauses of topologies.

mod assigning;
mod history;
mod invariants;
mod keeping;
mod lists;
mod model;
mod races;
mod refreshing;
mod registering;
mod reporting;
mod stopping;
mod trimming;
mod values;

use convoke_core::{
    Affinity, Assignment, ErrorText, Lease, NewTopology, Page, Payload, Placement, Placements, Registration, Report,
    Reported, Term, Timestamp, Topology, TopologyChange, TopologyStatus, Ttl, Weight,
};
use futures_util::{StreamExt, stream};

use crate::case::{Check, Failure};
use crate::expect::{Handle, elect, name, register, same, secs, topology_id};
use crate::stage::Stage;

/// A store with the workers `a` and `b`, and `lead`, which leads for a year.
struct Scene {
    store: Handle,
    a: Registration,
    b: Registration,
    lease: Lease,
}

impl Scene {
    async fn of(stage: &Stage) -> Check<Self> {
        let store = stage.open().await?;
        let (a, b) = (register(&store, "a").await?, register(&store, "b").await?);
        let lead = register(&store, "lead").await?;
        let lease = elect(&store, &lead, Ttl::MAX).await?;
        Ok(Self { store, a, b, lease })
    }

    fn term(&self) -> Term {
        self.lease.term
    }

    /// Registers and enables a topology.
    async fn enabled(&self, id: &str) -> Check {
        self.store.register_topology(&new(id)?).await?;
        Ok(self.store.enable_topology(&topology_id(id)?).await?)
    }

    /// Places topologies at workers.
    async fn place(&self, placements: &[(&str, &str)]) -> Check<Vec<Assignment>> {
        Ok(self.store.assign_topologies(self.term(), &places(placements)?).await?)
    }

    /// An enabled topology that waits for a worker.
    async fn waiting(&self, id: &str, worker: &str) -> Check {
        self.enabled(id).await?;
        let placed = self.place(&[(id, worker)]).await?;
        same(
            &format!("the assignment of {id} to {worker}"),
            placed,
            vec![Assignment::Assigned],
        )
    }

    /// An enabled topology that runs at `a` or `b`.
    async fn running(&self, id: &str, worker: &Registration) -> Check {
        self.waiting(id, worker.worker.as_str()).await?;
        self.accepted(worker, id, &Report::Running).await
    }

    /// An enabled topology that `a` or `b` has, in error.
    async fn failed(&self, id: &str, worker: &Registration) -> Check {
        self.waiting(id, worker.worker.as_str()).await?;
        self.accepted(worker, id, &Report::Failed(ErrorText::new("it broke")))
            .await
    }

    async fn report(&self, who: &Registration, id: &str, report: &Report) -> Check<Reported> {
        Ok(self.store.report_topology(who, &topology_id(id)?, report).await?)
    }

    /// Reports, and must be believed.
    async fn accepted(&self, who: &Registration, id: &str, report: &Report) -> Check {
        let reported = self.report(who, id, report).await?;
        same(
            &format!("the report {report:?} of {id} by {}", who.worker),
            reported,
            Reported::Accepted,
        )
    }

    async fn get(&self, id: &str) -> Check<Topology> {
        Ok(self.store.get_topology(&topology_id(id)?).await?.topology)
    }

    /// The status of a topology, and who has it.
    async fn standing(&self, id: &str) -> Check<(TopologyStatus, Option<String>)> {
        let topology = self.get(id).await?;
        Ok((topology.status, topology.worker.map(|worker| worker.to_string())))
    }

    async fn rows(&self, id: &str) -> Check<Vec<TopologyChange>> {
        let page = Page::first(1_000)?;
        Ok(self.store.topology_history(&topology_id(id)?, &page).await?.items)
    }

    /// The newest rows of a topology, of which there must be as many.
    async fn newest(&self, id: &str, rows: usize) -> Check<Vec<TopologyChange>> {
        let mut newest = self.rows(id).await?;
        if newest.len() < rows {
            return Err(missing(&format!("{rows} rows of the history of {id}")));
        }
        newest.truncate(rows);
        Ok(newest)
    }

    /// What a worker was told and did not receive yet: commands, contents and how long they are worth something.
    async fn told(&self, worker: &str) -> Check<Vec<(String, String, u64)>> {
        let queued = self
            .store
            .peek_messages(&name(worker)?, &Page::first(1_000)?)
            .await?
            .items;
        let told = queued.into_iter().map(|queued| {
            let lives = queued.message.expires.since(queued.message.sent).as_secs();
            let content = queued.message.content.as_str().to_owned();
            (queued.message.command.to_string(), content, lives)
        });
        Ok(told.collect())
    }

    /// Expects that nobody was told anything.
    async fn nobody_told(&self) -> Check {
        for worker in ["a", "b", "lead"] {
            same(&format!("what {worker} was told"), self.told(worker).await?, Vec::new())?;
        }
        Ok(())
    }

    /// Lets the workers forget what they were told.
    async fn heard(&self) -> Check {
        for worker in [&self.a, &self.b] {
            self.store.take_messages(worker, convoke_core::Limit::MAX).await?;
        }
        Ok(())
    }
}

/// Registers and enables many topologies, some at a time.
async fn many(store: &Handle, ids: &[String]) -> Check {
    let each = ids.iter().cloned().map(|id| {
        let store = store.clone();
        async move {
            store.register_topology(&new(&id)?).await?;
            Check::Ok(store.enable_topology(&topology_id(&id)?).await?)
        }
    });
    let each = each.collect::<Vec<_>>();
    let done: Vec<_> = stream::iter(each).buffer_unordered(16).collect().await;
    done.into_iter().collect()
}

fn start(id: &str) -> (String, String, u64) {
    ("start_topology".to_owned(), format!(r#"{{"uuid":"{id}"}}"#), 120)
}

fn stop(id: &str) -> (String, String, u64) {
    ("stop_topology".to_owned(), format!(r#"{{"uuid":"{id}"}}"#), 30)
}

fn kill(id: &str) -> (String, String, u64) {
    ("kill_topology".to_owned(), format!(r#"{{"uuid":"{id}"}}"#), 30)
}

/// A topology with an empty config, of weight 1, that runs anywhere.
#[track_caller]
fn new(id: &str) -> Check<NewTopology> {
    Ok(NewTopology::new(topology_id(id)?, Payload::empty()))
}

#[track_caller]
fn places(placements: &[(&str, &str)]) -> Check<Placements> {
    let placements = placements
        .iter()
        .map(|(id, worker)| Check::Ok(Placement::new(topology_id(id)?, name(worker)?)));
    Ok(Placements::new(placements.collect::<Check<Vec<_>>>()?)?)
}

/// What is shown of a topology of weight 1 without affinity, process or error.
#[track_caller]
fn shown(id: &str, status: TopologyStatus, enabled: bool, worker: Option<&str>, since: Timestamp) -> Check<Topology> {
    Ok(Topology {
        id: topology_id(id)?,
        status,
        enabled,
        worker: worker.map(name).transpose()?,
        weight: Weight::new(1.0)?,
        affinity: Affinity::default(),
        pid: None,
        error: None,
        since,
    })
}

/// A row of history in short: status, whether enabled, who had it, process, error.
type Row = (
    TopologyStatus,
    bool,
    Option<&'static str>,
    Option<u32>,
    Option<&'static str>,
);

/// Expects a history, newest first.
fn same_rows(what: &str, got: &[TopologyChange], expected: &[Row]) -> Check {
    let got: Vec<_> = got
        .iter()
        .map(|row| {
            let worker = row.worker.as_ref().map(|worker| worker.as_str());
            let error = row.error.as_ref().map(|error| error.as_str());
            (row.status, row.enabled, worker, row.pid, error)
        })
        .collect();
    same(what, got, expected.to_vec())
}

/// A time-out that nobody reaches.
const NEVER: Ttl = Ttl::MAX;

/// Half a minute, after which a topology has waited too long by default.
const TOO_LONG: Ttl = secs(30);

fn missing(what: &str) -> Failure {
    Failure::new(format!("expected: {what}\n  got:      none"))
}

crate::case::clauses! {
    topologies_suite:

    "register: a new one is disabled and unassigned; of an old one config, weight and affinity are replaced" [ManualClock] {
        topologies_e01_a_new_topology_is_disabled_and_unassigned in registering,
        topologies_e02_registering_again_replaces_config_weight_and_affinity_and_keeps_the_rest in registering,
    }
    "an unknown topology is NotFound; ids compare byte by byte" [ManualClock] {
        topologies_e03_an_unknown_topology_is_not_found in registering,
        topologies_e04_each_id_is_a_topology_of_its_own_to_the_byte in registering,
    }
    "enable and disable leave what runs alone; delete is a Conflict while it waits or runs" [ManualClock] {
        topologies_e05_what_runs_goes_on_when_it_is_disabled in registering,
        topologies_e06_a_topology_is_deleted_unless_it_waits_or_runs in registering,
    }
    "values come back equal; an error is cut at 1,000 characters on a character boundary" [ManualClock] {
        topologies_e10_configs_come_back_to_the_letter in values,
        topologies_e11_weights_come_back_to_the_bit in values,
        topologies_e12_affinities_come_back_name_by_name_in_their_order in values,
        topologies_e13_errors_come_back_to_the_character_and_are_cut_to_a_thousand in values,
    }
    "assign, only to an alive worker, only by the leader: waiting, and the worker is told in the same step" [ManualClock] {
        topologies_e20_an_assigned_topology_waits_for_its_worker_which_is_told_to_start in assigning,
        topologies_e21_what_cannot_be_assigned_is_answered_with_the_reason in assigning,
        topologies_e22_placements_of_one_step_are_answered_and_told_in_their_order in assigning,
        topologies_e23_a_term_that_does_not_lead_assigns_nothing in assigning,
        topologies_e24_a_thousand_placements_are_one_step in assigning,
        topologies_e25_an_assignment_begins_anew in assigning,
        topologies_e26_what_a_worker_is_told_is_a_message_as_any_other in assigning,
        topologies_e27_a_leader_assigns_to_the_last_microsecond_of_its_lease in assigning,
    }
    "wake-ups are hints: losing every one costs the poll bound at most, never data" [] {
        topologies_e28_a_waiting_worker_gets_what_it_is_told_meanwhile in assigning,
    }
    "report and set_pid only by the worker that has it, else refused and without a trace" [ManualClock] {
        topologies_e30_the_worker_that_has_it_says_that_it_runs in reporting,
        topologies_e31_what_failed_stays_with_its_worker_until_that_runs_it_again in reporting,
        topologies_e32_what_is_released_is_nobodys_and_an_error_stays_with_it in reporting,
        topologies_e33_a_report_by_anybody_else_changes_nothing in reporting,
        topologies_e34_a_stale_registration_is_fenced_and_its_successor_has_what_it_had in reporting,
        topologies_e35_an_unknown_worker_is_not_found in reporting,
        topologies_e36_a_disabled_topology_cannot_begin_to_run in reporting,
        topologies_e37_reporting_is_not_a_ping in reporting,
        topologies_e38_a_process_is_set_and_taken_back_by_the_worker_that_has_it in reporting,
        topologies_e39_a_worker_of_any_status_speaks_for_what_it_has in reporting,
    }
    "stop, kill: disable and tell the worker, in one step; nothing to tell when nobody has it" [ManualClock] {
        topologies_e40_stopping_disables_and_tells_the_worker_that_has_it in stopping,
        topologies_e41_killing_disables_and_tells_the_worker_that_has_it in stopping,
        topologies_e42_when_nobody_has_it_nobody_is_told in stopping,
        topologies_e43_a_registered_worker_is_told_whatever_its_status in stopping,
    }
    "clear_error: only from error; back to the same worker if that one is alive, assigned and told, else unassigned" [ManualClock] {
        topologies_e44_an_operator_sets_an_error_and_the_worker_is_told_to_end_it in stopping,
        topologies_e45_a_cleared_error_goes_back_to_a_live_worker_that_has_it in stopping,
        topologies_e46_a_cleared_error_is_nobodys_when_no_live_worker_has_it_or_it_is_disabled in stopping,
        topologies_e47_only_what_is_in_error_can_be_cleared in stopping,
    }
    "history of every change, newest first, written in the same step" [ManualClock] {
        topologies_e50_each_change_leaves_one_row_newest_first_also_within_one_instant in history,
        topologies_e51_a_row_says_when_and_which_and_how_heavy_and_where in history,
        topologies_e52_what_changes_nothing_leaves_no_row_and_a_registration_always_one in history,
        topologies_e53_an_id_never_seen_has_an_empty_history in history,
        topologies_e54_history_is_read_a_page_at_a_time_also_while_it_grows in history,
        topologies_e55_a_cursor_of_another_list_is_no_place_in_a_history in history,
        topologies_e56_what_is_taken_away_leaves_one_row in history,
    }
    "lists are paged and have a stated total order" [ManualClock] {
        topologies_e60_topologies_are_listed_by_the_bytes_of_their_ids_a_page_at_a_time in lists,
        topologies_e61_what_a_worker_has_is_listed_by_the_bytes_of_its_ids_a_page_at_a_time in lists,
        topologies_e62_a_worker_has_what_it_was_given_until_it_lets_go_or_it_is_taken_away in lists,
        topologies_e63_the_lists_show_what_there_is_to_show in lists,
        topologies_e64_a_page_goes_on_behind_a_topology_that_was_deleted in lists,
        topologies_e65_a_cursor_of_another_list_is_refused in lists,
    }
    "refreshing takes away what waited too long, and what waits for or runs on a worker that is gone" [ManualClock] {
        topologies_e70_what_waits_is_taken_away_at_the_timeout_and_not_before in refreshing,
        topologies_e71_the_timeout_is_the_callers_and_begins_anew_with_each_assignment in refreshing,
        topologies_e72_only_what_waits_can_wait_too_long in refreshing,
        topologies_e73_dead_and_unloaded_workers_lose_what_waits_and_runs_but_no_errors in refreshing,
        topologies_e74_whoever_dies_loses_its_topologies_in_the_same_step in refreshing,
        topologies_e75_a_worker_that_came_back_in_time_keeps_what_it_has in refreshing,
        topologies_e76_what_a_gone_worker_begins_to_run_is_taken_away_too in refreshing,
        topologies_e77_refreshing_changes_nothing_else_of_a_topology in refreshing,
        topologies_e78_at_most_a_thousand_are_taken_away_at_once_and_it_says_when_there_are_more in refreshing,
        topologies_e79_a_thousand_of_a_dead_worker_are_taken_away_and_the_rest_the_next_time in refreshing,
        topologies_e80_a_worker_is_deleted_when_nothing_waits_for_it_or_runs_on_it in refreshing,
    }
    "clear deletes the topologies and their histories" [ManualClock] {
        topologies_e90_clearing_forgets_topologies_and_their_history in keeping,
    }
    "topologies are the same through every handle" [ManualClock Shared] {
        topologies_e91_a_topology_is_the_same_through_every_handle in keeping,
    }
    "topologies are the store's, across restarts" [ManualClock Durable] {
        topologies_e92_topologies_and_their_history_outlive_the_last_handle in keeping,
    }
    "every operation of a handle obeys the handle's clock" [ManualClock] {
        topologies_e93_every_operation_obeys_the_manual_clock in keeping,
    }
    "histories are bounded by a settable age and count" [ManualClock] {
        topologies_e95_rows_are_dropped_at_their_age_and_not_before in trimming,
        topologies_e96_rows_are_dropped_that_have_too_many_newer_ones in trimming,
        topologies_e97_a_row_that_is_too_old_or_too_much_is_dropped in trimming,
        topologies_e98_what_is_kept_for_ever_or_for_thirty_days_or_not_at_all in trimming,
        topologies_e99_histories_are_trimmed_a_page_of_ids_at_a_time in trimming,
        topologies_e100_pages_of_a_history_go_on_though_it_is_trimmed in trimming,
        topologies_e101_one_trimming_drops_a_thousand_rows_of_an_id_at_most in trimming,
        topologies_e102_trimming_refuses_a_cursor_of_another_list in trimming,
        topologies_e103_trimming_leaves_all_else_alone in trimming,
    }
    "the rules of core, whatever comes in whatever order" [ManualClock] {
        topologies_m01_random_runs_answer_as_the_rules_say in model,
    }
    "what must hold of any answers" [ManualClock] {
        topologies_i01_one_worker_has_a_topology_and_what_is_shown_of_it_fits_together in invariants,
    }
    "one operation is one atomic step, also beside others" [ManualClock Shared] {
        topologies_r01_concurrent_operations_are_atomic in races,
        topologies_r02_many_who_register_the_same_ids_make_no_doubles in races,
        topologies_r03_of_two_who_lead_one_after_the_other_only_the_later_assigns in races,
        topologies_r04_assigning_reporting_and_refreshing_at_once_leave_one_holder in races,
        topologies_r05_many_who_assign_at_once_assign_each_topology_once in races,
    }
}
