//! Files and folders to make, to remove and to clean up (tmpfiles.d(5)).

pub mod acl;
pub mod age;
pub mod attributes;
mod item;
mod kind;
mod line;
mod plan;

pub use item::{Argument, Item, Mode, Owner};
pub use kind::Kind;
pub use line::Context;
pub use plan::{Group, Operation, Plan};
