//! The platforms, a module each: what they give, and from where (docs/platforms.md).

pub(crate) mod aws;
pub(crate) mod azure;
pub(crate) mod digitalocean;
pub(crate) mod gcp;
pub(crate) mod hetzner;
pub(crate) mod nocloud;
pub(crate) mod openstack;
pub(crate) mod qemu;
pub(crate) mod vmware;
