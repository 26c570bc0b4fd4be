//! Saboteurs: backends that are broken on purpose, to prove that the suite has teeth.
//!
//! Each one is a layer over the memory backend that breaks the contract in one way, as some store or predecessor has
//! done or might. The test `teeth` asserts that each is rejected by the clause that it names.

mod of_leadership;
mod of_locks;
mod of_messages;
mod of_opening;
mod of_refreshing;
mod of_settings;
mod of_topologies;
mod of_workers;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use convoke_backend_memory::MemoryStore;
use convoke_core::{
    Answer, Clock, Confirmed, Durability, Execute, Executed, Hints, Installation, LockName, LockToken, ManualClock,
    MessageId, Operation, Properties, Receipt, Refreshed, Result, Revision, SchemaStatus, SettingKey, Timestamp,
    TopologyId, WorkerName,
};
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::Barrier;

use crate::expect::Handle;
use crate::harness::{Capabilities, Capability, Harness, Place};
use crate::run::{Outcome, judge_case};
use crate::{Check, Failure, Kind};

/// How often a clause that goes by chance may judge a saboteur.
const CHANCES: u32 = 4;

/// A backend that is broken on purpose.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Saboteur {
    /// How it breaks the contract, in snake case; also the name of its test.
    pub id: &'static str,
    /// The clause that rejects it.
    pub rejected_by: &'static str,
    trick: Trick,
}

impl Saboteur {
    /// The one of this id.
    #[must_use]
    pub fn of(id: &str) -> Option<Self> {
        SABOTEURS.iter().copied().find(|saboteur| saboteur.id == id)
    }

    /// Judges it by the clause that must reject it. A clause that goes by chance judges up to four times: one
    /// judgement alone sees each of these saboteurs more than 99 times of 100, which is too seldom for a test.
    ///
    /// # Errors
    /// When the clause accepts it.
    pub async fn must_be_rejected(self) -> Check {
        let case = crate::cases().into_iter().find(|case| case.id == self.rejected_by);
        let case = case.ok_or_else(|| Failure::new(format!("the suite has no clause {}", self.rejected_by)))?;
        let chances = if case.kind() == Kind::Example { 1 } else { CHANCES };
        let mut outcome = judge_case(case, Arc::new(self)).await.outcome;
        for _ in 1..chances {
            if matches!(outcome, Outcome::Passed) {
                outcome = judge_case(case, Arc::new(self)).await.outcome;
            }
        }
        match outcome {
            Outcome::Failed(_) => Ok(()),
            other => Err(Failure::new(format!(
                "the clause {} must reject the saboteur {}, and says {other:?}",
                self.rejected_by, self.id
            ))),
        }
    }
}

impl fmt::Debug for Saboteur {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Saboteur")
            .field("id", &self.id)
            .field("rejected_by", &self.rejected_by)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Harness for Saboteur {
    async fn fresh(&self) -> Arc<dyn Place> {
        let store = match self.trick {
            Trick::Elsewhere(elsewhere) => elsewhere(),
            _ => MemoryStore::new(Clock::Store),
        };
        Arc::new(Room {
            store,
            trick: self.trick,
            notes: Arc::default(),
            gap: Arc::new(Barrier::new(2)),
        })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::all().without(Capability::Durable)
    }
}

/// What a saboteur does.
#[derive(Clone, Copy)]
enum Trick {
    /// Something else than the operation.
    Operations(fn(Layer, Operation) -> BoxFuture<'static, Result<Answer>>),
    /// Something else than clearing.
    Clear(fn(Layer) -> BoxFuture<'static, Result<()>>),
    /// Something else than waiting.
    Await(fn(Layer, WorkerName, Duration) -> BoxFuture<'static, ()>),
    /// Something while a handle is opened, by this clock.
    Open(fn(MemoryStore, Clock) -> BoxFuture<'static, Result<MemoryStore>>),
    /// A fresh place that is none.
    Elsewhere(fn() -> MemoryStore),
}

/// A place whose handles are layered.
struct Room {
    store: MemoryStore,
    trick: Trick,
    notes: Arc<Mutex<Notes>>,
    gap: Arc<Barrier>,
}

#[async_trait]
impl Place for Room {
    async fn open(&self, clock: Clock) -> Result<Handle> {
        let store = match self.trick {
            Trick::Open(open) => open(self.store.clone(), clock.clone()).await?,
            _ => self.store.with_clock(clock.clone()),
        };
        Ok(Arc::new(Executed(Layer {
            store,
            clock,
            trick: self.trick,
            notes: self.notes.clone(),
            gap: self.gap.clone(),
        })))
    }
}

/// What a saboteur remembers, in common to all handles of a place.
#[derive(Default)]
struct Notes {
    receipts: HashMap<MessageId, Receipt>,
    expiries: HashMap<MessageId, Timestamp>,
    refreshed: Option<Refreshed>,
    left_behind: Vec<convoke_core::NewMessage>,
    led: Option<WorkerName>,
    calls: u64,
    tokens: HashMap<LockName, LockToken>,
    revisions: HashMap<SettingKey, Revision>,
    registered: Vec<TopologyId>,
    hidden: HashMap<TopologyId, usize>,
    looked_at: Vec<WorkerName>,
}

/// A store in memory with something in front of it.
#[derive(Clone)]
struct Layer {
    store: MemoryStore,
    clock: Clock,
    trick: Trick,
    notes: Arc<Mutex<Notes>>,
    gap: Arc<Barrier>,
}

impl Layer {
    /// Does what it should.
    async fn honestly(&self, operation: impl Into<Operation>) -> Result<Answer> {
        operation.into().run(&self.store).await
    }

    fn now(&self) -> Timestamp {
        self.clock.host_now()
    }

    /// The time between two steps that should be one: until another one is between them too, or a while has passed.
    async fn gap(&self) {
        // Whether somebody came or not, it goes on.
        let _ = tokio::time::timeout(Duration::from_millis(20), self.gap.wait()).await;
    }

    /// The same store, as of another time.
    fn as_of(&self, micros_from_now: i64) -> MemoryStore {
        let now = Timestamp::from_micros(self.now().as_micros() + micros_from_now);
        self.store.with_clock(Clock::Manual(ManualClock::new(now)))
    }
}

impl fmt::Debug for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Layer")
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Execute for Layer {
    async fn execute(&self, operation: Operation) -> Result<Answer> {
        match self.trick {
            Trick::Operations(instead) => instead(self.clone(), operation).await,
            _ => self.honestly(operation).await,
        }
    }
}

#[async_trait]
impl Hints for Layer {
    async fn await_message(&self, worker: &WorkerName, at_most: Duration) {
        match self.trick {
            Trick::Await(instead) => instead(self.clone(), worker.clone(), at_most).await,
            _ => self.store.await_message(worker, at_most).await,
        }
    }
}

#[async_trait]
impl Installation for Layer {
    async fn properties(&self) -> Result<Properties> {
        let server = self.store.properties().await?.server;
        let bound = Duration::from_millis(100);
        Ok(Properties::new(
            "sabotaged",
            server,
            "its own",
            Durability::None,
            true,
            bound,
        ))
    }

    async fn now(&self) -> Result<Timestamp> {
        self.store.now().await
    }

    async fn check(&self) -> Result<SchemaStatus> {
        self.store.check().await
    }

    async fn migrate(&self) -> Result<Vec<String>> {
        self.store.migrate().await
    }

    async fn clear(&self, confirmed: Confirmed) -> Result<()> {
        match self.trick {
            Trick::Clear(instead) => instead(self.clone()).await,
            _ => self.store.clear(confirmed).await,
        }
    }

    async fn reset(&self, confirmed: Confirmed) -> Result<()> {
        self.store.reset(confirmed).await
    }
}

/// An honest layer: what the saboteurs are without their tricks. It passes every clause.
#[must_use]
pub fn honest() -> impl Harness {
    Saboteur {
        id: "honest",
        rejected_by: "none",
        trick: Trick::Operations(|layer, operation| Box::pin(async move { layer.honestly(operation).await })),
    }
}

/// A backend that keeps the contract over a bad network: now and then it is not reached, now and then its reply is lost.
/// The concurrent operations of its clients can be explained all the same.
#[must_use]
pub fn unreliable() -> impl Harness {
    Saboteur {
        id: "unreliable",
        rejected_by: "none",
        trick: Trick::Operations(|layer, operation| Box::pin(of_opening::over_a_bad_network(layer, operation))),
    }
}

/// Makes the table of saboteurs, and the macro that turns each into a test, from one list.
macro_rules! saboteurs {
    ($($trick:ident $module:ident { $($id:ident => $clause:ident,)+ })+) => {
        /// All of them.
        pub const SABOTEURS: &[Saboteur] = &[$($(
            Saboteur {
                id: stringify!($id),
                rejected_by: stringify!($clause),
                trick: saboteurs!(@$trick $module $id),
            },
        )+)+];

        /// Makes a test of each saboteur: the clause that it names must reject it.
        #[macro_export]
        macro_rules! teeth {
            () => {$($(
                #[test]
                fn $id() -> Result<(), $crate::Failure> {
                    $crate::must_reject(stringify!($id))
                }
            )+)+};
        }
    };
    (@Operations $module:ident $id:ident) => {
        Trick::Operations(|layer, operation| Box::pin($module::$id(layer, operation)))
    };
    (@Clear $module:ident $id:ident) => { Trick::Clear(|layer| Box::pin($module::$id(layer))) };
    (@Await $module:ident $id:ident) => {
        Trick::Await(|layer, worker, at_most| Box::pin($module::$id(layer, worker, at_most)))
    };
    (@Open $module:ident $id:ident) => { Trick::Open(|store, clock| Box::pin($module::$id(store, clock))) };
    (@Elsewhere $module:ident $id:ident) => { Trick::Elsewhere($module::$id) };
}

saboteurs! {
    Operations of_workers {
        an_old_registration_goes_on => workers_e03_whatever_an_older_registration_does_is_fenced,
        a_stale_registration_is_a_conflict => workers_e03_whatever_an_older_registration_does_is_fenced,
        an_unknown_worker_pings_in_silence => workers_e05_an_unknown_worker_is_not_found,
        a_takeover_drops_the_messages => workers_e07_taking_over_a_name_keeps_its_messages,
        names_lose_their_case => workers_e08_each_name_is_a_worker_of_its_own_to_the_byte,
        names_lose_their_trailing_blanks => workers_e08_each_name_is_a_worker_of_its_own_to_the_byte,
        a_ping_revives => workers_e10_a_ping_never_changes_the_status,
        an_ack_counts_as_a_ping => workers_e12_what_others_do_and_settling_and_resigning_do_not_count,
        anybody_can_be_deleted => workers_e24_only_an_unloaded_worker_can_be_deleted,
        deleting_leaves_the_messages => workers_e25_deleting_forgets_the_messages_and_keeps_the_history,
        history_is_oldest_first => workers_e30_history_is_newest_first_also_within_one_instant,
        candidacies_leave_no_row => workers_e31_an_election_leaves_one_row_for_each_one_that_it_changes,
        the_same_status_again_leaves_a_row => workers_e20_every_status_can_follow_every_other,
        silence_kills_a_microsecond_late => workers_e40_silence_kills_at_the_timeout_and_not_before,
        silence_kills_a_microsecond_early => workers_e40_silence_kills_at_the_timeout_and_not_before,
        silence_kills_the_disabled => workers_e41_only_alive_and_closing_workers_die_of_silence,
        refreshing_tells_the_same_twice => workers_e47_refreshing_twice_changes_nothing_more,
        the_last_page_has_a_next_one => workers_e50_workers_are_listed_by_the_bytes_of_their_names_a_page_at_a_time,
        pages_overlap_by_one => workers_e50_workers_are_listed_by_the_bytes_of_their_names_a_page_at_a_time,
        any_cursor_will_do => workers_e54_a_cursor_of_another_list_is_refused,
        registering_reads_then_writes => workers_r02_many_who_register_the_same_names_make_no_doubles,
        refreshing_reads_then_writes => workers_r03_refreshing_by_all_at_once_reports_each_change_once,
        a_status_is_set_in_two_steps => workers_r01_concurrent_operations_are_atomic,
    }
    Operations of_leadership {
        the_term_never_grows => leadership_e02_each_new_lead_has_a_greater_term,
        a_leader_asking_twice_is_demoted => leadership_e03_a_leader_asking_twice_keeps_its_term,
        a_lease_ends_a_microsecond_early_for_rivals => leadership_e04_a_live_lease_refuses_other_workers_to_its_last_microsecond,
        candidacies_are_taken_while_somebody_leads => leadership_e04_a_live_lease_refuses_other_workers_to_its_last_microsecond,
        a_role_outlives_its_lease => leadership_e04_a_live_lease_refuses_other_workers_to_its_last_microsecond,
        the_lowest_name_wins => leadership_e05_the_greatest_name_by_its_bytes_wins,
        a_dead_candidate_blocks_for_ever => leadership_e06_a_candidate_that_lapsed_blocks_nobody,
        a_check_announces => leadership_e08_a_check_without_a_candidacy_elects_nobody,
        a_renewal_shortens => leadership_e20_a_renewal_prolongs_and_never_shortens,
        a_renewal_is_good_at_the_very_end => leadership_e21_a_renewal_at_the_end_is_lost_though_nobody_else_has_won,
        a_renewal_revives_a_lost_lease => leadership_e21_a_renewal_at_the_end_is_lost_though_nobody_else_has_won,
        anybody_can_resign_for_the_leader => leadership_e23_a_lease_that_differs_in_its_term_or_its_holder_is_lost,
        resigning_keeps_the_promise => leadership_e24_resigning_frees_the_seat_at_once,
        a_promise_is_forgotten => leadership_e25_a_vacated_lease_is_honoured_to_its_end,
        every_term_passes => leadership_e28_only_the_live_term_passes_the_check,
        an_election_reads_then_writes => leadership_r02_of_many_who_campaign_at_once_one_is_elected,
        a_rival_is_told_that_it_leads => leadership_i01_one_holder_per_term_and_terms_only_grow,
    }
    Operations of_messages {
        an_unknown_worker_is_sent_to => messages_e02_sending_to_an_unknown_worker_is_not_found_whatever_the_term,
        a_term_is_not_looked_at_when_sending => messages_e03_a_stale_term_sends_nothing,
        a_message_is_sent_twice => messages_e01_a_queue_is_first_in_first_out_and_ids_grow,
        the_newest_comes_first => messages_e01_a_queue_is_first_in_first_out_and_ids_grow,
        numbers_are_written_anew => messages_e06_payloads_come_back_to_the_letter,
        large_integers_become_floats => messages_e06_payloads_come_back_to_the_letter,
        a_look_claims => messages_e09_a_look_shows_a_queue_as_it_is_and_touches_nothing,
        attempts_are_not_counted => messages_e21_a_claim_hides_a_message_to_its_last_microsecond,
        a_claim_hides_nothing => messages_e21_a_claim_hides_a_message_to_its_last_microsecond,
        what_is_received_is_lost_in_a_crash => messages_e22_what_nobody_acknowledged_comes_again_in_its_old_place,
        the_expired_are_delivered => messages_e23_an_expired_message_is_never_delivered,
        an_empty_receive_deletes_everybodys => messages_e25_an_empty_receive_harms_nobodys_queue,
        an_empty_receive_gives_anothers => messages_e25_an_empty_receive_harms_nobodys_queue,
        one_at_a_time_whatever_is_asked => messages_e27_one_call_gives_as_many_as_it_may_and_not_more,
        taking_does_not_settle => messages_e28_taking_settles_in_the_same_step,
        any_token_settles => messages_e47_a_made_up_receipt_is_stale,
        an_older_receipt_settles_a_newer_delivery => messages_e45_an_older_receipt_cannot_settle_a_newer_delivery,
        claims_pass_to_the_successor => messages_e50_the_token_of_an_older_claim_is_worth_nothing_with_a_newer_registration,
        a_delay_is_ignored => messages_e41_what_is_given_back_comes_again_after_its_delay_and_not_before,
        what_is_given_back_goes_to_the_end => messages_e42_what_is_given_back_without_delay_comes_again_at_once_in_its_place,
        an_extension_adds_to_the_end => messages_e43_an_extended_claim_lasts_from_now,
        receivers_read_then_claim => messages_r02_two_receivers_handle_each_message_once,
        takers_read_then_delete => messages_r03_each_message_is_taken_once,
        receiving_forgets_to_claim_now_and_then => messages_i01_no_message_twice_while_invisible_none_expired_none_of_others,
        a_receive_of_one_skips_the_oldest => messages_m01_random_runs_answer_as_the_rules_say,
    }
    Operations of_topologies {
        a_term_is_not_looked_at_when_assigning => topologies_e23_a_term_that_does_not_lead_assigns_nothing,
        the_disabled_are_assigned => topologies_e21_what_cannot_be_assigned_is_answered_with_the_reason,
        what_somebody_has_is_assigned_to_another => topologies_e21_what_cannot_be_assigned_is_answered_with_the_reason,
        the_dead_are_given_topologies => topologies_e21_what_cannot_be_assigned_is_answered_with_the_reason,
        placements_are_made_in_the_order_of_ids => topologies_e22_placements_of_one_step_are_answered_and_told_in_their_order,
        a_start_is_told_twice => topologies_e20_an_assigned_topology_waits_for_its_worker_which_is_told_to_start,
        a_start_is_not_told => topologies_e20_an_assigned_topology_waits_for_its_worker_which_is_told_to_start,
        what_is_told_is_pasted_together => topologies_e20_an_assigned_topology_waits_for_its_worker_which_is_told_to_start,
        anybodys_report_is_believed => topologies_e33_a_report_by_anybody_else_changes_nothing,
        a_report_that_is_refused_leaves_a_row => topologies_e33_a_report_by_anybody_else_changes_nothing,
        a_stale_registration_reports => topologies_e34_a_stale_registration_is_fenced_and_its_successor_has_what_it_had,
        the_disabled_begin_to_run => topologies_e36_a_disabled_topology_cannot_begin_to_run,
        a_report_counts_as_a_ping => topologies_e37_reporting_is_not_a_ping,
        stopping_leaves_it_enabled => topologies_e40_stopping_disables_and_tells_the_worker_that_has_it,
        killing_tells_to_stop => topologies_e41_killing_disables_and_tells_the_worker_that_has_it,
        an_error_is_cleared_to_a_dead_worker => topologies_e46_a_cleared_error_is_nobodys_when_no_live_worker_has_it_or_it_is_disabled,
        what_has_no_error_is_cleared_in_silence => topologies_e47_only_what_is_in_error_can_be_cleared,
        what_runs_is_deleted => topologies_e06_a_topology_is_deleted_unless_it_waits_or_runs,
        ids_lose_their_case => topologies_e04_each_id_is_a_topology_of_its_own_to_the_byte,
        weights_are_rounded => topologies_e11_weights_come_back_to_the_bit,
        affinities_are_joined_by_commas => topologies_e12_affinities_come_back_name_by_name_in_their_order,
        affinities_lose_their_order => topologies_e12_affinities_come_back_name_by_name_in_their_order,
        errors_are_cut_by_bytes => topologies_e13_errors_come_back_to_the_character_and_are_cut_to_a_thousand,
        topologies_history_is_oldest_first => topologies_e50_each_change_leaves_one_row_newest_first_also_within_one_instant,
        topologies_are_listed_as_they_were_registered => topologies_e60_topologies_are_listed_by_the_bytes_of_their_ids_a_page_at_a_time,
        what_is_in_error_is_not_listed_with_its_worker => topologies_e61_what_a_worker_has_is_listed_by_the_bytes_of_its_ids_a_page_at_a_time,
        registering_topologies_reads_then_writes => topologies_r02_many_who_register_the_same_ids_make_no_doubles,
        assigning_reads_then_writes => topologies_r05_many_who_assign_at_once_assign_each_topology_once,
    }
    Operations of_refreshing {
        waiting_is_over_a_microsecond_late => topologies_e70_what_waits_is_taken_away_at_the_timeout_and_not_before,
        refreshing_forgets_what_waits => topologies_e70_what_waits_is_taken_away_at_the_timeout_and_not_before,
        refreshing_takes_away_what_runs_for_long => topologies_e72_only_what_waits_can_wait_too_long,
        refreshing_takes_errors_away_too => topologies_e73_dead_and_unloaded_workers_lose_what_waits_and_runs_but_no_errors,
        refreshing_forgets_what_the_gone_have => topologies_e73_dead_and_unloaded_workers_lose_what_waits_and_runs_but_no_errors,
        refreshing_looks_at_the_gone_once => topologies_e76_what_a_gone_worker_begins_to_run_is_taken_away_too,
        refreshing_never_says_that_there_is_more => topologies_e78_at_most_a_thousand_are_taken_away_at_once_and_it_says_when_there_are_more,
        a_worker_is_deleted_though_topologies_run_on_it => topologies_e80_a_worker_is_deleted_when_nothing_waits_for_it_or_runs_on_it,
        trimming_does_not_look_at_the_age => topologies_e95_rows_are_dropped_at_their_age_and_not_before,
        trimming_does_not_count => workers_e61_rows_are_dropped_that_have_too_many_newer_ones,
        trimming_keeps_one_too_many => workers_e61_rows_are_dropped_that_have_too_many_newer_ones,
        trimming_drops_the_newest => topologies_e96_rows_are_dropped_that_have_too_many_newer_ones,
        trimming_visits_every_name_at_once => workers_e64_histories_are_trimmed_a_page_of_names_at_a_time,
        trimming_numbers_the_rows_anew => topologies_e100_pages_of_a_history_go_on_though_it_is_trimmed,
    }
    Operations of_locks {
        a_lock_is_reentrant => locks_e03_an_owner_that_asks_again_is_told_that_it_holds_the_lock,
        a_token_is_given_out_again_after_a_release => locks_e04_tokens_grow_across_names_and_owners_and_releases,
        tokens_are_counted_per_name => locks_e04_tokens_grow_across_names_and_owners_and_releases,
        a_lock_ends_a_microsecond_early_for_others => locks_e02_a_held_lock_is_nobody_elses_to_its_last_microsecond,
        a_lock_that_ran_out_is_renewed => locks_e21_a_lock_that_ran_out_is_lost_though_nobody_else_took_it,
        a_renewal_shortens_a_lock => locks_e20_a_renewal_prolongs_and_never_shortens,
        anybody_releases_a_lock => locks_e23_a_lock_that_differs_in_its_token_or_its_owner_is_lost,
        an_owners_name_is_enough_to_renew => locks_e24_a_predecessor_of_the_same_name_harms_nobody,
        every_token_passes => locks_e26_only_the_token_that_holds_the_lock_passes_the_check,
        what_ran_out_is_listed_until_it_is_swept => locks_e31_only_what_is_held_is_shown,
        acquiring_reads_then_writes => locks_r02_of_many_who_acquire_at_once_one_gets_the_lock,
    }
    Operations of_settings {
        expectations_are_ignored => settings_e10_an_expectation_is_met_by_what_it_names_only,
        a_revision_is_not_compared => settings_e10_an_expectation_is_met_by_what_it_names_only,
        a_batch_is_half_written => settings_e12_one_mismatch_refuses_the_whole_batch,
        the_last_mismatch_is_named => settings_e13_the_first_mismatch_of_the_batch_is_named,
        a_revision_begins_anew_with_its_key => settings_e16_a_key_that_was_removed_and_written_again_has_another_revision,
        keys_lose_their_case => settings_e05_each_key_is_a_setting_of_its_own_to_the_byte,
        settings_are_listed_as_they_were_written => settings_e20_settings_are_listed_by_the_bytes_of_their_keys_a_page_at_a_time,
        a_range_holds_its_end => settings_e21_a_range_begins_with_its_start_and_ends_before_its_end,
        a_prefix_is_a_pattern => settings_e22_a_prefix_holds_what_begins_with_it_and_nothing_else,
        comparing_reads_then_writes => settings_r02_no_update_is_lost_by_compare_and_set,
        a_batch_is_written_in_two_steps => settings_r04_nobody_ever_reads_half_a_batch,
    }
    Operations of_opening {
        a_read_goes_by_the_clock_of_the_host => opening_e11_every_operation_obeys_the_manual_clock,
    }
    Open of_opening {
        all_go_by_the_clock_of_the_host => opening_e10_a_manual_clock_is_told_as_it_stands,
        times_are_cut_to_the_second => opening_e10_a_manual_clock_is_told_as_it_stands,
        opening_empties_the_store => opening_e01_many_handles_open_an_empty_store_at_once,
        a_second_handle_is_alone => leadership_e30_a_lead_is_the_same_through_every_handle,
    }
    Clear of_opening {
        clearing_resets_the_counters => opening_e04_clearing_deletes_everything_but_the_counters,
        clearing_forgets_the_promise => opening_e05_clearing_keeps_the_promise_of_the_last_lease,
    }
    Clear of_locks {
        clearing_takes_the_locks => locks_e34_clearing_keeps_what_is_held_and_the_counter_of_tokens,
    }
    Await of_opening {
        a_lost_hint_is_waited_for => messages_e62_a_lost_hint_costs_the_poll_bound_at_most,
    }
    Elsewhere of_opening {
        all_installations_are_one => opening_e07_installations_never_see_each_other,
    }
}
