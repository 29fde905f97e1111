//! `data:` URLs: what a config is let pass with is what is fetched, so that one reader judges and decodes.

/// The bytes that a `data:` URL holds, or what is wrong with it.
pub use ignition::decode_data_url as decode;
