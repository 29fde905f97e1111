//! Layer: tests. VM integration tests.
