//! Saboteurs of settings.

use convoke_core::{
    Answer, Expected, Operation, Result, Revision, SettingKey, SettingWrite, SettingWrites, Settings,
    SettingsAnswer as SA, SettingsOperation as SO, SettingsWritten,
};

use super::Layer;

/// One statement per write, and no transaction.
pub(super) async fn a_batch_is_half_written(layer: Layer, operation: Operation) -> Result<Answer> {
    let Operation::Settings(SO::WriteSettings { writes }) = &operation else {
        return layer.honestly(operation).await;
    };
    let mut written = SettingsWritten::Written(Revision::default());
    for write in writes.as_slice() {
        written = layer.store.write_settings(&SettingWrites::one(write.clone())).await?;
        if matches!(written, SettingsWritten::Mismatch { .. }) {
            break;
        }
    }
    Ok(SA::WriteSettings(written).into())
}

pub(super) async fn a_batch_is_written_in_two_steps(layer: Layer, operation: Operation) -> Result<Answer> {
    if let Operation::Settings(SO::WriteSettings { writes }) = &operation
        && let [first, _, ..] = writes.as_slice()
    {
        layer.store.write_settings(&SettingWrites::one(first.clone())).await?;
        // A slow step, not a meeting with another writer: it is readers that must come in between.
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    // Then the whole batch, so that only who looks in between can tell.
    layer.honestly(operation).await
}

pub(super) async fn expectations_are_ignored(layer: Layer, mut operation: Operation) -> Result<Answer> {
    each_write(&mut operation, |write| write.expecting(Expected::Anything))?;
    layer.honestly(operation).await
}

/// A key that is there is as good as one of the revision that is expected.
pub(super) async fn a_revision_is_not_compared(layer: Layer, mut operation: Operation) -> Result<Answer> {
    each_write(&mut operation, |write| match write.expected {
        Expected::Revision(_) => write.expecting(Expected::Present),
        _ => write,
    })?;
    layer.honestly(operation).await
}

pub(super) async fn comparing_reads_then_writes(layer: Layer, mut operation: Operation) -> Result<Answer> {
    let Operation::Settings(SO::WriteSettings { writes }) = &operation else {
        return layer.honestly(operation).await;
    };
    for write in writes.as_slice() {
        let actual = layer
            .store
            .get_setting(&write.key)
            .await?
            .map(|setting| setting.revision);
        if !write.expected.is_met(actual) {
            return layer.honestly(operation).await;
        }
    }
    layer.gap().await;
    each_write(&mut operation, |write| write.expecting(Expected::Anything))?;
    layer.honestly(operation).await
}

/// What the loop saw last.
pub(super) async fn the_last_mismatch_is_named(layer: Layer, mut operation: Operation) -> Result<Answer> {
    if let Operation::Settings(SO::WriteSettings { writes }) = &mut operation {
        *writes = SettingWrites::new(writes.as_slice().iter().rev().cloned())?;
    }
    layer.honestly(operation).await
}

/// The revision is a column of the key's row, and begins anew with it.
pub(super) async fn a_revision_begins_anew_with_its_key(layer: Layer, operation: Operation) -> Result<Answer> {
    let mut answer = layer.honestly(operation.clone()).await?;
    if let Operation::Settings(SO::WriteSettings { writes }) = &operation
        && let Answer::Settings(SA::WriteSettings(SettingsWritten::Written(revision))) = &mut answer
    {
        let mut notes = layer.notes.lock();
        for write in writes.as_slice() {
            let counted = notes
                .revisions
                .get(&write.key)
                .map_or(1, |revision| revision.number() + 1);
            if write.value.is_some() {
                *revision = Revision::from_number(counted);
                notes.revisions.insert(write.key.clone(), *revision);
            } else {
                notes.revisions.remove(&write.key);
            }
        }
    }
    Ok(answer)
}

/// A collation that takes no notice of case.
pub(super) async fn keys_lose_their_case(layer: Layer, mut operation: Operation) -> Result<Answer> {
    if let Operation::Settings(SO::GetSetting { key }) = &mut operation {
        *key = SettingKey::new(key.as_str().to_lowercase())?;
    }
    let mut failed = None;
    each_write(&mut operation, |write| {
        match SettingKey::new(write.key.as_str().to_lowercase()) {
            Ok(key) => SettingWrite { key, ..write },
            Err(error) => {
                failed = Some(error);
                write
            }
        }
    })?;
    match failed {
        Some(error) => Err(error),
        None => layer.honestly(operation).await,
    }
}

/// `BETWEEN`.
pub(super) async fn a_range_holds_its_end(layer: Layer, mut operation: Operation) -> Result<Answer> {
    if let Operation::Settings(SO::ListSettings { range, .. }) = &mut operation
        && let Some(until) = &mut range.until
    {
        until.push('\0');
    }
    layer.honestly(operation).await
}

/// `LIKE`, and its wild cards.
pub(super) async fn a_prefix_is_a_pattern(layer: Layer, mut operation: Operation) -> Result<Answer> {
    if let Operation::Settings(SO::ListSettings { range, .. }) = &mut operation
        && let Some(from) = &range.from
        && let Some((before, _)) = from.split_once(['%', '_'])
    {
        *range = convoke_core::SettingRange::prefix(before);
    }
    layer.honestly(operation).await
}

pub(super) async fn settings_are_listed_as_they_were_written(layer: Layer, operation: Operation) -> Result<Answer> {
    let mut answer = layer.honestly(operation).await?;
    if let Answer::Settings(SA::ListSettings(page)) = &mut answer {
        page.items.sort_by_key(|setting| setting.revision);
    }
    Ok(answer)
}

fn each_write(operation: &mut Operation, change: impl FnMut(SettingWrite) -> SettingWrite) -> Result<()> {
    if let Operation::Settings(SO::WriteSettings { writes }) = operation {
        *writes = SettingWrites::new(writes.as_slice().iter().cloned().map(change))?;
    }
    Ok(())
}
