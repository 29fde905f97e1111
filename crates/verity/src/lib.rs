//! Layer: pure. The dm-verity hash tree.
