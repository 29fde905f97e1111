//! Layer: pure. Butane configs, translated to Ignition's.
#![forbid(unsafe_code)]
