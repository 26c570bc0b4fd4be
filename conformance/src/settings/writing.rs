//! Writing: batches, expectations, revisions.

use convoke_core::{
    Expected, Page, Payload, Revision, Setting, SettingRange, SettingWrite, SettingWrites, SettingsExt, SettingsWritten,
};

use super::{key, put, value, write};
use crate::case::Check;
use crate::expect::{holds, same, secs};
use crate::stage::Stage;
use crate::workers::nasty_names;

pub(super) async fn settings_e01_a_setting_reads_as_it_was_written_last(stage: Stage) -> Check {
    let store = stage.open().await?;
    same("a key never written", store.get_setting(&key("k")?).await?, None)?;
    let first = write(&store, [put("k", "1")?]).await?;
    holds("a revision above zero", first > Revision::from_number(0), first)?;
    let begin = stage.clock.now();
    let expected = |json: &str, revision, written| {
        Check::Ok(Some(Setting {
            key: key("k")?,
            value: Payload::parse(json)?,
            revision,
            written,
        }))
    };
    same(
        "the setting",
        store.get_setting(&key("k")?).await?,
        expected("1", first, begin)?,
    )?;
    stage.clock.advance(secs(5));
    let second = write(&store, [put("k", r#"{"a": [2]}"#)?]).await?;
    let now = begin.plus(secs(5));
    let got = store.get_setting(&key("k")?).await?;
    same("the setting then", got, expected(r#"{"a": [2]}"#, second, now)?)?;
    stage.clock.advance(secs(5));
    // The same value again is a write as any other.
    let third = write(&store, [put("k", r#"{"a": [2]}"#)?]).await?;
    let got = store.get_setting(&key("k")?).await?;
    same(
        "the setting at last",
        got,
        expected(r#"{"a": [2]}"#, third, begin.plus(secs(10)))?,
    )
}

pub(super) async fn settings_e02_a_removed_key_is_not_there(stage: Stage) -> Check {
    let store = stage.open().await?;
    write(&store, [put("a", "1")?, put("b", "2")?]).await?;
    write(&store, [SettingWrite::delete(key("a")?)]).await?;
    same("the removed one", value(&store, "a").await?, None)?;
    same("the other one", value(&store, "b").await?.as_deref(), Some("2"))?;
    let listed = store.list_settings(&SettingRange::all(), &Page::default()).await?.items;
    same(
        "all settings",
        listed.iter().map(|it| it.key.as_str()).collect::<Vec<_>>(),
        vec!["b"],
    )?;
    // Removing what is not there is a write too, unless it is expected to be there.
    let removed = write(&store, [SettingWrite::delete(key("a")?)]).await?;
    let next = write(&store, [put("a", "3")?]).await?;
    holds("revisions that grow", next > removed, (next, removed))
}

pub(super) async fn settings_e03_the_everyday_calls_do_what_they_say(stage: Stage) -> Check {
    let store = stage.open().await?;
    let k = key("k")?;
    let (one, two, three) = (Payload::of(&1)?, Payload::of(&2)?, Payload::of(&3)?);
    let first = store.put_setting(&k, &one).await?;
    let refused = store.compare_and_set_setting(&k, Expected::Absent, &two).await?;
    same("a creation of what is there", refused, Err(Some(first)))?;
    let second = store
        .compare_and_set_setting(&k, Expected::Revision(first), &two)
        .await?;
    holds(
        "a write as of the first revision",
        second.is_ok_and(|it| it > first),
        second,
    )?;
    let refused = store
        .compare_and_set_setting(&k, Expected::Revision(first), &three)
        .await?;
    same("another one as of the first", refused.err().flatten(), second.ok())?;
    same("the value", value(&store, "k").await?.as_deref(), Some("2"))?;
    same("whether it was removed", store.delete_setting(&k).await?, true)?;
    same("whether it was removed again", store.delete_setting(&k).await?, false)?;
    let refused = store.compare_and_set_setting(&k, Expected::Present, &three).await?;
    same("a change of what is not there", refused, Err(None))?;
    same("the value then", value(&store, "k").await?, None)
}

pub(super) async fn settings_e04_values_come_back_to_the_letter(stage: Stage) -> Check {
    let store = stage.open().await?;
    let texts = [
        "null",
        "0",
        "-0",
        "1.10",
        "1e300",
        "18446744073709551615",
        "-9223372036854775808",
        "5e-324",
        "0.1",
        r#""\u0000""#,
        r#""a\u0000b""#,
        "\"😀\"",
        "\"á a\u{301}\"",
        r#""\\""#,
        r#""'; DROP TABLE qtopology_settings; --""#,
        r#"{"z":1,"a":2,"":{"":[]}}"#,
        r#"{ "a" :  [1,2] }"#,
        r#""%s {} $1 :x ?""#,
        "\"\u{2028}\u{feff}\"",
    ];
    for (number, text) in texts.into_iter().enumerate() {
        write(&store, [put(&format!("k{number:02}"), text)?]).await?;
    }
    for (number, text) in texts.into_iter().enumerate() {
        let got = value(&store, &format!("k{number:02}")).await?;
        same("a value", got.as_deref(), Some(text))?;
    }
    let listed = store.list_settings(&SettingRange::all(), &Page::default()).await?.items;
    let listed: Vec<_> = listed.iter().map(|setting| setting.value.as_str()).collect();
    same("the values of the list", listed, texts.to_vec())
}

/// A fault of qtopology: names differing in case or by a trailing space are one on MySQL (6).
pub(super) async fn settings_e05_each_key_is_a_setting_of_its_own_to_the_byte(stage: Stage) -> Check {
    let store = stage.open().await?;
    let keys = nasty_names();
    for (number, text) in keys.iter().enumerate() {
        write(&store, [put(text, &number.to_string())?.expecting(Expected::Absent)]).await?;
    }
    for (number, text) in keys.iter().enumerate() {
        same(
            "a value by its key",
            value(&store, text).await?,
            Some(number.to_string()),
        )?;
    }
    let listed = store
        .list_settings(&SettingRange::all(), &Page::first(1_000)?)
        .await?
        .items;
    let listed: Vec<_> = listed.iter().map(|setting| setting.key.to_string()).collect();
    let mut ordered = keys;
    ordered.sort_unstable();
    same("all keys, ordered by their bytes", listed, ordered)
}

pub(super) async fn settings_e06_a_batch_holds_a_hundred_writes_and_a_mebibyte_of_values(stage: Stage) -> Check {
    let store = stage.open().await?;
    let hundred = (0..100).map(|number| put(&format!("k{number:02}"), &number.to_string()));
    write(&store, hundred.collect::<Check<Vec<_>>>()?).await?;
    let listed = store
        .list_settings(&SettingRange::all(), &Page::first(1_000)?)
        .await?
        .items;
    let listed: Vec<_> = listed.iter().map(|setting| setting.value.to_string()).collect();
    same(
        "a hundred values",
        listed,
        (0..100).map(|number| number.to_string()).collect(),
    )?;
    let more = (0..101).map(|number| put(&format!("k{number}"), "0"));
    let more = SettingWrites::new(more.collect::<Check<Vec<_>>>()?);
    holds(
        "a hundred and one are refused before they are sent",
        more.is_err(),
        more.err(),
    )?;
    // Characters of one to four bytes, quotes included, in two values of half a mebibyte.
    let unit = "aä日😀'\\\\x";
    let whole = unit.repeat(524_286 / unit.len());
    let half = format!("\"{whole}{}\"", "y".repeat(524_286 - whole.len()));
    same("the length of one", half.len(), 524_288)?;
    write(&store, [put("big 1", &half)?, put("big 2", &half)?]).await?;
    for text in ["big 1", "big 2"] {
        let got = value(&store, text).await?;
        let equal = got.as_deref() == Some(half.as_str());
        holds("half a mebibyte that comes back", equal, got.map(|got| got.len()))?;
    }
    let over = SettingWrites::new([put("a", &half)?, put("b", &half)?, put("c", "1")?]);
    holds("one byte more is refused before it is sent", over.is_err(), over.err())
}

pub(super) async fn settings_e10_an_expectation_is_met_by_what_it_names_only(stage: Stage) -> Check {
    let store = stage.open().await?;
    let other = write(&store, [put("other", "0")?]).await?;
    let nobodys = Revision::from_number(other.number() + 1_000);
    let wishes = |own| {
        [
            Expected::Anything,
            Expected::Absent,
            Expected::Present,
            Expected::Revision(own),
        ]
    };
    // Each with a key that is not there, then with one that is.
    for (number, (expected, is_met)) in wishes(other).into_iter().zip([true, true, false, false]).enumerate() {
        let text = format!("absent {number}");
        let attempt = store
            .write_settings(&SettingWrites::one(put(&text, "1")?.expecting(expected)))
            .await?;
        let met = matches!(attempt, SettingsWritten::Written(_));
        same(&format!("whether {expected:?} is met by no key"), met, is_met)?;
        if !is_met {
            let key = key(&text)?;
            same("the mismatch", attempt, SettingsWritten::Mismatch { key, actual: None })?;
        }
        same("whether it is there", value(&store, &text).await?.is_some(), is_met)?;
    }
    for (number, is_met) in [true, false, true, true].into_iter().enumerate() {
        let text = format!("present {number}");
        let own = write(&store, [put(&text, "1")?]).await?;
        let expected = wishes(own)[number];
        let attempt = store
            .write_settings(&SettingWrites::one(put(&text, "2")?.expecting(expected)))
            .await?;
        let met = matches!(attempt, SettingsWritten::Written(_));
        same(&format!("whether {expected:?} is met by a key"), met, is_met)?;
        if !is_met {
            let key = key(&text)?;
            same(
                "the mismatch",
                attempt,
                SettingsWritten::Mismatch { key, actual: Some(own) },
            )?;
        }
        let shown = if is_met { "2" } else { "1" };
        same("the value", value(&store, &text).await?.as_deref(), Some(shown))?;
    }
    for revision in [other, nobodys, Revision::from_number(0)] {
        let own = write(&store, [put("k", "1")?]).await?;
        let wish = put("k", "2")?.expecting(Expected::Revision(revision));
        let attempt = store.write_settings(&SettingWrites::one(wish)).await?;
        let mismatch = SettingsWritten::Mismatch {
            key: key("k")?,
            actual: Some(own),
        };
        same("a write as of another revision", attempt, mismatch)?;
        same("the value", value(&store, "k").await?.as_deref(), Some("1"))?;
    }
    Ok(())
}

pub(super) async fn settings_e11_a_batch_is_written_whole_under_one_revision(stage: Stage) -> Check {
    let store = stage.open().await?;
    let before = write(&store, [put("gone", "0")?, put("kept", "0")?]).await?;
    let batch = [put("b", "1")?, SettingWrite::delete(key("gone")?), put("a", "2")?];
    let revision = write(&store, batch).await?;
    let listed = store.list_settings(&SettingRange::all(), &Page::default()).await?.items;
    let listed: Vec<_> = listed
        .iter()
        .map(|setting| (setting.key.as_str(), setting.value.as_str(), setting.revision))
        .collect();
    let expected = vec![("a", "2", revision), ("b", "1", revision), ("kept", "0", before)];
    same("all settings", listed, expected)
}

pub(super) async fn settings_e12_one_mismatch_refuses_the_whole_batch(stage: Stage) -> Check {
    let store = stage.open().await?;
    write(&store, [put("a", "1")?, put("b", "1")?, put("c", "1")?]).await?;
    let before = store.list_settings(&SettingRange::all(), &Page::default()).await?;
    stage.clock.advance(secs(1));
    // The one that is not as expected comes first, in the middle, and last.
    for place in 0..3 {
        let mut batch = vec![put("a", "2")?, SettingWrite::delete(key("b")?), put("new", "2")?];
        batch.insert(place, put("c", "2")?.expecting(Expected::Absent));
        let answer = store.write_settings(&SettingWrites::new(batch)?).await?;
        let refused = matches!(&answer, SettingsWritten::Mismatch { key, .. } if key.as_str() == "c");
        holds("a batch that is refused", refused, answer)?;
        let after = store.list_settings(&SettingRange::all(), &Page::default()).await?;
        same("all settings, as they were", &after, &before)?;
    }
    Ok(())
}

pub(super) async fn settings_e13_the_first_mismatch_of_the_batch_is_named(stage: Stage) -> Check {
    let store = stage.open().await?;
    let there = write(&store, [put("a", "1")?, put("z", "1")?]).await?;
    // In the order of the batch, not in that of the keys.
    let good = put("m", "2")?.expecting(Expected::Absent);
    let z = put("z", "2")?.expecting(Expected::Absent);
    let a = put("a", "2")?.expecting(Expected::Absent);
    let missing = put("missing", "2")?.expecting(Expected::Present);
    let named = |answer| match answer {
        SettingsWritten::Mismatch { key, actual } => Some((key.to_string(), actual)),
        SettingsWritten::Written(_) => None,
    };
    for (batch, expected) in [
        ([&good, &z, &a, &missing], ("z", Some(there))),
        ([&a, &z, &missing, &good], ("a", Some(there))),
        ([&missing, &good, &a, &z], ("missing", None)),
    ] {
        let batch = SettingWrites::new(batch.map(Clone::clone))?;
        let answer = named(store.write_settings(&batch).await?);
        same("what is named", answer, Some((expected.0.to_owned(), expected.1)))?;
    }
    same("the good one, which is not written", value(&store, "m").await?, None)
}

/// A batch that moves a value from one key to another goes by what there was before it.
pub(super) async fn settings_e14_expectations_see_the_settings_as_they_were_before_the_batch(stage: Stage) -> Check {
    let store = stage.open().await?;
    let there = write(&store, [put("from", "1")?]).await?;
    let batch = [
        SettingWrite::delete(key("from")?).expecting(Expected::Revision(there)),
        put("to", "1")?.expecting(Expected::Absent),
    ];
    write(&store, batch.clone()).await?;
    same("the old key", value(&store, "from").await?, None)?;
    same("the new key", value(&store, "to").await?.as_deref(), Some("1"))?;
    let again = store.write_settings(&SettingWrites::new(batch)?).await?;
    let mismatch = SettingsWritten::Mismatch {
        key: key("from")?,
        actual: None,
    };
    same("the same batch again", again, mismatch)
}

pub(super) async fn settings_e15_revisions_only_grow_across_keys_and_deletions(stage: Stage) -> Check {
    let store = stage.open().await?;
    let mut revisions = Vec::new();
    for text in ["b", "a", "b", "c"] {
        revisions.push(write(&store, [put(text, "1")?]).await?);
    }
    revisions.push(write(&store, [SettingWrite::delete(key("b")?)]).await?);
    revisions.push(write(&store, [SettingWrite::delete(key("never there")?)]).await?);
    let last = [SettingWrite::delete(key("a")?), SettingWrite::delete(key("c")?)];
    revisions.push(write(&store, last).await?);
    revisions.push(write(&store, [put("d", "1")?]).await?);
    let grown = revisions.is_sorted_by(|before, after| before < after);
    holds("revisions that grow", grown, revisions)
}

/// Or else whoever read the first one would take the second one for it.
pub(super) async fn settings_e16_a_key_that_was_removed_and_written_again_has_another_revision(stage: Stage) -> Check {
    let store = stage.open().await?;
    let first = write(&store, [put("k", "1")?]).await?;
    write(&store, [SettingWrite::delete(key("k")?)]).await?;
    let second = write(&store, [put("k", "1")?]).await?;
    holds("a greater revision", second > first, (second, first))?;
    let late = put("k", "9")?.expecting(Expected::Revision(first));
    let answer = store.write_settings(&SettingWrites::one(late)).await?;
    let mismatch = SettingsWritten::Mismatch {
        key: key("k")?,
        actual: Some(second),
    };
    same("a write as of the first one", answer, mismatch)?;
    same("the value", value(&store, "k").await?.as_deref(), Some("1"))
}
