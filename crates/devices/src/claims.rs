//! Links in /dev, and who gets one that two devices claim: the highest priority, then the first.

use std::collections::{BTreeMap, BTreeSet};

/// One device's claim on a link.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Claim {
    device: String,
    node: String,
    priority: i32,
}

/// What is to be done to the links.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The link, relative to /dev, is to lead to this node, relative to /dev.
    Link(String, String),
    /// The link is to go.
    Remove(String),
}

/// Every claim on every link, in the order in which they came.
#[derive(Debug, Clone, Default)]
pub struct Claims {
    links: BTreeMap<String, Vec<Claim>>,
    /// The links that each device claims. Most devices claim none.
    held: BTreeMap<String, Vec<String>>,
}

impl Claims {
    /// A device, by its path, with its node and all that it claims now: links with their priorities.
    /// What it claimed before and does not any more is given up.
    pub fn set(&mut self, device: &str, node: &str, links: &[(String, i32)]) -> Vec<Change> {
        let now: Vec<String> = links.iter().map(|(link, _)| link.clone()).collect();
        let held = match now.is_empty() {
            true => self.held.remove(device),
            false => self.held.insert(device.to_owned(), now),
        };
        let held = held.unwrap_or_default();
        let mut changes = Vec::new();
        for link in held.iter().filter(|held| !links.iter().any(|(link, _)| link == *held)) {
            self.update(link, device, None, &mut changes);
        }
        for (link, priority) in links {
            let claim = Claim { device: device.to_owned(), node: node.to_owned(), priority: *priority };
            self.update(link, device, Some(claim), &mut changes);
        }
        changes
    }

    /// The device is gone.
    pub fn remove(&mut self, device: &str) -> Vec<Change> {
        self.set(device, "", &[])
    }

    /// The devices that claim something.
    pub fn devices(&self) -> BTreeSet<String> {
        self.held.keys().cloned().collect()
    }

    /// Every link that is claimed.
    pub fn links(&self) -> BTreeSet<String> {
        self.links.keys().cloned().collect()
    }

    fn update(&mut self, link: &str, device: &str, new: Option<Claim>, changes: &mut Vec<Change>) {
        let claims = self.links.entry(link.to_owned()).or_default();
        let before = winner(claims).cloned();
        match (claims.iter().position(|claim| claim.device == device), new) {
            (Some(at), Some(new)) => claims[at] = new,
            (Some(at), None) => drop(claims.remove(at)),
            (None, Some(new)) => claims.push(new),
            (None, None) => {}
        }
        let after = winner(claims).cloned();
        match after {
            Some(after) if before.as_ref().map(|claim| &claim.node) != Some(&after.node) => {
                changes.push(Change::Link(link.to_owned(), after.node));
            }
            Some(_) => {}
            None => {
                self.links.remove(link);
                changes.extend(before.map(|_| Change::Remove(link.to_owned())));
            }
        }
    }
}

fn winner(claims: &[Claim]) -> Option<&Claim> {
    // `max_by_key` takes the last of equals, and the first is wanted.
    claims.iter().rev().max_by_key(|claim| claim.priority)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(link: &str, node: &str) -> Change {
        Change::Link(link.to_owned(), node.to_owned())
    }

    fn remove(link: &str) -> Change {
        Change::Remove(link.to_owned())
    }

    #[test]
    fn the_highest_priority_has_the_link_then_the_first() {
        let claim = |name: &str, priority| vec![(name.to_owned(), priority)];
        let mut claims = Claims::default();
        assert_eq!(claims.set("a", "sda", &claim("x", 0)), [link("x", "sda")]);
        assert_eq!(claims.set("b", "sdb", &claim("x", 0)), [], "the first keeps it");
        assert_eq!(claims.set("c", "sdc", &claim("x", 10)), [link("x", "sdc")]);
        assert_eq!(claims.set("c", "sdc", &claim("x", -1)), [link("x", "sda")]);
        assert_eq!(claims.remove("a"), [link("x", "sdb")]);
        assert_eq!(claims.remove("b"), [link("x", "sdc")]);
        assert_eq!(claims.remove("c"), [remove("x")]);
        assert_eq!(claims.remove("c"), []);
        assert!(claims.devices().is_empty());
    }

    #[test]
    fn what_is_not_claimed_any_more_is_given_up() {
        let mut claims = Claims::default();
        assert!(claims.links().is_empty());
        let all = ["x", "y"].map(|name| (name.to_owned(), 0));
        claims.set("a", "sda", &all);
        assert_eq!(claims.set("a", "sda", &all), [], "nothing to do twice");
        assert_eq!(claims.set("a", "sda", &all[..1]), [remove("y")]);
        assert_eq!(claims.links().into_iter().collect::<Vec<_>>(), ["x"]);
        assert_eq!(claims.set("a", "sdz", &all[..1]), [link("x", "sdz")], "its node has another name");
    }
}
