//! Layer: effects. Kernel interfaces.
