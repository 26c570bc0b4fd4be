//! An installation as lines of JSON: what `convoke export` writes and `convoke import` reads.
//!
//! The first line is the header, the last one counts what is between them, so that a file that was cut off is told. A line
//! is one record: `{"topology":{…}}`. The order is that of importing: workers come before their messages.

use std::io::{BufRead, Read, Write};

use anyhow::Result;
use convoke::{
    Affinity, Command, Error, ErrorKind, ErrorText, Payload, SettingKey, Timestamp, TopologyChange, TopologyId, Weight,
    WorkerChange, WorkerName, WorkerStatus, error,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The version of the format.
pub(crate) const VERSION: u32 = 1;

/// The longest line that is read: a payload of the largest size, with whatever else there is.
const LONGEST_LINE: u64 = 4 * 1_048_576;

/// One line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Record {
    Export(Header),
    Setting(SavedSetting),
    Worker(SavedWorker),
    Topology(SavedTopology),
    Message(SavedMessage),
    WorkerHistory(WorkerChange),
    TopologyHistory(TopologyChange),
    End(End),
}

/// What a file is. A newer version may have more in it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Header {
    pub(crate) version: u32,
    /// Tells this export from all others.
    pub(crate) id: Uuid,
    /// When it was begun, by the store's clock.
    pub(crate) made: Timestamp,
    /// The backend that it was made from, for people.
    pub(crate) backend: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SavedSetting {
    pub(crate) key: SettingKey,
    pub(crate) value: Payload,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SavedWorker {
    pub(crate) name: WorkerName,
    /// How it stood, for people.
    pub(crate) status: WorkerStatus,
    /// When it was heard of last, for people.
    pub(crate) last_ping: Timestamp,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SavedTopology {
    pub(crate) id: TopologyId,
    pub(crate) enabled: bool,
    pub(crate) weight: Weight,
    pub(crate) affinity: Affinity,
    /// Why it is in error; none when it is not.
    pub(crate) error: Option<ErrorText>,
    /// Who had it, for people.
    pub(crate) worker: Option<WorkerName>,
    pub(crate) config: Payload,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SavedMessage {
    pub(crate) worker: WorkerName,
    pub(crate) command: Command,
    pub(crate) content: Payload,
    pub(crate) sent: Timestamp,
    pub(crate) expires: Timestamp,
}

/// How many records of each kind there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    pub(crate) settings: u64,
    pub(crate) workers: u64,
    pub(crate) topologies: u64,
    pub(crate) messages: u64,
    pub(crate) history_rows: u64,
}

impl Counts {
    fn add(&mut self, record: &Record) {
        match record {
            Record::Setting(_) => self.settings += 1,
            Record::Worker(_) => self.workers += 1,
            Record::Topology(_) => self.topologies += 1,
            Record::Message(_) => self.messages += 1,
            Record::WorkerHistory(_) | Record::TopologyHistory(_) => self.history_rows += 1,
            Record::Export(_) | Record::End(_) => {}
        }
    }

    pub(crate) const fn all(self) -> u64 {
        self.settings + self.workers + self.topologies + self.messages + self.history_rows
    }
}

/// The greatest of each kind of number that the installation was seen to have given out: whoever fences by them must not
/// meet them again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counters {
    /// None when nobody led.
    pub(crate) term: Option<u64>,
    pub(crate) incarnation: u64,
    pub(crate) revision: u64,
    pub(crate) lock_token: u64,
}

/// The last line.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct End {
    pub(crate) counts: Counts,
    pub(crate) counters: Counters,
}

/// Writes records, and counts them.
pub(crate) struct Writer<W> {
    into: W,
    pub(crate) end: End,
}

impl<W: Write> Writer<W> {
    pub(crate) fn new(into: W) -> Self {
        let end = End::default();
        Self { into, end }
    }

    pub(crate) fn write(&mut self, record: &Record) -> Result<()> {
        self.end.counts.add(record);
        serde_json::to_writer(&mut self.into, record)?;
        Ok(self.into.write_all(b"\n")?)
    }

    /// Writes the last line.
    pub(crate) fn finish(mut self) -> Result<(W, End)> {
        self.write(&Record::End(self.end))?;
        self.into.flush()?;
        Ok((self.into, self.end))
    }
}

/// Reads records, and knows where it is.
pub(crate) struct Reader<R> {
    from: R,
    line: u64,
    text: Vec<u8>,
    counts: Counts,
    has_ended: bool,
}

impl<R: BufRead> Reader<R> {
    /// Reads the header first.
    pub(crate) fn open(from: R) -> Result<(Self, Header)> {
        let mut reader = Self {
            from,
            line: 0,
            text: Vec::new(),
            counts: Counts::default(),
            has_ended: false,
        };
        let header = match reader.read()? {
            Some(Record::Export(header)) => header,
            _ => {
                return Err(reader
                    .wrong(1, "an export begins with the line {\"export\":{…}}")
                    .into());
            }
        };
        if header.version > VERSION {
            let what = "this export was made by a newer convoke; import it with that one";
            return Err(Error::new(ErrorKind::Unsupported, what)
                .with("version", header.version)
                .with("known", VERSION)
                .into());
        }
        Ok((reader, header))
    }

    /// The next record; none behind the last one.
    pub(crate) fn next(&mut self) -> Result<Option<Record>> {
        let record = self.read()?;
        match &record {
            None if self.has_ended => {}
            None => {
                let what = "the export is cut off: its last line {\"end\":{…}} is missing";
                return Err(self.wrong(1, what).into());
            }
            Some(_) if self.has_ended => return Err(self.wrong(1, "there is something behind the end").into()),
            Some(Record::Export(_)) => return Err(self.wrong(1, "a second header: two exports in one file").into()),
            Some(Record::End(end)) if end.counts != self.counts => {
                return Err(self
                    .wrong(1, "there are more or fewer lines than the end counts")
                    .into());
            }
            Some(Record::End(_)) => self.has_ended = true,
            Some(record) => self.counts.add(record),
        }
        Ok(record)
    }

    fn read(&mut self) -> Result<Option<Record>> {
        self.text.clear();
        self.line += 1;
        let mut limited = (&mut self.from).take(LONGEST_LINE);
        if limited.read_until(b'\n', &mut self.text)? == 0 {
            return Ok(None);
        }
        if limited.limit() == 0 {
            return Err(self.wrong(LONGEST_LINE, "a line has less than 4 MiB").into());
        }
        match serde_json::from_slice(&self.text) {
            Ok(record) => Ok(Some(record)),
            Err(error) => {
                let text = error.to_string();
                // It counts the lines of the one that it was given.
                let what = text.rsplit_once(" at line ").map_or(&*text, |(what, _)| what);
                Err(self.wrong(error.column() as u64, what).into())
            }
        }
    }

    fn wrong(&self, column: u64, what: &str) -> Error {
        error::invalid(format!("line {}, column {column} of the export: {what}", self.line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = r#"{"export":{"version":1,"id":"0199a4c2-0000-7000-8000-000000000001","made":"2026-11-21T00:00:00Z","backend":"memory"}}"#;

    fn end(settings: u64) -> String {
        let mut end = End::default();
        end.counts.settings = settings;
        serde_json::to_string(&Record::End(end)).unwrap()
    }

    fn fault(text: &str) -> String {
        let read = || -> Result<()> {
            let (mut reader, _) = Reader::open(text.as_bytes())?;
            while reader.next()?.is_some() {}
            Ok(())
        };
        read().map_or_else(|error| error.to_string(), |()| "none".to_owned())
    }

    #[test]
    fn what_was_written_is_read_again_as_it_was() {
        let mut writer = Writer::new(Vec::new());
        writer.write(&serde_json::from_str(HEADER).unwrap()).unwrap();
        let value = Payload::parse(r#"{"n": 18446744073709551615, "x": 1.10}"#).unwrap();
        let key = SettingKey::new("a\"b").unwrap();
        writer
            .write(&Record::Setting(SavedSetting {
                key,
                value: value.clone(),
            }))
            .unwrap();
        let (text, _) = writer.finish().unwrap();
        let (mut reader, header) = Reader::open(&*text).unwrap();
        assert_eq!(header.version, 1);
        match reader.next().unwrap() {
            Some(Record::Setting(setting)) => assert_eq!(setting.value, value),
            other => panic!("{other:?}"),
        }
        assert!(matches!(reader.next().unwrap(), Some(Record::End(end)) if end.counts.all() == 1));
        assert!(reader.next().unwrap().is_none());
    }

    #[test]
    fn a_fault_is_told_with_its_place() {
        let setting = r#"{"setting":{"key":"k","value":1}}"#;
        for (text, expected) in [
            (String::new(), "line 1, column 1"),
            (setting.to_owned(), "line 1, column 1"),
            (HEADER.replace("\"version\":1", "\"version\":2"), "newer convoke"),
            (
                HEADER.to_owned(),
                "line 2, column 1 of the export: the export is cut off",
            ),
            (
                format!("{HEADER}\n{setting}\n{}", end(0)),
                "line 3, column 1 of the export: there are more or fewer",
            ),
            (
                format!("{HEADER}\n{}\n{setting}", end(0)),
                "line 3, column 1 of the export: there is something behind",
            ),
            (
                format!("{HEADER}\n{HEADER}\n{}", end(0)),
                "line 2, column 1 of the export: a second header",
            ),
            (
                format!("{HEADER}\n{{\"setting\":{{\"key\":\"k\""),
                "line 2, column 21 of the export: EOF",
            ),
            (format!("{HEADER}\n{{\"sitting\":1}}"), "unknown variant `sitting`"),
            (
                format!("{HEADER}\n{}", setting.replace("\"k\"", "\" k\"")),
                "does not begin or end with a space",
            ),
            (
                format!("{HEADER}\n{}", setting.replace('1', "{\"a\":1,\"a\":2}")),
                "no object has a key twice",
            ),
            (
                format!("{HEADER}\n{}", setting.replace("value", "worth")),
                "line 2, column 29 of the export: unknown field `worth`",
            ),
        ] {
            let fault = fault(&text);
            assert!(fault.contains(expected), "{fault}, not {expected}");
        }
        assert_eq!(fault(&format!("{HEADER}\n{setting}\n{}\n", end(1))), "none");
    }
}
