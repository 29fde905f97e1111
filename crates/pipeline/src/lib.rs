//! Layer: effects. Build steps and their cache.
