//! Layer: effects. The tools tree.
