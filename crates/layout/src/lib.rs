//! Layer: pure. The disk and path contract.
