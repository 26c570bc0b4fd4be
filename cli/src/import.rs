//! `convoke import`: puts an export into an installation.
//!
//! The file is read twice: first to check all of it, so that a bad one changes nothing. While it is put in, a setting
//! ([`MARKER`]) says so: an import that was interrupted is completed by the same command. Nothing that an import does is
//! done twice by doing it again.

mod apply;
mod tokens;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use convoke::{
    Error, ErrorKind, Expected, Payload, SettingKey, SettingRange, SettingWrite, SettingWrites, SettingsExt,
    SettingsWritten, Store,
};
use indicatif::ProgressBar;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::archive::{End, Header, Reader, Record};
use crate::output::Output;
use crate::wait::bar;
use apply::{Apply, Imported};

/// The setting that says that an import is under way, and of which export. It is never exported.
pub(crate) const MARKER: &str = "convoke/import";

/// How many records are written at once.
const AT_ONCE: usize = 64;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ImportArgs {
    /// The export; - for standard input
    file: PathBuf,
    #[command(flatten)]
    mode: ModeArgs,
    /// Leave the counters of terms, incarnations, revisions and lock tokens where they are
    ///
    /// They are raised to those of the export by giving numbers out, one after the other. Without that, whoever fences by
    /// them meets old numbers again.
    #[arg(long)]
    no_counters: bool,
}

#[derive(Clone, Copy, Debug, clap::Args)]
#[group(multiple = false)]
struct ModeArgs {
    /// Where something is there already, the export wins; what it does not have stays
    #[arg(long)]
    replace: bool,
    /// Where something is there already, it stays as it is
    #[arg(long)]
    keep: bool,
}

/// What is done about what is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mode {
    Replace,
    Keep,
}

/// The value of [`MARKER`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Marker {
    export: Uuid,
    mode: Mode,
}

pub(crate) async fn run(store: &dyn Store, args: ImportArgs, output: Output) -> Result<()> {
    let mut source = source(&args.file)?;
    let (header, end) = checked(&mut source)?;
    let marker = SettingKey::new(MARKER)?;
    let (mode, is_resumed) = begin(store, &marker, &header, args.mode).await?;
    let imported = put_in(store, &mut source, &end, mode, is_resumed, &args).await?;
    store.delete_setting(&marker).await?;
    output.answer(&imported, Imported::text)?;
    imported.say_what_was_left_out(&end);
    Ok(())
}

/// A file that can be read twice.
fn source(path: &Path) -> Result<BufReader<File>> {
    let file = if path == Path::new("-") {
        let mut copy = tempfile::tempfile().context("cannot keep a copy of standard input")?;
        io::copy(&mut io::stdin().lock(), &mut copy).context("cannot read standard input")?;
        copy
    } else {
        File::open(path).with_context(|| format!("cannot read {}", path.display()))?
    };
    Ok(BufReader::new(file))
}

/// Reads all of it.
fn checked(source: &mut BufReader<File>) -> Result<(Header, End)> {
    source.rewind().context("the export must be a file, or -")?;
    let (mut reader, header) = Reader::open(source)?;
    let mut last = End::default();
    while let Some(record) = reader.next()? {
        if let Record::End(end) = record {
            last = end;
        }
    }
    Ok((header, last))
}

/// Marks the installation; answers what to do about what is there, and whether this goes on with an import that was begun.
async fn begin(store: &dyn Store, key: &SettingKey, header: &Header, args: ModeArgs) -> Result<(Mode, bool)> {
    let wanted = match args {
        ModeArgs { replace: true, .. } => Some(Mode::Replace),
        ModeArgs { keep: true, .. } => Some(Mode::Keep),
        _ => None,
    };
    if let Some(setting) = store.get_setting(key).await? {
        let there: Marker = setting.value.decode()?;
        if there.export == header.id {
            return Ok((wanted.unwrap_or(there.mode), true));
        }
        let what = "the import of another export was begun and not completed; repeat that one, or delete the setting";
        return Err(Error::new(ErrorKind::Conflict, what)
            .with("setting", key)
            .with("export", there.export)
            .into());
    }
    let mode = match wanted {
        Some(mode) => mode,
        None if is_empty(store).await? => Mode::Replace,
        None => {
            let what = "the installation is not empty; say by --keep or --replace what wins where something is there \
                        already, or begin with `convoke clear`";
            return Err(Error::new(ErrorKind::Conflict, what).into());
        }
    };
    let marker = Payload::of(&Marker {
        export: header.id,
        mode,
    })?;
    let write = SettingWrite::put(key.clone(), marker).expecting(Expected::Absent);
    match store.write_settings(&SettingWrites::one(write)).await? {
        SettingsWritten::Written(_) => Ok((mode, false)),
        SettingsWritten::Mismatch { .. } => {
            Err(Error::new(ErrorKind::Conflict, "another import has just begun").into())
        }
    }
}

async fn is_empty(store: &dyn Store) -> convoke::Result<bool> {
    let one = convoke::Page::first(1)?;
    Ok(store.list_workers(&one).await?.items.is_empty()
        && store.list_topologies(&one).await?.items.is_empty()
        && store.list_settings(&SettingRange::all(), &one).await?.items.is_empty())
}

async fn put_in(
    store: &dyn Store,
    source: &mut BufReader<File>,
    end: &End,
    mode: Mode,
    is_resumed: bool,
    args: &ImportArgs,
) -> Result<Imported> {
    let bar = bar(end.counts.all())?;
    // First, so that nothing is handed out under a number that was in use.
    if !args.no_counters {
        bar.set_message("raising the counters");
        tokens::raise(store, &end.counters, &bar).await?;
        bar.set_position(0);
        bar.set_length(end.counts.all());
    }
    source.rewind()?;
    let (mut reader, _) = Reader::open(source)?;
    let mut apply = Apply::new(store, mode, is_resumed);
    while !batch(&mut reader, &mut apply, &bar).await? {}
    bar.finish_and_clear();
    Ok(apply.done())
}

/// Puts some records in; answers whether those were the last.
async fn batch<R: BufRead>(reader: &mut Reader<R>, apply: &mut Apply<'_>, bar: &ProgressBar) -> Result<bool> {
    let mut records = Vec::new();
    while records.len() < AT_ONCE {
        match reader.next()? {
            Some(record) => records.push(record),
            None => break,
        }
    }
    let (is_last, count) = (records.len() < AT_ONCE, records.len());
    apply.all(records).await?;
    bar.inc(count as u64);
    bar.set_message("putting in");
    Ok(is_last)
}
