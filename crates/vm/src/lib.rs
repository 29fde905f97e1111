//! Layer: effects. The QEMU harness.
