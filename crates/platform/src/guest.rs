//! The machine as clients of platforms see it: where to ask, how long, and whom to tell.

use std::path::PathBuf;
use std::time::Duration;

use crate::Result;
use crate::disc::{Discs, Machine};
use crate::service::Service;

/// Where and how long a platform is asked. What is not said is as on a real machine.
pub struct Guest<'a> {
    /// The metadata service: `http://` and a host.
    pub metadata_service: String,
    /// Azure's wire server, likewise.
    pub wire_server: String,
    /// Below which `sys` is.
    pub root: PathBuf,
    /// How long each question may take with all its attempts; none is for ever.
    pub patience: Option<Duration>,
    /// How long a disc is waited for that should be there.
    pub disc_wait: Duration,
    /// Where discs are found.
    pub discs: Box<dyn Discs>,
    /// Is told what goes on: each attempt that failed, what is waited for, what is left out.
    pub say: &'a mut dyn FnMut(&str),
}

impl<'a> Guest<'a> {
    /// The machine that this program runs on, asked for ever.
    pub fn new(say: &'a mut dyn FnMut(&str)) -> Self {
        Self {
            metadata_service: layout::platform::METADATA_SERVICE.to_owned(),
            wire_server: layout::platform::WIRE_SERVER.to_owned(),
            root: PathBuf::from("/"),
            patience: None,
            disc_wait: Duration::from_secs(30),
            discs: Box::new(Machine::at_first_boot()),
            say,
        }
    }

    pub(crate) fn service(&mut self) -> Result<Service<'_>> {
        Service::new(self.metadata_service.clone(), self.patience, self.say)
    }
}
