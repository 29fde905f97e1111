//! Why a machine was not provisioned, for a person who is to mend it.

pub use event::provisioning::Failure;
