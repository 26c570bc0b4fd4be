//! Each kind of server starts, keeps its data through a stop, and is gone when its owner is, however that ended.

#![allow(clippy::unwrap_used, reason = "what goes wrong in a test fails it")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use convoke_test_servers::{Kind, Server, private, shared};
use rustix::process::{Pid, Signal, kill_process};

const SOON: Duration = Duration::from_secs(20);

fn address(url: &str) -> SocketAddr {
    let host = url.split("//").nth(1).unwrap().trim_end_matches('/');
    host.rsplit('@').next().unwrap().parse().unwrap()
}

fn accepts(url: &str) -> bool {
    TcpStream::connect_timeout(&address(url), Duration::from_secs(1)).is_ok()
}

#[track_caller]
fn soon(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < SOON, "not within {SOON:?}: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Sends one line to a Redis server and reads the first line of its answer.
fn ask(server: &Server, line: &str) -> std::io::Result<String> {
    let mut connection = TcpStream::connect(address(server.url()))?;
    connection.set_read_timeout(Some(Duration::from_millis(500)))?;
    connection.write_all(format!("{line}\r\n").as_bytes())?;
    let mut answer = String::new();
    BufReader::new(connection).read_line(&mut answer)?;
    Ok(answer.trim_end().to_owned())
}

/// The program of this crate with one shared server of each kind: their URLs and processes.
fn another_process(kinds: &[Kind]) -> (Child, Vec<(String, u32)>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_convoke-test-server"));
    command.args(kinds.iter().map(|kind| kind.word()));
    // Servers of the environment are not stopped by anybody, and containers have no process here.
    command
        .envs(Kind::ALL.map(|kind| (kind.variable(), "")))
        .env("DOCKER_HOST", "");
    let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(process.stdout.as_mut().unwrap())
        .lines()
        .take(kinds.len());
    let servers = lines
        .map(|line| {
            let line = line.unwrap();
            let words: Vec<_> = line.split(' ').collect();
            (words[1].to_owned(), words[2].parse().unwrap())
        })
        .collect();
    (process, servers)
}

/// The directory of a server: all of them work in it, or in `data` below it.
fn directory_of(pid: u32) -> PathBuf {
    let works_in = std::fs::read_link(format!("/proc/{pid}/cwd")).unwrap();
    let directory = if works_in.ends_with("data") {
        works_in.parent().unwrap()
    } else {
        &works_in
    };
    assert!(directory.starts_with(std::env::temp_dir()), "{}", directory.display());
    directory.to_owned()
}

#[track_caller]
fn gone(servers: &[(String, u32)], directories: &[PathBuf]) {
    for ((url, pid), directory) in servers.iter().zip(directories) {
        soon(&format!("{url} refuses connections"), || !accepts(url));
        soon(&format!("{pid} is gone"), || {
            !Path::new(&format!("/proc/{pid}")).exists()
        });
        soon(&format!("{} is removed", directory.display()), || !directory.exists());
    }
}

#[test]
fn every_kind_starts_and_is_shared_by_the_process() {
    for kind in Kind::ALL {
        let server = shared(kind).unwrap();
        assert_eq!(server.kind(), kind);
        assert!(accepts(server.url()), "{kind}");
        assert!(std::ptr::eq(server, shared(kind).unwrap()));
    }
}

#[test]
fn servers_are_gone_after_their_process_returns() {
    let (mut process, servers) = another_process(&Kind::ALL);
    let directories: Vec<_> = servers.iter().map(|(_, pid)| directory_of(*pid)).collect();
    assert!(servers.iter().all(|(url, _)| accepts(url)));
    drop(process.stdin.take());
    assert!(process.wait().unwrap().success());
    gone(&servers, &directories);
}

#[test]
fn servers_are_gone_after_their_process_is_killed() {
    let (mut process, servers) = another_process(&Kind::ALL);
    let directories: Vec<_> = servers.iter().map(|(_, pid)| directory_of(*pid)).collect();
    process.kill().unwrap();
    process.wait().unwrap();
    gone(&servers, &directories);
}

#[test]
fn a_paused_server_is_gone_too_after_its_process_is_killed() {
    let (mut process, servers) = another_process(&[Kind::Redis]);
    let directories = [directory_of(servers[0].1)];
    let server = Pid::from_raw(servers[0].1.try_into().unwrap()).unwrap();
    kill_process(server, Signal::STOP).unwrap();
    process.kill().unwrap();
    process.wait().unwrap();
    gone(&servers, &directories);
}

#[test]
fn a_server_is_gone_after_its_test_panics() {
    let (send, receive) = std::sync::mpsc::channel();
    let panicked = thread::spawn(move || {
        let server = private(Kind::Redis).unwrap();
        let pid = server.pid().unwrap();
        send.send((server.url().to_owned(), pid, directory_of(pid))).unwrap();
        panic!("on purpose");
    });
    let (url, pid, directory) = receive.recv().unwrap();
    assert!(panicked.join().is_err());
    gone(&[(url, pid)], &[directory]);
}

#[test]
fn a_killed_server_comes_back_on_its_port_with_its_data() {
    for kind in [Kind::Redis, Kind::Valkey] {
        let mut server = private(kind).unwrap();
        let url = server.url().to_owned();
        assert_eq!(ask(&server, "SET key kept").unwrap(), "+OK");
        server.kill();
        assert!(!accepts(&url) && server.pid().is_none());
        server.start().unwrap();
        assert_eq!(server.url(), url);
        assert_eq!(ask(&server, "STRLEN key").unwrap(), ":4");
        server.restart().unwrap();
        assert_eq!(ask(&server, "STRLEN key").unwrap(), ":4");
    }
}

#[test]
fn a_database_server_restarts_on_its_port() {
    for kind in [Kind::MariaDb, Kind::MySql] {
        let mut server = private(kind).unwrap();
        let url = server.url().to_owned();
        server.stop().unwrap();
        assert!(!accepts(&url));
        assert!(server.stop().is_err(), "stopped twice");
        server.start().unwrap();
        assert!(server.start().is_err(), "started twice");
        server.kill();
        server.start().unwrap();
        assert!(accepts(&url));
    }
}

#[test]
fn a_paused_server_answers_when_it_goes_on() {
    let server = private(Kind::Redis).unwrap();
    server.pause();
    assert!(ask(&server, "PING").is_err());
    server.resume();
    assert_eq!(ask(&server, "PING").unwrap(), "+PONG");
}

#[test]
fn a_paused_server_stops_in_good_order() {
    let mut server = private(Kind::Valkey).unwrap();
    server.pause();
    server.stop().unwrap();
    server.start().unwrap();
    assert_eq!(ask(&server, "PING").unwrap(), "+PONG");
}

#[test]
fn a_missing_server_is_an_error_that_says_how_to_install_it() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_convoke-test-server"));
    command
        .args(["mysql"])
        .env("CONVOKE_MYSQL_HOME", "/nonexistent")
        .env("DOCKER_HOST", "");
    let output = command
        .env(Kind::MySql.variable(), "")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let mut text = String::new();
    output.stderr.as_slice().read_to_string(&mut text).unwrap();
    assert!(!output.status.success());
    assert!(text.contains("cargo xtask servers install"), "{text}");
}

#[test]
fn the_environment_comes_first() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_convoke-test-server"));
    command
        .args(["redis"])
        .env(Kind::Redis.variable(), "redis://elsewhere:1/");
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "redis redis://elsewhere:1/ elsewhere\n"
    );
}
