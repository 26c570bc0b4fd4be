use proptest::prelude::*;

use super::*;

/// One step of the two candidates `a` and `b`.
#[derive(Clone, Debug)]
enum Step {
    Campaign(usize, u64),
    Renew(usize, u64),
    Resign(usize),
    Vacate,
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..2_usize, 1..20_u64).prop_map(|(who, ttl)| Step::Campaign(who, ttl)),
        (0..2_usize, 1..20_u64).prop_map(|(who, ttl)| Step::Renew(who, ttl)),
        (0..2_usize).prop_map(Step::Resign),
        Just(Step::Vacate),
        (0..15_u64).prop_map(Step::Wait),
    ]
}

fn candidate(who: usize) -> Registration {
    let worker = WorkerName::new(["a", "b"][who]).unwrap();
    Registration {
        worker,
        incarnation: Incarnation::from_number(1),
    }
}

proptest! {
    #[test]
    fn a_promise_is_never_broken_and_terms_only_grow(steps in prop::collection::vec(step(), 1..200)) {
        let mut seat = Seat::default();
        let mut now = Timestamp::EPOCH.plus(Ttl::from_secs(1));
        let mut leases: [Option<Lease>; 2] = [None, None];
        for step in steps {
            let before = seat.term;
            match step {
                Step::Campaign(who, ttl) => {
                    let ttl = Ttl::from_millis(ttl);
                    let me = candidate(who);
                    let until = Some(now.plus(ttl));
                    let verdict = decide_candidacy(&seat, &me, WorkerStatus::Alive, until, None, ttl, now);
                    if let Verdict::Elect(next) = &verdict {
                        let other = leases[1 - who].as_ref();
                        prop_assert!(other.is_none_or(|lease| lease.expires <= now), "two hold a live promise");
                        prop_assert_eq!(next.term, before.next());
                    }
                    if let Verdict::Elect(next) | Verdict::Prolong(next) = &verdict {
                        seat = next.clone();
                        leases[who] = verdict.answer().elected();
                    }
                }
                Step::Renew(who, ttl) => {
                    let Some(lease) = &leases[who] else { continue };
                    if let Ok(next) = decide_renewal(&seat, lease, Ttl::from_millis(ttl), now) {
                        prop_assert!(now < lease.expires && lease.expires <= next.promised_until);
                        seat = next;
                        leases[who] = seat.lease();
                    }
                }
                Step::Resign(who) => {
                    if let Some(lease) = leases[who].take() {
                        match decide_resignation(&seat, &lease, now) {
                            Ok(next) => seat = next,
                            // Its promise stands although it cannot be used any more.
                            Err(_) => leases[who] = Some(lease),
                        }
                    }
                }
                Step::Vacate => seat = seat.vacated(),
                Step::Wait(milliseconds) => now = now.plus(Duration::from_millis(milliseconds)),
            }
            prop_assert!(seat.term >= before);
        }
    }
}
