//! Everything here that reads what a platform says, for the fuzzer.

use crate::disc::{Discs, Files, Wanted};
use crate::providers::{azure, vmware};
use crate::{Guest, Platform, yaml};

/// A disc all of whose files are the same.
struct Same(Vec<u8>);

impl Discs for Same {
    fn read(&self, _: Wanted, files: &[&str]) -> crate::Result<Option<Files>> {
        Ok(Some(files.iter().map(|_| Some(self.0.clone())).collect()))
    }

    fn labels(&self) -> Vec<String> {
        vec![]
    }
}

/// Reads the bytes as each of them.
pub fn read(bytes: &[u8]) {
    _ = vmware::ovf_properties(bytes);
    if let Ok(value) = yaml::parse("fuzz", bytes) {
        _ = yaml::first_addresses(&value);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        _ = azure::GoalState::parse(text);
        _ = azure::Addresses::parse(text);
    }
    let mut say = |_: &str| ();
    let mut guest = Guest { discs: Box::new(Same(bytes.to_vec())), ..Guest::new(&mut say) };
    for platform in [Platform::NoCloud, Platform::OpenStack] {
        _ = platform.metadata(&mut guest);
    }
    _ = Platform::NoCloud.config(&mut guest);
}
