//! Layer: pure. What a machine is to do about updates: `update.conf`, below each of the folders of settings, and what
//! is in `update.conf.d`, in the format of unit files.
//!
//! ```ini
//! [Update]
//! Url=https://updates.example.org/berth
//! Channel=stable
//! Strategy=window
//! Window=Sat 02:00
//! WindowLength=2h
//! ```
#![forbid(unsafe_code)]

mod read;
mod window;

use std::time::Duration;

use calendar::Expression;

pub use read::is_url;
pub use window::{Opening, Window};

/// The file, below each of the folders of settings.
pub const FILE: &str = "berth/update.conf";

/// When an update that is installed may restart the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// At once.
    Immediate,
    /// In the maintenance window.
    Window,
    /// Only when somebody does it. Updates are downloaded and installed all the same.
    Manual,
}

impl Strategy {
    /// Its word in the settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Immediate => "immediate",
            Self::Window => "window",
            Self::Manual => "manual",
        }
    }
}

/// What is configured.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// `Enabled=`: whether the machine looks for updates by itself.
    pub enabled: bool,
    /// `Url=`: the repository; the first that answers is asked. Without one there are no updates.
    pub urls: Vec<String>,
    /// `Channel=`.
    pub channel: String,
    /// `Strategy=`.
    pub strategy: Strategy,
    /// `Window=`: when the window opens, whichever of them comes first.
    pub windows: Vec<Expression>,
    /// `WindowLength=`: how long it stays open.
    pub window_length: Duration,
    /// `CheckInterval=`: about how often to look.
    pub check_interval: Duration,
    /// `RateLimit=`, in bytes a second.
    pub rate_limit: Option<u64>,
    /// `Proxy=`, a URL.
    pub proxy: Option<String>,
    /// `[Health]`.
    pub health: Health,
}

/// When a boot is a good one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    /// `HoldTime=`: how long all must stay well before the version is a good one.
    pub hold_time: Duration,
    /// `Deadline=`: how long a version that is being tried may take until then. None is for ever.
    pub deadline: Option<Duration>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            enabled: true,
            urls: Vec::new(),
            channel: "stable".to_owned(),
            strategy: Strategy::Manual,
            windows: Vec::new(),
            window_length: Duration::from_secs(60 * 60),
            check_interval: Duration::from_secs(60 * 60),
            rate_limit: None,
            proxy: None,
            health: Health::default(),
        }
    }
}

impl Default for Health {
    fn default() -> Self {
        Self { hold_time: Duration::from_secs(10), deadline: Some(Duration::from_secs(5 * 60)) }
    }
}
