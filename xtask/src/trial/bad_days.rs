//! The days on which much is wrong at once, judged as [`chaos`] judges.
//!
//! - **Clocks**: one agent's calendar is a day ahead, another's a day behind, and each of the two has to lead. On SQLite all
//!   processes share the host's calendar, which is the store's: there it is right for all.
//! - **Time zones**: of the agents Asia/Tokyo and America/Los_Angeles, of a database server one that is neither.
//! - **Agents stopped beyond their lease** and woken; meanwhile another process takes the name of one. What they would write
//!   has to fail as Fenced, and the one whose name was taken has to end by itself for that reason.
//! - **The store** does not answer for a long time, its connections open; then it is killed, and is back later.

mod calendar;
mod script;

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::chaos::{self, Plan, Stage, When};
use calendar::{Calendars, Day};

/// What a database server takes its own time zone from.
const SERVER_ZONE: &[&str] = &["--default-time-zone=+05:30"];
/// The agents, by their numbers in the script.
const AGENTS: [(Day, &str); 3] = [
    (Day::Ahead, "Asia/Tokyo"),
    (Day::Behind, "America/Los_Angeles"),
    (Day::Right, "UTC"),
];

/// Tries it on each store, and fails when anything was seen that must not be.
pub(crate) fn run(stores: &[String], arguments: &super::BadDays, json: Option<&Path>) -> Result<()> {
    let ttl = chaos::length(&arguments.ttl)?;
    let outage = chaos::length(&arguments.outage)?;
    ensure!(
        ttl < outage,
        "--outage has to be longer than --ttl: shorter ones are tried by chaos"
    );
    let calendars = Calendars::find()?;
    let plan = |store: &str| {
        let shares_a_calendar = store == "sqlite";
        let surroundings = AGENTS.map(|(day, zone)| {
            let day = if shares_a_calendar { Day::Right } else { day };
            calendars.surroundings(day, zone)
        });
        let rounds = script::rounds(ttl, outage);
        Ok(Plan {
            seed: 0,
            surroundings: surroundings.to_vec(),
            units: arguments.units,
            ttl,
            length: outage + ttl * 9 + Duration::from_secs(6),
            server: if matches!(store, "mariadb" | "mysql") {
                SERVER_ZONE
            } else {
                &[]
            },
            rounds: Box::new(rounds.into_iter()),
            check: if shares_a_calendar { check_fencing } else { check_all },
        })
    };
    chaos::run_plans(stores, plan, json)
}

/// That the calendars are what they are said to be, that those whose are off led, and that something was fenced.
fn check_all(stage: &mut Stage<'_>, when: When) -> Result<()> {
    for (agent, (day, _)) in AGENTS.iter().enumerate() {
        let name = stage.cast.agents.name(agent).to_owned();
        match when {
            When::Before => {
                let doctor = stage.cast.agents.convoke_of(agent, &["doctor", "--json"]);
                let seen = calendar::seen(doctor, *day)?;
                stage.record.shown.push(format!("{name}: {seen}"));
            }
            When::After => {
                if *day != Day::Right && !stage.record.leaders.contains(&name) {
                    stage.record.faults.push(format!("{name} never led"));
                }
            }
        }
    }
    check_fencing(stage, when)
}

/// That something was fenced.
fn check_fencing(stage: &mut Stage<'_>, when: When) -> Result<()> {
    if when == When::After && stage.record.fenced == 0 {
        stage.record.faults.push("nothing was refused as Fenced".to_owned());
    }
    Ok(())
}
