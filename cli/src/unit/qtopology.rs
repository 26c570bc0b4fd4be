//! A unit within a topology of qtopology, which workers of both kinds can run.
//!
//! qtopology's schema refuses every key that it does not know, but leaves the `init` of a spout to whoever wrote it, and its
//! workers skip a spout that is disabled. So the config of the unit is the `init` of a disabled spout named `convoke`.

use convoke::{Payload, Result};
use serde::Deserialize;

use super::UnitConfig;

#[derive(Deserialize)]
struct Topology {
    spouts: Vec<Spout>,
}

#[derive(Deserialize)]
struct Spout {
    name: String,
    /// A boolean, or text with a variable in it.
    #[serde(default)]
    disabled: serde_json::Value,
    #[serde(default)]
    init: serde_json::Value,
}

/// The unit of a config: all of it, or what a topology of qtopology has for us.
///
/// # Errors
/// Corrupt when it is neither.
pub(crate) fn unit(config: &Payload) -> Result<UnitConfig> {
    let spouts = config
        .decode::<Topology>()
        .map_or(Vec::new(), |topology| topology.spouts);
    let ours = spouts
        .into_iter()
        .find(|spout| spout.name == "convoke" && spout.disabled == true);
    match ours {
        Some(spout) => Payload::of(&spout.init)?.decode(),
        None => config.decode(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_the_whole_config_or_a_disabled_spout_of_our_name() {
        let unit_of = |text: &str| unit(&Payload::parse(text).unwrap());
        let plain = unit_of(r#"{"command":["a"]}"#).unwrap();
        let spouts = r#"{"general":{"heartbeat":1},"bolts":[],"variables":{},"spouts":[
            {"name":"s","working_dir":"","cmd":"timer","disabled":"${OFF}","init":{}},
            {"name":"convoke","working_dir":"","cmd":"","disabled":true,"init":{"command":["a"]}}]}"#;
        assert_eq!(unit_of(spouts).unwrap(), plain);
        assert!(unit_of(&spouts.replace("\"disabled\":true", "\"disabled\":false")).is_err());
        assert!(unit_of(r#"{"spouts":[]}"#).is_err());
    }
}
