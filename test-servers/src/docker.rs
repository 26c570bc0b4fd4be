//! Servers in containers, by testcontainers.

use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use testcontainers::core::IntoContainerPort;
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, GenericImage, ImageExt};

use crate::guard::Guard;
use crate::{Kind, key_value, program, readiness};

const START: Duration = Duration::from_secs(180);

/// A container; its guard removes it.
#[derive(Debug)]
pub(crate) struct Container {
    pub(crate) url: String,
    _guard: Guard,
}

/// Whether a Docker daemon answers, and there is the `docker` command that the guard needs.
pub(crate) fn is_available() -> bool {
    let answers = match std::env::var("DOCKER_HOST") {
        Ok(host) => match host.strip_prefix("unix://") {
            Some(socket) => UnixStream::connect(socket).is_ok(),
            None => !host.is_empty(),
        },
        Err(_) => UnixStream::connect("/var/run/docker.sock").is_ok(),
    };
    answers && program::in_path("docker").is_some()
}

/// Starts a container. In a thread and a runtime of its own, because the caller may be inside a runtime.
pub(crate) fn start(kind: Kind) -> Result<Container> {
    thread::Builder::new()
        .name("convoke-test-container".into())
        .spawn(move || run(kind))?
        .join()
        .map_err(|_| anyhow!("the thread that starts a container panicked"))?
}

fn run(kind: Kind) -> Result<Container> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let started = tokio::time::timeout(START, container(kind)).await;
        let container = started.context("the container did not start in time")??;
        let guard = Guard::of_container(container.id())?;
        let host = match container.get_host().await?.to_string().as_str() {
            // A name would be looked up again by every client, some of which try IPv6 first.
            "localhost" => "127.0.0.1".to_owned(),
            host => host.to_owned(),
        };
        let port = container.get_host_port_ipv4(kind.usual_port()).await?;
        // From here on the guard removes it; its own clean-up would need this runtime.
        std::mem::forget(container);
        readiness::wait(kind, &host, port, |at_most| {
            thread::sleep(at_most);
            false
        })?;
        Ok(Container {
            url: kind.url(&host, port),
            _guard: guard,
        })
    })
}

async fn container(kind: Kind) -> Result<ContainerAsync<GenericImage>> {
    let (name, tag) = kind.image();
    let image = GenericImage::new(name, tag).with_exposed_port(kind.usual_port().tcp());
    let container = match kind {
        Kind::MariaDb => {
            image
                .with_env_var("MARIADB_ALLOW_EMPTY_ROOT_PASSWORD", "1")
                .start()
                .await
        }
        Kind::MySql => image.with_env_var("MYSQL_ALLOW_EMPTY_PASSWORD", "1").start().await,
        Kind::Redis => image.with_cmd(command("redis-server")).start().await,
        Kind::Valkey => image.with_cmd(command("valkey-server")).start().await,
    };
    container.with_context(|| format!("starting a container of {name}:{tag}"))
}

fn command(program: &str) -> Vec<&str> {
    std::iter::once(program).chain(key_value::DURABLE).collect()
}
