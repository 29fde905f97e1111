//! What programs of Fedora CoreOS read of a first boot: `/etc/.ignition-result.json`.

use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use calendar::timestamp::rfc3339;
use layout::path::{BOOT_ID, IGNITION_RESULT};
use serde::Serialize;
use serde_json::Value;

/// The report, with the names that Ignition gives its parts.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    #[serde(rename = "provisioningBootID")]
    boot_id: String,
    provisioning_date: String,
    user_config_provided: bool,
    /// Of a ROOT that was provisioned before.
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_report: Option<Value>,
}

/// Writes the report of this boot, in which the machine had a config of its own or not.
///
/// # Errors
/// It cannot be written.
pub fn write(root: &Path, user_config_provided: bool) -> sys::Result<()> {
    let path = root.join(IGNITION_RESULT.trim_start_matches('/'));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let report = Report {
        boot_id: fs::read_to_string(BOOT_ID).unwrap_or_default().trim().to_owned(),
        provisioning_date: rfc3339(now),
        user_config_provided,
        previous_report: fs::read(&path).ok().and_then(|text| serde_json::from_slice(&text).ok()),
    };
    let mut text = serde_json::to_vec_pretty(&report).unwrap_or_default();
    text.push(b'\n');
    sys::file::replace_synced(&path, &text, 0o600)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_the_names_that_ignition_gives_and_the_one_before_it() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("etc")).unwrap();
        let path = root.path().join("etc/.ignition-result.json");
        let read = || serde_json::from_slice::<Value>(&fs::read(&path).unwrap()).unwrap();
        write(root.path(), false).unwrap();
        let first = read();
        let names: Vec<&String> = first.as_object().unwrap().keys().collect();
        assert_eq!(names, ["provisioningBootID", "provisioningDate", "userConfigProvided"]);
        assert_eq!(first["userConfigProvided"], false);
        assert_eq!(first["provisioningBootID"].as_str().unwrap().len(), 36);
        write(root.path(), true).unwrap();
        let second = read();
        assert_eq!((&second["userConfigProvided"], &second["previousReport"]), (&true.into(), &first));
        // A link in its place is replaced, and leads nowhere.
        let elsewhere = root.path().join("elsewhere");
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
        write(root.path(), true).unwrap();
        assert!(!elsewhere.exists() && !fs::symlink_metadata(&path).unwrap().is_symlink());
    }
}
