//! The state of the system as a whole (systemctl(1), is-system-running).

/// What it depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SystemFacts {
    /// Whether it goes down.
    pub stopping: bool,
    /// Whether the boot has come to its end, well or not.
    pub booted: bool,
    /// Whether basic.target is up.
    pub basic: bool,
    /// Whether rescue.target or emergency.target is up, or the boot has failed.
    pub maintenance: bool,
    /// How many units have failed.
    pub failed: usize,
}

/// The states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the words of systemctl(1)")]
pub enum SystemState {
    Initializing,
    Starting,
    Running,
    Degraded,
    Maintenance,
    Stopping,
}

impl SystemState {
    /// The state that follows from the facts.
    pub fn of(facts: &SystemFacts) -> SystemState {
        match facts {
            SystemFacts { stopping: true, .. } => SystemState::Stopping,
            SystemFacts { maintenance: true, .. } => SystemState::Maintenance,
            SystemFacts { booted: false, basic: false, .. } => SystemState::Initializing,
            SystemFacts { booted: false, .. } => SystemState::Starting,
            SystemFacts { failed: 1.., .. } => SystemState::Degraded,
            _ => SystemState::Running,
        }
    }

    /// The word.
    pub fn name(self) -> &'static str {
        match self {
            SystemState::Initializing => "initializing",
            SystemState::Starting => "starting",
            SystemState::Running => "running",
            SystemState::Degraded => "degraded",
            SystemState::Maintenance => "maintenance",
            SystemState::Stopping => "stopping",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_follows_from_the_facts() {
        let up = SystemFacts { booted: true, basic: true, ..SystemFacts::default() };
        let cases = [
            (SystemFacts::default(), "initializing"),
            (SystemFacts { basic: true, failed: 1, ..SystemFacts::default() }, "starting"),
            (up, "running"),
            (SystemFacts { failed: 2, ..up }, "degraded"),
            (SystemFacts { failed: 2, maintenance: true, ..up }, "maintenance"),
            (SystemFacts { stopping: true, maintenance: true, ..up }, "stopping"),
        ];
        for (facts, word) in cases {
            assert_eq!(SystemState::of(&facts).name(), word, "{facts:?}");
        }
    }
}
