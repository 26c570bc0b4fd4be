//! The file that keeps the last of what a unit prints.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;

use convoke::{TopologyId, WorkerName};
use sha2::{Digest, Sha256};

/// The longest part of an id that a file name shows.
const LONGEST_STEM: usize = 60;

/// Where the logs of units are, and how long each may grow.
#[derive(Clone, Debug)]
pub(crate) struct Logs {
    directory: PathBuf,
    /// The most bytes of a file; there are two of each unit.
    limit: u64,
}

impl Logs {
    /// In this directory, which is made when there is something to write.
    pub(crate) const fn new(directory: PathBuf, limit: u64) -> Self {
        Self { directory, limit }
    }

    /// Where the logs of an agent are when it is not told: XDG_STATE_HOME, or .local/state in HOME, or /var/log.
    pub(crate) fn default_directory(agent: &WorkerName, var: impl Fn(&str) -> Option<PathBuf>) -> PathBuf {
        // As its standard says, what is not absolute is not taken.
        let absolute = |name: &str| var(name).filter(|path| path.is_absolute());
        let base = absolute("XDG_STATE_HOME")
            .or_else(|| Some(absolute("HOME")?.join(".local/state")))
            .unwrap_or_else(|| PathBuf::from("/var/log"));
        base.join("convoke").join(stem(agent.as_str()))
    }

    /// The log of a unit.
    pub(crate) fn of(&self, topology: &TopologyId) -> Log {
        Log {
            path: self.directory.join(format!("{}.log", stem(topology.as_str()))),
            limit: self.limit,
            open: None,
        }
    }
}

/// A file name for a name: the name itself where that is safe; else what of it is, and a digest that tells it from all others,
/// also where the file system does not tell `A` from `a`.
fn stem(name: &str) -> String {
    let is_plain = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || matches!(char, '-' | '_' | '.');
    if name.len() <= LONGEST_STEM && !name.starts_with('.') && name.chars().all(is_plain) {
        return name.to_owned();
    }
    let shown = name.chars().take(LONGEST_STEM).map(|char| match char {
        '.' => '_',
        char if is_plain(char) || char.is_ascii_uppercase() => char,
        _ => '_',
    });
    let digest = Sha256::digest(name.as_bytes());
    let digest = digest.iter().take(8).map(|byte| format!("{byte:02x}"));
    // No name that is taken as it is has a tilde.
    shown.chain(['~']).chain(digest.collect::<String>().chars()).collect()
}

/// A file of a bounded length, and its predecessor.
#[derive(Debug)]
pub(crate) struct Log {
    path: PathBuf,
    limit: u64,
    /// The file, and how long it is.
    open: Option<(File, u64)>,
}

impl Log {
    /// Appends. When the file is full it becomes the predecessor, in place of the one before.
    ///
    /// # Errors
    /// What the system says. The rest of the bytes is lost; the next call begins anew.
    pub(crate) fn append(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let (mut file, length) = match self.open.take() {
                Some(open) => open,
                None => self.open()?,
            };
            if length >= self.limit {
                fs::rename(&self.path, self.path.with_extension("log.1"))?;
                continue;
            }
            let room = usize::try_from(self.limit - length).unwrap_or(usize::MAX);
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            file.write_all(now)?;
            self.open = Some((file, length + now.len() as u64));
            bytes = later;
        }
        Ok(())
    }

    fn open(&self) -> io::Result<(File, u64)> {
        if let Some(directory) = self.path.parent() {
            fs::create_dir_all(directory)?;
        }
        let file = OpenOptions::new().create(true).append(true).open(&self.path)?;
        let length = file.metadata()?.len();
        Ok((file, length))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn log(directory: &tempfile::TempDir, limit: u64) -> Log {
        Logs::new(directory.path().join("logs"), limit).of(&TopologyId::new("a").unwrap())
    }

    fn lengths(log: &Log) -> (u64, u64) {
        let length = |path: &Path| fs::metadata(path).map_or(0, |file| file.len());
        (length(&log.path), length(&log.path.with_extension("log.1")))
    }

    #[test]
    fn a_log_and_its_predecessor_hold_the_last_of_what_was_written_and_no_more() {
        let directory = tempfile::tempdir().unwrap();
        let mut log = log(&directory, 10);
        for number in 0..50 {
            log.append(format!("{number:02}").as_bytes()).unwrap();
            let (now, before) = lengths(&log);
            assert!(now <= 10 && before <= 10, "{now} {before}");
        }
        assert_eq!(fs::read_to_string(&log.path).unwrap(), "4546474849");
        assert_eq!(
            fs::read_to_string(log.path.with_extension("log.1")).unwrap(),
            "4041424344"
        );
    }

    #[test]
    fn what_is_longer_than_a_log_leaves_its_end() {
        let directory = tempfile::tempdir().unwrap();
        let mut log = log(&directory, 4);
        log.append(b"0123456789").unwrap();
        assert_eq!(fs::read_to_string(&log.path).unwrap(), "89");
        assert_eq!(fs::read_to_string(log.path.with_extension("log.1")).unwrap(), "4567");
    }

    #[test]
    fn a_log_goes_on_where_it_ended() {
        let directory = tempfile::tempdir().unwrap();
        log(&directory, 10).append(b"abc").unwrap();
        log(&directory, 10).append(b"defg").unwrap();
        assert_eq!(fs::read_to_string(log(&directory, 10).path).unwrap(), "abcdefg");
    }

    #[test]
    fn a_log_that_cannot_be_written_is_an_error_and_can_be_later() {
        let directory = tempfile::tempdir().unwrap();
        let mut log = log(&directory, 10);
        let logs = log.path.parent().unwrap().to_path_buf();
        fs::write(&logs, "in the way").unwrap();
        assert!(log.append(b"lost").is_err());
        fs::remove_file(logs).unwrap();
        log.append(b"kept").unwrap();
        assert_eq!(lengths(&log), (4, 0));
    }

    #[test]
    fn every_name_has_a_safe_file_name_of_its_own() {
        let names = [
            "a",
            "A",
            "a.b",
            ".",
            "..",
            ".a",
            "a/b",
            "a_b",
            "../../etc/passwd",
            "a~b",
            "é",
            "e\u{301}",
            "😀",
            "a b",
            "a.log",
            "a.log.1",
            "-rf",
            "con",
            "*",
            "a\\b",
        ];
        let mut names: Vec<String> = names.map(str::to_owned).to_vec();
        names.extend([
            "x".repeat(100),
            "x".repeat(99),
            format!("{}y", "x".repeat(99)),
            "é".repeat(50),
        ]);
        let mut stems: Vec<String> = names.iter().map(|name| stem(name).to_lowercase()).collect();
        for stem in &stems {
            assert!(
                stem.len() <= 80 && !stem.starts_with('.') && !stem.contains('/'),
                "{stem}"
            );
        }
        stems.sort();
        stems.dedup();
        assert_eq!(stems.len(), names.len(), "{stems:?}");
        assert_eq!(
            (stem("import-2.a"), stem("..")),
            ("import-2.a".to_owned(), format!("__{}", &stem("..")[2..]))
        );
    }

    #[test]
    fn logs_are_where_the_state_of_programs_is() {
        let agent = WorkerName::new("host 1").unwrap();
        let at = |vars: &[(&str, &str)]| {
            let vars: Vec<_> = vars
                .iter()
                .map(|(name, value)| (name.to_string(), PathBuf::from(value)))
                .collect();
            let var = |name: &str| Some(vars.iter().find(|(key, _)| key == name)?.1.clone());
            Logs::default_directory(&agent, var).parent().unwrap().to_path_buf()
        };
        assert_eq!(
            at(&[("XDG_STATE_HOME", "/state"), ("HOME", "/home/a")]),
            Path::new("/state/convoke")
        );
        assert_eq!(
            at(&[("XDG_STATE_HOME", "state"), ("HOME", "/home/a")]),
            Path::new("/home/a/.local/state/convoke")
        );
        assert_eq!(at(&[]), Path::new("/var/log/convoke"));
    }
}
