//! Values come back as they were given: configs, weights, affinities, errors.

use convoke_core::{Affinity, ErrorText, NewTopology, Page, Payload, Report, TopologyStatus, Weight, WorkerName};

use super::Scene;
use crate::case::Check;
use crate::expect::{holds, name, same, topology_id};
use crate::stage::Stage;
use crate::workers::nasty_names;

pub(super) async fn topologies_e10_configs_come_back_to_the_letter(stage: Stage) -> Check {
    let store = stage.open().await?;
    // Characters of one to four bytes up to the very limit, quotes included.
    let unit = "aä日😀'\\\\";
    let whole = unit.repeat(1_048_574 / unit.len());
    let big = format!("\"{whole}{}\"", "x".repeat(1_048_574 - whole.len()));
    same("the length of the longest", big.len(), 1_048_576)?;
    let texts = [
        "null",
        "-0",
        "1.10",
        "1e300",
        "18446744073709551615",
        "-9223372036854775808",
        r#"{"z":1,"a":2,"":{"":[]}}"#,
        r#"{ "a" :  [1,2] }"#,
        r#""\u0000""#,
        "\"😀 á a\u{301}\"",
        r#""\\ \" '; DROP TABLE qtopology_topology; -- ? %s {} $1 :x""#,
        big.as_str(),
    ];
    for (number, text) in texts.into_iter().enumerate() {
        let new = NewTopology::new(topology_id(&format!("t{number}"))?, Payload::parse(text)?);
        store.register_topology(&new).await?;
        let got = store.get_topology(&new.id).await?.config;
        holds(
            "a config as it was given",
            got.as_str() == text,
            got.as_str().get(..200).unwrap_or(text),
        )?;
    }
    Ok(())
}

pub(super) async fn topologies_e11_weights_come_back_to_the_bit(stage: Stage) -> Check {
    let scene = Scene::of(&stage).await?;
    let weights = [
        0.0,
        0.1,
        0.1 + 0.2,
        1.0 / 3.0,
        1.0,
        5e-324,
        f64::MIN_POSITIVE,
        1e-7,
        123_456.789_012_345_67,
        999_999.999_999_999_9,
        1_000_000.0,
    ];
    for (number, weight) in weights.into_iter().enumerate() {
        let id = format!("t{number:02}");
        let new = super::new(&id)?.with_weight(Weight::new(weight)?);
        scene.store.register_topology(&new).await?;
        let got = scene.get(&id).await?.weight.get();
        same(&format!("the bits of {weight}"), got.to_bits(), weight.to_bits())?;
        let row = scene.newest(&id, 1).await?[0].weight.get();
        same(
            &format!("the bits of {weight} in its history"),
            row.to_bits(),
            weight.to_bits(),
        )?;
    }
    let listed = scene.store.list_topologies(&Page::default()).await?.items;
    let listed: Vec<_> = listed.iter().map(|topology| topology.weight.get().to_bits()).collect();
    same("the bits in the list", listed, weights.map(f64::to_bits).to_vec())?;
    for bad in [-1.0, -5e-324, 1_000_000.000_000_1, f64::NAN, f64::INFINITY] {
        holds(
            "a weight that is refused before it is sent",
            Weight::new(bad).is_err(),
            bad,
        )?;
    }
    same("minus zero", Weight::new(-0.0)?.get().to_bits(), 0)
}

/// A fault of qtopology: a comma in an affinity name splits it; affinities over 200 characters fail (6).
pub(super) async fn topologies_e12_affinities_come_back_name_by_name_in_their_order(stage: Stage) -> Check {
    let scene = Scene::of(&stage).await?;
    let full: Vec<_> = (0..100)
        .rev()
        .map(|number| format!("{}{number:02}", "ä".repeat(49)))
        .collect();
    let lists: [Vec<String>; 8] = [
        vec![],
        ["b", "a"].map(str::to_owned).to_vec(),
        ["a", "b"].map(str::to_owned).to_vec(),
        vec!["a,b".to_owned()],
        [",", ",,", "a, b", "a", "b"].map(str::to_owned).to_vec(),
        ["[\"a\"]", "null", "[]", "\\", "\""].map(str::to_owned).to_vec(),
        nasty_names().into_iter().take(100).collect(),
        full,
    ];
    for (number, list) in lists.into_iter().enumerate() {
        let id = format!("t{number}");
        let workers = list.iter().map(|worker| name(worker)).collect::<Check<Vec<_>>>()?;
        let affinity = Affinity::new(workers)?;
        scene
            .store
            .register_topology(&super::new(&id)?.with_affinity(affinity))
            .await?;
        let names = |affinity: &Affinity| affinity.workers().iter().map(WorkerName::to_string).collect::<Vec<_>>();
        same("an affinity", names(&scene.get(&id).await?.affinity), list.clone())?;
        same(
            "an affinity in its history",
            names(&scene.newest(&id, 1).await?[0].affinity),
            list.clone(),
        )?;
        let listed = scene.store.list_topologies(&Page::default()).await?.items;
        same("an affinity in the list", names(&listed[number].affinity), list)?;
    }
    let over = Affinity::new(
        (0..101)
            .map(|number| name(&number.to_string()))
            .collect::<Check<Vec<_>>>()?,
    );
    holds(
        "a hundred and one are refused before they are sent",
        over.is_err(),
        over.err(),
    )?;
    let twice = Affinity::new([name("a")?, name("a")?]);
    holds("a name twice is refused before it is sent", twice.is_err(), twice.err())
}

/// A fault of qtopology: errors over 1,000 characters and emoji fail, a `?` in an error text fails (6).
pub(super) async fn topologies_e13_errors_come_back_to_the_character_and_are_cut_to_a_thousand(stage: Stage) -> Check {
    let scene = Scene::of(&stage).await?;
    scene.running("t", &scene.a).await?;
    let given = [
        String::new(),
        " ".to_owned(),
        "?".to_owned(),
        "\0".to_owned(),
        "a\0b".to_owned(),
        " leading and trailing \n".to_owned(),
        "'; UPDATE qtopology_topology SET status = 'running'; --".to_owned(),
        "\\ \\' \" ` %s {} $1 :x ]] \r\n\t\u{1}\u{7f}\u{85}\u{2028}\u{feff}".to_owned(),
        "á a\u{301} 😀".to_owned(),
        "💥".repeat(1_000),
        "\\".repeat(1_000),
        "\0".repeat(1_000),
    ];
    let long = [
        ("x".repeat(1_001), "x".repeat(1_000)),
        ("😀".repeat(5_000), "😀".repeat(1_000)),
        (
            format!("{}ä😀 the rest", "a".repeat(998)),
            format!("{}ä😀", "a".repeat(998)),
        ),
    ];
    let all = given
        .into_iter()
        .map(|text| (text.clone(), text))
        .chain(long)
        .collect::<Vec<_>>();
    for (text, kept) in &all {
        let id = topology_id("t")?;
        scene
            .accepted(&scene.a, "t", &Report::Failed(ErrorText::new(text)))
            .await?;
        let got = scene.get("t").await?;
        same("the status", got.status, TopologyStatus::Error)?;
        same(
            "a reported error",
            got.error.as_ref().map(ErrorText::as_str),
            Some(kept.as_str()),
        )?;
        scene.accepted(&scene.a, "t", &Report::Running).await?;
        scene.store.set_topology_error(&id, &ErrorText::new(text)).await?;
        let listed = scene.store.list_topologies(&Page::default()).await?.items;
        same(
            "an error that was set, in the list",
            listed.first().and_then(|it| it.error.as_ref()).map(ErrorText::as_str),
            Some(kept.as_str()),
        )?;
        let row = scene.newest("t", 1).await?.swap_remove(0);
        same(
            "it in the history",
            row.error.as_ref().map(ErrorText::as_str),
            Some(kept.as_str()),
        )?;
    }
    Ok(())
}
