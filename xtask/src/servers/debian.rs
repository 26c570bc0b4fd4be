//! Debian's packages: installed by apt-get, or unpacked into a folder without touching the system.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};

use crate::workspace::{output_of, run};

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Installs packages, and keeps their services from being started: `policy-rc.d` is how Debian is told that. Prompts
/// are answered with their defaults.
const INSTALL: &str = r#"
set -e
if [ ! -e /usr/sbin/policy-rc.d ]; then
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
    chmod +x /usr/sbin/policy-rc.d
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -q -y --no-install-recommends "$@"
"#;

/// Installs packages of this machine's release, as root or by sudo.
pub(crate) fn install(packages: &[&str]) -> Result<()> {
    println!("installing {} by apt-get", packages.join(", "));
    let is_root = output_of(Command::new("id").arg("-u"))?.trim() == "0";
    let mut command = if is_root {
        Command::new("sh")
    } else {
        let mut sudo = Command::new("sudo");
        sudo.arg("sh");
        sudo
    };
    run(command.args(["-c", INSTALL, "install"]).args(packages)).with_context(|| {
        format!(
            "as root, run: apt-get install --no-install-recommends {}",
            packages.join(" ")
        )
    })
}

/// Unpacks a package of Debian unstable with all libraries that it needs, the C library and its loader included, into
/// `home`. apt-get runs on files of its own: the system's lists and packages are neither read nor changed.
pub(crate) fn unpack_unstable(package: &str, home: &Path) -> Result<()> {
    let parent = home.parent().context("the folder to unpack to has no parent")?;
    fs::create_dir_all(parent).with_context(|| format!("creating {}", parent.display()))?;
    let work = Workspace::beside(home)?;
    let apt = Apt::configure(&work.0)?;

    println!("reading Debian's package lists (11 MB)");
    run(apt.command("apt-get").args(["update", "-q=2"]))?;
    let packages = apt.resolve(package)?;
    println!("downloading {} packages", packages.len());
    let downloads = work.0.join("downloads");
    fs::create_dir(&downloads)?;
    run(apt
        .command("apt-get")
        .args(["download", "-q=2"])
        .args(&packages)
        .current_dir(&downloads))?;
    let unpacked = work.0.join("unpacked");
    unpack_all(&downloads, &unpacked)?;

    if home.exists() {
        fs::remove_dir_all(home).with_context(|| format!("replacing {}", home.display()))?;
    }
    fs::rename(&unpacked, home).with_context(|| format!("moving what was unpacked to {}", home.display()))
}

fn unpack_all(downloads: &Path, unpacked: &Path) -> Result<()> {
    let archives = fs::read_dir(downloads)?.collect::<std::io::Result<Vec<_>>>()?;
    let progress = ProgressBar::new(archives.len() as u64);
    progress.set_style(ProgressStyle::with_template("unpacking {bar:30} {pos}/{len} {msg}")?);
    for archive in archives {
        progress.set_message(archive.file_name().to_string_lossy().into_owned());
        run(Command::new("dpkg-deb").arg("-x").arg(archive.path()).arg(unpacked))?;
        progress.inc(1);
    }
    progress.finish_and_clear();
    Ok(())
}

/// A folder that is removed in the end, on the same file system as where its content goes.
struct Workspace(std::path::PathBuf);

impl Workspace {
    fn beside(home: &Path) -> Result<Self> {
        let moment = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_nanos();
        let mut path = home.as_os_str().to_owned();
        path.push(format!(".{moment}.unfinished"));
        let path = std::path::PathBuf::from(path);
        fs::create_dir_all(&path).with_context(|| format!("creating {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        // What stays behind is a folder in the user's cache, named unfinished.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// An apt of its own.
struct Apt<'a> {
    folder: &'a Path,
}

impl<'a> Apt<'a> {
    fn configure(folder: &'a Path) -> Result<Self> {
        if !Path::new(KEYRING).is_file() {
            bail!("{KEYRING} is missing, so Debian's signatures can't be checked; install debian-archive-keyring");
        }
        for name in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(folder.join(name))?;
        }
        // As if nothing were installed, so that every library is among what is to be installed.
        fs::write(folder.join("status"), "")?;
        let mirror = mirror()?;
        let sources = format!("Types: deb\nURIs: {mirror}\nSuites: unstable\nComponents: main\nSigned-By: {KEYRING}\n");
        fs::write(folder.join("unstable.sources"), sources)?;
        fs::File::create(folder.join("apt.conf"))?.write_all(configuration(folder).as_bytes())?;
        Ok(Self { folder })
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env("APT_CONFIG", self.folder.join("apt.conf"))
            .env("LC_ALL", "C");
        command
    }

    /// The package, the others of its source, and the libraries that they need.
    fn resolve(&self, package: &str) -> Result<Vec<String>> {
        let mut command = self.command("apt-get");
        let plan = output_of(command.args(["install", "--simulate", "--no-install-recommends", package]))?;
        Ok(needed(&plan, package))
    }
}

/// The mirror of Debian that this machine's own apt uses.
fn mirror() -> Result<String> {
    let mut command = Command::new("apt-get");
    let targets = output_of(command.args(["indextargets", "--format", "$(REPO_URI)", "Identifier: Packages"]))?;
    let Some(mirror) = archive(&targets) else {
        bail!("apt-get knows no mirror of Debian; name one in /etc/apt/sources.list.d, then call this again");
    };
    Ok(mirror.to_owned())
}

/// Of the places that apt gets packages from, the archive that all suites of Debian are in.
fn archive(targets: &str) -> Option<&str> {
    targets
        .lines()
        .find(|uri| uri.trim_end_matches('/').ends_with("/debian"))
}

fn configuration(folder: &Path) -> String {
    let folder = folder.display();
    // The signature is always checked. Its age is not: mirrors of a fixed day are older than unstable's week.
    format!(
        r#"Dir::State "{folder}";
Dir::State::lists "{folder}/lists";
Dir::State::status "{folder}/status";
Dir::Cache "{folder}/cache";
Dir::Etc::sourcelist "{folder}/unstable.sources";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::Etc::trustedparts "/dev/null";
Acquire::Languages "none";
Acquire::Check-Valid-Until "false";
Acquire::Retries "3";
APT::Sandbox::User "root";
"#
    )
}

/// Of a simulated installation: the server's own packages, and libraries. Not perl and what else its scripts need.
fn needed(plan: &str, package: &str) -> Vec<String> {
    let family = package.split('-').next().unwrap_or(package);
    plan.lines()
        .filter_map(|line| line.strip_prefix("Inst ")?.split(' ').next())
        .filter(|name| name.starts_with("lib") || name.starts_with(family))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_archive_is_not_the_one_of_security_updates_or_of_others() {
        let targets = "http://mirror/debian-security/\nhttps://other/apt/\nhttp://mirror/debian/\n";
        assert_eq!(archive(targets), Some("http://mirror/debian/"));
        assert_eq!(archive("https://other/apt/\n"), None);
    }

    #[test]
    fn a_server_is_unpacked_with_its_own_packages_and_the_libraries() {
        let plan = "NOTE: This is only a simulation!\n\
                    Inst gcc-16-base (16 Debian:unstable [amd64])\n\
                    Inst libc6 (2.42 Debian:unstable [amd64]) []\n\
                    Inst perl (5.42 Debian:unstable [amd64])\n\
                    Inst valkey-tools (9.1.2 Debian:unstable [amd64])\n\
                    Inst valkey-server (9.1.2 Debian:unstable [amd64])\n\
                    Conf libc6 (2.42 Debian:unstable [amd64])\n";
        assert_eq!(
            needed(plan, "valkey-server"),
            ["libc6", "valkey-tools", "valkey-server"]
        );
    }
}
