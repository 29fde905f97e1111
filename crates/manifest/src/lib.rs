//! Layer: pure. What a release is.
