//! Topologies as they are kept: `since shown`, where `shown` is `status enabled pid weight worker NUL affinity`, and in
//! error `NUL error` behind it.

use convoke_core::{
    Affinity, ErrorText, Payload, Result, Timestamp, Topology, TopologyChange, TopologyId, TopologyStatus, Weight,
    WorkerName,
};

use crate::answer::{named, parse, strange};
use crate::workers::word;

/// A weight as text that gives back the same number to the last bit.
pub(super) fn weight_text(weight: Weight) -> String {
    format!("{:?}", weight.get())
}

/// An affinity as JSON, in which no NUL is left as it is.
pub(super) fn affinity_text(affinity: &Affinity) -> Result<Payload> {
    Payload::of(affinity)
}

/// A process, or `-`.
pub(super) fn pid_text(pid: Option<u32>) -> String {
    pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string())
}

/// Reads `since shown`.
pub(super) fn topology(id: TopologyId, text: &str) -> Result<Topology> {
    let (since, shown) = text.split_once(' ').ok_or_else(malformed)?;
    let since = Timestamp::from_micros(parse(since)?);
    let change = change_of(id, since, shown)?;
    Ok(Topology {
        id: change.id,
        status: change.status,
        enabled: change.enabled,
        worker: change.worker,
        weight: change.weight,
        affinity: change.affinity,
        pid: change.pid,
        error: change.error,
        since,
    })
}

/// Reads a row of history, with its number: `id NUL number when shown`.
pub(super) fn change(id: &TopologyId, row: &str) -> Result<(u64, TopologyChange)> {
    let (_, row) = row.split_once('\0').ok_or_else(malformed)?;
    let mut parts = row.splitn(3, ' ');
    let (Some(number), Some(at), Some(shown)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(malformed());
    };
    let at = Timestamp::from_micros(parse(at)?);
    Ok((parse(number)?, change_of(id.clone(), at, shown)?))
}

fn change_of(id: TopologyId, at: Timestamp, shown: &str) -> Result<TopologyChange> {
    let mut parts = shown.splitn(3, '\0');
    let (Some(head), Some(affinity), error) = (parts.next(), parts.next(), parts.next()) else {
        return Err(malformed());
    };
    let mut head = head.splitn(5, ' ');
    let (Some(status), Some(enabled), Some(pid), Some(weight), Some(worker)) =
        (head.next(), head.next(), head.next(), head.next(), head.next())
    else {
        return Err(malformed());
    };
    Ok(TopologyChange {
        at,
        id,
        status: word::<TopologyStatus>(status)?,
        enabled: parse::<u8>(enabled)? == 1,
        worker: worker_name(worker)?,
        weight: Weight::new(parse(weight)?).map_err(|source| malformed().caused_by(source))?,
        affinity: Payload::from_store(affinity)?
            .decode()
            .map_err(|source| malformed().caused_by(source))?,
        pid: if pid == "-" { None } else { Some(parse(pid)?) },
        error: error.map(ErrorText::new),
    })
}

/// Reads the name of the worker that has a topology; nothing stands for nobody.
pub(super) fn worker_name(text: &str) -> Result<Option<WorkerName>> {
    if text.is_empty() {
        return Ok(None);
    }
    named(text.to_owned()).map(Some)
}

fn malformed() -> convoke_core::Error {
    strange("a topology is not \"since status enabled pid weight worker NUL affinity\"")
}

#[cfg(test)]
mod tests {
    use convoke_core::ErrorKind;

    use super::*;

    fn id() -> TopologyId {
        TopologyId::new("t 1").unwrap()
    }

    #[test]
    fn a_topology_is_read_to_the_letter() {
        let text = "1795200000000001 error 1 - 0.1 a, b\0[\"c,d\",\"é\"]\0it's \0 \"broken\"";
        let topology = topology(id(), text).unwrap();
        assert_eq!(topology.since, Timestamp::from_micros(1_795_200_000_000_001));
        assert_eq!(topology.worker.unwrap().as_str(), "a, b");
        assert_eq!(topology.affinity.workers()[0].as_str(), "c,d");
        assert_eq!(topology.error.unwrap().as_str(), "it's \0 \"broken\"");
        assert_eq!((topology.enabled, topology.pid), (true, None));
    }

    #[test]
    fn no_error_is_not_an_empty_one() {
        let read = |text| topology(id(), text).unwrap().error;
        assert_eq!(read("1 unassigned 0 - 1.0 \0[]"), None);
        assert_eq!(read("1 error 0 - 1.0 \0[]\0"), Some(ErrorText::new("")));
    }

    #[test]
    fn each_weight_comes_back_to_the_last_bit() {
        for number in [
            0.0,
            0.1,
            1.0,
            1e-7,
            f64::MIN_POSITIVE,
            5e-324,
            1.0 / 3.0,
            999_999.999_999_999_9,
            1_000_000.0,
        ] {
            let text = weight_text(Weight::new(number).unwrap());
            assert!(!text.contains([' ', '\0']), "{text:?}");
            assert_eq!(text.parse::<f64>().unwrap().to_bits(), number.to_bits(), "{text}");
        }
    }

    #[test]
    fn what_was_not_written_here_is_corrupt() {
        for text in [
            "",
            "x",
            "1 unassigned 0 - 1.0 ",
            "1 lost 0 - 1.0 \0[]",
            "1 unassigned 0 - -1 \0[]",
            "1 unassigned 0 - 1.0 \0{}",
            "1 unassigned 0 x 1.0 \0[]",
            "1 unassigned 0 - 1.0  a\0[]",
        ] {
            let error = topology(id(), text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{text:?}: {error:?}");
        }
        assert_eq!(change(&id(), "t 1\u{0}1 2").unwrap_err().kind(), ErrorKind::Corrupt);
    }
}
