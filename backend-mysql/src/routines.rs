//! The procedures and triggers of this version, from `procedures/`.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// Counts the changes of the procedures. Raise it with each release that changes one: a program does not replace
/// procedures that are newer than its own.
pub(crate) const VERSION: u32 = 4;

/// What a routine is, and its text, which begins (behind comments) with `CREATE PROCEDURE` or `CREATE TRIGGER`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Routine {
    pub(crate) kind: &'static str,
    pub(crate) name: &'static str,
    pub(crate) sql: &'static str,
}

macro_rules! routines {
    ($($kind:ident $name:literal $path:literal),* $(,)?) => {
        &[$(Routine {
            kind: stringify!($kind),
            name: $name,
            sql: include_str!(concat!("../procedures/", $path, ".sql")),
        }),*]
    };
}

/// All routines, those that others call first.
pub(crate) const ROUTINES: &[Routine] = routines![
    PROCEDURE "convoke_record_worker" "workers/record_worker",
    PROCEDURE "convoke_record_topology" "topologies/record_topology",
    PROCEDURE "convoke_change_topology" "topologies/change_topology",
    PROCEDURE "convoke_keep_topology" "topologies/keep_topology",
    PROCEDURE "convoke_hold_topology" "topologies/hold_topology",
    PROCEDURE "convoke_tell_worker" "topologies/tell_worker",
    PROCEDURE "convoke_lock_placements" "topologies/lock_placements",
    PROCEDURE "convoke_switch_topology" "topologies/switch_topology",
    PROCEDURE "convoke_end_topology" "topologies/end_topology",
    PROCEDURE "convoke_take_away_topologies" "topologies/take_away_topologies",
    PROCEDURE "convoke_sweep_locks" "locks/sweep_locks",
    PROCEDURE "convoke_take_name" "workers/take_name",
    PROCEDURE "convoke_bury_silent" "workers/bury_silent",
    PROCEDURE "convoke_vacate_lapsed_lead" "workers/vacate_lapsed_lead",
    PROCEDURE "convoke_lapse_candidacies" "workers/lapse_candidacies",
    PROCEDURE "convoke_stand" "leadership/stand",
    PROCEDURE "convoke_decide_announcement" "leadership/decide_announcement",
    PROCEDURE "convoke_elect" "leadership/elect",
    PROCEDURE "convoke_decide_candidacy" "leadership/decide_candidacy",
    PROCEDURE "convoke_decide_renewal" "leadership/decide_renewal",
    PROCEDURE "convoke_find_due" "messages/find_due",
    PROCEDURE "convoke_hear_of_legacy" "qtopology/hear_of_legacy",
    PROCEDURE "convoke_gather_alike" "qtopology/gather_alike",
    PROCEDURE "qtopology_sp_add_worker_history" "qtopology/add_worker_history",
    PROCEDURE "qtopology_sp_add_topology_history" "qtopology/add_topology_history",
    PROCEDURE "convoke_delete_worker" "workers/delete_worker",
    PROCEDURE "convoke_ping_worker" "workers/ping_worker",
    PROCEDURE "convoke_refresh_statuses" "workers/refresh_statuses",
    PROCEDURE "convoke_register_worker" "workers/register_worker",
    PROCEDURE "convoke_set_worker_status" "workers/set_worker_status",
    PROCEDURE "convoke_trim_worker_history" "workers/trim_worker_history",
    PROCEDURE "convoke_announce_candidacy" "leadership/announce_candidacy",
    PROCEDURE "convoke_campaign" "leadership/campaign",
    PROCEDURE "convoke_check_candidacy" "leadership/check_candidacy",
    PROCEDURE "convoke_renew_lease" "leadership/renew_lease",
    PROCEDURE "convoke_resign" "leadership/resign",
    PROCEDURE "convoke_ack_message" "messages/ack_message",
    PROCEDURE "convoke_extend_claim" "messages/extend_claim",
    PROCEDURE "convoke_nack_message" "messages/nack_message",
    PROCEDURE "convoke_receive_messages" "messages/receive_messages",
    PROCEDURE "convoke_send_message" "messages/send_message",
    PROCEDURE "convoke_send_messages" "messages/send_messages",
    PROCEDURE "convoke_take_messages" "messages/take_messages",
    PROCEDURE "convoke_assign_topologies" "topologies/assign_topologies",
    PROCEDURE "convoke_clear_topology_error" "topologies/clear_topology_error",
    PROCEDURE "convoke_delete_topology" "topologies/delete_topology",
    PROCEDURE "convoke_disable_topology" "topologies/disable_topology",
    PROCEDURE "convoke_enable_topology" "topologies/enable_topology",
    PROCEDURE "convoke_kill_topology" "topologies/kill_topology",
    PROCEDURE "convoke_register_topology" "topologies/register_topology",
    PROCEDURE "convoke_report_topology" "topologies/report_topology",
    PROCEDURE "convoke_set_topology_error" "topologies/set_topology_error",
    PROCEDURE "convoke_set_topology_pid" "topologies/set_topology_pid",
    PROCEDURE "convoke_stop_topology" "topologies/stop_topology",
    PROCEDURE "convoke_trim_topology_history" "topologies/trim_topology_history",
    PROCEDURE "convoke_acquire_lock" "locks/acquire_lock",
    PROCEDURE "convoke_release_lock" "locks/release_lock",
    PROCEDURE "convoke_renew_lock" "locks/renew_lock",
    PROCEDURE "convoke_write_settings" "settings/write_settings",
    PROCEDURE "convoke_clear" "installation/clear",
    PROCEDURE "qtopology_sp_announce_leader_candidacy" "qtopology/announce_leader_candidacy",
    PROCEDURE "qtopology_sp_check_leader_candidacy" "qtopology/check_leader_candidacy",
    PROCEDURE "qtopology_sp_disable_defunct_leaders" "qtopology/disable_defunct_leaders",
    PROCEDURE "qtopology_sp_disable_defunct_workers" "qtopology/disable_defunct_workers",
    PROCEDURE "qtopology_sp_leader_ping" "qtopology/leader_ping",
    PROCEDURE "qtopology_sp_messages_for_worker" "qtopology/messages_for_worker",
    PROCEDURE "qtopology_sp_refresh_statuses" "qtopology/refresh_statuses",
    PROCEDURE "qtopology_sp_register_topology" "qtopology/register_topology",
    PROCEDURE "qtopology_sp_register_worker" "qtopology/register_worker",
    PROCEDURE "qtopology_sp_unassign_waiting_topologies" "qtopology/unassign_waiting_topologies",
    PROCEDURE "qtopology_sp_worker_ping" "qtopology/worker_ping",
    PROCEDURE "qtopology_sp_worker_statuses" "qtopology/worker_statuses",
    TRIGGER "convoke_heed_topology_update" "qtopology/heed_topology_update",
    TRIGGER "convoke_heed_worker_delete" "qtopology/heed_worker_delete",
    TRIGGER "convoke_heed_worker_insert" "qtopology/heed_worker_insert",
    TRIGGER "convoke_heed_worker_update" "qtopology/heed_worker_update",
];

/// One sum over all routines: whether those in a database are these.
pub(crate) fn checksum() -> String {
    let mut sum = Sha256::new();
    for routine in ROUTINES {
        sum.update(routine.name);
        sum.update([0]);
        sum.update(routine.sql);
        sum.update([0]);
    }
    hex(&sum.finalize())
}

/// The sum of one text.
pub(crate) fn checksum_of(text: &str) -> String {
    hex(&Sha256::digest(text))
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_routine_is_what_its_entry_says() {
        for routine in ROUTINES {
            let head = format!("CREATE {} {}", routine.kind, routine.name);
            let found = routine
                .sql
                .lines()
                .find(|line| !line.starts_with("--"))
                .unwrap_or_default();
            assert!(found.starts_with(&head), "{head}: {found}");
        }
    }

    #[test]
    fn every_file_is_listed() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("procedures");
        let concerns = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let files: usize = concerns
            .map(|concern| std::fs::read_dir(concern).unwrap().count())
            .sum();
        assert_eq!(files, ROUTINES.len());
    }

    #[test]
    fn a_checksum_is_sixty_four_hexadecimal_digits() {
        assert_eq!(checksum().len(), 64);
        assert_ne!(checksum_of("a"), checksum_of("b"));
    }
}
