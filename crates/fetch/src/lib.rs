//! Layer: effects. Fetches what a URL names, and checks it.
#![forbid(unsafe_code)]
