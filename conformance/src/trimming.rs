//! What trimming does, to the histories of workers and of topologies alike.

use convoke_core::{Cursor, Page, Paged, Payload, Result, Retention, Timestamp, TopologyId, Trimmed, Ttl, WorkerName};
use futures_util::{StreamExt, stream};

use crate::case::{Check, Failure};
use crate::expect::{Handle, just_before, same, secs};
use crate::pages::refuses_what_is_no_name;
use crate::stage::Stage;

/// A kind of history.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Histories {
    OfWorkers,
    OfTopologies,
}

impl Histories {
    /// Writes one row.
    async fn write(self, store: &Handle, name: &str) -> Check {
        match self {
            Self::OfWorkers => drop(store.register_worker(&WorkerName::new(name)?).await?),
            Self::OfTopologies => drop(store.register_topology(&new(name)?).await?),
        }
        Ok(())
    }

    async fn page(self, store: &Handle, name: &str, page: &Page) -> Result<Paged<Timestamp>> {
        Ok(match self {
            Self::OfWorkers => store
                .worker_history(&WorkerName::new(name)?, page)
                .await?
                .map(|row| row.at),
            Self::OfTopologies => store
                .topology_history(&TopologyId::new(name)?, page)
                .await?
                .map(|row| row.at),
        })
    }

    /// When the rows were written, newest first, in seconds since the epoch.
    async fn rows(self, store: &Handle, name: &str) -> Check<Vec<i64>> {
        let page = self.page(store, name, &Page::first(1_000)?).await?;
        same("whether a next page follows", page.next, None)?;
        Ok(page
            .items
            .into_iter()
            .map(Timestamp::as_micros)
            .map(|micros| micros / 1_000_000)
            .collect())
    }

    async fn trim(self, store: &Handle, retention: &Retention, page: &Page) -> Result<Trimmed> {
        match self {
            Self::OfWorkers => store.trim_worker_history(retention, page).await,
            Self::OfTopologies => store.trim_topology_history(retention, page).await,
        }
    }

    /// Trims all, and answers how many rows went.
    async fn trim_all(self, store: &Handle, retention: &Retention) -> Check<u64> {
        let trimmed = self.trim(store, retention, &Page::first(1_000)?).await?;
        same("behind which name it goes on", trimmed.next, None)?;
        Ok(trimmed.rows)
    }
}

fn new(id: &str) -> Result<convoke_core::NewTopology> {
    Ok(convoke_core::NewTopology::new(TopologyId::new(id)?, Payload::empty()))
}

/// At the seconds 100, 110, 120, ... one row each.
async fn fill(stage: &Stage, store: &Handle, of: Histories, name: &str, rows: u64) -> Check {
    for row in 0..rows {
        stage.clock.set(at(100 + 10 * row));
        of.write(store, name).await?;
    }
    Ok(())
}

const fn at(second: u64) -> Timestamp {
    Timestamp::from_micros(second as i64 * 1_000_000)
}

pub(crate) async fn by_age(stage: Stage, of: Histories) -> Check {
    let store = stage.open().await?;
    fill(&stage, &store, of, "t", 4).await?;
    let aged = Retention::FOREVER.with_age(secs(60));
    stage.clock.set(just_before(at(170)));
    same(
        "rows of a minute and ten seconds less a microsecond",
        of.trim_all(&store, &aged).await?,
        1,
    )?;
    same("what is left", of.rows(&store, "t").await?, vec![130, 120, 110])?;
    stage.clock.set(at(170));
    same("rows that are a minute old", of.trim_all(&store, &aged).await?, 1)?;
    same("what is left then", of.rows(&store, "t").await?, vec![130, 120])?;
    same("nothing more", of.trim_all(&store, &aged).await?, 0)?;
    stage.clock.set(at(10_000));
    same("all that is old", of.trim_all(&store, &aged).await?, 2)?;
    same("what is left at last", of.rows(&store, "t").await?, Vec::new())
}

pub(crate) async fn by_number(stage: Stage, of: Histories) -> Check {
    let store = stage.open().await?;
    fill(&stage, &store, of, "t", 5).await?;
    fill(&stage, &store, of, "short", 2).await?;
    let three = Retention::FOREVER.with_rows(3);
    same("rows that have three newer ones", of.trim_all(&store, &three).await?, 2)?;
    same("what is left", of.rows(&store, "t").await?, vec![140, 130, 120])?;
    same(
        "what is left of a short one",
        of.rows(&store, "short").await?,
        vec![110, 100],
    )?;
    same("nothing more", of.trim_all(&store, &three).await?, 0)?;
    // Rows of one instant are told apart by their order.
    for _ in 0..4 {
        of.write(&store, "instant").await?;
    }
    same("rows of one instant", of.trim_all(&store, &three).await?, 1)?;
    same("how many are left of it", of.rows(&store, "instant").await?.len(), 3)
}

pub(crate) async fn by_both(stage: Stage, of: Histories) -> Check {
    let store = stage.open().await?;
    let both = Retention::FOREVER.with_age(secs(60)).with_rows(2);
    fill(&stage, &store, of, "many", 5).await?;
    fill(&stage, &store, of, "few", 2).await?;
    stage.clock.set(at(165));
    // Of many, three are too many, none of the two others too old; of few, one is too old and none too many.
    same("how many go", of.trim_all(&store, &both).await?, 4)?;
    same("what is left of many", of.rows(&store, "many").await?, vec![140, 130])?;
    same("what is left of few", of.rows(&store, "few").await?, vec![110])
}

pub(crate) async fn keeps_what_it_is_told_to(stage: Stage, of: Histories) -> Check {
    let store = stage.open().await?;
    fill(&stage, &store, of, "t", 3).await?;
    stage.clock.set(at(100).plus(Ttl::MAX));
    same("trimming for ever", of.trim_all(&store, &Retention::FOREVER).await?, 0)?;
    same("what is left", of.rows(&store, "t").await?, vec![120, 110, 100])?;
    let month = at(100).plus(secs(30 * 86_400));
    stage.clock.set(just_before(month));
    same(
        "a microsecond before thirty days",
        of.trim_all(&store, &Retention::default()).await?,
        0,
    )?;
    stage.clock.set(month);
    same(
        "after thirty days",
        of.trim_all(&store, &Retention::default()).await?,
        1,
    )?;
    same("what is left then", of.rows(&store, "t").await?, vec![120, 110])?;
    let none = Retention::FOREVER.with_rows(0);
    same("when none is to be kept", of.trim_all(&store, &none).await?, 2)?;
    same("what is left at last", of.rows(&store, "t").await?, Vec::new())
}

pub(crate) async fn a_page_of_names_at_a_time(stage: Stage, of: Histories) -> Check {
    let store = stage.open().await?;
    let ordered = ["B", "a", "a b", "b", "ä", "😀"];
    for name in ["ä", "b", "😀", "B", "a", "a b"] {
        fill(&stage, &store, of, name, 3).await?;
    }
    let (one, mut page) = (Retention::FOREVER.with_rows(1), Page::first(2)?);
    for (number, is_last) in [(2, false), (4, false), (6, true)] {
        let Trimmed { rows, next } = of.trim(&store, &one, &page).await?;
        same("how many rows of two names went", rows, 4)?;
        for (index, name) in ordered.iter().enumerate() {
            let left = if index < number { 1 } else { 3 };
            same(
                &format!("rows of {name:?} after {number}"),
                of.rows(&store, name).await?.len(),
                left,
            )?;
        }
        same(&format!("whether it goes on behind {number}"), next.is_none(), is_last)?;
        if let Some(next) = next {
            page = page.behind(next);
        }
    }
    let behind = Page::first(2)?.behind(Cursor::from("a c".to_owned()));
    let Trimmed { rows, next } = of.trim(&store, &Retention::FOREVER.with_rows(0), &behind).await?;
    same("behind a name that there is not", rows, 2)?;
    same(
        "it goes on behind the second",
        next.map(|next| next.as_str().to_owned()),
        Some("ä".to_owned()),
    )?;
    for (name, left) in ordered.into_iter().zip([1, 1, 1, 0, 0, 1]) {
        same(
            &format!("rows of {name:?} at last"),
            of.rows(&store, name).await?.len(),
            left,
        )?;
    }
    // Names that have no rows any more are not visited.
    let all = of.trim(&store, &one, &Page::first(4)?).await?;
    same("four names that have rows", all, Trimmed { rows: 0, next: None })
}

pub(crate) async fn cursors_go_on(stage: Stage, of: Histories) -> Check {
    let store = stage.open().await?;
    for name in ["t", "other"] {
        fill(&stage, &store, of, name, 8).await?;
    }
    let page = Page::first(2)?;
    let seconds = |page: &Paged<Timestamp>| {
        page.items
            .iter()
            .map(|at| at.as_micros() / 1_000_000)
            .collect::<Vec<_>>()
    };
    let first = of.page(&store, "t", &page).await?;
    let next = first
        .next
        .ok_or_else(|| Failure::new("a page of two of eight rows must have a next one"))?;
    same(
        "five rows are left of each",
        of.trim_all(&store, &Retention::FOREVER.with_rows(5)).await?,
        6,
    )?;
    let second = of.page(&store, "t", &page.clone().behind(next.clone())).await?;
    same("the second page", seconds(&second), vec![150, 140])?;
    same(
        "one row is left of each",
        of.trim_all(&store, &Retention::FOREVER.with_rows(1)).await?,
        8,
    )?;
    let last = second
        .next
        .ok_or_else(|| Failure::new("a page of four of five rows must have a next one"))?;
    for cursor in [&next, &last] {
        let behind = of.page(&store, "t", &page.clone().behind(cursor.clone())).await?;
        same(
            "a page of what was dropped",
            (behind.items, behind.next),
            (Vec::new(), None),
        )?;
    }
    // However many come, and though none was left in between, they are newer than the cursors.
    same(
        "none is left",
        of.trim_all(&store, &Retention::FOREVER.with_rows(0)).await?,
        2,
    )?;
    for _ in 0..20 {
        of.write(&store, "t").await?;
    }
    for cursor in [next, last] {
        let behind = of.page(&store, "t", &page.clone().behind(cursor)).await?;
        same(
            "a page behind rows that were dropped",
            (behind.items, behind.next),
            (Vec::new(), None),
        )?;
    }
    same("what came since", of.rows(&store, "t").await?.len(), 20)
}

pub(crate) async fn at_most_a_thousand_of_a_name(stage: Stage, of: Histories) -> Check {
    let store = stage.open().await?;
    of.write(&store, "t").await?;
    stage.clock.advance(secs(1));
    let each = (0..1_002).map(|_| {
        let store = store.clone();
        async move { of.write(&store, "t").await }
    });
    let each = each.collect::<Vec<_>>();
    let written: Vec<_> = stream::iter(each).buffer_unordered(16).collect().await;
    written.into_iter().collect::<Check>()?;
    stage.clock.advance(secs(1));
    of.write(&store, "t").await?;
    fill(&stage, &store, of, "u", 3).await?;
    let one = Retention::FOREVER.with_rows(1);
    same("rows that go at first", of.trim_all(&store, &one).await?, 1_002)?;
    same("how many are left", of.rows(&store, "t").await?.len(), 4)?;
    same("rows that go then", of.trim_all(&store, &one).await?, 3)?;
    same("nothing more", of.trim_all(&store, &one).await?, 0)?;
    same("how many are left then", of.rows(&store, "t").await?.len(), 1)
}

pub(crate) async fn a_foreign_cursor_is_refused(stage: Stage, of: Histories) -> Check {
    let store = stage.open().await?;
    fill(&stage, &store, of, "t", 3).await?;
    refuses_what_is_no_name(&store, "trimming", |store, page| async move {
        of.trim(&store, &Retention::FOREVER.with_rows(0), &page).await
    })
    .await?;
    same("what is left", of.rows(&store, "t").await?.len(), 3)
}
