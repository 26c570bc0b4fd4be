//! The list of clauses, and the report on all of them.

use std::collections::HashSet;
use std::sync::Arc;

use convoke_conformance::{Kind, Outcome, Report, SABOTEURS, Saboteur, cases, honest, report};

#[test]
fn every_clause_has_an_id_of_its_own_and_a_sentence() {
    let cases = cases();
    let ids: HashSet<_> = cases.iter().map(|case| case.id).collect();
    assert_eq!(ids.len(), cases.len());
    let numbers: HashSet<_> = cases
        .iter()
        .map(|case| case.id.splitn(3, '_').take(2).collect::<Vec<_>>())
        .collect();
    assert_eq!(numbers.len(), cases.len(), "a number is given twice");
    for case in &cases {
        assert!(case.sentence().split(' ').count() > 2, "{}", case.id);
        assert!(!case.rule.is_empty(), "{}", case.id);
        let concerns = [
            "workers",
            "leadership",
            "topologies",
            "messages",
            "locks",
            "settings",
            "opening",
            "operations",
        ];
        assert!(concerns.contains(&case.concern()), "{}", case.id);
    }
}

#[test]
fn each_concern_is_judged_in_four_ways() {
    for concern in ["workers", "leadership", "topologies", "messages", "locks", "settings"] {
        for kind in [Kind::Example, Kind::Invariant, Kind::Model, Kind::Race] {
            let judged = cases()
                .iter()
                .any(|case| case.concern() == concern && case.kind() == kind);
            assert!(judged, "{concern} has no {kind:?}");
        }
    }
}

#[test]
fn every_saboteur_names_a_clause_that_there_is() {
    let ids: HashSet<_> = cases().iter().map(|case| case.id).collect();
    for saboteur in SABOTEURS {
        assert!(ids.contains(saboteur.rejected_by), "{saboteur:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_tells_what_passed_and_what_was_declared() {
    let report = report(Arc::new(honest())).await;
    assert!(report.is_passed(), "{:#?}", report.failures().collect::<Vec<_>>());
    assert_eq!(report.results.len(), cases().len());
    let declared = report
        .results
        .iter()
        .filter(|result| matches!(result.outcome, Outcome::Declared(_)))
        .count();
    assert_eq!(
        declared,
        cases()
            .iter()
            .filter(|case| case.id.contains("_outlive_") || case.id.contains("_opened_again"))
            .count()
    );
    let text = serde_json::to_string(&report).unwrap();
    let read: Report = serde_json::from_str(&text).unwrap();
    assert_eq!(read.results.len(), report.results.len());
    assert_eq!(read.properties.unwrap().backend, "sabotaged");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_on_a_saboteur_says_what_was_expected_by_which_clause() {
    let saboteur = Saboteur::of("a_ping_revives").unwrap();
    let report = report(Arc::new(saboteur)).await;
    assert!(!report.is_passed());
    let failed = report
        .failures()
        .find(|result| result.id == saboteur.rejected_by)
        .unwrap();
    let Outcome::Failed(why) = &failed.outcome else {
        panic!("{failed:?}")
    };
    for part in [
        saboteur.rejected_by,
        "a worker is heard of by each call",
        "expected: Disabled",
        "got:      Alive",
        "status.rs:",
    ] {
        assert!(why.contains(part), "{part:?} is missing in {why}");
    }
}
