//! Stores to run on, contenders to kill, and the time stamps that their commands wrote.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use convoke_test_servers::{Kind, Server, shared};
use rustix::process::{Pid, Signal, kill_process};
use rustix::time::{ClockId, clock_gettime};
use sqlx::mysql::MySqlConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};
use tempfile::TempDir;

/// How long a test waits for what has to come soon. Only reached when it fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A fresh installation in a store, and a directory for files.
pub(crate) struct World {
    pub(crate) url: String,
    directory: TempDir,
    /// What was read of the time stamps, and up to where.
    read: Mutex<(u64, Runs)>,
}

static FRESH: AtomicU32 = AtomicU32::new(0);

/// A name that no other test, process or run uses.
fn fresh_name() -> String {
    let number = FRESH.fetch_add(1, Ordering::Relaxed);
    format!("cli_{}_{}_{number}", std::process::id(), now() % 1_000_000_000)
}

impl World {
    /// On the server of this kind that all tests share.
    pub(crate) fn on(kind: Kind) -> Self {
        Self::at(shared(kind).unwrap())
    }

    /// In a database or a namespace of its own. It stays when the test ends: the servers of tests are thrown away, and
    /// in one that the environment names it can be told by its name.
    pub(crate) fn at(server: &Server) -> Self {
        let (base, name) = (server.url(), fresh_name());
        let url = match server.kind() {
            Kind::Redis | Kind::Valkey => format!("{base}?namespace={name}"),
            Kind::MariaDb | Kind::MySql => {
                create_database(base, &name);
                format!("{base}{name}")
            }
        };
        Self::new(url, tempfile::tempdir().unwrap())
    }

    pub(crate) fn on_sqlite() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", directory.path().join("store.db").display());
        Self::new(url, directory)
    }

    fn new(url: String, directory: TempDir) -> Self {
        let read = Mutex::default();
        Self { url, directory, read }
    }

    /// `convoke` with arguments, on this store.
    pub(crate) fn convoke(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_convoke"));
        command
            .args(arguments)
            .env("CONVOKE_STORE", &self.url)
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn output(&self, arguments: &[&str]) -> Output {
        self.convoke(arguments).output().unwrap()
    }

    /// What it prints; it has to succeed.
    pub(crate) fn says(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// What it prints with --json; it has to succeed.
    pub(crate) fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let text = self.says(&[arguments, &["--json"]].concat());
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// Its exit code and what it says on standard error.
    pub(crate) fn fails(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.output(arguments);
        assert!(!output.status.success(), "{arguments:?}: {output:?}");
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Starts `convoke lead` as `name`. With `@stamp` as its command it writes time stamps.
    /// A file with this text, by its path.
    pub(crate) fn written(&self, name: &str, text: &str) -> String {
        let path = self.file(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub(crate) fn lead(&self, name: &str, ttl: Duration, command: &[&str]) -> Process {
        self.lead_with(name, ttl, &[], command)
    }

    pub(crate) fn lead_with(&self, name: &str, ttl: Duration, options: &[&str], command: &[&str]) -> Process {
        let stamps = self.file("stamps").display().to_string();
        let stamp = [env!("CARGO_BIN_EXE_convoke"), "tick", &stamps, "--every", "2ms"];
        let command = if command == ["@stamp"] { &stamp[..] } else { command };
        let ttl = format!("{}ms", ttl.as_millis());
        let mut convoke = self.convoke(&["lead", "--as", name, "--ttl", &ttl]);
        convoke.args(options).arg("--").args(command);
        Process::start(name, convoke)
    }

    /// What the commands wrote.
    pub(crate) fn runs(&self) -> Runs {
        let (offset, runs) = &mut *self.read.lock().unwrap();
        if let Ok(mut file) = File::open(self.file("stamps")) {
            let mut text = String::new();
            file.seek(SeekFrom::Start(*offset)).unwrap();
            file.read_to_string(&mut text).unwrap();
            // The last line may be half written.
            let whole = &text[..text.rfind('\n').map_or(0, |end| end + 1)];
            whole.lines().for_each(|line| runs.add(line));
            *offset += whole.len() as u64;
        }
        runs.clone()
    }

    /// Waits until a command of a term after `term` runs, and answers its run.
    pub(crate) fn run_behind(&self, term: u64) -> Run {
        self.run_behind_or(term, String::new)
    }

    /// The same, with what to say when it waits in vain.
    pub(crate) fn run_behind_or(&self, term: u64, complaint: impl Fn() -> String) -> Run {
        let began = Instant::now();
        loop {
            if let Some(run) = self.runs().0.into_values().find(|run| run.term > term) {
                return run;
            }
            assert!(
                began.elapsed() < PATIENCE,
                "no command of a term after {term} runs; {}",
                complaint()
            );
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Waits until a command runs, and answers its run.
    pub(crate) fn running(&self) -> Run {
        until("a command runs", || {
            let last = self.runs().0.into_values().next_back()?;
            self.goes_on(&last, last.last).then_some(last)
        })
    }

    /// Whether the command of this run writes a time stamp after `moment`; false when there is none for a while.
    pub(crate) fn goes_on(&self, run: &Run, moment: u64) -> bool {
        let began = Instant::now();
        while began.elapsed() < Duration::from_millis(50) {
            if self.runs().0[&run.term].last > moment {
                return true;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        false
    }
}

fn create_database(server: &str, name: &str) {
    let statement = format!("CREATE DATABASE `{name}`");
    let create = async {
        let mut connection = server.parse::<MySqlConnectOptions>()?.connect().await?;
        connection.execute(AssertSqlSafe(statement)).await?;
        connection.close().await
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(create).unwrap();
}

/// A running `convoke lead` or `convoke agent`. Killed when dropped; its guards then end their commands.
pub(crate) struct Process {
    pub(crate) name: String,
    process: Child,
    /// Each line, and when it was read.
    said: Arc<Mutex<Vec<(u64, String)>>>,
}

impl Process {
    pub(crate) fn start(name: &str, mut convoke: Command) -> Self {
        let mut process = convoke.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let said = Arc::new(Mutex::new(Vec::new()));
        let (lines, into) = (BufReader::new(process.stderr.take().unwrap()).lines(), said.clone());
        std::thread::spawn(move || {
            lines
                .map_while(Result::ok)
                .for_each(|line| into.lock().unwrap().push((now(), line)))
        });
        Self {
            name: name.to_owned(),
            process,
            said,
        }
    }

    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.process.id()).unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        signal_to(self.pid(), signal);
    }

    /// Waits until it says this.
    pub(crate) fn wait_until_it_says(&self, what: &str) {
        let began = Instant::now();
        while !self.has_said(what) {
            assert!(
                began.elapsed() < PATIENCE,
                "{} did not say {what:?}: {:#?}",
                self.name,
                self.said()
            );
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    pub(crate) fn has_said(&self, what: &str) -> bool {
        self.said.lock().unwrap().iter().any(|(_, line)| line.contains(what))
    }

    pub(crate) fn said(&self) -> Vec<String> {
        self.said.lock().unwrap().iter().map(|(_, line)| line.clone()).collect()
    }

    /// What it said since a moment, each with the milliseconds from then.
    pub(crate) fn said_since(&self, moment: u64) -> Vec<String> {
        let said = self.said.lock().unwrap();
        let later = said.iter().filter(|(at, _)| *at >= moment);
        later
            .map(|(at, line)| format!("{} ms {line}", (at - moment) / 1_000_000))
            .collect()
    }

    /// Waits until it ends by itself.
    pub(crate) fn end(&mut self) -> ExitStatus {
        until(&format!("{} ends", self.name), || self.process.try_wait().unwrap())
    }

    /// Its guard.
    pub(crate) fn guard(&self) -> i32 {
        until("there is a guard", || {
            children(self.pid())
                .into_iter()
                .find(|child| command_line(*child).contains(" guard "))
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One run of a command, in nanoseconds since boot.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) term: u64,
    pub(crate) leader: String,
    pub(crate) first: u64,
    pub(crate) last: u64,
}

/// All runs by their term.
#[derive(Clone, Debug, Default)]
pub(crate) struct Runs(pub(crate) BTreeMap<u64, Run>);

impl Runs {
    fn add(&mut self, line: &str) {
        let [term, leader, at] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{line:?}")
        };
        let (term, at) = (term.parse().unwrap(), at.parse().unwrap());
        let run = self.0.entry(term).or_insert(Run {
            term,
            leader: leader.to_owned(),
            first: at,
            last: at,
        });
        assert_eq!(run.leader, leader, "two leaders in term {term}");
        (run.first, run.last) = (run.first.min(at), run.last.max(at));
    }

    /// Fails if a command of one term ran before the last time stamp of the term before.
    pub(crate) fn assert_never_two_at_once(&self) {
        for (before, after) in self.0.values().zip(self.0.values().skip(1)) {
            assert!(before.last < after.first, "two at once: {before:?} {after:?}");
        }
    }
}

/// Nanoseconds since boot, as the time stamps are.
pub(crate) fn now() -> u64 {
    let now = clock_gettime(ClockId::Boottime);
    u64::try_from(now.tv_sec * 1_000_000_000 + now.tv_nsec).unwrap()
}

/// Looks until there is an answer; fails when there is none for too long.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(answer) = look() {
            return answer;
        }
        assert!(began.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

pub(crate) fn signal_to(pid: i32, signal: Signal) {
    kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
}

/// The ids of all processes whose command line has this in it, this one aside.
pub(crate) fn processes_with(mark: &str) -> Vec<i32> {
    let me = i32::try_from(std::process::id()).unwrap();
    all_processes()
        .into_iter()
        .filter(|pid| *pid != me && command_line(*pid).contains(mark))
        .collect()
}

fn children(of: i32) -> Vec<i32> {
    let parent = |pid: i32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat[stat.rfind(')')? + 2..].split(' ').nth(1)?.parse::<i32>().ok()
    };
    all_processes()
        .into_iter()
        .filter(|pid| parent(*pid) == Some(of))
        .collect()
}

fn all_processes() -> Vec<i32> {
    let entries = std::fs::read_dir("/proc").unwrap();
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect()
}

fn command_line(pid: i32) -> String {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&line).replace('\0', " ")
}

/// A word for the command line of a command, so that it can be found: no other test's command has it.
pub(crate) fn mark() -> String {
    fresh_name()
}

/// Notes how long this host stands still at most: a disk that does not take a small write, a processor that is not had.
pub(crate) struct HostWatch {
    /// When each pause ended, and how long it was.
    pauses: Arc<Mutex<Vec<(u64, Duration)>>>,
    over: Arc<AtomicBool>,
}

impl HostWatch {
    /// Writes to a file in the directory of this world from now on.
    pub(crate) fn of(world: &World) -> Self {
        let watch = Self {
            pauses: Arc::default(),
            over: Arc::default(),
        };
        let (pauses, over) = (watch.pauses.clone(), watch.over.clone());
        let mut file = File::create(world.file("watch")).unwrap();
        std::thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                // By the clock that goes on while a virtual machine is held.
                let before = now();
                std::thread::sleep(Duration::from_millis(5));
                file.write_all(b".").and_then(|()| file.sync_data()).unwrap();
                let after = now();
                pauses
                    .lock()
                    .unwrap()
                    .push((after, Duration::from_nanos(after - before)));
            }
        });
        watch
    }

    /// The longest pause that ended after `moment`.
    pub(crate) fn longest_since(&self, moment: u64) -> Duration {
        let pauses = self.pauses.lock().unwrap();
        let later = pauses.iter().rev().take_while(|(at, _)| *at >= moment);
        later.map(|(_, pause)| *pause).max().unwrap_or_default()
    }
}

impl Drop for HostWatch {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}
