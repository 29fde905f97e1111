//! A swap's settings (systemd.swap(5)), and the programs that put it to use and out of it.

use crate::mount::{place_of, set_commands};
use crate::name::UnitName;
use crate::service::config::Service;

/// A swap device or file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Swap {
    /// `What=`: an absolute path. A tag such as `LABEL=` is the link that stands for it.
    pub what: String,
    /// `Priority=`: where there are several, the highest is used first.
    pub priority: Option<i32>,
    /// `Options=`.
    pub options: Vec<String>,
    /// The settings of `swapon` and `swapoff`, and how they are called.
    pub helper: Service,
}

impl Swap {
    /// The swap at the path that the unit's name says.
    pub fn unset(name: &UnitName, helper: Service) -> Swap {
        Swap { what: place_of(name), priority: None, options: Vec::new(), helper }
    }

    /// Whether an option is set.
    pub fn has_option(&self, wanted: &str) -> bool {
        self.options.iter().any(|option| option.split('=').next() == Some(wanted))
    }

    /// Makes the command lines of `swapon` and `swapoff` from the settings.
    pub fn call(&mut self) {
        let mut swapon = vec!["swapon".to_owned()];
        let stated = self.options.iter().find_map(|option| option.strip_prefix("pri="));
        let priority = self.priority.map(|priority| priority.to_string());
        if let Some(priority) = priority.or_else(|| stated.map(str::to_owned)) {
            swapon.extend(["-p".to_owned(), priority]);
        }
        // busybox's swapon has no -o; of its options the kernel knows only this one.
        if let Some(discard) = self.options.iter().find(|option| option.starts_with("discard")) {
            swapon.push(format!("-d{}", discard.split_once('=').map_or("", |(_, policy)| policy)));
        }
        swapon.push(self.what.clone());
        set_commands(&mut self.helper, swapon, vec!["swapoff".to_owned(), self.what.clone()]);
    }
}
