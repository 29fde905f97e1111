//! Layer: effects. The log store.
