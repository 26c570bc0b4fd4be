//! The proof that the suite has teeth: each saboteur is rejected by the clause that it names, and whoever keeps the
//! contract is not.

mod rejects {
    convoke_conformance::teeth!();
}

mod honest {
    convoke_conformance::suite!(convoke_conformance::honest());
}

mod unreliable {
    use convoke_conformance::{Failure, cases, judge, unreliable};

    /// The races that are judged by looking for an order, and nothing else.
    #[test]
    fn lost_replies_and_lost_requests_are_explained_by_some_order() -> Result<(), Failure> {
        let mut races = cases().into_iter().filter(|case| case.id.contains("_r01_"));
        races.try_for_each(|case| judge(case.id, unreliable()))
    }
}
