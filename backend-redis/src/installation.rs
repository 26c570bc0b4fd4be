//! The installation on Redis: layout, properties, clearing.

use std::collections::HashMap;

use convoke_core::{
    Confirmed, Durability, Error, ErrorKind, Installation, Properties, Result, SchemaStatus, Timestamp, async_trait,
};
use redis::{FromRedisValue, RedisError, from_redis_value};

use crate::answer::strange;
use crate::error::{Failure, Progress};
use crate::hints::POLL_BOUND;
use crate::script::Effect;
use crate::scripts::{self, MIGRATIONS, Migration};
use crate::store::RedisStore;

#[async_trait]
impl Installation for RedisStore {
    async fn properties(&self) -> Result<Properties> {
        let at = |error: Error| error.at("installation.properties");
        let info: String = self.look(&["INFO", "server"]).await.map_err(at)?;
        let durability = self.durability().await.map_err(at)?;
        let installation = format!("keys {}:*, database {}", self.keys.prefix(), self.database);
        Ok(Properties::new(
            "redis",
            server(&info),
            installation,
            durability,
            true,
            POLL_BOUND,
        ))
    }

    async fn now(&self) -> Result<Timestamp> {
        if let Some(now) = self.clock.override_now() {
            return Ok(now);
        }
        let looked = self.look(&["TIME"]).await;
        let (seconds, micros): (i64, i64) = looked.map_err(|error| error.at("installation.now"))?;
        Ok(Timestamp::from_micros(
            seconds.saturating_mul(1_000_000).saturating_add(micros),
        ))
    }

    async fn check(&self) -> Result<SchemaStatus> {
        let status = self.schema_status().await;
        status.map_err(|error| error.at("installation.check"))
    }

    async fn migrate(&self) -> Result<Vec<String>> {
        let applied = self.apply_migrations().await;
        applied.map_err(|error| error.at("installation.migrate"))
    }

    async fn clear(&self, _: Confirmed) -> Result<()> {
        let cleared = self.ask(&scripts::CLEAR.call()).await;
        cleared.map(drop).map_err(|error| error.at("installation.clear"))
    }

    async fn reset(&self, _: Confirmed) -> Result<()> {
        let reset = self.ask(&scripts::RESET.call()).await;
        reset.map(drop).map_err(|error| error.at("installation.reset"))
    }
}

impl RedisStore {
    pub(crate) async fn schema_status(&self) -> Result<SchemaStatus> {
        let mut answer = self.ask(&scripts::CHECK.call()).await?;
        if answer.word != "schema" {
            return Err(answer.unexpected());
        }
        let found: u32 = answer.fields.parsed()?;
        let mut rows = answer.fields.list()?;
        let mut applied = HashMap::new();
        while !rows.is_done() {
            applied.insert(rows.text()?, rows.text()?);
        }
        judge(found, &applied)
    }

    /// Applies what is pending, each migration in one step that happens once.
    pub(crate) async fn apply_migrations(&self) -> Result<Vec<String>> {
        let status = self.schema_status().await?;
        let mut applied = Vec::new();
        for migration in MIGRATIONS.iter().filter(|it| it.version > status.found) {
            let script = migration.script();
            let call = script
                .call()
                .arg(migration.version)
                .arg(migration.name)
                .arg(migration.checksum());
            let answer = self.ask(&call).await?;
            match answer.word.as_str() {
                "applied" => applied.push(migration.name.to_owned()),
                "passed" => {}
                "narrow" => {
                    return Err(Error::new(
                        ErrorKind::Unsupported,
                        "the Redis server was built for 32 bits and cannot count microseconds; use one of 64 bits",
                    ));
                }
                _ => return Err(answer.unexpected()),
            }
        }
        Ok(applied)
    }

    async fn durability(&self) -> Result<Durability> {
        let settings = ["appendonly", "appendfsync", "save"];
        let mut found = HashMap::new();
        for setting in settings {
            let answer = self.link.look(redis::cmd("CONFIG").arg("GET").arg(setting)).await?;
            // A server that keeps its settings to itself is judged by what it may do at worst.
            let Ok(Ok(pairs)) = answer.map(from_redis_value::<HashMap<String, String>>) else {
                return Ok(Durability::Relaxed(
                    "unknown: the server does not tell how it keeps its data (CONFIG GET is not permitted); \
                     at worst everything is lost with its process"
                        .to_owned(),
                ));
            };
            found.extend(pairs);
        }
        let [append_only, sync, save] = settings.map(|name| found.get(name).map_or("", String::as_str));
        Ok(durability(append_only, sync, save))
    }

    async fn look<T: FromRedisValue>(&self, command: &[&str]) -> Result<T> {
        let failed = |error: RedisError| Error::from(Failure::new(error, Progress::Sent(Effect::Read)));
        let mut words = command.iter();
        let mut command = redis::cmd(words.next().copied().unwrap_or_default());
        for word in words {
            command.arg(word);
        }
        let value = self.link.look(&command).await?.map_err(failed)?;
        from_redis_value(value).map_err(|source| strange("the server answered in an unknown form").caused_by(source))
    }
}

fn judge(found: u32, applied: &HashMap<String, String>) -> Result<SchemaStatus> {
    let needed = MIGRATIONS.iter().map(|it| it.version).max().unwrap_or_default();
    if found > needed {
        return Err(Error::new(
            ErrorKind::Unsupported,
            "the installation was set up by a newer program; use that one, or a namespace of its own",
        )
        .with("found", found)
        .with("needed", needed));
    }
    let (done, pending): (Vec<_>, Vec<&Migration>) = MIGRATIONS.iter().partition(|it| it.version <= found);
    for migration in done {
        if applied.get(migration.name) != Some(&migration.checksum()) {
            return Err(
                strange("an applied migration is not the one that this program has").with("migration", migration.name)
            );
        }
    }
    Ok(SchemaStatus {
        found,
        needed,
        pending: pending.into_iter().map(|it| it.name.to_owned()).collect(),
    })
}

/// The name and the version out of `INFO server`.
fn server(info: &str) -> String {
    let value = |name: &str| {
        let found = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        found.map(str::trim)
    };
    match (value("valkey_version"), value("redis_version")) {
        (Some(version), _) => format!("Valkey {version}"),
        (None, Some(version)) => format!("Redis {version}"),
        (None, None) => "unknown, speaks the protocol of Redis".to_owned(),
    }
}

fn durability(append_only: &str, sync: &str, save: &str) -> Durability {
    let lost = match (append_only, sync) {
        ("yes", "always") => return Durability::Full,
        ("yes", "everysec") => "appendfsync is everysec: a power cut loses the last second, at worst two".to_owned(),
        ("yes", _) => format!("appendfsync is {sync}: a power cut loses what the system has not written yet"),
        _ if save.is_empty() => return Durability::None,
        _ => format!("appendonly is {append_only}: a crash loses all since the last snapshot (save {save})"),
    };
    Durability::Relaxed(lost)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_append_only_file_that_is_always_synced_is_durable() {
        assert_eq!(durability("yes", "always", ""), Durability::Full);
        for (append_only, sync) in [("yes", "everysec"), ("yes", "no"), ("no", "always")] {
            assert!(matches!(
                durability(append_only, sync, "3600 1"),
                Durability::Relaxed(_)
            ));
        }
        assert_eq!(durability("no", "always", ""), Durability::None);
    }

    #[test]
    fn valkey_is_told_from_the_redis_that_it_claims_to_be() {
        assert_eq!(server("redis_version:7.0.15\r\n"), "Redis 7.0.15");
        assert_eq!(
            server("redis_version:7.2.4\r\nvalkey_version:9.1.2\r\n"),
            "Valkey 9.1.2"
        );
    }

    #[test]
    fn a_newer_layout_is_refused_and_a_changed_migration_is_corrupt() {
        assert_eq!(judge(4, &HashMap::new()).unwrap_err().kind(), ErrorKind::Unsupported);
        let changed = HashMap::from([("0001_keys".to_owned(), "other".to_owned())]);
        assert_eq!(judge(1, &changed).unwrap_err().kind(), ErrorKind::Corrupt);
        assert_eq!(
            judge(0, &HashMap::new()).unwrap().pending,
            ["0001_keys", "0002_topologies_locks_settings", "0003_queues"]
        );
    }
}
