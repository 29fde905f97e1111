//! Where platforms tell a machine what it is to be, and where we keep what they told.

/// The link-local address of the metadata services of AWS, GCP, Azure, OpenStack, DigitalOcean and Hetzner.
pub const METADATA_SERVICE: &str = "http://169.254.169.254";
/// Azure's wire server, which wants to hear that a machine is up.
pub const WIRE_SERVER: &str = "http://168.63.129.16";

/// Attributes for `EnvironmentFile=`, named as Afterburn's documentation does.
pub const ATTRIBUTES: &str = "/run/metadata/afterburn";
/// The same, named as Flatcar's documentation does.
pub const FLATCAR_ATTRIBUTES: &str = "/run/metadata/flatcar";
/// The file of a user's SSH keys from the platform, below the home folder.
pub const SSH_KEYS: &str = ".ssh/authorized_keys.d/afterburn";
