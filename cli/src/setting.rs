//! `convoke setting`: an ordered map of keys to JSON values.

use anyhow::Result;
use clap::Subcommand;
use convoke::{
    Error, ErrorKind, Expected, Payload, Revision, Setting, SettingKey, SettingRange, SettingWrite, SettingWrites,
    SettingsExt, SettingsWritten, Store,
};
use serde_json::json;

use crate::args::PageArgs;
use crate::output::{Output, table};

#[derive(Debug, Subcommand)]
pub(crate) enum SettingCommand {
    /// One setting
    Get { key: SettingKey },
    /// The settings whose keys begin with a text, ordered by key
    List {
        /// The text; all of them when not given
        #[arg(default_value = "")]
        prefix: String,
        #[command(flatten)]
        page: PageArgs,
    },
    /// Set a value. Prints its revision; exits with 4 when the key is not as expected
    Put {
        key: SettingKey,
        /// The value, in JSON
        value: Payload,
        #[command(flatten)]
        expected: ExpectedArgs,
    },
    /// Remove a key
    Delete { key: SettingKey },
}

#[derive(Clone, Debug, clap::Args)]
#[group(multiple = false)]
pub(crate) struct ExpectedArgs {
    /// Only when the key is not there
    #[arg(long)]
    absent: bool,
    /// Only when the key was written last by this revision
    #[arg(long)]
    revision: Option<u64>,
}

impl From<ExpectedArgs> for Expected {
    fn from(args: ExpectedArgs) -> Self {
        match args.revision {
            Some(number) => Self::Revision(Revision::from_number(number)),
            None if args.absent => Self::Absent,
            None => Self::Anything,
        }
    }
}

pub(crate) async fn run(store: &dyn Store, command: SettingCommand, output: Output) -> Result<()> {
    match command {
        SettingCommand::Get { key } => {
            let setting = store.get_setting(&key).await?;
            output.answer(&setting, |it| {
                it.as_ref()
                    .map_or_else(|| "it is not there".to_owned(), |setting| table(HEADER, [row(setting)]))
            })
        }
        SettingCommand::List { prefix, page } => {
            let range = SettingRange::prefix(&prefix);
            let read = async |page| store.list_settings(&range, &page).await;
            output.list(page, HEADER, row, read).await
        }
        SettingCommand::Put { key, value, expected } => {
            let write = SettingWrite::put(key, value).expecting(expected.into());
            let written = store.write_settings(&SettingWrites::one(write)).await?;
            output.answer(&written, |it| match it {
                SettingsWritten::Written(revision) => format!("written, revision {revision}"),
                SettingsWritten::Mismatch {
                    actual: Some(actual), ..
                } => format!("not written: it is at revision {actual}"),
                SettingsWritten::Mismatch { actual: None, .. } => "not written: it is not there".to_owned(),
            })?;
            match written {
                SettingsWritten::Written(_) => Ok(()),
                SettingsWritten::Mismatch { .. } => {
                    Err(Error::new(ErrorKind::Conflict, "the key is not as expected").into())
                }
            }
        }
        SettingCommand::Delete { key } => {
            let was_there = store.delete_setting(&key).await?;
            output.answer(&json!({ "deleted": was_there }), |_| {
                if was_there {
                    "deleted".to_owned()
                } else {
                    "it was not there".to_owned()
                }
            })
        }
    }
}

const HEADER: [&str; 4] = ["key", "value", "revision", "written"];

fn row(setting: &Setting) -> [String; 4] {
    [
        setting.key.to_string(),
        setting.value.to_string(),
        setting.revision.to_string(),
        setting.written.to_string(),
    ]
}
