//! What a confined service sees of the system, and which system calls it may make.

mod devices;
mod filter;
mod private;
mod view;

pub use devices::devices;
pub use filter::filters;
pub use private::PrivateFolders;
pub use view::View;
