//! Answers: tables for people, JSON for programs.

use std::io::{self, Write};

use comfy_table::{ContentArrangement, Table, TableStyle};
use convoke::{Page, Paged};
use serde::Serialize;

use crate::args::PageArgs;

/// In which form to answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) const fn new(json: bool) -> Self {
        Self { json }
    }

    pub(crate) const fn json(self) -> bool {
        self.json
    }

    /// One answer: its JSON, or what `text` makes of it.
    pub(crate) fn answer<T: Serialize>(self, answer: &T, text: impl FnOnce(&T) -> String) -> anyhow::Result<()> {
        if self.json {
            line(&serde_json::to_string(answer)?)
        } else {
            line(&text(answer))
        }
    }

    /// A list: one page of it, or all pages one after the other.
    pub(crate) async fn list<T: Serialize, const N: usize>(
        self,
        which: PageArgs,
        header: [&str; N],
        row: impl Fn(&T) -> [String; N],
        read: impl AsyncFn(Page) -> convoke::Result<Paged<T>>,
    ) -> anyhow::Result<()> {
        let all = which.all;
        let mut page = which.page()?;
        if !all {
            return self.page(&read(page).await?, header, row);
        }
        let mut header = Some(header);
        loop {
            let Paged { items, next } = read(page.clone()).await?;
            if self.json {
                for item in &items {
                    if !is_shown(&serde_json::to_string(item)?)? {
                        return Ok(());
                    }
                }
            } else if !is_shown(&rows(header.take(), items.iter().map(&row)))? {
                return Ok(());
            }
            let Some(next) = next else { return Ok(()) };
            page = page.behind(next);
        }
    }

    /// A page of a list: its JSON, or a table and where the next page begins.
    fn page<T: Serialize, const N: usize>(
        self,
        page: &Paged<T>,
        header: [&str; N],
        row: impl Fn(&T) -> [String; N],
    ) -> anyhow::Result<()> {
        self.answer(page, |page| {
            let mut text = table(header, page.items.iter().map(row));
            if let Some(next) = &page.next {
                text += &format!("\nmore: --after {:?}", next.as_str());
            }
            text
        })
    }
}

/// A table with a header.
pub(crate) fn table<const N: usize>(header: [&str; N], lines: impl IntoIterator<Item = [String; N]>) -> String {
    rows(Some(header), lines)
}

fn rows<const N: usize>(header: Option<[&str; N]>, rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut table = Table::new();
    table
        .load_style(TableStyle::new())
        .set_content_arrangement(ContentArrangement::Disabled);
    if let Some(header) = header {
        table.set_header(header);
    }
    for row in rows {
        table.add_row(row.map(printable));
    }
    table.trim_fmt()
}

/// Payloads and names are other people's text: what would move the cursor or colour the terminal is shown escaped.
pub(crate) fn printable(text: String) -> String {
    if text.contains(char::is_control) {
        text.chars()
            .map(|char| {
                if char.is_control() {
                    char.escape_default().to_string()
                } else {
                    char.into()
                }
            })
            .collect()
    } else {
        text
    }
}

/// Writes a line to standard output. A reader who has seen enough is no error.
pub(crate) fn line(text: &str) -> anyhow::Result<()> {
    is_shown(text).map(|_| ())
}

/// The same; answers whether there is still a reader.
pub(crate) fn is_shown(text: &str) -> anyhow::Result<bool> {
    match writeln!(io::stdout().lock(), "{text}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        result => Ok(result.map(|()| true)?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_cannot_steer_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\u{9b}1m".to_owned()), "a\\u{1b}[2Jb\\u{9b}1m");
        assert_eq!(printable("zürich 😀".to_owned()), "zürich 😀");
    }
}
