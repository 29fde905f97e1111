//! Time and chance, which come in from outside.

/// When something happens.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Milliseconds of a clock that never goes back and counts time asleep.
    pub ms: u64,
    /// A number that nobody can foresee.
    pub random: u32,
}
