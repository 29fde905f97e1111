//! Layer: effects. Does what tmpfiles.d, sysusers.d, sysctl.d and modules-load.d say, in the running system or
//! below another root. What they say is decided in the crate `settings`.
#![forbid(unsafe_code)]

pub mod boot;
pub mod host;
pub mod modules;
pub mod root;
pub mod sysctl;
pub mod sysusers;
pub mod tmpfiles;

pub use root::Root;
pub use tmpfiles::remove_tree;
