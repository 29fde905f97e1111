//! What a platform did not give.

/// Why a platform's word could not be had. Its text says what was asked for; [`Error::advice`] what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A service did not answer as it should.
    #[error(transparent)]
    Fetch(#[from] fetch::Error),
    /// A service or a disc says what cannot be understood.
    #[error("{place}: {what}")]
    Garbage {
        /// The URL or the file.
        place: String,
        /// What is wrong with it.
        what: String,
    },
    /// A disc or an interface of the hypervisor cannot be read.
    #[error("cannot read {place}: {cause}")]
    Read {
        /// The file or the device.
        place: String,
        /// The system's word.
        cause: String,
    },
    /// Discs of which the machine's own cannot be told.
    #[error("several discs have the label {label}: {devices}; which of them is this machine's is not known")]
    Several {
        /// Their label.
        label: String,
        /// The kernel's names of them.
        devices: String,
    },
    /// An id that is no platform's.
    #[error("{id:?} is no platform that Berth knows: {known} are", known = crate::Platform::ids())]
    Unknown {
        /// The id as it was given.
        id: String,
    },
    /// The id says what the machine is not.
    #[error("this machine is not a guest of VMware: its maker is {vendor:?}")]
    NotVmware {
        /// The maker of the machine as its firmware tells.
        vendor: String,
    },
}

impl Error {
    /// What a person can do about it.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Fetch(fetch::Error::Timeout { .. }) => {
                "check that the machine has a network, and that the platform's metadata service is on for it"
            }
            Self::Fetch(error) => error.advice(),
            Self::Garbage { .. } => "look at what the machine was given as user data or metadata",
            Self::Read { .. } => "attach the disc again, or look into the hypervisor's log",
            Self::Several { .. } => "detach all but the one that the platform made for this machine",
            Self::Unknown { .. } | Self::NotVmware { .. } => {
                "correct the kernel argument ignition.platform.id, or leave it out"
            }
        }
    }

    pub(crate) fn garbage(place: impl Into<String>, what: impl ToString) -> Self {
        Self::Garbage { place: place.into(), what: what.to_string() }
    }

    pub(crate) fn read(place: impl Into<String>, cause: impl ToString) -> Self {
        Self::Read { place: place.into(), cause: cause.to_string() }
    }
}

/// Of something that a platform gives.
pub type Result<T> = std::result::Result<T, Error>;
