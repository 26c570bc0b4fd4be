//! A disk that is soon full, for another process of a test.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// Names a directory on a disk that may be filled, where none can be mounted.
const VARIABLE: &str = "CONVOKE_TEST_SMALL_DISK";
/// Of what is not larger a test may fill all.
const SMALL: u64 = 256 << 20;

/// A directory on a disk that is soon full. Removed when dropped.
pub(crate) struct SmallDisk {
    folder: TempDir,
    /// The words that begin the command which mounts the disk there. None where it is mounted already.
    mounting: Option<&'static [&'static str]>,
}

impl SmallDisk {
    /// The one that is named, else one in memory that the other process mounts for itself, else the memory that this
    /// container shares, where it is small.
    ///
    /// Mounting takes the right to mount, or to make a name space of users, which containers of Docker have not; but
    /// those have 64 MiB of shared memory.
    pub(crate) fn new() -> Self {
        if let Some(named) = std::env::var_os(VARIABLE) {
            let named = PathBuf::from(named);
            assert!(
                is_small(&named),
                "{VARIABLE} names {named:?}, which is larger than 256 MiB"
            );
            return Self::mounted(&named);
        }
        let folder = tempfile::tempdir().unwrap();
        let ways: [&[&str]; 2] = [
            &["unshare", "--mount"],
            &["unshare", "--user", "--map-root-user", "--mount"],
        ];
        let mounting = ways.into_iter().find(|way| {
            let mut trial = mounting(way, folder.path());
            trial.arg("true").stderr(Stdio::null());
            trial.status().is_ok_and(|status| status.success())
        });
        if mounting.is_some() {
            return Self { folder, mounting };
        }
        let shared = Path::new("/dev/shm");
        assert!(
            is_small(shared),
            "this test needs a disk that it can fill: run it with the right to mount one (root with CAP_SYS_ADMIN, or \
             user name spaces: sysctl user.max_user_namespaces), or in a container with little shared memory \
             (docker run --shm-size=64m), or name a directory on a disk of 256 MiB or less: {VARIABLE}=/path"
        );
        Self::mounted(shared)
    }

    fn mounted(on: &Path) -> Self {
        Self {
            folder: TempDir::with_prefix_in("convoke-", on).unwrap(),
            mounting: None,
        }
    }

    /// The command in which the disk is there, and gone with it; the one to run is added.
    pub(crate) fn command(&self) -> Command {
        match self.mounting {
            Some(way) => mounting(way, self.folder.path()),
            None => Command::new("env"),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Mounts 8 MiB of memory in a name space of its own and goes on with what is added.
fn mounting(way: &[&str], on: &Path) -> Command {
    let mut command = Command::new(way[0]);
    command.args(&way[1..]);
    let script = r#"mount -t tmpfs -o size=8m tmpfs "$0" && exec "$@""#;
    command.args([OsStr::new("sh"), OsStr::new("-c"), OsStr::new(script), on.as_os_str()]);
    command
}

fn is_small(folder: &Path) -> bool {
    rustix::fs::statvfs(folder).is_ok_and(|disk| disk.f_blocks.saturating_mul(disk.f_frsize) <= SMALL)
}

/// What somebody else fills the disk with, but for so many bytes.
pub(crate) fn fill_but(bytes: u64, ballast: &Path) {
    let mut file = File::create(ballast).unwrap();
    let full = loop {
        if let Err(full) = file.write_all(&[0; 16_384]) {
            break full;
        }
    };
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull, "{full}");
    let length = file.metadata().unwrap().len();
    file.set_len(length.checked_sub(bytes).unwrap()).unwrap();
}
