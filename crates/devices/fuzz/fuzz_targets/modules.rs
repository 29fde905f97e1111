//! depmod's files, a line of modprobe.d and a device's alias: what is to be loaded has a file, and comes once.
#![no_main]

use std::collections::BTreeSet;

use devices::modules::{Configuration, Index};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: (&str, &str, &str, &str, &str)| {
    let (aliases, needs, softdeps, own, alias) = data;
    let index = Index::new(aliases.to_owned(), needs.to_owned(), softdeps.to_owned());
    let mut configuration = Configuration::default();
    configuration.read("/x.conf", own);
    configuration.command_line(own);
    for module in index.modules(alias, &configuration) {
        assert!(!configuration.is_blacklisted(&module));
        let steps = index.plan(&module, &configuration);
        let names: BTreeSet<&str> = steps.iter().map(|step| step.name.as_str()).collect();
        assert_eq!(names.len(), steps.len());
    }
});
