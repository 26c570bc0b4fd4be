//! What changes, as lines and on a terminal.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, ChildStdout, Stdio};
use std::sync::{Arc, Mutex};

use convoke_test_servers::{Kind, private};
use rustix::process::Signal;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};
use serde_json::Value;

use crate::world::{World, signal_to, until};

/// A watching process; killed when dropped.
struct Watching {
    process: Child,
    lines: BufReader<ChildStdout>,
}

impl Watching {
    fn of(world: &World) -> Self {
        let mut watch = world.convoke(&["watch", "--every", "50ms", "--timeout", "1s"]);
        let mut process = watch.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap());
        Self { process, lines }
    }

    fn line(&mut self) -> Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }

    /// The first line that is so.
    fn line_with(&mut self, is_so: impl Fn(&Value) -> bool) -> Value {
        loop {
            let line = self.line();
            if is_so(&line) {
                return line;
            }
        }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn each_change_is_a_line_and_what_does_not_change_is_none() {
    let world = World::on_sqlite();
    let config = world.written("config.json", "{}");
    world.says(&["worker", "register", "a"]);
    let mut watching = Watching::of(&world);
    let first = watching.line();
    assert_eq!(first["workers"][0]["name"], "a");
    assert_eq!(first["news"][0]["worker"], "a");
    // A ping is no change.
    world.says(&["worker", "ping", "a", "--incarnation", "1"]);
    world.says(&["topology", "register", "t", &config, "--opaque", "--weight", "2"]);
    let line = watching.line();
    assert_eq!(line["topologies"]["disabled"], 1);
    assert_eq!(line["news"][0]["topology"], "t");
    world.says(&["topology", "set-error", "t", "it's broken"]);
    let line = watching.line_with(|line| line["topologies"]["error"] == 1);
    assert_eq!(line["errors"][0]["error"], "it's broken");
    world.says(&["message", "send", "a", "x"]);
    watching.line_with(|line| line["workers"][0]["queue"]["messages"] == 1);
    world.says(&["worker", "status", "a", "unloaded"]);
    world.says(&["worker", "delete", "a"]);
    let line = watching.line_with(|line| line["workers"] == serde_json::json!([]));
    assert_eq!(line["news"][0]["now"], "deleted");
}

#[test]
fn it_ends_when_nobody_reads_though_nothing_changes() {
    let world = World::on_sqlite();
    world.says(&["migrate"]);
    let mut watching = Watching::of(&world);
    watching.line();
    let (reader, _) = std::io::pipe().unwrap();
    drop(std::mem::replace(
        &mut watching.lines,
        BufReader::new(ChildStdout::from(OwnedFd::from(reader))),
    ));
    let status = until("it ends", || watching.process.try_wait().unwrap());
    assert!(status.success());
}

#[test]
fn a_lost_store_is_told_and_watched_again_when_it_is_back() {
    let mut server = private(Kind::Redis).unwrap();
    let world = World::at(&server);
    world.says(&["worker", "register", "a"]);
    let mut watching = Watching::of(&world);
    watching.line();
    server.stop().unwrap();
    let lost = watching.line_with(|line| line["lost"].is_object());
    assert_eq!(lost["lost"]["kind"], "unavailable");
    server.start().unwrap();
    watching.line_with(|line| line["workers"].is_array());
}

#[test]
fn once_is_one_look_and_a_store_that_is_not_there_is_an_error() {
    let world = World::on_sqlite();
    world.says(&["worker", "register", "a"]);
    let look = world.json(&["watch", "--once"]);
    assert_eq!(look["workers"][0]["status"], "alive");
    let (code, _) = world.fails(&["watch", "--once", "--store", "redis://127.0.0.1:1", "--timeout", "1s"]);
    assert_eq!(code, 6);
    assert_eq!(world.fails(&["watch", "--store", "nothing://x"]).0, 2);
}

/// A watching process on a terminal of its own.
struct OnTerminal {
    process: Child,
    keys: File,
    shown: Arc<Mutex<Vec<u8>>>,
    terminal: OwnedFd,
}

impl OnTerminal {
    fn of(world: &World) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let path = ptsname(&master, Vec::new()).unwrap();
        let terminal = File::options()
            .read(true)
            .write(true)
            .open(path.to_str().unwrap())
            .unwrap();
        let size = Winsize {
            ws_row: 24,
            ws_col: 120,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&terminal, size).unwrap();
        let mut watch = world.convoke(&["watch", "--every", "50ms"]);
        watch
            .stdin(terminal.try_clone().unwrap())
            .stdout(terminal.try_clone().unwrap())
            .env("TERM", "xterm");
        let process = watch.spawn().unwrap();
        let keys = File::from(master);
        let shown = Arc::new(Mutex::new(Vec::new()));
        let (mut from, into) = (keys.try_clone().unwrap(), Arc::clone(&shown));
        std::thread::spawn(move || {
            let mut some = [0; 4096];
            while let Ok(count @ 1..) = from.read(&mut some) {
                into.lock().unwrap().extend_from_slice(&some[..count]);
            }
        });
        Self {
            process,
            keys,
            shown,
            terminal: terminal.into(),
        }
    }

    fn wait_for(&self, text: &str) {
        until(text, || {
            let shown = self.shown.lock().unwrap();
            String::from_utf8_lossy(&shown).contains(text).then_some(())
        });
    }

    fn is_raw(&self) -> bool {
        !tcgetattr(&self.terminal)
            .unwrap()
            .local_modes
            .contains(LocalModes::ICANON)
    }

    fn end(mut self) -> Option<i32> {
        let status = until("it ends", || self.process.try_wait().unwrap());
        // It leaves the screen that it opened, and the keys are lines again.
        self.wait_for("\u{1b}[?1049l");
        assert!(!self.is_raw());
        status.code()
    }
}

impl Drop for OnTerminal {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_terminal_is_as_it_was_after_q_and_after_a_signal() {
    let world = World::on_sqlite();
    world.says(&["worker", "register", "host-1"]);
    let mut watching = OnTerminal::of(&world);
    watching.wait_for("\u{1b}[?1049h");
    watching.wait_for("host-1");
    assert!(watching.is_raw());
    watching.keys.write_all(b"q").unwrap();
    assert_eq!(watching.end(), Some(0));

    let watching = OnTerminal::of(&world);
    watching.wait_for("host-1");
    signal_to(i32::try_from(watching.process.id()).unwrap(), Signal::TERM);
    assert_eq!(watching.end(), Some(143));
}
