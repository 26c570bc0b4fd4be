//! The clauses of settings.

mod invariants;
mod keeping;
mod listing;
mod model;
mod races;
mod writing;

use convoke_core::{Payload, Revision, SettingKey, SettingWrite, SettingWrites, SettingsWritten};

use crate::case::{Check, Failure};
use crate::expect::Handle;

#[track_caller]
fn key(text: &str) -> Check<SettingKey> {
    Ok(SettingKey::new(text)?)
}

/// A write of a value in JSON, whatever is there.
#[track_caller]
fn put(text: &str, json: &str) -> Check<SettingWrite> {
    Ok(SettingWrite::put(key(text)?, Payload::parse(json)?))
}

/// Writes a batch, and must succeed.
async fn write(store: &Handle, writes: impl IntoIterator<Item = SettingWrite>) -> Check<Revision> {
    let writes = SettingWrites::new(writes.into_iter().collect::<Vec<_>>())?;
    match store.write_settings(&writes).await? {
        SettingsWritten::Written(revision) => Ok(revision),
        other => Err(Failure::new(format!(
            "{writes:?} must be written; the answer is {other:?}"
        ))),
    }
}

/// The value of a key, in JSON.
async fn value(store: &Handle, text: &str) -> Check<Option<String>> {
    let setting = store.get_setting(&key(text)?).await?;
    Ok(setting.map(|setting| setting.value.as_str().to_owned()))
}

crate::case::clauses! {
    settings_suite:

    "an ordered map of keys to JSON values, each with the revision that wrote it" [ManualClock] {
        settings_e01_a_setting_reads_as_it_was_written_last in writing,
        settings_e02_a_removed_key_is_not_there in writing,
        settings_e03_the_everyday_calls_do_what_they_say in writing,
    }
    "payloads are JSON and come back equal; keys compare byte by byte" [ManualClock] {
        settings_e04_values_come_back_to_the_letter in writing,
        settings_e05_each_key_is_a_setting_of_its_own_to_the_byte in writing,
        settings_e06_a_batch_holds_a_hundred_writes_and_a_mebibyte_of_values in writing,
    }
    "a batch is atomic: all of it, or nothing when a key is not as expected" [ManualClock] {
        settings_e10_an_expectation_is_met_by_what_it_names_only in writing,
        settings_e11_a_batch_is_written_whole_under_one_revision in writing,
        settings_e12_one_mismatch_refuses_the_whole_batch in writing,
        settings_e13_the_first_mismatch_of_the_batch_is_named in writing,
        settings_e14_expectations_see_the_settings_as_they_were_before_the_batch in writing,
    }
    "each batch has a revision greater than all before it, also across deletions" [ManualClock] {
        settings_e15_revisions_only_grow_across_keys_and_deletions in writing,
        settings_e16_a_key_that_was_removed_and_written_again_has_another_revision in writing,
    }
    "lists are paged and have a stated total order" [ManualClock] {
        settings_e20_settings_are_listed_by_the_bytes_of_their_keys_a_page_at_a_time in listing,
        settings_e21_a_range_begins_with_its_start_and_ends_before_its_end in listing,
        settings_e22_a_prefix_holds_what_begins_with_it_and_nothing_else in listing,
        settings_e23_a_range_of_odd_text_is_searched_byte_by_byte in listing,
        settings_e24_a_page_goes_on_behind_a_key_that_was_removed in listing,
        settings_e25_a_cursor_of_another_list_is_refused in listing,
        settings_e26_a_cursor_from_outside_the_range_leads_to_nothing_outside_it in listing,
    }
    "clear deletes the settings, and keeps the counter of revisions" [ManualClock] {
        settings_e30_clearing_forgets_the_settings_and_keeps_the_counter_of_revisions in keeping,
    }
    "settings are the same through every handle" [ManualClock Shared] {
        settings_e31_settings_are_the_same_through_every_handle in keeping,
    }
    "settings and revisions are the store's, across restarts" [ManualClock Durable] {
        settings_e32_settings_and_the_counter_of_revisions_outlive_the_last_handle in keeping,
    }
    "the rules of core, whatever comes in whatever order" [ManualClock] {
        settings_m01_random_runs_answer_as_the_rules_say in model,
    }
    "what must hold of any answers" [ManualClock] {
        settings_i01_revisions_only_grow_and_a_key_reads_as_it_was_written_last in invariants,
    }
    "one operation is one atomic step, also beside others" [ManualClock Shared] {
        settings_r01_concurrent_operations_are_atomic in races,
        settings_r02_no_update_is_lost_by_compare_and_set in races,
        settings_r03_of_many_who_create_a_key_one_does in races,
        settings_r04_nobody_ever_reads_half_a_batch in races,
    }
}
