//! System users and groups to make (sysusers.d(5)).

mod config;
mod line;
mod plan;
mod texts;

pub use config::Config;
pub use plan::{Plan, Seen};
pub use texts::{Changes, Texts};

/// The ids that are given out where no line names others: those of the system.
pub const SYSTEM: (u32, u32) = (1, layout::user::FIRST_PERSON - 1);
