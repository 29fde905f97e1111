//! What is known of the machine.

use boots::History;
use observe::pressure::Pressure;
use observe::space::Space;
use serde::Serialize;

/// The machine.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Facts {
    /// What runs: `Berth 0.1.0`.
    pub system: String,
    /// The kernel's release.
    pub kernel: String,
    /// The machine's name.
    pub host: String,
    /// The slot that runs, `A` or `B`; none where it is neither.
    pub slot: Option<String>,
    /// PID 1's word for the whole: `running`, `degraded`, ...; none where it does not answer.
    pub state: Option<String>,
    /// The state of `boot-complete.target`.
    pub boot_complete: Option<String>,
    /// From the kernel's start to the target, in microseconds.
    pub reached_us: Option<u64>,
    /// Seconds since the kernel's start.
    pub uptime_s: f64,
    /// Units that failed, each with how.
    pub failed: Vec<(String, String)>,
    /// Jobs that are not done, each a unit and a kind.
    pub jobs: Vec<(String, String)>,
    /// What the machine is there for, each a name and whether it answers.
    pub services: Vec<Answer>,
    /// Network interfaces.
    pub links: Vec<Link>,
    /// File systems, each a name and its space.
    pub disks: Vec<(String, Space)>,
    /// Memory: in use, and all, in bytes.
    pub memory: (u64, u64),
    /// Pressure, by resource.
    pub pressure: Vec<(String, Pressure)>,
    /// This boot's id.
    pub boot_id: String,
    /// The last boots.
    pub history: History,
    /// A version that failed here since this one was found good, and why.
    pub failed_version: Option<String>,
    /// Crashes that are known of in this boot.
    pub crashes: usize,
    /// What could not be asked, and why.
    pub unknown: Vec<String>,
}

/// Whether a service answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// Its name.
    pub name: String,
    /// PID 1's word for its unit; none where there is none.
    pub unit: Option<String>,
    /// Whether it answers; none where that cannot be asked.
    pub answers: Option<bool>,
}

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Link {
    /// Its name.
    pub name: String,
    /// Whether it has a carrier.
    pub up: bool,
    /// Its addresses with their prefixes, but for those of the link alone.
    pub addresses: Vec<String>,
}

impl Facts {
    /// Whether nothing is wrong that a person should look at.
    pub fn is_well(&self) -> bool {
        self.state.as_deref() == Some("running")
            && self.failed.is_empty()
            && self.services.iter().all(|service| service.answers != Some(false))
    }
}
