//! What the members of a cluster must agree on.

use convoke_core::{
    Error, ErrorKind, Expected, Payload, Result, SettingKey, SettingWrite, SettingWrites, Settings, SettingsWritten,
};

use crate::settings::ClusterSettings;

/// The setting that holds the worker time-out of an installation, in microseconds.
pub const WORKER_TIMEOUT: &str = "runtime/worker_timeout_us";

/// Makes sure that everybody keeps the same worker time-out: a leader that takes workers for dead sooner than these believe
/// would start their units elsewhere while they run. The first to start writes it down, in [`WORKER_TIMEOUT`].
///
/// # Errors
/// Conflict when the installation keeps another one, and those of the store.
pub async fn agree<S: Settings + ?Sized>(store: &S, cluster: &ClusterSettings) -> Result<()> {
    let key = SettingKey::new(WORKER_TIMEOUT)?;
    let ours = Payload::of(&cluster.timeouts.worker.as_micros())?;
    let write = SettingWrite::put(key.clone(), ours.clone()).expecting(Expected::Absent);
    if let SettingsWritten::Written(_) = store.write_settings(&SettingWrites::one(write)).await? {
        return Ok(());
    }
    match store.get_setting(&key).await? {
        Some(setting) if setting.value != ours => Err(Error::new(
            ErrorKind::Conflict,
            "this installation keeps another worker time-out; start with that one, or stop all members and delete the \
             setting",
        )
        .with("setting", &key)
        .with("there", &setting.value)
        .with("here", &ours)),
        _ => Ok(()),
    }
}
