//! What a test waits for.

use std::fmt;

use event::{Event, ShutdownKind};

/// A milestone in a machine's life that a test waits for: a pattern over [`Event`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Milestone<'a> {
    /// PID 1 has begun.
    InitStarted,
    /// This target is reached.
    Target(&'a str),
    /// This unit has failed for good.
    UnitFailed(&'a str),
    /// The machine cannot go on.
    Emergency,
    /// A shutdown of this kind has begun.
    Shutdown(ShutdownKind),
    /// A shutdown of this kind is done but for the kernel call.
    ShutdownComplete(ShutdownKind),
    /// A version that was being tried is proven good.
    Blessed,
    /// A version is not proven good in its time.
    Unfit,
    /// A version failed, and the one before runs again.
    FellBack,
}

impl Milestone<'_> {
    /// Whether `event` is this milestone.
    pub fn is(&self, event: &Event) -> bool {
        match (self, event) {
            (Self::InitStarted, Event::InitStarted { .. })
            | (Self::Emergency, Event::Emergency { .. })
            | (Self::Blessed, Event::BootBlessed { .. })
            | (Self::Unfit, Event::BootUnfit { .. })
            | (Self::FellBack, Event::FellBack { .. }) => true,
            (Self::Target(wanted), Event::ReachedTarget { target, .. }) => wanted == target,
            (Self::UnitFailed(wanted), Event::UnitFailed { unit, .. }) => wanted == unit,
            (Self::Shutdown(wanted), Event::Shutdown { kind })
            | (Self::ShutdownComplete(wanted), Event::ShutdownComplete { kind, .. }) => wanted == kind,
            _ => false,
        }
    }
}

impl fmt::Display for Milestone<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InitStarted => f.write_str("PID 1 to start"),
            Self::Target(target) => write!(f, "{target}"),
            Self::UnitFailed(unit) => write!(f, "{unit} to fail"),
            Self::Emergency => f.write_str("an emergency"),
            Self::Shutdown(kind) => write!(f, "a {kind} to begin"),
            Self::ShutdownComplete(kind) => write!(f, "a {kind} to be done"),
            Self::Blessed => f.write_str("the version to be proven good"),
            Self::Unfit => f.write_str("the version to be late"),
            Self::FellBack => f.write_str("the version before to run again"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_milestone_is_its_own_event_and_no_other() {
        let reached = |target: &str| Event::ReachedTarget {
            target: target.to_owned(),
            total_us: 3,
            kernel_us: 1,
            initramfs_us: 1,
            userspace_us: 1,
        };
        let off = Event::Shutdown { kind: ShutdownKind::Poweroff };
        let cases = [
            (Milestone::Target("a.target"), reached("a.target"), true),
            (Milestone::Target("a.target"), reached("b.target"), false),
            (Milestone::Emergency, reached("a.target"), false),
            (Milestone::Shutdown(ShutdownKind::Poweroff), off.clone(), true),
            (Milestone::Shutdown(ShutdownKind::Reboot), off.clone(), false),
            (Milestone::ShutdownComplete(ShutdownKind::Poweroff), off, false),
        ];
        for (milestone, event, expected) in cases {
            assert_eq!(milestone.is(&event), expected, "{milestone} / {event:?}");
        }
    }
}
