//! What a unit says about its log (systemd.exec(5)), and how PID 1 tells the log daemon.

use serde::{Deserialize, Serialize};

/// Settings of a unit's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogSettings {
    /// `SyslogIdentifier=`: the name under which its output stands.
    pub identifier: Option<String>,
    /// `SyslogFacility=`, by number (syslog(3), without the shift).
    pub facility: u8,
    /// `SyslogLevel=`: how serious a line is that does not say so.
    pub level: u8,
    /// `SyslogLevelPrefix=`: whether a line may say so, by `<N>` at its beginning.
    pub level_prefix: bool,
    /// `LogLevelMax=`: what is less serious is not kept.
    pub level_max: Option<u8>,
    /// `LogRateLimitIntervalSec=`, in microseconds; the log daemon's where there is none.
    pub interval_us: Option<u64>,
    /// `LogRateLimitBurst=`; the log daemon's where there is none.
    pub burst: Option<u32>,
    /// `LogExtraFields=`: names and values.
    pub extra: Vec<(String, String)>,
}

impl Default for LogSettings {
    fn default() -> LogSettings {
        LogSettings {
            identifier: None,
            facility: 3,
            level: 6,
            level_prefix: true,
            level_max: None,
            interval_us: None,
            burst: None,
            extra: Vec::new(),
        }
    }
}

/// A message of PID 1 to the log daemon. With a descriptor, that is the read end of a pipe that
/// the unit's processes write to; without one, only the settings are new.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announcement {
    /// The unit.
    pub unit: String,
    /// Its settings.
    #[serde(default)]
    pub log: LogSettings,
}

impl Announcement {
    /// The message as it is sent, as JSON.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}
