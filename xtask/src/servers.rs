//! The servers that the tests need, and what the trials need beside them: which there are, and installing the rest.

mod debian;
pub(crate) mod faketime;

use std::path::Path;

use anyhow::{Context, Result, bail};
use comfy_table::Table;
use convoke_test_servers::{Kind, Program, mysql_home, valkey_home};

const MISSING: &str = "missing: cargo xtask servers install";

/// Prints where the tests would take each kind of server from.
pub(crate) fn status() -> Result<()> {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    let mut missing = 0;
    for kind in Kind::ALL {
        let found = match (is_given(kind), Program::find(kind)) {
            (true, _) => format!("the URL in {}", kind.variable()),
            (false, Ok(program)) => format!("{} {}", program.version(), program.path().display()),
            (false, Err(_)) => {
                missing += 1;
                MISSING.to_owned()
            }
        };
        table.add_row([kind.to_string(), found]);
    }
    let library = faketime::library().map(|path| path.display().to_string());
    missing += usize::from(library.is_none());
    table.add_row(["libfaketime", library.as_deref().unwrap_or(MISSING)]);
    println!("{table}");
    if missing > 0 {
        bail!("{missing} of {} things are missing", Kind::ALL.len() + 1);
    }
    Ok(())
}

/// Installs whatever is missing, also what only trials need.
pub(crate) fn install_all() -> Result<()> {
    install_missing()?;
    if faketime::library().is_none() {
        debian::install(&[faketime::PACKAGE])?;
    }
    Ok(())
}

/// Installs the servers that are neither given by the environment nor on this machine. Quick when nothing is missing.
pub(crate) fn install_missing() -> Result<()> {
    let missing: Vec<_> = Kind::ALL
        .into_iter()
        .filter(|kind| !is_given(*kind) && !is_here(*kind))
        .collect();
    let packages: Vec<_> = missing
        .iter()
        .flat_map(|kind| installed_packages(*kind))
        .copied()
        .collect();
    if !packages.is_empty() {
        debian::install(&packages)?;
    }
    for kind in &missing {
        match kind {
            Kind::MySql => unpack(*kind, "mysql-server-core", &mysql_home()?)?,
            Kind::Valkey => unpack(*kind, "valkey-server", &valkey_home()?)?,
            Kind::MariaDb | Kind::Redis => {}
        }
        let program = Program::find(*kind).with_context(|| format!("{kind} was installed and is still not here"))?;
        println!(
            "{kind} {} is installed: {}",
            program.version(),
            program.path().display()
        );
    }
    Ok(())
}

/// Debian 12 has these: the server without the parts that start it with the machine, where there is such a package.
fn installed_packages(kind: Kind) -> &'static [&'static str] {
    match kind {
        // The client's core has my_print_defaults, which mariadb-install-db calls.
        Kind::MariaDb => &["mariadb-server-core", "mariadb-client-core"],
        Kind::Redis => &["redis-server"],
        Kind::MySql | Kind::Valkey => &[],
    }
}

/// MySQL 9 and Valkey 9 are in Debian's unstable release only, and MySQL can't be installed beside MariaDB. So they are
/// unpacked with all their libraries into a folder of their own.
fn unpack(kind: Kind, package: &str, home: &Path) -> Result<()> {
    println!(
        "{kind}: fetching {package} from Debian unstable into {}",
        home.display()
    );
    debian::unpack_unstable(package, home).with_context(|| {
        format!(
            "unpacking {kind}; a running server can be named instead, in {}",
            kind.variable()
        )
    })
}

fn is_given(kind: Kind) -> bool {
    std::env::var_os(kind.variable()).is_some_and(|url| !url.is_empty())
}

fn is_here(kind: Kind) -> bool {
    let Ok(program) = Program::find(kind) else {
        return false;
    };
    // An older one in the folder, say, from before an upgrade of what the tests need.
    match kind {
        Kind::MySql | Kind::Valkey => program.version().starts_with("9."),
        Kind::MariaDb | Kind::Redis => true,
    }
}
