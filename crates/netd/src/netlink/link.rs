//! Links: what they are, and their settings.

use std::io;

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};

use super::Kernel;

impl Kernel {
    /// All links.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn links(&mut self) -> io::Result<Vec<RouteNetlinkMessage>> {
        self.dump(RouteNetlinkMessage::GetLink(LinkMessage::default()))
    }

    /// Brings a link up, or takes it down.
    ///
    /// # Errors
    /// The link is gone, or its driver cannot.
    pub fn set_up(&mut self, index: u32, is_up: bool) -> io::Result<()> {
        self.set_flag(index, LinkFlags::Up, is_up)
    }

    /// Sets or unsets a flag.
    ///
    /// # Errors
    /// The link is gone, or its driver cannot.
    pub fn set_flag(&mut self, index: u32, flag: LinkFlags, is_on: bool) -> io::Result<()> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        message.header.flags.set(flag, is_on);
        message.header.change_mask = flag;
        self.change(RouteNetlinkMessage::SetLink(message), 0)
    }

    /// Sets a link's MTU, in bytes.
    ///
    /// # Errors
    /// The link is gone, or cannot have this MTU.
    pub fn set_mtu(&mut self, index: u32, mtu: u32) -> io::Result<()> {
        self.set(index, LinkAttribute::Mtu(mtu))
    }

    /// Sets a link's hardware address.
    ///
    /// # Errors
    /// The link is gone, or cannot have this address.
    pub fn set_mac(&mut self, index: u32, mac: [u8; 6]) -> io::Result<()> {
        self.set(index, LinkAttribute::Address(mac.to_vec()))
    }

    /// Makes a link a part of another.
    ///
    /// # Errors
    /// One of them is gone, or they do not fit.
    pub fn set_master(&mut self, index: u32, master: u32) -> io::Result<()> {
        self.set(index, LinkAttribute::Controller(master))
    }

    /// Removes a link that was made.
    ///
    /// # Errors
    /// It is hardware, or gone.
    pub fn delete(&mut self, index: u32) -> io::Result<()> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        self.change(RouteNetlinkMessage::DelLink(message), 0)
    }

    fn set(&mut self, index: u32, attribute: LinkAttribute) -> io::Result<()> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        message.attributes.push(attribute);
        self.change(RouteNetlinkMessage::SetLink(message), 0)
    }
}
