//! Which modules the kernel has.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use settings::modules_load::plain;

/// The modules that the kernel has, but for built-in ones that show nothing.
const THERE: &str = "/sys/module";

/// Those of some modules that the kernel has neither loaded nor built in.
pub fn missing(names: &[String]) -> Vec<&str> {
    let mut missing: Vec<&str> =
        names.iter().map(String::as_str).filter(|name| !Path::new(THERE).join(name).exists()).collect();
    if !missing.is_empty() {
        let built_in = built_in();
        missing.retain(|name| !built_in.contains(*name));
    }
    missing
}

/// The modules that are built in, by the kernel's own list.
fn built_in() -> BTreeSet<String> {
    let folder = Path::new(layout::path::MODULES).join(sys::machine::kernel_release());
    let list = fs::read_to_string(folder.join("modules.builtin")).unwrap_or_default();
    let name = |path: &str| plain(path.rsplit('/').next().unwrap_or(path).trim_end_matches(".ko"));
    list.lines().map(name).collect()
}
