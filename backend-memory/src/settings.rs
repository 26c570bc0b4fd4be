//! Settings in memory.

use std::ops::Bound;

use convoke_core::{
    Cursor, Page, Paged, Result, Revision, Setting, SettingKey, SettingRange, SettingWrites, SettingsWritten, Timestamp,
};

use crate::state::State;

impl State {
    pub(crate) fn get_setting(&self, key: &SettingKey) -> Option<Setting> {
        self.settings.get(key).cloned()
    }

    pub(crate) fn list_settings(&self, range: &SettingRange, page: &Page) -> Result<Paged<Setting>> {
        let after = page.after.as_ref().map(Cursor::setting).transpose()?;
        let start = match (&after, range.from.as_deref()) {
            (Some(after), Some(from)) if from <= after.as_str() => Bound::Excluded(after.as_str()),
            (_, Some(from)) => Bound::Included(from),
            (Some(after), None) => Bound::Excluded(after.as_str()),
            (None, None) => Bound::Unbounded,
        };
        let behind = self
            .settings
            .range::<str, _>((start, Bound::Unbounded))
            .map(|(_, setting)| setting);
        let inside =
            behind.take_while(|setting| range.until.as_deref().is_none_or(|until| setting.key.as_str() < until));
        let items = inside.take(page.limit.as_usize() + 1).cloned().collect();
        Ok(Paged::cut(items, page.limit, |last: &Setting| {
            Cursor::behind_setting(&last.key)
        }))
    }

    pub(crate) fn write_settings(&mut self, writes: &SettingWrites, now: Timestamp) -> SettingsWritten {
        for write in writes.as_slice() {
            let actual = self.settings.get(&write.key).map(|setting| setting.revision);
            if !write.expected.is_met(actual) {
                return SettingsWritten::Mismatch {
                    key: write.key.clone(),
                    actual,
                };
            }
        }
        self.latest_revision += 1;
        let revision = Revision::from_number(self.latest_revision);
        for write in writes.as_slice() {
            match &write.value {
                None => {
                    self.settings.remove(&write.key);
                }
                Some(value) => {
                    let setting = Setting {
                        key: write.key.clone(),
                        value: value.clone(),
                        revision,
                        written: now,
                    };
                    self.settings.insert(write.key.clone(), setting);
                }
            }
        }
        SettingsWritten::Written(revision)
    }
}
