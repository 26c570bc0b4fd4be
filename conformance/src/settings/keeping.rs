//! What keeps settings, and what does not.

use convoke_core::{Confirmed, Expected, Page, SettingRange, SettingWrites, SettingsWritten};

use super::{key, put, value, write};
use crate::case::Check;
use crate::expect::{holds, same};
use crate::stage::Stage;

pub(super) async fn settings_e30_clearing_forgets_the_settings_and_keeps_the_counter_of_revisions(
    stage: Stage,
) -> Check {
    let store = stage.open().await?;
    write(&store, [put("other", "1")?]).await?;
    let before = write(&store, [put("k", "1")?]).await?;
    store.clear(Confirmed::YesDeleteEverything).await?;
    same("the value", value(&store, "k").await?, None)?;
    let listed = store.list_settings(&SettingRange::all(), &Page::default()).await?;
    same("all settings", (listed.items, listed.next), (Vec::new(), None))?;
    let after = write(&store, [put("k", "2")?]).await?;
    holds("a greater revision", after > before, (after, before))?;
    let late = put("k", "9")?.expecting(Expected::Revision(before));
    let answer = store.write_settings(&SettingWrites::one(late)).await?;
    let mismatch = SettingsWritten::Mismatch {
        key: key("k")?,
        actual: Some(after),
    };
    same("a write as of the revision before", answer, mismatch)
}

pub(super) async fn settings_e31_settings_are_the_same_through_every_handle(stage: Stage) -> Check {
    let (here, there) = (stage.open().await?, stage.open().await?);
    let first = write(&here, [put("k", "1")?]).await?;
    let got = there.get_setting(&key("k")?).await?;
    same("the setting there", &got, &here.get_setting(&key("k")?).await?)?;
    same("its revision", got.map(|setting| setting.revision), Some(first))?;
    let second = write(&there, [put("k", "2")?.expecting(Expected::Revision(first))]).await?;
    holds("a greater revision", second > first, (second, first))?;
    same("the value here", value(&here, "k").await?.as_deref(), Some("2"))
}

pub(super) async fn settings_e32_settings_and_the_counter_of_revisions_outlive_the_last_handle(stage: Stage) -> Check {
    let store = stage.open().await?;
    write(
        &store,
        [put("k", r#"{"z": 1.10, "a": "\u0000"}"#)?, put("other", "null")?],
    )
    .await?;
    let last = write(&store, [put("gone", "1")?]).await?;
    store
        .write_settings(&SettingWrites::one(convoke_core::SettingWrite::delete(key("gone")?)))
        .await?;
    let before = store.list_settings(&SettingRange::all(), &Page::default()).await?;
    drop(store);
    let store = stage.open().await?;
    let after = store.list_settings(&SettingRange::all(), &Page::default()).await?;
    same("all settings", after, before)?;
    let next = write(&store, [put("gone", "2")?]).await?;
    holds(
        "a revision greater by two at least",
        next.number() >= last.number() + 2,
        (next, last),
    )
}
