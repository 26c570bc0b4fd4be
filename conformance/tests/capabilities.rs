//! What a backend declares to lack is checked in place of the clauses that need it, never skipped.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use convoke_backend_memory::MemoryStore;
use convoke_conformance::{Capabilities, Capability, Harness, Place, judge};
use convoke_core::{Clock, Error, ErrorKind, Result, Store, async_trait};

const NEEDS_A_CLOCK: &str = "workers_e02_incarnations_only_grow";
const NEEDS_TWO_HANDLES: &str = "leadership_e30_a_lead_is_the_same_through_every_handle";
const NEEDS_DURABILITY: &str = "leadership_e31_a_lead_and_its_promise_outlive_the_last_handle";

/// A backend that declares to lack something, and lacks something.
struct Lacking {
    declared: Capability,
    lacks: Option<Capability>,
}

#[async_trait]
impl Harness for Lacking {
    async fn fresh(&self) -> Arc<dyn Place> {
        Arc::new(Poor {
            store: MemoryStore::new(Clock::Store),
            lacks: self.lacks,
            opened: AtomicUsize::new(0),
        })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::all().without(self.declared)
    }
}

struct Poor {
    store: MemoryStore,
    lacks: Option<Capability>,
    opened: AtomicUsize,
}

#[async_trait]
impl Place for Poor {
    async fn open(&self, clock: Clock) -> Result<Arc<dyn Store>> {
        let is_second = self.opened.fetch_add(1, Ordering::SeqCst) > 0;
        match (self.lacks, &clock) {
            (Some(Capability::ManualClock), Clock::Manual(_)) => Err(unsupported("a manual clock")),
            (Some(Capability::Shared), _) if is_second => Err(unsupported("a second handle")),
            _ => Ok(Arc::new(self.store.with_clock(clock))),
        }
    }
}

fn unsupported(what: &'static str) -> Error {
    Error::new(ErrorKind::Unsupported, what)
}

#[test]
fn what_is_declared_and_refused_passes() {
    for (clause, capability) in [
        (NEEDS_A_CLOCK, Capability::ManualClock),
        (NEEDS_TWO_HANDLES, Capability::Shared),
        (NEEDS_DURABILITY, Capability::Durable),
    ] {
        let honest = Lacking {
            declared: capability,
            lacks: Some(capability),
        };
        judge(clause, honest).unwrap();
    }
}

#[test]
fn what_is_declared_and_not_refused_fails() {
    for (clause, capability) in [
        (NEEDS_A_CLOCK, Capability::ManualClock),
        (NEEDS_TWO_HANDLES, Capability::Shared),
    ] {
        let liar = Lacking {
            declared: capability,
            lacks: None,
        };
        let why = judge(clause, liar).unwrap_err().to_string();
        assert!(why.contains("it must refuse with unsupported"), "{why}");
    }
}

#[test]
fn what_is_lacking_and_not_declared_fails() {
    for (clause, capability) in [
        (NEEDS_A_CLOCK, Capability::ManualClock),
        (NEEDS_TWO_HANDLES, Capability::Shared),
    ] {
        let liar = Lacking {
            declared: Capability::Durable,
            lacks: Some(capability),
        };
        let why = judge(clause, liar).unwrap_err().to_string();
        assert!(
            why.contains("an operation that must succeed failed: unsupported"),
            "{why}"
        );
    }
}

/// Memory keeps nothing; whoever does not say so is found out by the properties.
#[test]
fn a_store_that_says_that_it_keeps_nothing_must_declare_it() {
    let liar = Lacking {
        declared: Capability::ManualClock,
        lacks: None,
    };
    let why = judge("opening_e03_the_properties_say_what_the_store_is", liar).unwrap_err();
    assert!(why.to_string().contains("a durability that fits"), "{why}");
}
