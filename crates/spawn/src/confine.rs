//! What a confined service sees of the system, and which system calls it may make.

mod addresses;
mod common;
mod devices;
mod filter;
mod objects;
mod view;

pub use addresses::addresses;
pub use common::{Common, InCommon, Joined};
pub use devices::devices;
pub use filter::filters;
pub use objects::remove_objects;
pub use view::View;
