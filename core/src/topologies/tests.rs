use super::*;
use crate::names::TopologyId;

const NOW: Timestamp = Timestamp::from_micros(1_000_000);
const LATER: Timestamp = Timestamp::from_micros(2_000_000);

fn worker(name: &str) -> WorkerName {
    WorkerName::new(name).unwrap()
}

fn fresh() -> Topology {
    let new = NewTopology::new(TopologyId::new("t").unwrap(), Payload::empty());
    Topology::registered(&new, NOW)
}

fn enabled() -> Topology {
    Topology {
        enabled: true,
        ..fresh()
    }
}

#[test]
fn only_an_enabled_unassigned_topology_goes_to_an_alive_worker() {
    use WorkerStatus::{Alive, Closing, Dead, Disabled, Unloaded};
    let held = enabled().assigned(&worker("b"), NOW);
    let failed = held.failed(&ErrorText::new("x"), NOW);
    let lost = failed.released(NOW);
    for (topology, status, expected) in [
        (None, Some(Alive), Assignment::UnknownTopology),
        (Some(enabled()), None, Assignment::UnknownWorker),
        (Some(fresh()), Some(Alive), Assignment::Disabled),
        (Some(held), Some(Alive), Assignment::HeldBy(worker("b"))),
        (Some(failed), Some(Alive), Assignment::InError),
        (Some(lost), Some(Alive), Assignment::InError),
        (Some(enabled()), Some(Disabled), Assignment::NotAlive(Disabled)),
        (Some(enabled()), Some(Closing), Assignment::NotAlive(Closing)),
        (Some(enabled()), Some(Dead), Assignment::NotAlive(Dead)),
        (Some(enabled()), Some(Unloaded), Assignment::NotAlive(Unloaded)),
        (Some(enabled()), Some(Alive), Assignment::Assigned),
    ] {
        assert_eq!(decide_assignment(topology.as_ref(), status), expected);
    }
}

#[test]
fn only_the_worker_that_has_it_speaks_for_a_topology() {
    let held = enabled().assigned(&worker("a"), NOW);
    let refused = decide_report(&held, &worker("b"), &Report::Released);
    assert_eq!(refused, Err(Reported::NotHeld(Some(worker("a")))));
    assert_eq!(
        decide_report(&enabled(), &worker("a"), &Report::Running),
        Err(Reported::NotHeld(None))
    );
    assert_eq!(decide_report(&held, &worker("a"), &Report::Running), Ok(()));
}

#[test]
fn a_disabled_topology_can_t_begin_to_run_but_one_that_runs_may_say_so() {
    let waiting = Topology {
        enabled: false,
        ..enabled().assigned(&worker("a"), NOW)
    };
    assert_eq!(
        decide_report(&waiting, &worker("a"), &Report::Running),
        Err(Reported::Disabled)
    );
    assert_eq!(decide_report(&waiting, &worker("a"), &Report::Released), Ok(()));
    let running = waiting.reported(&Report::Running, NOW);
    assert_eq!(decide_report(&running, &worker("a"), &Report::Running), Ok(()));
}

#[test]
fn a_report_said_twice_changes_nothing() {
    let running = enabled().assigned(&worker("a"), NOW).reported(&Report::Running, NOW);
    assert_eq!(running.reported(&Report::Running, LATER), running);
    let failed = running.reported(&Report::Failed(ErrorText::new("x")), NOW);
    assert_eq!(failed.reported(&Report::Failed(ErrorText::new("x")), LATER), failed);
}

#[test]
fn a_topology_let_go_of_in_error_stays_in_error_without_a_worker() {
    let failed = enabled().assigned(&worker("a"), NOW).failed(&ErrorText::new("x"), NOW);
    let released = failed.released(LATER);
    assert_eq!(
        (released.status, released.worker.clone()),
        (TopologyStatus::Error, None)
    );
    assert_eq!(released.error, Some(ErrorText::new("x")));
    assert_eq!(released.released(Timestamp::from_micros(3_000_000)), released);
}

#[test]
fn a_cleared_error_goes_back_to_a_living_worker_and_else_to_nobody() {
    let failed = enabled().assigned(&worker("a"), NOW).failed(&ErrorText::new("x"), NOW);
    let back = failed.cleared(true, LATER);
    assert_eq!(
        (back.status, back.worker, back.error),
        (TopologyStatus::Waiting, Some(worker("a")), None)
    );
    let disabled = Topology {
        enabled: false,
        ..failed.clone()
    };
    for cleared in [
        failed.cleared(false, LATER),
        failed.released(NOW).cleared(true, LATER),
        disabled.cleared(true, LATER),
    ] {
        assert_eq!(
            (cleared.status, cleared.worker, cleared.error),
            (TopologyStatus::Unassigned, None, None)
        );
    }
}

#[test]
fn a_topology_is_overdue_when_the_time_is_over_and_only_while_it_waits() {
    let waiting = enabled().assigned(&worker("a"), NOW);
    let second = Ttl::from_secs(1);
    assert!(!waiting.is_overdue(second, Timestamp::from_micros(1_999_999)));
    assert!(waiting.is_overdue(second, LATER));
    assert!(!waiting.reported(&Report::Running, NOW).is_overdue(second, LATER));
}

#[test]
fn a_topology_is_deleted_only_when_nobody_is_to_run_it() {
    let waiting = enabled().assigned(&worker("a"), NOW);
    assert!(check_topology_deletable(&waiting).unwrap_err().is_conflict());
    assert!(
        check_topology_deletable(&waiting.reported(&Report::Running, NOW))
            .unwrap_err()
            .is_conflict()
    );
    assert!(check_topology_deletable(&fresh()).is_ok());
    assert!(check_topology_deletable(&waiting.failed(&ErrorText::new("x"), NOW)).is_ok());
}

#[test]
fn an_error_is_cut_at_a_thousand_characters_not_bytes() {
    let text = ErrorText::new("é😀".repeat(600));
    assert_eq!(text.as_str().chars().count(), 1_000);
    assert_eq!(ErrorText::new("short").as_str(), "short");
}

#[test]
fn weights_are_finite_and_not_negative() {
    for bad in [-0.1, f64::NAN, f64::INFINITY, 1_000_000.1] {
        assert!(Weight::new(bad).is_err(), "{bad}");
    }
    assert_eq!(Weight::new(-0.0).unwrap(), Weight::new(0.0).unwrap());
}

#[test]
fn an_affinity_and_placements_name_each_once() {
    assert!(Affinity::new([worker("a"), worker("b, c")]).is_ok());
    assert!(Affinity::new([worker("a"), worker("a")]).is_err());
    let placement = |worker_name: &str| Placement::new(TopologyId::new("t").unwrap(), worker(worker_name));
    assert!(Placements::new([]).is_err());
    assert!(Placements::new([placement("a"), placement("b")]).is_err());
}

#[test]
fn what_a_worker_is_told_names_the_topology_as_qtopology_does() {
    let (command, content) = told(START_TOPOLOGY, &TopologyId::new("a\"b").unwrap()).unwrap();
    assert_eq!(
        (command.as_str(), content.as_str()),
        ("start_topology", r#"{"uuid":"a\"b"}"#)
    );
}
