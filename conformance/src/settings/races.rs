//! Races of writers.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use convoke_core::{Expected, Page, Payload, SettingRange, SettingWrite, SettingWrites, SettingsExt, SettingsWritten};

use super::{key, put, value, write};
use crate::case::Check;
use crate::expect::{Handle, holds, same};
use crate::races::{at_once, linearizable, open_all, rounds};
use crate::stage::Stage;
use crate::steps::Mix;

pub(super) async fn settings_r01_concurrent_operations_are_atomic(stage: Stage) -> Check {
    linearizable(stage, Mix::Settings).await
}

pub(super) async fn settings_r02_no_update_is_lost_by_compare_and_set(stage: Stage) -> Check {
    const TIMES: u64 = 15;
    let handles = open_all(&stage, 6).await?;
    let raced = at_once(&handles, |_, store| async move {
        let counter = key("counter")?;
        let mut revisions = Vec::new();
        while (revisions.len() as u64) < TIMES {
            let (expected, count) = match store.get_setting(&counter).await? {
                None => (Expected::Absent, 0),
                Some(setting) => (Expected::Revision(setting.revision), setting.value.decode::<u64>()?),
            };
            let next = Payload::of(&(count + 1))?;
            if let Ok(revision) = store.compare_and_set_setting(&counter, expected, &next).await? {
                revisions.push(revision);
            }
        }
        Ok(revisions)
    });
    let mut revisions: Vec<_> = raced.await?.into_iter().flatten().collect();
    let all = TIMES * handles.len() as u64;
    same(
        "the counter",
        value(&handles[0], "counter").await?,
        Some(all.to_string()),
    )?;
    revisions.sort_unstable();
    revisions.dedup();
    same("how many revisions there are", revisions.len() as u64, all)
}

pub(super) async fn settings_r03_of_many_who_create_a_key_one_does(stage: Stage) -> Check {
    let handles = open_all(&stage, 8).await?;
    for round in 0..rounds() {
        let raced = at_once(&handles, |number, store| async move {
            // Another key of each one's own, so that the batches differ.
            let own = put(&format!("own {number}"), &round.to_string())?;
            let shared = put(&format!("shared {round}"), &number.to_string())?.expecting(Expected::Absent);
            Ok(store.write_settings(&SettingWrites::new([own, shared])?).await?)
        });
        let answers = raced.await?;
        let winners: Vec<_> = (0..answers.len())
            .filter(|number| matches!(answers[*number], SettingsWritten::Written(_)))
            .collect();
        holds("one that creates the key", winners.len() == 1, &answers)?;
        let shared = value(&handles[0], &format!("shared {round}")).await?;
        same("whose value it is", shared, Some(winners[0].to_string()))?;
        for number in 0..answers.len() {
            let own = value(&handles[0], &format!("own {number}")).await?;
            let written = own == Some(round.to_string());
            same("whose batches were written", written, winners.contains(&number))?;
        }
    }
    Ok(())
}

pub(super) async fn settings_r04_nobody_ever_reads_half_a_batch(stage: Stage) -> Check {
    const BATCHES: u64 = 40;
    const WRITERS: usize = 2;
    let handles = open_all(&stage, 4).await?;
    write(&handles[0], [put("a", "0")?, put("z", "0")?]).await?;
    let at_work = Arc::new(AtomicUsize::new(WRITERS));
    let raced = at_once(&handles, |number, store| {
        let at_work = at_work.clone();
        async move {
            if number < WRITERS {
                let written = write_pairs(&store, number as u64 * BATCHES..(number as u64 + 1) * BATCHES).await;
                at_work.fetch_sub(1, Ordering::SeqCst);
                return written;
            }
            while at_work.load(Ordering::SeqCst) > 0 {
                let listed = store.list_settings(&SettingRange::all(), &Page::default()).await?.items;
                let whole = match listed.as_slice() {
                    [] => true,
                    [a, z] => a.value == z.value && a.revision == z.revision,
                    _ => false,
                };
                holds("all of a batch or nothing", whole, listed)?;
                tokio::task::yield_now().await;
            }
            Ok(())
        }
    });
    raced.await?;
    let (a, z) = (value(&handles[0], "a").await?, value(&handles[0], "z").await?);
    same("both keys at last", a, z)
}

/// Writes a pair of keys again and again; now and then it is removed, and comes back.
async fn write_pairs(store: &Handle, numbers: Range<u64>) -> Check {
    for number in numbers {
        if number % 5 == 4 {
            let both = [SettingWrite::delete(key("z")?), SettingWrite::delete(key("a")?)];
            write(store, both).await?;
        }
        let text = number.to_string();
        write(store, [put("a", &text)?, put("z", &text)?]).await?;
    }
    Ok(())
}
