//! A server in Tokyo, clients in New York: nothing depends on it.

use std::time::Duration;

use convoke_core::{Claim, Command, Limit, NewMessage, Payload, Timeouts, Timestamp, Ttl, WorkerName, WorkerStatus};
use convoke_test_servers::{Kind, private};
use sqlx::{Executor, Row};

use crate::databases::Database;
use crate::node::Node;

pub(crate) async fn time_zones_of_server_and_clients_play_no_part(kind: Kind) {
    let server = tokio::task::spawn_blocking(move || private(kind))
        .await
        .unwrap()
        .unwrap();
    let database = Database::create(server.url(), "zones").await;
    database
        .plain()
        .await
        .execute("SET GLOBAL time_zone = '+09:00'")
        .await
        .unwrap();
    let store = database.store().await;
    let ours = store.register_worker(&WorkerName::new("ours").unwrap()).await.unwrap();

    let now = store.now().await.unwrap();
    let host = Timestamp::of_host();
    assert!(host.since(now).max(now.since(host)) < Duration::from_secs(5));

    // A client of the published kind sees our ping as its own NOW(), in the server's zone.
    let mut node = Node(database.plain().await);
    store.ping_worker(&ours).await.unwrap();
    let row = node
        .run("select abs(timestampdiff(second, last_ping, NOW())) as age from qtopology_worker;")
        .await;
    assert!(row[0].try_get::<i64, _>("age").unwrap() < 5);
    let message = NewMessage::new(ours.worker.clone(), Command::new("c").unwrap(), Payload::empty());
    store.send_message(&message).await.unwrap();
    let row = node
        .run("select abs(timestampdiff(second, created, NOW())) as age, timestampdiff(second, created, valid_until) as ttl \
              from qtopology_message;")
        .await;
    assert!(row[0].try_get::<i64, _>("age").unwrap() < 5);
    assert_eq!(row[0].try_get::<i64, _>("ttl").unwrap(), 60);

    // Another one sits in New York, with a session of that zone and a clock that is ten minutes slow.
    node.run("SET time_zone = '-05:00'").await;
    node.run(
        "update qtopology_worker set status = 'alive', last_ping = FROM_UNIXTIME(UNIX_TIMESTAMP() - 600) where name = 'ours';",
    )
    .await;
    node.run(
        "insert into qtopology_message(cmd, content, created, valid_until, worker) values ('n', '{}', \
         FROM_UNIXTIME(UNIX_TIMESTAMP() - 600), FROM_UNIXTIME(UNIX_TIMESTAMP() - 540), 'ours');",
    )
    .await;
    node.run("CALL qtopology_sp_register_worker('theirs');").await;
    assert!(store.refresh_statuses(&Timeouts::default()).await.unwrap().is_empty());
    node.run("CALL qtopology_sp_refresh_statuses();").await;
    for worker in store.list_workers(&Default::default()).await.unwrap().items {
        assert_eq!(worker.status, WorkerStatus::Alive);
        assert!(store.now().await.unwrap().since(worker.last_ping) < Duration::from_secs(5));
    }
    let got = store
        .receive_messages(&ours, &Claim::new(Limit::MAX, Ttl::from_secs(1)))
        .await
        .unwrap();
    let commands: Vec<_> = got.iter().map(|delivery| delivery.message.command.as_str()).collect();
    assert_eq!(commands, ["c", "n"]);
    node.run("SET time_zone = '+09:00'").await;
    let row = node
        .run("select max(abs(timestampdiff(second, last_ping, NOW()))) as age from qtopology_worker;")
        .await;
    assert!(row[0].try_get::<i64, _>("age").unwrap() < 5);
}
