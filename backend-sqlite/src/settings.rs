//! Settings in SQLite.

use convoke_core::{
    Cursor, Page, Paged, Payload, Result, Revision, Setting, SettingKey, SettingRange, SettingWrite, SettingWrites,
    Settings, SettingsWritten, async_trait,
};
use rusqlite::Row;

use crate::error::{Fault, corrupt};
use crate::store::SqliteStore;
use crate::transaction::{Transaction, number, stored, text, timestamp};

#[async_trait]
impl Settings for SqliteStore {
    async fn get_setting(&self, key: &SettingKey) -> Result<Option<Setting>> {
        let key = key.clone();
        self.read("settings.get", move |step| {
            step.first(
                "SELECT key, revision, written, value FROM convoke_setting WHERE key = ?1",
                [key.as_str()],
                read_setting,
            )
        })
        .await
    }

    async fn list_settings(&self, range: &SettingRange, page: &Page) -> Result<Paged<Setting>> {
        let (range, page) = (range.clone(), page.clone());
        self.read("settings.list", move |step| list(step, &range, &page)).await
    }

    async fn write_settings(&self, writes: &SettingWrites) -> Result<SettingsWritten> {
        let writes = writes.clone();
        self.write("settings.write", move |step| write_all(step, &writes)).await
    }
}

fn list(step: &Transaction<'_>, range: &SettingRange, page: &Page) -> Result<Paged<Setting>, Fault> {
    let after = page.after.as_ref().map(Cursor::setting).transpose()?;
    let after = after.as_ref().map(SettingKey::as_str);
    let mut items = Vec::new();
    step.walk(
        "SELECT key, revision, written, value FROM convoke_setting WHERE key >= ?1 ORDER BY key",
        // None is less than any text. The one behind which the page begins may be the first found.
        [after.max(range.from.as_deref()).unwrap_or_default()],
        |row| {
            let key = text(row, 0)?;
            if range.until.as_deref().is_some_and(|until| until <= key) {
                return Ok(false);
            }
            if after != Some(key) {
                items.push(read_setting(row)?);
            }
            Ok(items.len() <= page.limit.as_usize())
        },
    )?;
    Ok(Paged::cut(items, page.limit, |last: &Setting| {
        Cursor::behind_setting(&last.key)
    }))
}

fn write_all(step: &Transaction<'_>, writes: &SettingWrites) -> Result<SettingsWritten, Fault> {
    for write in writes.as_slice() {
        let actual = revision(step, &write.key)?;
        if !write.expected.is_met(actual) {
            return Ok(SettingsWritten::Mismatch {
                key: write.key.clone(),
                actual,
            });
        }
    }
    let revision = Revision::from_number(step.next("revision")?);
    for write in writes.as_slice() {
        apply(step, write, revision)?;
    }
    Ok(SettingsWritten::Written(revision))
}

fn apply(step: &Transaction<'_>, write: &SettingWrite, revision: Revision) -> Result<(), Fault> {
    match &write.value {
        None => step.execute("DELETE FROM convoke_setting WHERE key = ?1", [write.key.as_str()])?,
        Some(value) => step.execute(
            "INSERT INTO convoke_setting (key, revision, written, value) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (key) DO UPDATE SET
                 revision = excluded.revision, written = excluded.written, value = excluded.value",
            (
                write.key.as_str(),
                stored(revision.number()),
                step.now.as_micros(),
                value.as_str(),
            ),
        )?,
    };
    Ok(())
}

fn revision(step: &Transaction<'_>, key: &SettingKey) -> Result<Option<Revision>, Fault> {
    step.first(
        "SELECT revision FROM convoke_setting WHERE key = ?1",
        [key.as_str()],
        |row| number(row, 0).map(Revision::from_number),
    )
}

/// Reads a row of `key, revision, written, value`.
fn read_setting(row: &Row<'_>) -> Result<Setting, Fault> {
    let key = SettingKey::new(text(row, 0)?);
    Ok(Setting {
        key: key.map_err(|_| corrupt("the file holds a setting's key that breaks the rules of keys"))?,
        revision: Revision::from_number(number(row, 1)?),
        written: timestamp(row, 2)?,
        value: Payload::from_store(text(row, 3)?)?,
    })
}
