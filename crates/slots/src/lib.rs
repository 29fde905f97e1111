//! Layer: pure. Which version boots, and how that changes.
//!
//! A machine has two slots for `/usr` and, on the ESP, an entry (a UKI) for each version that it can boot. The
//! entry's name says whether the version is good, is being tried or failed ([`EntryName`]), and systemd-boot goes by
//! these names alone ([`default_entry`]). So each change of what boots is a change of names, and this crate says
//! which: it takes what is there ([`Machine`]) and gives what is to be done, in order ([`Action`]).
//!
//! Whatever an action leaves when the power is cut, an entry whose slot is whole boots; [`repair`] then tidies up.
#![forbid(unsafe_code)]

mod action;
mod attempts;
mod default;
mod machine;
mod name;
mod repair;
mod transition;

pub use action::{Action, entry_path, staging_path};
pub use attempts::{Attempts, MOST_ATTEMPTS, MOST_SHORT};
pub use default::default_entry;
pub use machine::{Entry, Esp, Health, Machine, Running, Stray};
pub use name::{EntryName, InvalidEntryName, Tries};
pub use repair::repair;
pub use transition::{Refusal, bless, condemn, give_tries, plan_install, rollback, target_slot};
