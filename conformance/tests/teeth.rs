//! The proof that the suite has teeth: each saboteur is rejected by the clause that it names.

mod rejects {
    convoke_conformance::teeth!();
}

mod honest {
    convoke_conformance::suite!(convoke_conformance::honest());
}
