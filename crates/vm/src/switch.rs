//! An Ethernet switch's decisions: which address is behind which port. Pure.

use std::collections::BTreeMap;

/// A port of the switch.
pub type Port = usize;

/// An Ethernet address.
type Address = [u8; 6];

/// A learning switch.
#[derive(Clone, Debug, Default)]
pub struct Switch {
    behind: BTreeMap<Address, Port>,
}

impl Switch {
    /// Where a frame that came in at `from` goes, of the ports `all`: to the one that its
    /// destination is behind, or to all others. A frame without a header goes nowhere.
    pub fn forward(&mut self, from: Port, frame: &[u8], all: &[Port]) -> Vec<Port> {
        let (Some(destination), Some(source)) = (address(frame, 0), address(frame, 6)) else {
            return vec![];
        };
        if !is_group(source) {
            self.behind.insert(source, from);
        }
        match self.behind.get(&destination) {
            Some(port) if *port == from => vec![],
            Some(port) if all.contains(port) => vec![*port],
            _ => all.iter().copied().filter(|port| *port != from).collect(),
        }
    }
}

fn address(frame: &[u8], at: usize) -> Option<Address> {
    frame.get(at..at + 6)?.try_into().ok()
}

/// Broadcast or multicast (IEEE 802.3, the first byte's lowest bit).
fn is_group(address: Address) -> bool {
    address[0] & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Port; 3] = [1, 2, 3];

    fn frame(to: u8, from: u8) -> Vec<u8> {
        let address = |last| [0x52, 0, 0, 0, 0, last];
        [address(to), address(from)].concat()
    }

    #[test]
    fn unknown_goes_everywhere_known_goes_to_its_port() {
        let mut switch = Switch::default();
        assert_eq!(switch.forward(1, &frame(20, 10), &ALL), [2, 3]);
        assert_eq!(switch.forward(2, &frame(10, 20), &ALL), [1]);
        assert_eq!(switch.forward(1, &frame(20, 10), &ALL), [2]);
        assert_eq!(switch.forward(1, &frame(10, 10), &ALL), [0; 0], "to itself");
    }

    #[test]
    fn an_address_that_moves_is_followed() {
        let mut switch = Switch::default();
        switch.forward(2, &frame(10, 20), &ALL);
        switch.forward(3, &frame(10, 20), &ALL);
        assert_eq!(switch.forward(1, &frame(20, 10), &ALL), [3]);
        assert_eq!(switch.forward(1, &frame(20, 10), &[1, 2]), [2], "3 is gone");
    }

    #[test]
    fn broadcasts_go_to_all_and_stubs_nowhere() {
        let mut switch = Switch::default();
        let mut broadcast = frame(0, 10);
        broadcast[..6].fill(0xff);
        assert_eq!(switch.forward(1, &broadcast, &ALL), [2, 3]);
        assert_eq!(switch.forward(1, &broadcast[..11], &ALL), [0; 0]);
        let mut forged = frame(20, 0);
        forged[6..12].fill(0xff);
        switch.forward(3, &forged, &ALL);
        assert_eq!(switch.forward(1, &broadcast, &ALL), [2, 3], "nobody is broadcast");
    }
}
