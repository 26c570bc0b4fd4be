//! Settings on Redis.

use convoke_core::{
    Cursor, Expected, Page, Paged, Payload, Result, Revision, Setting, SettingKey, SettingRange, SettingWrites,
    Settings, SettingsWritten, Timestamp, async_trait,
};

use crate::answer::{named, parse, strange};
use crate::scripts;
use crate::store::RedisStore;

#[async_trait]
impl Settings for RedisStore {
    async fn get_setting(&self, key: &SettingKey) -> Result<Option<Setting>> {
        self.find_setting(key).await.map_err(|error| error.at("settings.get"))
    }

    async fn list_settings(&self, range: &SettingRange, page: &Page) -> Result<Paged<Setting>> {
        let listed = self.page_of_settings(range, page).await;
        listed.map_err(|error| error.at("settings.list"))
    }

    async fn write_settings(&self, writes: &SettingWrites) -> Result<SettingsWritten> {
        self.write(writes).await.map_err(|error| error.at("settings.write"))
    }
}

impl RedisStore {
    async fn find_setting(&self, key: &SettingKey) -> Result<Option<Setting>> {
        let call = scripts::GET_SETTING.call().arg(key.as_str());
        let mut answer = self.ask(&call).await?;
        match answer.word.as_str() {
            "absent" => Ok(None),
            "setting" => setting(key.clone(), &answer.fields.text()?, &answer.fields.text()?).map(Some),
            _ => Err(answer.unexpected()),
        }
    }

    async fn page_of_settings(&self, range: &SettingRange, page: &Page) -> Result<Paged<Setting>> {
        let mut after = page.after.as_ref().map(Cursor::setting).transpose()?;
        let mut items: Vec<Setting> = Vec::new();
        // Once, unless the values are very large.
        loop {
            let call = scripts::LIST_SETTINGS
                .call()
                .arg(lower_bound(range, after.as_ref()))
                .arg(upper_bound(range))
                .arg(page.limit.as_usize() + 1 - items.len());
            let mut answer = self.ask(&call).await?;
            if answer.word != "page" {
                return Err(answer.unexpected());
            }
            let has_more = answer.fields.parsed::<u8>()? == 1;
            let mut rows = answer.fields.list()?;
            while !rows.is_done() {
                items.push(setting(named(rows.text()?)?, &rows.text()?, &rows.text()?)?);
            }
            if !has_more || items.len() > page.limit.as_usize() {
                break;
            }
            after = items.last().map(|last| last.key.clone());
        }
        Ok(Paged::cut(items, page.limit, |last: &Setting| {
            Cursor::behind_setting(&last.key)
        }))
    }

    async fn write(&self, writes: &SettingWrites) -> Result<SettingsWritten> {
        let mut call = scripts::WRITE_SETTINGS.call().arg(self.now_argument()?);
        for write in writes.as_slice() {
            call = call.arg(write.key.as_str()).arg(expectation(write.expected));
            call = match &write.value {
                Some(value) => call.arg("put").arg(value.as_str()),
                None => call.arg("delete").arg(""),
            };
        }
        let mut answer = self.ask(&call).await?;
        match answer.word.as_str() {
            "written" => Ok(SettingsWritten::Written(Revision::from_number(answer.fields.parsed()?))),
            "mismatch" => {
                let write = writes.as_slice().get(answer.fields.parsed::<usize>()?);
                let actual = answer.fields.optional_text()?;
                Ok(SettingsWritten::Mismatch {
                    key: write
                        .ok_or_else(|| strange("a write was refused that was not asked for"))?
                        .key
                        .clone(),
                    actual: actual.map(|text| parse(&text).map(Revision::from_number)).transpose()?,
                })
            }
            _ => Err(answer.unexpected()),
        }
    }
}

/// Where a page of a range begins, as ZRANGEBYLEX has it: what follows the first character is taken as it is.
fn lower_bound(range: &SettingRange, after: Option<&SettingKey>) -> String {
    match (range.from.as_deref(), after.map(SettingKey::as_str)) {
        (Some(from), Some(after)) if from <= after => format!("({after}"),
        (Some(from), _) => format!("[{from}"),
        (None, Some(after)) => format!("({after}"),
        (None, None) => "-".to_owned(),
    }
}

fn upper_bound(range: &SettingRange) -> String {
    match range.until.as_deref() {
        Some(until) => format!("({until}"),
        None => "+".to_owned(),
    }
}

fn expectation(expected: Expected) -> String {
    match expected {
        Expected::Anything => "anything".to_owned(),
        Expected::Absent => "absent".to_owned(),
        Expected::Present => "present".to_owned(),
        Expected::Revision(revision) => revision.to_string(),
    }
}

/// Reads `revision written` and the value.
fn setting(key: SettingKey, text: &str, value: &str) -> Result<Setting> {
    let (revision, written) = text
        .split_once(' ')
        .ok_or_else(|| strange("a setting is not \"revision written\""))?;
    Ok(Setting {
        key,
        value: Payload::from_store(value)?,
        revision: Revision::from_number(parse(revision)?),
        written: Timestamp::from_micros(parse(written)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(range: &SettingRange, after: Option<&str>) -> (String, String) {
        let after = after.map(|text| SettingKey::new(text).unwrap());
        (lower_bound(range, after.as_ref()), upper_bound(range))
    }

    #[test]
    fn a_page_begins_at_the_range_or_behind_the_cursor_whichever_comes_later() {
        let range = SettingRange::all().starting_at("b").ending_before("d");
        assert_eq!(bounds(&range, None), ("[b".to_owned(), "(d".to_owned()));
        assert_eq!(bounds(&range, Some("a")).0, "[b");
        assert_eq!(bounds(&range, Some("b")).0, "(b");
        assert_eq!(bounds(&range, Some("c")).0, "(c");
        assert_eq!(bounds(&SettingRange::all(), None), ("-".to_owned(), "+".to_owned()));
    }

    #[test]
    fn a_bound_may_hold_what_means_something_to_the_server() {
        let range = SettingRange::all().starting_at("+").ending_before("(");
        assert_eq!(bounds(&range, None), ("[+".to_owned(), "((".to_owned()));
        assert_eq!(bounds(&range, Some("[")).0, "([");
    }
}
