//! What the kernel says of a device: `KEY=value` pairs, in an event and in the file `uevent` of its
//! folder (lib/kobject_uevent.c).

use std::collections::BTreeMap;

/// The pairs.
pub type Properties = BTreeMap<String, String>;

/// What happened to a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It is new.
    Add,
    /// It is gone.
    Remove,
    /// Something of it is different: a medium, a table, a size.
    Change,
    /// It has another name or place.
    Move,
    /// It was taken by a driver, let go, switched on or off.
    Other,
}

/// An event of the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub action: Action,
    /// The device's path, `/sys/devices/...`.
    pub path: String,
    /// Where the device was before it moved.
    pub old_path: Option<String>,
    /// All pairs of the event.
    pub properties: Properties,
}

impl Event {
    /// The event that these pairs say; None where they name no action, or no device.
    pub fn of(properties: Properties) -> Option<Self> {
        let path = inside(properties.get("DEVPATH")?)?;
        let action = match properties.get("ACTION")?.as_str() {
            "add" => Action::Add,
            "remove" => Action::Remove,
            "change" => Action::Change,
            "move" => Action::Move,
            _ => Action::Other,
        };
        let old_path = properties.get("DEVPATH_OLD").and_then(|old| inside(old));
        Some(Self { action, path, old_path, properties })
    }

    /// A value; None where it is not there or empty.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.properties.get(key).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// `block`, `net`, `tty` ...
    pub fn subsystem(&self) -> &str {
        self.get("SUBSYSTEM").unwrap_or_default()
    }
}

/// A path of the kernel as one below /sys; None where it leads out of it.
fn inside(path: &str) -> Option<String> {
    let fine = path.starts_with('/') && !path.split('/').skip(1).any(|part| matches!(part, "" | "." | ".."));
    fine.then(|| format!("{}{path}", crate::sysfs::ROOT))
}

/// The pairs of a `uevent` file, one a line. Those that are not UTF-8, have no `=` or no key are passed over.
pub fn lines(text: &[u8]) -> Properties {
    text.split(|byte| *byte == b'\n')
        .filter_map(|part| {
            let (key, value) = std::str::from_utf8(part).ok()?.split_once('=')?;
            (!key.is_empty()).then(|| (key.to_owned(), value.to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn event(pairs: &[(&str, &str)]) -> Option<Event> {
        Event::of(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn pairs_are_an_event() {
        let pairs = [
            ("ACTION", "move"),
            ("DEVPATH", "/devices/x/net/b"),
            ("SUBSYSTEM", "net"),
            ("DEVPATH_OLD", "/devices/x/net/a"),
            ("E", ""),
        ];
        let event = event(&pairs).unwrap();
        assert_eq!((event.action, event.subsystem()), (Action::Move, "net"));
        assert_eq!(event.path, "/sys/devices/x/net/b");
        assert_eq!(event.old_path.as_deref(), Some("/sys/devices/x/net/a"));
        assert_eq!((event.get("E"), event.get("novalue")), (None, None));
    }

    #[test]
    fn what_names_no_device_is_none() {
        for pairs in [
            &[][..],
            &[("ACTION", "add")],
            &[("DEVPATH", "/devices/x")],
            &[("ACTION", "add"), ("DEVPATH", "/devices/../../etc")],
            &[("ACTION", "add"), ("DEVPATH", "devices")],
            &[("ACTION", "add"), ("DEVPATH", "/devices//x")],
        ] {
            assert_eq!(event(pairs), None, "{pairs:?}");
        }
    }

    #[test]
    fn a_file_has_a_pair_a_line() {
        let properties = lines(b"MAJOR=254\nDEVNAME=vda\n\nbad\n");
        let properties: Vec<_> = properties.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(properties, [("DEVNAME", "vda"), ("MAJOR", "254")]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_pairs(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let pairs = lines(&bytes);
            prop_assert!(pairs.keys().all(|key| !key.is_empty() && !key.contains(['=', '\n'])));
        }

        #[test]
        fn pairs_come_back(pairs in proptest::collection::btree_map("[A-Z_]{1,9}", "[^\n]{0,12}", 0..6)) {
            let text: String = pairs.iter().map(|(key, value)| format!("{key}={value}\n")).collect();
            prop_assert_eq!(lines(text.as_bytes()), pairs);
        }

        #[test]
        fn a_device_is_below_sys(path in "[/a.]{0,12}") {
            if let Some(event) = event(&[("ACTION", "add"), ("DEVPATH", &path)]) {
                prop_assert!(event.path.starts_with("/sys/") && !event.path.contains("/../"));
            }
        }
    }
}
