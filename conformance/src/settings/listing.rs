//! Lists of settings: ranges, prefixes, pages.

use convoke_core::{Cursor, Page, Paged, Setting, SettingRange, SettingWrite};

use super::{key, put, write};
use crate::case::{Check, Failure};
use crate::expect::{Handle, same};
use crate::pages::{pages_show, refuses_what_is_no_name};
use crate::stage::Stage;

async fn fill(store: &Handle, keys: &[&str]) -> Check {
    for text in keys {
        write(store, [put(text, "0")?]).await?;
    }
    Ok(())
}

async fn keys_in(store: &Handle, range: &SettingRange) -> Check<Vec<String>> {
    let listed = store.list_settings(range, &Page::first(1_000)?).await?;
    same("whether a next page follows", listed.next, None)?;
    Ok(listed
        .items
        .into_iter()
        .map(|setting| setting.key.to_string())
        .collect())
}

fn keys_of(page: Paged<Setting>) -> Paged<String> {
    page.map(|setting| setting.key.to_string())
}

pub(super) async fn settings_e20_settings_are_listed_by_the_bytes_of_their_keys_a_page_at_a_time(
    stage: Stage,
) -> Check {
    let store = stage.open().await?;
    let none = store.list_settings(&SettingRange::all(), &Page::default()).await?;
    same("no settings", (none.items, none.next), (Vec::new(), None))?;
    fill(&store, &["b", "😀", "a", "B", "ä", "a b", "é", "a/b", "\u{ffff}"]).await?;
    let ordered = ["B", "a", "a b", "a/b", "b", "ä", "é", "\u{ffff}", "😀"].map(str::to_owned);
    pages_show(&store, "all settings", &ordered, |store, page| async move {
        Ok(keys_of(store.list_settings(&SettingRange::all(), &page).await?))
    })
    .await?;
    let within = ordered[1..5].to_vec();
    pages_show(&store, "a range of them", &within, |store, page| async move {
        let range = SettingRange::all().starting_at("C").ending_before("c");
        Ok(keys_of(store.list_settings(&range, &page).await?))
    })
    .await
}

pub(super) async fn settings_e21_a_range_begins_with_its_start_and_ends_before_its_end(stage: Stage) -> Check {
    let store = stage.open().await?;
    fill(&store, &["a", "b", "bb", "c", "d"]).await?;
    let all = SettingRange::all();
    for (range, expected) in [
        (all.clone(), "a b bb c d"),
        (all.clone().starting_at("b"), "b bb c d"),
        (all.clone().ending_before("c"), "a b bb"),
        (all.clone().starting_at("b").ending_before("c"), "b bb"),
        (all.clone().starting_at("ba").ending_before("bc"), "bb"),
        (all.clone().starting_at("b").ending_before("b"), ""),
        (all.clone().starting_at("d").ending_before("a"), ""),
        (all.clone().starting_at("e"), ""),
        (all.clone().ending_before("a"), ""),
        (all.clone().starting_at(""), "a b bb c d"),
        (all.ending_before(""), ""),
    ] {
        let listed = keys_in(&store, &range).await?.join(" ");
        same(&format!("{range:?}"), listed.as_str(), expected)?;
    }
    Ok(())
}

pub(super) async fn settings_e22_a_prefix_holds_what_begins_with_it_and_nothing_else(stage: Stage) -> Check {
    let store = stage.open().await?;
    let keys = [
        "A",
        "a",
        "a%b",
        "a%c",
        "a/",
        "a/b",
        "a/\u{10ffff}",
        "a0",
        "aXb",
        "a\\",
        "a\\b",
        "a_b",
        "ab",
        "b",
        "\u{d7ff}x",
        "\u{e000}",
        "\u{10ffff}",
        "\u{10ffff}z",
    ];
    fill(&store, &keys).await?;
    for (prefix, expected) in [
        ("a/", vec!["a/", "a/b", "a/\u{10ffff}"]),
        ("a%", vec!["a%b", "a%c"]),
        ("a_", vec!["a_b"]),
        ("a\\", vec!["a\\", "a\\b"]),
        ("A", vec!["A"]),
        ("\u{d7ff}", vec!["\u{d7ff}x"]),
        ("\u{10ffff}", vec!["\u{10ffff}", "\u{10ffff}z"]),
        ("a/b/", vec![]),
        ("b", vec!["b"]),
        ("nothing", vec![]),
    ] {
        let listed = keys_in(&store, &SettingRange::prefix(prefix)).await?;
        same(
            &format!("what begins with {prefix:?}"),
            listed,
            expected.into_iter().map(str::to_owned).collect(),
        )?;
    }
    let mut ordered = keys.map(str::to_owned).to_vec();
    ordered.sort_unstable();
    same(
        "what begins with nothing",
        keys_in(&store, &SettingRange::prefix("")).await?,
        ordered,
    )
}

/// The ends of a range are any text, not only what could be a key.
pub(super) async fn settings_e23_a_range_of_odd_text_is_searched_byte_by_byte(stage: Stage) -> Check {
    let store = stage.open().await?;
    fill(&store, &["!", "a", "a b", "b", "é", "e\u{301}"]).await?;
    let all = SettingRange::all();
    let long = "a".repeat(5_000);
    for (range, expected) in [
        (all.clone().starting_at("\0"), "!|a|a b|b|e\u{301}|é"),
        (all.clone().starting_at("a ").ending_before("b"), "a b"),
        (all.clone().starting_at(" "), "!|a|a b|b|e\u{301}|é"),
        (all.clone().ending_before("\u{1}"), ""),
        (all.clone().starting_at(long.clone()), "b|e\u{301}|é"),
        (all.clone().ending_before(long), "!|a|a b"),
        (all.clone().starting_at("' OR '1'='1"), "a|a b|b|e\u{301}|é"),
        (all.clone().starting_at("e\u{301}").ending_before("é"), "e\u{301}"),
        (all.starting_at("A").ending_before("Z"), ""),
    ] {
        let listed = keys_in(&store, &range).await?.join("|");
        same(&format!("{range:?}"), listed.as_str(), expected)?;
    }
    Ok(())
}

pub(super) async fn settings_e24_a_page_goes_on_behind_a_key_that_was_removed(stage: Stage) -> Check {
    let store = stage.open().await?;
    fill(&store, &["a", "b", "c", "d"]).await?;
    let page = Page::first(2)?;
    let next = store.list_settings(&SettingRange::all(), &page).await?.next;
    let next = next.ok_or_else(|| Failure::new("the first page of two of four must have a next one"))?;
    write(
        &store,
        [SettingWrite::delete(key("b")?), put("aa", "0")?, put("bb", "0")?],
    )
    .await?;
    let second = store.list_settings(&SettingRange::all(), &page.behind(next)).await?;
    same(
        "the page behind the removed one",
        keys_of(second).items,
        vec!["bb".to_owned(), "c".to_owned()],
    )
}

pub(super) async fn settings_e25_a_cursor_of_another_list_is_refused(stage: Stage) -> Check {
    let store = stage.open().await?;
    fill(&store, &["a", "b"]).await?;
    refuses_what_is_no_name(&store, "settings", |store, page| async move {
        store.list_settings(&SettingRange::prefix("a"), &page).await
    })
    .await
}

pub(super) async fn settings_e26_a_cursor_from_outside_the_range_leads_to_nothing_outside_it(stage: Stage) -> Check {
    let store = stage.open().await?;
    fill(&store, &["a", "b", "c", "d"]).await?;
    let range = SettingRange::all().starting_at("b").ending_before("d");
    for (cursor, expected) in [("a", vec!["b", "c"]), ("b", vec!["c"]), ("c", vec![]), ("e", vec![])] {
        let page = Page::default().behind(Cursor::from(cursor.to_owned()));
        let listed = keys_of(store.list_settings(&range, &page).await?).items;
        let expected: Vec<_> = expected.into_iter().map(str::to_owned).collect();
        same(&format!("the range behind {cursor:?}"), listed, expected)?;
    }
    Ok(())
}
