//! The table of events.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One milestone of a machine's life. The JSON form carries the name under the key `event`, in
/// kebab case: `{"event":"reached-target","target":"multi-user.target",...}`.
///
/// All times ending in `_us` are microseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// PID 1 has begun; the first event of every boot.
    InitStarted {
        /// This boot's random id (`/proc/sys/kernel/random/boot_id`).
        boot_id: String,
        /// The image's version (`VERSION_ID` of os-release), empty where there is none.
        version: String,
    },
    /// The target that this boot was asked for is active, and so is all that it requires.
    ReachedTarget {
        /// The target's unit name.
        target: String,
        /// From the kernel's start to now; the sum of the three that follow.
        total_us: u64,
        /// From the kernel's start to stage 1's.
        kernel_us: u64,
        /// From stage 1's start to PID 1's; 0 where there was no stage 1.
        initramfs_us: u64,
        /// From PID 1's start to now.
        userspace_us: u64,
    },
    /// A unit failed, and is not going to be restarted by itself.
    UnitFailed {
        /// The unit's name.
        unit: String,
        /// Why, in a few words: `exit-code 1`, `signal KILL`, `timeout`, `start-limit-hit`.
        reason: String,
    },
    /// The machine cannot go on: it says why, and restarts itself after a set time.
    Emergency {
        /// Where the boot stood.
        stage: Stage,
        /// What went wrong: what was being done, to what, and why it failed.
        cause: String,
        /// What a person can do about it.
        next_step: String,
        /// Seconds until the machine restarts itself.
        reboot_in_s: u64,
        /// The last lines that were logged before, oldest first.
        #[serde(default)]
        log: Vec<String>,
    },
    /// A shutdown was asked for, and has begun.
    Shutdown {
        /// What happens at its end.
        kind: ShutdownKind,
    },
    /// Services have stopped and file systems are released; the kernel call comes next.
    ShutdownComplete {
        /// What happens now.
        kind: ShutdownKind,
        /// Whether every file system with data was left clean: unmounted or read-only.
        clean: bool,
        /// The processes that did not end and the file systems that did not come loose.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        left: Vec<String>,
        /// From the request to now.
        elapsed_us: u64,
    },
    /// The repository was read, and is sound.
    UpdateChecked {
        /// The version that can be installed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        available: Option<String>,
    },
    /// A version is installed, and boots next.
    UpdateInstalled {
        /// The version.
        version: String,
        /// The letter of its slot.
        slot: String,
    },
    /// A version that was being tried is proven: it stays.
    BootBlessed {
        /// The version.
        version: String,
    },
    /// A version does not get well in its time, and the machine starts again.
    BootUnfit {
        /// The version.
        version: String,
        /// Which checks failed, and why.
        reason: String,
    },
    /// A version has failed here: the one before runs again, and the failed one is not taken again by itself.
    FellBack {
        /// The version that failed.
        from: String,
        /// The version that runs.
        to: String,
        /// Why, as far as that is known.
        reason: String,
    },
}

/// Where a boot stood when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Stage 1: finding, verifying and mounting the image.
    Initramfs,
    /// First-boot provisioning.
    Provisioning,
    /// PID 1: mounting, loading units, starting services.
    Userspace,
}

/// What a shutdown ends in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ShutdownKind {
    /// The power goes off.
    Poweroff,
    /// The machine restarts.
    Reboot,
    /// The processors stop, the power stays on.
    Halt,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stage::Initramfs => "initramfs",
            Stage::Provisioning => "provisioning",
            Stage::Userspace => "userspace",
        })
    }
}

impl fmt::Display for ShutdownKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ShutdownKind::Poweroff => "poweroff",
            ShutdownKind::Reboot => "reboot",
            ShutdownKind::Halt => "halt",
        })
    }
}

impl Event {
    /// What a person at the console reads for this event: one or more lines, without a final
    /// line feed. Nothing for events that the console does not show.
    pub fn console_line(&self) -> Option<String> {
        match self {
            Event::InitStarted { .. } => None,
            Event::ReachedTarget { target, total_us, kernel_us, initramfs_us, userspace_us } => {
                Some(format!(
                    "berth: reached {target} in {} (kernel {}, initramfs {}, userspace {})",
                    Seconds(*total_us),
                    Seconds(*kernel_us),
                    Seconds(*initramfs_us),
                    Seconds(*userspace_us)
                ))
            }
            Event::UnitFailed { unit, reason } => Some(format!("berth: {unit} failed: {reason}")),
            Event::Emergency { stage, cause, next_step, reboot_in_s, log } => {
                let mut text = format!(
                    "berth: EMERGENCY: this boot failed\n  stage: {stage}\n  cause: {cause}\n  \
                     next:  {next_step}\n"
                );
                for line in log {
                    text.push_str("  log:   ");
                    text.push_str(line);
                    text.push('\n');
                }
                text.push_str(&format!("  restarting in {reboot_in_s} s"));
                Some(text)
            }
            Event::Shutdown { kind } => Some(format!("berth: {kind}: stopping services")),
            Event::ShutdownComplete { kind, clean, elapsed_us, .. } => Some(format!(
                "berth: {kind} after {}{}",
                Seconds(*elapsed_us),
                if *clean { "" } else { ", not everything clean" }
            )),
            Event::UpdateChecked { .. } => None,
            Event::UpdateInstalled { version, slot } => {
                Some(format!("berth: version {version} is installed to slot {slot}: restart to use it"))
            }
            Event::BootBlessed { version } => Some(format!("berth: version {version} is good, and stays")),
            Event::BootUnfit { version, reason } => {
                Some(format!("berth: version {version} is not healthy in its time, restarting: {reason}"))
            }
            Event::FellBack { from, to, reason } => Some(format!(
                "berth: version {from} failed here, and {to} runs again\n  why:  {reason}\n  \
                 next: it is not taken again by itself; berthctl update history tells more"
            )),
        }
    }
}

/// Microseconds shown as seconds with two decimals.
struct Seconds(u64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hundredths = self.0.saturating_add(5_000) / 10_000;
        write!(f, "{}.{:02}s", hundredths / 100, hundredths % 100)
    }
}
