//! Free ports, below the range from which the kernel takes ports for outgoing connections.
//!
//! A server that is stopped for a while must find its port free again. So the port is held by a lock on a file, which
//! all test processes of this machine heed, and which the kernel gives back when a process ends.

use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context, Result, bail};

const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// A port that no other test server of this machine takes while this lives.
#[derive(Debug)]
pub(crate) struct Port {
    number: u16,
    /// Held, not read.
    _lock: File,
}

impl Port {
    pub(crate) fn free() -> Result<Self> {
        let directory = std::env::temp_dir().join("convoke-test-ports");
        fs::create_dir_all(&directory).with_context(|| format!("creating {}", directory.display()))?;
        let start = RandomState::new().hash_one(std::process::id());
        for step in 0..COUNT {
            let offset = (start + u64::from(step)) % u64::from(COUNT);
            let number = FIRST + u16::try_from(offset).unwrap_or(0);
            let path = directory.join(number.to_string());
            let lock = File::create(&path).with_context(|| format!("creating {}", path.display()))?;
            if lock.try_lock().is_ok() && TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok() {
                return Ok(Self { number, _lock: lock });
            }
        }
        bail!("none of the ports {FIRST} to {} is free", FIRST + COUNT - 1)
    }

    pub(crate) const fn number(&self) -> u16 {
        self.number
    }
}
