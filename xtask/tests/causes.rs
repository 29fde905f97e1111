//! Programs print an error with all its causes. An error of ours that tells its cause itself does not hand it on, so
//! that nobody reads it twice.

use anyhow::Error;
use std::path::Path;

#[test]
fn no_error_tells_its_cause_twice() {
    let missing = Path::new("/nonexistent/file");
    let uuid = "6523f8ae-3eb1-4e2a-a05a-18b695ae656f".parse().unwrap();
    let unread = || std::io::Error::from_raw_os_error(5);
    let geometry = disk_table::Geometry::new(1 << 20, 512);

    let errors: [(&str, Error); 8] = [
        ("sys", sys::block::reread_partitions(missing).unwrap_err().into()),
        ("image", image::verity::format(missing, missing, b"", uuid).unwrap_err().into()),
        (
            "journal",
            journal::vacuum(Path::new("/dev/null/journal"), &journal::Limits::default()).unwrap_err().into(),
        ),
        ("event", event::Event::decode_line("?").unwrap_err().into()),
        ("disk-table", disk_table::load(geometry, |_, _| Err(unread())).unwrap_err().into()),
        ("boot-chain", boot_chain::Record::from_json("?").unwrap_err().into()),
        ("extension", extension::Record::from_json("?").unwrap_err().into()),
        ("update-state", update_state::State::from_json("?").unwrap_err().into()),
    ];
    for (crate_name, error) in errors {
        let told = format!("{error:#}");
        assert_eq!(told, error.to_string(), "{crate_name}");
        assert!(
            told.contains("error") || told.contains("expected value"),
            "{crate_name} tells no cause: {told}"
        );
    }
}
