//! Times when a worker takes no work.

use std::fmt;
use std::str::FromStr;

use convoke_core::{Error, ErrorKind, Result, Timestamp};
use jiff::tz::TimeZone;
use jiff_cron::Schedule;

/// The seconds in which a worker takes no work, by a crontab of six fields as qtopology has it: second, minute, hour, day of
/// the month, month, day of the week. All of them must fit. Days of the week are 0 (Sunday) to 6, or `sun` to `sat`.
///
/// ```
/// use convoke_core::Timestamp;
/// use convoke_runtime::Dormancy;
/// let nights = Dormancy::new("* * 0-5 * * *", "UTC").unwrap();
/// assert!(nights.includes("2026-11-20T03:00:00Z".parse().unwrap()));
/// assert!(!nights.includes("2026-11-20T06:00:00Z".parse().unwrap()));
/// ```
#[derive(Clone)]
pub struct Dormancy {
    schedule: Schedule,
    zone: TimeZone,
}

impl Dormancy {
    /// The times of a crontab in a time zone, such as `Europe/Vienna`, `UTC`, or `system` for that of this host.
    ///
    /// # Errors
    /// InvalidArgument when the crontab does not have six fields that can be read, or nobody knows the zone.
    pub fn new(crontab: &str, zone: &str) -> Result<Self> {
        let schedule = Schedule::from_str(&named_days(crontab)?).map_err(|source| {
            refuse(
                "a crontab has six fields: second minute hour day month weekday",
                crontab,
            )
            .caused_by(source)
        })?;
        let zone = if zone == "system" {
            TimeZone::try_system()
        } else {
            TimeZone::get(zone)
        };
        let zone = zone.map_err(|source| refuse("nobody knows this time zone; try UTC", crontab).caused_by(source))?;
        Ok(Self { schedule, zone })
    }

    /// Whether a worker is dormant at this time.
    #[must_use]
    pub fn includes(&self, at: Timestamp) -> bool {
        jiff::Timestamp::from_microsecond(at.as_micros())
            .is_ok_and(|at| self.schedule.includes(at.to_zoned(self.zone.clone())))
    }
}

impl fmt::Debug for Dormancy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Dormancy").field(&self.schedule.source()).finish()
    }
}

impl PartialEq for Dormancy {
    fn eq(&self, other: &Self) -> bool {
        self.schedule == other.schedule && self.zone == other.zone
    }
}

impl Eq for Dormancy {}

const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// The crontab with days of the week by name: the library counts them from 1, crontabs from 0.
fn named_days(crontab: &str) -> Result<String> {
    let fields: Vec<_> = crontab.split_ascii_whitespace().collect();
    let [times @ .., weekday] = &fields[..] else {
        return Err(refuse(
            "a crontab has six fields: second minute hour day month weekday",
            crontab,
        ));
    };
    if times.len() != 5 {
        return Err(refuse(
            "a crontab has six fields: second minute hour day month weekday",
            crontab,
        ));
    }
    let mut named = times.join(" ");
    named.push(' ');
    let mut is_step = false;
    for letter in weekday.chars() {
        let day = letter.to_digit(10).filter(|_| !is_step);
        match day.map(|day| DAYS.get(day as usize)) {
            Some(Some(name)) => named.push_str(name),
            Some(None) => return Err(refuse("days of the week are 0 (Sunday) to 6, or sun to sat", crontab)),
            None => named.push(letter),
        }
        is_step = letter == '/' || (is_step && letter.is_ascii_digit());
    }
    Ok(named)
}

fn refuse(why: &'static str, crontab: &str) -> Error {
    Error::new(ErrorKind::InvalidArgument, why).with("crontab", crontab)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn included(crontab: &str, at: &str) -> bool {
        Dormancy::new(crontab, "UTC").unwrap().includes(at.parse().unwrap())
    }

    #[test]
    fn includes_what_qtopology_published() {
        let at = |day: &str, time: &str| format!("2018-{day}T{time}Z");
        for (crontab, inside, outside) in [
            ("* * * * * *", vec![at("02-01", "06:45:12")], vec![]),
            (
                "12 * * * * *",
                vec![at("02-01", "06:45:12")],
                vec![at("02-01", "06:45:11"), at("02-01", "06:45:13")],
            ),
            (
                "* 45 * * * *",
                vec![at("02-01", "06:45:12")],
                vec![at("02-01", "06:44:11"), at("02-01", "06:46:13")],
            ),
            (
                "* * 6 * * *",
                vec![at("02-01", "06:45:12")],
                vec![at("02-01", "05:45:11"), at("02-01", "07:45:13")],
            ),
            (
                "* * * 1 * *",
                vec![at("02-01", "06:45:12")],
                vec![at("02-02", "06:45:11"), at("01-31", "06:45:13")],
            ),
            (
                "* * * * 1 *",
                vec![at("01-01", "06:45:12")],
                vec![at("12-01", "06:45:11"), at("02-01", "06:45:13")],
            ),
            (
                "* * * * * 4",
                vec![at("02-01", "06:45:12")],
                vec![at("02-02", "06:45:11"), at("01-31", "06:45:13")],
            ),
            (
                "* * * * * thu",
                vec![at("02-01", "06:45:12")],
                vec![at("02-02", "06:45:11"), at("01-31", "06:45:13")],
            ),
            (
                "12-30 * * * * *",
                vec![at("02-01", "06:45:12"), at("02-01", "06:45:30")],
                vec![at("02-01", "06:45:11"), at("02-01", "06:45:31")],
            ),
            (
                "* * 6-18 * * *",
                vec![at("02-01", "06:45:12"), at("02-01", "18:45:13")],
                vec![at("02-01", "05:45:11"), at("02-01", "19:45:13")],
            ),
            (
                "* * * 1-5 * *",
                vec![at("02-01", "06:45:12"), at("02-05", "06:45:13")],
                vec![at("01-31", "06:45:13"), at("02-06", "06:45:13")],
            ),
            (
                "* * * * 1-9 *",
                vec![at("01-01", "06:45:12"), at("09-01", "06:45:13")],
                vec![at("12-01", "06:45:11"), at("10-01", "06:45:13")],
            ),
            (
                "* * * * * 4-5",
                vec![at("02-01", "06:45:12"), at("02-02", "06:45:11")],
                vec![
                    at("01-31", "06:45:13"),
                    at("02-03", "06:45:11"),
                    at("02-05", "06:45:11"),
                ],
            ),
            (
                "* * * * * thu-sat",
                vec![
                    at("02-01", "06:45:12"),
                    at("02-02", "06:45:11"),
                    at("02-03", "06:45:11"),
                ],
                vec![at("01-31", "06:45:13"), at("02-04", "06:45:11")],
            ),
            (
                "* * * * * thu-thu",
                vec![at("02-01", "06:45:12")],
                vec![at("01-31", "06:45:13"), at("02-02", "06:45:11")],
            ),
        ] {
            assert!(inside.iter().all(|at| included(crontab, at)), "{crontab}");
            assert!(!outside.iter().any(|at| included(crontab, at)), "{crontab}");
        }
    }

    #[test]
    fn sunday_is_zero_and_steps_are_not_days() {
        assert!(included("* * * * * 0", "2018-02-04T00:00:00Z"));
        assert!(included("* * * * * sun,2", "2018-02-06T00:00:00Z"));
        assert!(!included("*/20 * * * * *", "2018-02-06T00:00:10Z"));
        assert!(included("*/20 * * * * *", "2018-02-06T00:00:40Z"));
    }

    #[test]
    fn the_hours_are_those_of_the_time_zone() {
        let nights = Dormancy::new("* * 0-5 * * *", "Asia/Tokyo").unwrap();
        assert!(nights.includes("2026-11-20T18:00:00Z".parse().unwrap()));
        assert!(!nights.includes("2026-11-20T03:00:00Z".parse().unwrap()));
    }

    #[test]
    fn what_can_t_be_read_is_refused() {
        for crontab in [
            "",
            "* * * * *",
            "* * * * * * *",
            "61 * * * * *",
            "* * * * * 7",
            "* * * * * someday",
            "x * * * * *",
        ] {
            assert_eq!(
                Dormancy::new(crontab, "UTC").unwrap_err().kind(),
                ErrorKind::InvalidArgument,
                "{crontab}"
            );
        }
        assert!(Dormancy::new("* * * * * *", "Mars/Olympus").is_err());
    }
}
