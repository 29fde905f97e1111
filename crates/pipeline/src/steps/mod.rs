//! The steps of an image, a module each. A module's text is part of its steps' keys.

pub mod boot;
pub mod component;
pub mod crate_component;
pub mod disk;
pub mod extension;
pub mod go;
pub mod kernel;
pub mod programs;
pub mod test_container;
pub mod tools;
pub mod userland_files;
pub mod usr;
