//! What must hold of any answers about settings.

use std::collections::HashMap;

use convoke_core::{
    Operation, Payload, Revision, Setting, SettingKey, SettingsAnswer as SA, SettingsOperation as SO, SettingsWritten,
    Timestamp,
};

use crate::case::Check;
use crate::expect::holds;

/// What the answers so far have told.
#[derive(Debug, Default)]
pub(super) struct Watch {
    latest: Option<Revision>,
    written: HashMap<SettingKey, (Payload, Revision, Timestamp)>,
}

impl Watch {
    pub(super) fn see(&mut self, now: Timestamp, operation: &Operation, answer: &SA) -> Check {
        let Operation::Settings(operation) = operation else {
            return Ok(());
        };
        match (operation, answer) {
            (SO::WriteSettings { writes }, SA::WriteSettings(SettingsWritten::Written(revision))) => {
                let grown = self.latest.is_none_or(|latest| latest < *revision);
                holds("a revision greater than all before it", grown, (revision, self.latest))?;
                self.latest = Some(*revision);
                for write in writes.as_slice() {
                    match &write.value {
                        Some(value) => {
                            let written = (value.clone(), *revision, now);
                            self.written.insert(write.key.clone(), written);
                        }
                        None => drop(self.written.remove(&write.key)),
                    }
                }
                Ok(())
            }
            (SO::WriteSettings { writes }, SA::WriteSettings(SettingsWritten::Mismatch { key, actual })) => {
                let expected = writes.as_slice().iter().find(|write| write.key == *key);
                let truly = self.written.get(key).map(|(_, revision, _)| *revision);
                let refused = expected.is_some_and(|write| !write.expected.is_met(*actual));
                holds("a key that is not as expected", refused && *actual == truly, answer)
            }
            (SO::GetSetting { key }, SA::GetSetting(None)) => {
                holds("a key that was not written", !self.written.contains_key(key), key)
            }
            (_, SA::GetSetting(Some(setting))) => self.see_setting(setting),
            (SO::ListSettings { range, .. }, SA::ListSettings(page)) => {
                let ordered = page.items.is_sorted_by(|a, b| a.key.as_str() < b.key.as_str());
                holds("settings ordered by the bytes of their keys", ordered, page)?;
                page.items.iter().try_for_each(|setting| {
                    holds("a key of the range", range.contains(&setting.key), (range, setting))?;
                    self.see_setting(setting)
                })
            }
            _ => Ok(()),
        }
    }

    fn see_setting(&self, setting: &Setting) -> Check {
        let Setting {
            value,
            revision,
            written,
            ..
        } = setting;
        let last = self.written.get(&setting.key);
        let equal = last.is_some_and(|last| *last == (value.clone(), *revision, *written));
        holds("a setting as it was written last", equal, (setting, last))
    }
}
