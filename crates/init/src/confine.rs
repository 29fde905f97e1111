//! What a confined service sees of the system, and which system calls it may make.

mod addresses;
mod devices;
mod filter;
mod objects;
mod private;
mod view;

pub use addresses::addresses;
pub use devices::devices;
pub use filter::filters;
pub use objects::remove_objects;
pub use private::PrivateFolders;
pub use view::View;
