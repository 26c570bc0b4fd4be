//! Races about names: registering, taking over, refreshing.

use convoke_core::{Page, Paged, Timeouts, WorkerStatus};

use crate::case::Check;
use crate::expect::{elect, history, holds, name, register, same, secs};
use crate::races::{at_once, linearizable, open_all};
use crate::stage::Stage;
use crate::steps::Mix;

pub(super) async fn workers_r01_concurrent_operations_are_atomic(stage: Stage) -> Check {
    linearizable(stage, Mix::Workers).await
}

/// A fault of qtopology: eight processes registering 200 names made three double workers (3).
pub(super) async fn workers_r02_many_who_register_the_same_names_make_no_doubles(stage: Stage) -> Check {
    const NAMES: usize = 50;
    let handles = open_all(&stage, 6).await?;
    let registered = at_once(&handles, |_, store| async move {
        let mut registered = Vec::new();
        for number in 0..NAMES {
            registered.push(register(&store, &format!("w{number:02}")).await?);
        }
        Ok(registered)
    });
    let registered = registered.await?;
    let mut incarnations: Vec<_> = registered.iter().flatten().map(|it| it.incarnation).collect();
    incarnations.sort_unstable();
    incarnations.dedup();
    same(
        "how many incarnations there are",
        incarnations.len(),
        NAMES * handles.len(),
    )?;
    let Paged { items, next } = handles[0].list_workers(&Page::first(1_000)?).await?;
    let listed: Vec<_> = items.iter().map(|worker| worker.name.to_string()).collect();
    let expected: Vec<_> = (0..NAMES).map(|number| format!("w{number:02}")).collect();
    same("all workers", (listed, next), (expected, None))?;
    for (number, worker) in items.iter().enumerate() {
        let latest = registered.iter().map(|each| each[number].incarnation).max();
        same(
            "the incarnation that stays is the greatest",
            Some(worker.incarnation),
            latest,
        )?;
        let mut current = 0;
        for each in &registered {
            current += usize::from(handles[0].ping_worker(&each[number]).await.is_ok());
        }
        same("how many of the registrations of one name are not stale", current, 1)?;
        same(
            "rows of history",
            history(&handles[0], worker.name.as_str()).await?.len(),
            handles.len(),
        )?;
    }
    Ok(())
}

pub(super) async fn workers_r03_refreshing_by_all_at_once_reports_each_change_once(stage: Stage) -> Check {
    let handles = open_all(&stage, 6).await?;
    for _ in 0..5 {
        let stays = register(&handles[0], "stays").await?;
        let mut silent = Vec::new();
        for number in 0..20 {
            silent.push(register(&handles[0], &format!("silent {number:02}")).await?);
        }
        elect(&handles[0], &silent[0], secs(30)).await?;
        stage.clock.advance(secs(29));
        handles[0].ping_worker(&stays).await?;
        stage.clock.advance(secs(1));
        let refreshed = at_once(&handles, |_, store| async move {
            Ok(store.refresh_statuses(&Timeouts::default()).await?)
        });
        let refreshed = refreshed.await?;
        let mut died: Vec<_> = refreshed
            .iter()
            .flat_map(|it| &it.died)
            .map(ToString::to_string)
            .collect();
        died.sort_unstable();
        let expected: Vec<_> = (0..20).map(|number| format!("silent {number:02}")).collect();
        same("who died, over all answers", died, expected)?;
        let vacated: Vec<_> = refreshed.iter().filter_map(|it| it.vacated.as_ref()).collect();
        holds("one lead that was vacated, told once", vacated.len() == 1, &vacated)?;
        let rows = history(&handles[0], "silent 07").await?;
        let dead = rows
            .iter()
            .take_while(|(status, _)| *status == WorkerStatus::Dead)
            .count();
        same("rows of one death", dead, 1)?;
        same(
            "who stays",
            handles[0].get_worker(&name("stays")?).await?.status,
            WorkerStatus::Alive,
        )?;
    }
    Ok(())
}
