//! Settings on MySQL: what the procedures answer, as answers of the trait.

use convoke_core::{
    Cursor, Expected, Page, Paged, Payload, Result, Revision, Setting, SettingKey, SettingRange, SettingWrite,
    SettingWrites, Settings, SettingsWritten, async_trait,
};
use serde_json::{Map, Value};
use sqlx::mysql::MySqlRow;

use crate::error::unexpected;
use crate::row::{Columns, outcome};
use crate::store::MysqlStore;

/// The columns of a setting, in the order in which they are read.
macro_rules! select_settings {
    ($where:literal) => {
        concat!("SELECT name, value, revision, written_us FROM convoke_setting ", $where)
    };
}

#[async_trait]
impl Settings for MysqlStore {
    async fn get_setting(&self, key: &SettingKey) -> Result<Option<Setting>> {
        const AT: &str = "settings.get";
        let sql = select_settings!("WHERE name = ?");
        let rows = self.read(AT, sql, &[key.as_str().into()]).await?;
        rows.first().map(setting).transpose().map_err(|error| error.at(AT))
    }

    async fn list_settings(&self, range: &SettingRange, page: &Page) -> Result<Paged<Setting>> {
        const AT: &str = "settings.list";
        let after = page.after.as_ref().map(Cursor::setting).transpose();
        let after = after.map_err(|error| error.at(AT))?;
        let after = after.as_ref().map_or("", SettingKey::as_str);
        let from = range.from.as_deref().unwrap_or("");
        let limit = (page.limit.get() + 1).into();
        let rows = match range.until.as_deref() {
            Some(until) => {
                let sql = select_settings!(
                    "FORCE INDEX (PRIMARY) WHERE name > ? AND name >= ? AND name < ? ORDER BY name LIMIT ?"
                );
                self.read(AT, sql, &[after.into(), from.into(), until.into(), limit])
                    .await?
            }
            None => {
                let sql = select_settings!("FORCE INDEX (PRIMARY) WHERE name > ? AND name >= ? ORDER BY name LIMIT ?");
                self.read(AT, sql, &[after.into(), from.into(), limit]).await?
            }
        };
        let settings = rows.iter().map(setting).collect::<Result<_>>();
        let settings = settings.map_err(|error| error.at(AT))?;
        Ok(Paged::cut(settings, page.limit, |last: &Setting| {
            Cursor::behind_setting(&last.key)
        }))
    }

    async fn write_settings(&self, writes: &SettingWrites) -> Result<SettingsWritten> {
        const AT: &str = "settings.write";
        let given: Value = writes.as_slice().iter().map(given).collect();
        let given = given.to_string();
        let rows = self
            .write(
                AT,
                "CALL convoke_write_settings(?, ?)",
                &[given.as_str().into(), self.now_param()],
            )
            .await?;
        written(&rows).map_err(|error| error.at(AT))
    }
}

/// A write as the procedure reads it: what is left out is NULL there.
fn given(write: &SettingWrite) -> Value {
    let (expected, revision) = match write.expected {
        Expected::Anything => ("anything", None),
        Expected::Absent => ("absent", None),
        Expected::Present => ("present", None),
        // Numbers beyond the range of the column are none that a store gave out; the greatest stands for them.
        Expected::Revision(revision) => ("revision", Some(i64::try_from(revision.number()).unwrap_or(i64::MAX))),
    };
    let mut given = Map::new();
    given.insert("name".to_owned(), write.key.as_str().into());
    given.insert("expected".to_owned(), expected.into());
    if let Some(revision) = revision {
        given.insert("revision".to_owned(), revision.into());
    }
    if let Some(value) = &write.value {
        given.insert("value".to_owned(), value.as_str().into());
    }
    Value::Object(given)
}

fn written(rows: &[MySqlRow]) -> Result<SettingsWritten> {
    match (outcome(rows)?, rows.first()) {
        (Some("written"), Some(row)) => Ok(SettingsWritten::Written(Revision::from_number(Columns(row).number(2)?))),
        (Some("mismatch"), Some(row)) => {
            let row = Columns(row);
            Ok(SettingsWritten::Mismatch {
                key: key(row.text(1)?)?,
                actual: match row.some_int(2)? {
                    None => None,
                    Some(_) => Some(Revision::from_number(row.number(2)?)),
                },
            })
        }
        _ => Err(unexpected("an unknown outcome")),
    }
}

fn setting(row: &MySqlRow) -> Result<Setting> {
    let row = Columns(row);
    Ok(Setting {
        key: key(row.text(0)?)?,
        value: Payload::from_store(row.text(1)?)?,
        revision: Revision::from_number(row.number(2)?),
        written: row.time(3)?,
    })
}

fn key(text: &str) -> Result<SettingKey> {
    SettingKey::new(text).map_err(|source| unexpected("a key").caused_by(source))
}
