//! Sending and looking: ids, order, terms, payloads, pages.

use convoke_core::{
    Command, Cursor, ErrorKind, Limit, Message, MessageId, NewMessage, Page, Paged, Payload, QueuedMessage, Term,
    Timestamp, WorkerStatus,
};

use crate::case::{Check, Failure};
use crate::expect::{
    commands, elect, holds, message, name, queue, receive, receive_one, refused, register, same, secs, send, set,
};
use crate::stage::Stage;
use crate::workers::nasty_names;

pub(super) async fn messages_e01_a_queue_is_first_in_first_out_and_ids_grow(stage: Stage) -> Check {
    let store = stage.open().await?;
    let a = register(&store, "a").await?;
    register(&store, "b").await?;
    let mut before = MessageId::from_number(0);
    let mut sent = Vec::new();
    for number in 0..20 {
        let command = format!("c{number}");
        let id = send(&store, "a", &command).await?;
        let other = send(&store, "b", "x").await?;
        holds(
            "ids that grow in the order of sending",
            before < id && id < other,
            (before, id, other),
        )?;
        before = other;
        sent.push(command);
    }
    same("the queue", queue(&store, "a").await?, sent.clone())?;
    let got = receive(&store, &a, 1_000).await?;
    same(
        "what is received",
        commands(&got),
        sent.iter().map(String::as_str).collect(),
    )
}

pub(super) async fn messages_e02_sending_to_an_unknown_worker_is_not_found_whatever_the_term(stage: Stage) -> Check {
    let store = stage.open().await?;
    register(&store, "a").await?;
    let new = message("A", "go")?;
    refused("sending", store.send_message(&new).await, ErrorKind::NotFound)?;
    let led = new.with_term(Term::from_number(9));
    refused(
        "sending under a stale term",
        store.send_message(&led).await,
        ErrorKind::NotFound,
    )?;
    register(&store, "A").await?;
    same("its queue once it is known", queue(&store, "A").await?, Vec::new())
}

pub(super) async fn messages_e03_a_stale_term_sends_nothing(stage: Stage) -> Check {
    let store = stage.open().await?;
    let (a, b) = (register(&store, "a").await?, register(&store, "b").await?);
    let first = elect(&store, &a, secs(10)).await?;
    store
        .send_message(&message("b", "first")?.with_term(first.term))
        .await?;
    stage.clock.set(Timestamp::from_micros(first.expires.as_micros() - 1));
    store.send_message(&message("b", "last")?.with_term(first.term)).await?;
    stage.clock.set(first.expires);
    for led in [
        message("b", "late")?.with_term(first.term),
        message("b", "never")?.with_term(first.term.next()),
    ] {
        refused(
            "sending when nobody leads",
            store.send_message(&led).await,
            ErrorKind::Fenced,
        )?;
    }
    let second = elect(&store, &b, secs(10)).await?;
    let stale = message("b", "stale")?.with_term(first.term);
    refused(
        "sending under the term before",
        store.send_message(&stale).await,
        ErrorKind::Fenced,
    )?;
    store
        .send_message(&message("b", "second")?.with_term(second.term))
        .await?;
    send(&store, "b", "by anybody").await?;
    same(
        "the queue",
        queue(&store, "b").await?,
        ["first", "last", "second", "by anybody"].map(str::to_owned).to_vec(),
    )
}

pub(super) async fn messages_e04_messages_wait_for_a_worker_of_any_status(stage: Stage) -> Check {
    let store = stage.open().await?;
    let a = register(&store, "a").await?;
    for status in WorkerStatus::ALL {
        set(&store, "a", status).await?;
        send(&store, "a", status.as_str()).await?;
        let got = store.take_messages(&a, Limit::MAX).await?;
        same(
            "what was taken",
            got.iter().map(|message| message.command.as_str()).collect(),
            vec![status.as_str()],
        )?;
    }
    Ok(())
}

/// A fault of qtopology: a second's cut of `created` dropped what was sent just after a start (8).
pub(super) async fn messages_e05_what_is_sent_in_the_instant_of_the_registration_is_received(stage: Stage) -> Check {
    let store = stage.open().await?;
    // Just before a whole second, so that a cut to seconds would make the message older than its worker.
    stage.clock.set(Timestamp::from_micros(1_767_225_600_999_999));
    let a = register(&store, "a").await?;
    send(&store, "a", "at once").await?;
    same(
        "what is received",
        commands(&receive(&store, &a, 9).await?),
        vec!["at once"],
    )
}

pub(super) async fn messages_e06_payloads_come_back_to_the_letter(stage: Stage) -> Check {
    let store = stage.open().await?;
    let a = register(&store, "a").await?;
    let texts = [
        "null",
        "true",
        "{}",
        "[]",
        "[[],{}]",
        "\"\"",
        "0",
        "-0",
        "-0.0",
        "1.10",
        "1e2",
        "1E+2",
        "100",
        "0.1",
        "5e-324",
        "1.7976931348623157e308",
        "18446744073709551615",
        "-9223372036854775808",
        "9007199254740993",
        "123456789012345678901234567890.123456789",
        r#"{"b":1,"a":2,"B":3}"#,
        r#"{"":{"":{"":[]}}}"#,
        r#"{ "a" :  [1,2] }"#,
        r#""\u0000""#,
        r#""a\u0000b""#,
        r#""\ud83d\ude00""#,
        "\"😀\"",
        "\"á a\u{301}\"",
        r#""\\""#,
        r#""\"""#,
        r#""'; DROP TABLE qtopology_message; --""#,
        r#""?""#,
        r#""%s {} $1 :x""#,
        r#""\/""#,
        r#""\n\r\t\b\f""#,
        "\"\u{2028}\u{feff}\"",
        r#"{"k'":"v?","\u0000":"","ä":"💩"}"#,
    ];
    for text in texts {
        let new = NewMessage::new(a.worker.clone(), Command::new("c")?, Payload::parse(text)?);
        store.send_message(&new).await?;
    }
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    store
        .send_message(&NewMessage::new(
            a.worker.clone(),
            Command::new("c")?,
            Payload::parse(&deep)?,
        ))
        .await?;
    let peeked = store.peek_messages(&a.worker, &Page::first(1_000)?).await?.items;
    let received = receive(&store, &a, 1_000).await?;
    same(
        "how many come back",
        (peeked.len(), received.len()),
        (texts.len() + 1, texts.len() + 1),
    )?;
    for ((text, peeked), received) in texts.iter().copied().chain([deep.as_str()]).zip(peeked).zip(received) {
        same("a payload looked at", peeked.message.content.as_str(), text)?;
        same("a payload received", received.message.content.as_str(), text)?;
    }
    Ok(())
}

pub(super) async fn messages_e07_a_payload_of_a_mebibyte_comes_back_whole(stage: Stage) -> Check {
    let store = stage.open().await?;
    let a = register(&store, "a").await?;
    // Characters of one to four bytes up to the very limit, quotes included.
    let unit = "aä日😀'\\\\";
    let room = 1_048_576 - 2;
    let mut text = String::with_capacity(room + 2);
    text.push('"');
    for _ in 0..room / unit.len() {
        text.push_str(unit);
    }
    let rest = room + 1 - text.len();
    text.push_str(&"x".repeat(rest));
    text.push('"');
    same("the length that is sent", text.len(), 1_048_576)?;
    let new = NewMessage::new(a.worker.clone(), Command::new("c")?, Payload::parse(&text)?);
    store.send_message(&new).await?;
    let got = receive_one(&store, &a).await?.message.content;
    holds(
        "the same text",
        got.as_str() == text,
        format!("{} bytes", got.as_str().len()),
    )?;
    let over = Payload::parse(&format!("{text} 1")).is_err() && Payload::parse(&format!("\"x{}", &text[1..])).is_err();
    holds("one byte more is refused before it is sent", over, over)
}

/// A fault of qtopology: values are pasted into statements; a `?` fails, a crafted text rewrites every row (6).
pub(super) async fn messages_e08_commands_come_back_to_the_byte(stage: Stage) -> Check {
    let store = stage.open().await?;
    let a = register(&store, "a").await?;
    let sent = nasty_names();
    for command in &sent {
        send(&store, "a", command).await?;
    }
    same("the queue", queue(&store, "a").await?, sent.clone())?;
    let got = receive(&store, &a, 1_000).await?;
    same(
        "what is received",
        commands(&got),
        sent.iter().map(String::as_str).collect(),
    )
}

pub(super) async fn messages_e09_a_look_shows_a_queue_as_it_is_and_touches_nothing(stage: Stage) -> Check {
    let store = stage.open().await?;
    let a = register(&store, "a").await?;
    let sent = stage.clock.now();
    let new = |command: &str, seconds| Check::Ok(message("a", command)?.with_ttl(secs(seconds)));
    let one = store.send_message(&new("one", 60)?).await?;
    let two = store.send_message(&new("two", 90)?).await?;
    receive_one(&store, &a).await?;
    let shown = |id, command: &str, seconds, attempts, invisible_until| {
        Check::Ok(QueuedMessage {
            message: Message {
                id,
                worker: name("a")?,
                command: Command::new(command)?,
                content: Payload::empty(),
                sent,
                expires: sent.plus(secs(seconds)),
            },
            attempts,
            invisible_until,
        })
    };
    let claimed = sent.plus(secs(30));
    let expected = vec![
        shown(one, "one", 60, 1, Some(claimed))?,
        shown(two, "two", 90, 0, None)?,
    ];
    for _ in 0..2 {
        let got = store.peek_messages(&a.worker, &Page::default()).await?;
        same("the queue", (got.items, got.next), (expected.clone(), None))?;
    }
    stage.clock.set(claimed);
    let expected = vec![shown(one, "one", 60, 1, None)?, shown(two, "two", 90, 0, None)?];
    same(
        "when the claim is over",
        store.peek_messages(&a.worker, &Page::default()).await?.items,
        expected,
    )?;
    same(
        "what is received then",
        commands(&receive(&store, &a, 9).await?),
        vec!["one", "two"],
    )
}

pub(super) async fn messages_e10_an_expired_message_is_not_shown_unless_somebody_holds_it(stage: Stage) -> Check {
    let store = stage.open().await?;
    let a = register(&store, "a").await?;
    store.send_message(&message("a", "held")?.with_ttl(secs(10))).await?;
    receive_one(&store, &a).await?;
    store.send_message(&message("a", "short")?.with_ttl(secs(10))).await?;
    store.send_message(&message("a", "long")?.with_ttl(secs(90))).await?;
    let expires = stage.clock.now().plus(secs(10));
    stage.clock.set(Timestamp::from_micros(expires.as_micros() - 1));
    same(
        "just before",
        queue(&store, "a").await?,
        ["held", "short", "long"].map(str::to_owned).to_vec(),
    )?;
    stage.clock.set(expires);
    same(
        "at the end",
        queue(&store, "a").await?,
        ["held", "long"].map(str::to_owned).to_vec(),
    )?;
    stage.clock.advance(secs(20));
    same(
        "when the claim is over too",
        queue(&store, "a").await?,
        vec!["long".to_owned()],
    )
}

pub(super) async fn messages_e11_a_queue_is_looked_at_a_page_at_a_time(stage: Stage) -> Check {
    let store = stage.open().await?;
    let a = register(&store, "a").await?;
    register(&store, "b").await?;
    for number in 0..7 {
        send(&store, "a", &format!("c{number}")).await?;
        send(&store, "b", "other").await?;
    }
    receive(&store, &a, 2).await?;
    for limit in [1, 2, 3, 6, 7, 8] {
        let mut page = Page::first(limit)?;
        let mut read = Vec::new();
        loop {
            let Paged { items, next } = store.peek_messages(&a.worker, &page).await?;
            let expected = 7.min(read.len() + limit as usize) - read.len();
            same(
                &format!("how many a page of {limit} behind {} holds", read.len()),
                items.len(),
                expected,
            )?;
            read.extend(items.into_iter().map(|queued| queued.message.command.to_string()));
            same("whether there is a next page", next.is_some(), read.len() < 7)?;
            let Some(next) = next else { break };
            page = page.behind(next);
        }
        let expected: Vec<_> = (0..7).map(|number| format!("c{number}")).collect();
        same(&format!("all pages of {limit}"), read, expected)?;
    }
    let nobody = store.peek_messages(&name("nobody")?, &Page::default()).await?;
    same(
        "the queue of a worker never seen",
        (nobody.items, nobody.next),
        (Vec::new(), None),
    )
}

pub(super) async fn messages_e12_a_cursor_of_another_list_is_refused(stage: Stage) -> Check {
    let store = stage.open().await?;
    let a = register(&store, "a").await?;
    register(&store, "b").await?;
    send(&store, "a", "one").await?;
    let of_workers = store.list_workers(&Page::first(1)?).await?.next;
    let of_workers = of_workers.ok_or_else(|| Failure::new("a page of one of two workers must have a next one"))?;
    let texts = ["", "x", "-1", "1.5", "18446744073709551615", "0 OR 1=1"].map(|text| Cursor::from(text.to_owned()));
    for cursor in texts.into_iter().chain([of_workers]) {
        let foreign = Page::first(1)?.behind(cursor.clone());
        let looked = store.peek_messages(&a.worker, &foreign).await;
        refused(
            &format!("a queue behind {:?}", cursor.as_str()),
            looked,
            ErrorKind::InvalidArgument,
        )?;
    }
    Ok(())
}
