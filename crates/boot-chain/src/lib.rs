//! Layer: pure. How guard and loader, the boot chain, give way to newer ones.
//!
//! `/usr` has the chain that belongs to its version. Where the ESP has another one, the new chain is put beside it
//! ([`layout::esp::TRIAL_DIR`]), and firmware is told to start it once: by an entry of ours ([`entry`]) that is in no
//! boot order, and by `BootNext`, which firmware takes back before it starts what that names. So whatever the new chain
//! does, the boot after it is by the kept one. A boot by the new chain that turned out good proves it: only then it takes
//! the kept one's names, each by one write. A chain whose boot was not good is refused.
//!
//! [`decide`] says what is to be done next, from what there is ([`Facts`]) and what is remembered ([`Record`]). A power
//! cut between any two of its steps leaves a state from which it goes on.
#![forbid(unsafe_code)]

mod decide;
pub mod entry;
mod record;

use layout::{esp, path};
use serde::{Deserialize, Serialize};

pub use decide::{ATTEMPTS, Facts, Firmware, Plan, Step, decide, give_up};
pub use record::{Record, RecordError, Refused, Stage, Trial};

/// A part of the boot chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// What firmware starts.
    Guard,
    /// What the guard starts: systemd-boot.
    Loader,
}

impl Part {
    /// The loader first: where a cut comes between the two, the guard that is known starts it.
    pub const ALL: [Self; 2] = [Self::Loader, Self::Guard];

    /// Where it is in `/usr`.
    pub fn shipped(self) -> &'static str {
        match self {
            Self::Guard => path::BOOT_GUARD,
            Self::Loader => path::BOOT_LOADER,
        }
    }

    /// Where on the ESP the one is that boots.
    pub fn kept(self) -> &'static str {
        match self {
            Self::Guard => esp::GUARD,
            Self::Loader => esp::SYSTEMD_BOOT,
        }
    }

    /// Where on the ESP the one on trial is.
    pub fn trial(self) -> &'static str {
        match self {
            Self::Guard => esp::TRIAL_GUARD,
            Self::Loader => esp::TRIAL_SYSTEMD_BOOT,
        }
    }
}

/// Something of each part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain<T> {
    /// The guard's.
    pub guard: T,
    /// The loader's.
    pub loader: T,
}

impl<T> Chain<T> {
    /// A part's.
    pub fn get(&self, part: Part) -> &T {
        match part {
            Part::Guard => &self.guard,
            Part::Loader => &self.loader,
        }
    }

    /// Of what `of` gives for each part.
    ///
    /// # Errors
    /// Those of `of`.
    pub fn each<E>(of: impl Fn(Part) -> Result<T, E>) -> Result<Self, E> {
        Ok(Self { guard: of(Part::Guard)?, loader: of(Part::Loader)? })
    }
}
