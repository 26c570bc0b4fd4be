//! Random deeds with settings.

use convoke_core::{
    Expected, Operation, Payload, Result, Revision, Setting, SettingKey, SettingRange, SettingWrite, SettingWrites,
    SettingsAnswer as SA, SettingsOperation as SO, SettingsWritten,
};
use proptest::prelude::*;

use super::{Known, Recency, limit, recency};

/// Keys that are close to each other, in front of each other's prefixes and behind them.
const KEYS: [&str; 6] = ["k", "K", "k/", "k/a", "k/ä", "k0"];

/// What somebody may do with settings. `which` numbers the keys.
#[derive(Clone, Debug)]
#[rustfmt::skip]
pub(crate) enum SettingDeed {
    Get { which: usize },
    List { range: Range, limit: u32, on: bool },
    Write { writes: Vec<Write> },
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Range {
    All,
    Prefix(usize),
    Between(Option<usize>, Option<usize>),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Write {
    which: usize,
    expected: Expectation,
    deletes: bool,
}

#[derive(Clone, Copy, Debug)]
enum Expectation {
    Anything,
    Absent,
    Present,
    Revision(Recency),
}

pub(super) fn deed() -> impl Strategy<Value = SettingDeed> {
    let which = || prop_oneof![3 => Just(0), 1 => 1..KEYS.len()];
    let between = (prop::option::of(which()), prop::option::of(which()));
    let range = prop_oneof![
        2 => Just(Range::All),
        1 => which().prop_map(Range::Prefix),
        1 => between.prop_map(|(from, until)| Range::Between(from, until)),
    ];
    let expected = prop_oneof![
        4 => Just(Expectation::Anything),
        2 => Just(Expectation::Absent),
        1 => Just(Expectation::Present),
        4 => recency().prop_map(Expectation::Revision),
    ];
    let write = (which(), expected, prop::bool::weighted(0.25)).prop_map(|(which, expected, deletes)| Write {
        which,
        expected,
        deletes,
    });
    prop_oneof![
        2 => which().prop_map(|which| SettingDeed::Get { which }),
        2 => (range, limit(), any::<bool>()).prop_map(|(range, limit, on)| SettingDeed::List { range, limit, on }),
        5 => prop::collection::vec(write, 1..4).prop_map(|writes| SettingDeed::Write { writes }),
    ]
}

impl SettingDeed {
    #[rustfmt::skip]
    pub(super) fn operation(&self, known: &mut Known) -> Result<SO> {
        Ok(match self {
            Self::Get { which } => SO::GetSetting { key: key(*which)? },
            Self::List { range, limit, on } => {
                SO::ListSettings { range: range.range(), page: known.page("settings", *limit, *on)? }
            }
            Self::Write { writes } => SO::WriteSettings { writes: batch(known, writes)? },
        })
    }
}

impl Range {
    fn range(self) -> SettingRange {
        match self {
            Self::All => SettingRange::all(),
            Self::Prefix(which) => SettingRange::prefix(KEYS[which]),
            Self::Between(from, until) => SettingRange {
                from: from.map(|which| KEYS[which].to_owned()),
                until: until.map(|which| KEYS[which].to_owned()),
            },
        }
    }
}

pub(super) fn learn(known: &mut Known, operation: &Operation, answer: &SA) {
    let mut saw = |key: &SettingKey, revision: Revision| {
        let revisions = known.revisions.entry(key.clone()).or_default();
        if revisions.last() != Some(&revision) {
            revisions.push(revision);
        }
    };
    match (operation, answer) {
        (_, SA::GetSetting(Some(Setting { key, revision, .. }))) => saw(key, *revision),
        (Operation::Settings(SO::WriteSettings { writes }), SA::WriteSettings(SettingsWritten::Written(revision))) => {
            writes.as_slice().iter().for_each(|write| saw(&write.key, *revision));
        }
        (_, SA::ListSettings(page)) => known.turn("settings", page.next.clone()),
        _ => {}
    }
}

fn key(which: usize) -> Result<SettingKey> {
    SettingKey::new(KEYS[which])
}

/// The batch, of the first write of each key.
fn batch(known: &mut Known, writes: &[Write]) -> Result<SettingWrites> {
    let mut batch: Vec<SettingWrite> = Vec::new();
    for write in writes {
        let key = key(write.which)?;
        if batch.iter().any(|before| before.key == key) {
            continue;
        }
        let expected = match write.expected {
            Expectation::Anything => Expected::Anything,
            Expectation::Absent => Expected::Absent,
            Expectation::Present => Expected::Present,
            Expectation::Revision(recency) => {
                let seen = known.revisions.get(&key).and_then(|all| all.iter().nth_back(recency));
                Expected::Revision(seen.copied().unwrap_or_default())
            }
        };
        known.made += 1;
        let value = Payload::of(&known.made)?;
        let write = SettingWrite {
            key,
            expected,
            value: (!write.deletes).then_some(value),
        };
        batch.push(write);
    }
    SettingWrites::new(batch)
}
