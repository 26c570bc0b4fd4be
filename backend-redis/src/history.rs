//! Trimming histories.

use convoke_core::history::MAX_TRIMMED;
use convoke_core::{Cursor, Error, Page, Result, Retention, Trimmed};

use crate::answer::named;
use crate::script::Script;
use crate::store::RedisStore;

impl RedisStore {
    /// Trims the histories of a page of names, behind `after`, a step of about a thousand rows at a time.
    pub(crate) async fn trim<N: TryFrom<String, Error = Error>>(
        &self,
        script: &Script,
        after: Option<&str>,
        retention: &Retention,
        page: &Page,
        behind: impl Fn(&N) -> Cursor,
    ) -> Result<Trimmed> {
        let mut after = after.unwrap_or_default().to_owned();
        let (mut rows, mut visited) = (0, 0);
        loop {
            let call = script
                .call()
                .arg(self.now_argument()?)
                .arg(&after)
                .arg(page.limit.get().saturating_sub(visited))
                .arg(retention.age.map(|age| age.as_micros().to_string()).unwrap_or_default())
                .arg(retention.rows.map(|rows| rows.to_string()).unwrap_or_default())
                .arg(MAX_TRIMMED);
            let mut answer = self.ask(&call).await?;
            if answer.word != "trimmed" {
                return Err(answer.unexpected());
            }
            rows += answer.fields.parsed::<u64>()?;
            visited += answer.fields.parsed::<u32>()?;
            after = answer.fields.text()?;
            let has_more = answer.fields.parsed::<u8>()? == 1;
            if has_more && visited < page.limit.get() {
                continue;
            }
            let next = if has_more { Some(behind(&named(after)?)) } else { None };
            return Ok(Trimmed { rows, next });
        }
    }
}
