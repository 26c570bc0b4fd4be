//! Whose clock tells now.

use std::time::Duration;

use convoke_core::{
    Announcement, Clock, Delay, ErrorKind, Limit, ManualClock, Renewal, Role, Timeouts, Timestamp, WorkerStatus,
};

use crate::case::Check;
use crate::expect::{elect, holds, name, receive, receive_one, refused, register, same, secs, send, set, standing};
use crate::stage::Stage;

pub(super) async fn opening_e10_a_manual_clock_is_told_as_it_stands(stage: Stage) -> Check {
    let store = stage.open().await?;
    // The epoch, a year far away with odd microseconds, and back again.
    for micros in [1_000_000, 4_102_444_799_999_999, 1_767_225_600_123_456] {
        let now = Timestamp::from_micros(micros);
        stage.clock.set(now);
        same("what time it is", store.now().await?, now)?;
        let a = register(&store, "a").await?;
        same(
            "when a worker was heard of",
            store.get_worker(&a.worker).await?.last_ping,
            now,
        )?;
        let newest = store
            .worker_history(&a.worker, &convoke_core::Page::first(1)?)
            .await?
            .items;
        same(
            "when its newest change was",
            newest.first().map(|change| change.at),
            Some(now),
        )?;
    }
    Ok(())
}

/// The manual clock stands in the far past, so that whatever goes by another clock finds all leases over.
pub(super) async fn opening_e11_every_operation_obeys_the_manual_clock(stage: Stage) -> Check {
    for start in [1_000_000_000, 4_102_444_800_000_000] {
        let stage = stage.elsewhere().await;
        let begin = Timestamp::from_micros(start);
        stage.clock.set(begin);
        let store = stage.open().await?;
        let (a, b) = (register(&store, "a").await?, register(&store, "b").await?);
        let announced = store.announce_candidacy(&a, secs(10)).await?;
        same(
            "an announcement",
            announced,
            Announcement::Announced(begin.plus(secs(10))),
        )?;
        same("a candidate", standing(&store, "a").await?.1, Role::Candidate)?;
        let lease = elect(&store, &a, secs(10)).await?;
        same("the end of a lease", lease.expires, begin.plus(secs(10)))?;
        store.check_term(lease.term).await?;
        let leader = store.leader().await?.map(|leader| leader.term);
        same("who leads", leader, Some(lease.term))?;
        same("how many lead", store.count_workers().await?.leader, 1)?;
        stage.clock.advance(secs(5));
        let renewal = store.renew_lease(&lease, secs(10)).await?;
        let renewed = convoke_core::Lease {
            expires: begin.plus(secs(15)),
            ..lease.clone()
        };
        same("a renewal", renewal, Renewal::Renewed(renewed))?;
        store.ping_worker(&b).await?;
        same(
            "a ping",
            store.get_worker(&b.worker).await?.last_ping,
            begin.plus(secs(5)),
        )?;
        send(&store, "a", "one").await?;
        let one = receive_one(&store, &a).await?;
        same("when it was sent", one.message.sent, begin.plus(secs(5)))?;
        same("until when it is hidden", one.invisible_until, begin.plus(secs(35)))?;
        same(
            "an extension",
            store.extend_claim(&one.receipt, secs(20)).await?,
            begin.plus(secs(25)),
        )?;
        store
            .nack_message(&one.receipt, Delay::new(Duration::from_secs(1))?)
            .await?;
        same("before the delay is over", receive(&store, &a, 9).await?.len(), 0)?;
        stage.clock.advance(secs(1));
        same("after it", store.take_messages(&a, Limit::MAX).await?.len(), 1)?;
        set(&store, "b", WorkerStatus::Closing).await?;
        stage.clock.set(begin.plus(secs(35)));
        let refreshed = store.refresh_statuses(&Timeouts::default()).await?;
        same("who died", refreshed.died, vec![name("b")?])?;
        same(
            "whose lead is over",
            refreshed.vacated.map(|it| it.worker),
            Some(name("a")?),
        )?;
        refused(
            "the term that is over",
            store.check_term(lease.term).await,
            ErrorKind::Fenced,
        )?;
    }
    Ok(())
}

/// A fault of qtopology: one client in Tokyo marks all workers dead, one in New York keeps the dead alive (8).
pub(super) async fn opening_e12_each_handle_obeys_its_own_clock(stage: Stage) -> Check {
    let store = stage.open().await?;
    let later = ManualClock::new(stage.clock.now().plus(secs(60)));
    let ahead = stage.open_by(Clock::Manual(later.clone())).await?;
    let a = register(&store, "a").await?;
    let lease = elect(&store, &a, secs(60)).await?;
    send(&store, "a", "one").await?;
    same("who leads by the clock that is ahead", ahead.leader().await?, None)?;
    same("its role by it", standing(&ahead, "a").await?.1, Role::Normal)?;
    same("messages that live by it", receive(&ahead, &a, 9).await?.len(), 0)?;
    same("what time it is by it", ahead.now().await?, later.now())?;
    store.check_term(lease.term).await?;
    same("what time it is here", store.now().await?, stage.clock.now())
}

pub(super) async fn opening_e13_the_clock_of_the_store_passes_and_times_its_leases(stage: Stage) -> Check {
    let store = stage.open_by(Clock::Store).await?;
    let before = store.now().await?;
    holds(
        "a time past 2020",
        before > Timestamp::from_micros(1_577_836_800_000_000),
        before,
    )?;
    let a = register(&store, "a").await?;
    let lease = elect(&store, &a, secs(60)).await?;
    let heard = store.get_worker(&a.worker).await?.last_ping;
    let after = store.now().await?;
    let ordered = before <= heard && before.plus(secs(60)) <= lease.expires && lease.expires <= after.plus(secs(60));
    holds(
        "times in order",
        ordered && heard <= after,
        (before, heard, lease.expires, after),
    )?;
    // Waits for the clock itself to pass, however coarse it is.
    let begun = std::time::Instant::now();
    while store.now().await? <= after {
        holds(
            "a clock that passes within 10 s",
            begun.elapsed() < Duration::from_secs(10),
            after,
        )?;
        tokio::task::yield_now().await;
    }
    Ok(())
}
