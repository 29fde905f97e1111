//! Whose turn it is, while the system starts, of what may be started at once: a start takes PID 1 a while, and what is
//! to get most of the processors is what the machine waits for.

use std::cmp::Reverse;

use unit::UnitName;

/// Starts that wait for their turn.
pub struct Turns<T> {
    /// Whose each is, and its weight, in the order in which they came.
    waiting: Vec<(UnitName, u16, T)>,
}

impl<T> Turns<T> {
    /// None waits.
    pub fn new() -> Self {
        Self { waiting: Vec::new() }
    }

    /// Has a start wait.
    pub fn wait(&mut self, unit: UnitName, weight: u16, start: T) {
        self.waiting.push((unit, weight, start));
    }

    /// Takes the start of this unit, if one waits.
    pub fn of(&mut self, unit: &UnitName) -> Option<T> {
        let at = self.waiting.iter().position(|(other, ..)| other == unit)?;
        Some(self.waiting.remove(at).2)
    }

    /// Takes the start whose turn it is: of those with the greatest weight the one that came first.
    pub fn next(&mut self) -> Option<T> {
        let (at, _) = self.waiting.iter().enumerate().min_by_key(|(_, (_, weight, _))| Reverse(*weight))?;
        Some(self.waiting.remove(at).2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> UnitName {
        UnitName::parse(name).unwrap()
    }

    #[test]
    fn what_weighs_most_comes_first_and_equals_in_their_order() {
        let mut turns = Turns::new();
        for (unit, weight) in
            [("devd.service", 20), ("netd.service", 100), ("a.service", 100), ("etcd.service", 200)]
        {
            turns.wait(name(unit), weight, unit);
        }
        assert_eq!(turns.of(&name("a.service")), Some("a.service"));
        assert_eq!(turns.of(&name("a.service")), None);
        turns.wait(name("containerd.service"), 10_000, "containerd.service");
        let order: Vec<_> = std::iter::from_fn(|| turns.next()).collect();
        assert_eq!(order, ["containerd.service", "etcd.service", "netd.service", "devd.service"]);
    }
}
