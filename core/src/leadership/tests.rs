use super::*;

const NOW: Timestamp = Timestamp::from_micros(1_000_000_000);
const TTL: Ttl = Ttl::from_secs(10);

fn registration(name: &str) -> Registration {
    Registration {
        worker: WorkerName::new(name).unwrap(),
        incarnation: Incarnation::from_number(1),
    }
}

fn led_by(name: &str, until: Timestamp) -> Seat {
    Seat {
        term: Term(3),
        holder: Some(registration(name)),
        promised_until: until,
    }
}

fn campaign(seat: &Seat, name: &str, rival: Option<&Candidate>) -> Verdict {
    let candidacy = Some(NOW.plus(TTL));
    decide_candidacy(
        seat,
        &registration(name),
        WorkerStatus::Alive,
        candidacy,
        rival,
        TTL,
        NOW,
    )
}

#[test]
fn a_free_seat_goes_to_the_candidate_under_the_next_term() {
    let Verdict::Elect(seat) = campaign(&led_by("b", NOW), "a", None) else {
        panic!("not elected")
    };
    assert_eq!((seat.term, seat.promised_until), (Term(4), NOW.plus(TTL)));
}

#[test]
fn a_live_lease_refuses_everybody_else_and_prolongs_its_holder() {
    let seat = led_by("b", NOW.plus(Duration::from_micros(1)));
    assert!(matches!(
        campaign(&seat, "a", None),
        Verdict::Refuse(Deferral::LedBy(_))
    ));
    let Verdict::Prolong(after) = campaign(&seat, "b", None) else {
        panic!("a leader asking twice is demoted")
    };
    assert_eq!((after.term, after.promised_until), (seat.term, NOW.plus(TTL)));
}

#[test]
fn a_vacated_lease_keeps_the_seat_empty_until_its_end() {
    let end = NOW.plus(Duration::from_micros(1));
    let seat = led_by("b", end).vacated();
    assert_eq!(seat.leader(NOW), None);
    assert!(matches!(campaign(&seat, "a", None), Verdict::Wait(Deferral::Promised(until), _) if until == end));
}

#[test]
fn the_greater_name_among_live_candidates_wins() {
    let rival = |name: &str, until| Candidate {
        worker: WorkerName::new(name).unwrap(),
        until,
    };
    let seat = Seat::default();
    let live = rival("z", NOW.plus(TTL));
    assert!(matches!(
        campaign(&seat, "a", Some(&live)),
        Verdict::Wait(Deferral::Outranked { .. }, _)
    ));
    assert!(matches!(
        campaign(&seat, "a", Some(&rival("z", NOW))),
        Verdict::Elect(_)
    ));
    assert!(matches!(campaign(&seat, "zz", Some(&live)), Verdict::Elect(_)));
}

#[test]
fn a_lease_is_lost_at_its_end_though_nobody_else_has_won() {
    let seat = led_by("b", NOW);
    let lease = Lease {
        registration: registration("b"),
        term: Term(3),
        expires: NOW,
    };
    assert_eq!(decide_renewal(&seat, &lease, TTL, NOW), Err(None));
    let before = Timestamp::from_micros(NOW.as_micros() - 1);
    assert!(decide_renewal(&seat, &lease, TTL, before).is_ok());
}

#[test]
fn a_renewal_never_shortens_a_lease() {
    let seat = led_by("b", NOW.plus(TTL));
    let lease = Lease {
        registration: registration("b"),
        term: Term(3),
        expires: NOW,
    };
    let after = decide_renewal(&seat, &lease, Ttl::MIN, NOW).unwrap();
    assert_eq!(after.promised_until, NOW.plus(TTL));
}

#[test]
fn resigning_frees_the_seat_at_once_and_keeps_the_term() {
    let seat = led_by("b", NOW.plus(TTL));
    let lease = Lease {
        registration: registration("b"),
        term: Term(3),
        expires: NOW,
    };
    let after = decide_resignation(&seat, &lease, NOW).unwrap();
    let Verdict::Elect(next) = campaign(&after, "a", None) else {
        panic!("not elected")
    };
    assert_eq!(next.term, Term(4));
}
