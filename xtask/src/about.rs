//! What the commands that publish are for, in a line each: for them, and for who has them compiled first.

pub const EXTENSION: &str = "Build system extensions for an image";
pub const KEYS: &str = "Make and change the keys that sign releases";
pub const RELEASE: &str = "Publish releases: build them, and add them to a signed repository of static files";
pub const SERVE: &str = "Serve a repository of releases over HTTP, for trying it out";
