//! Layer: pure. The image spec.
