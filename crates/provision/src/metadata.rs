//! What a running machine learns of its platform on each boot: attributes, SSH keys, its name, time servers; and that
//! the platform is told when the machine is up.

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use anyhow::{Context, Result, anyhow};
use layout::path::{PLATFORM, STATE, STATE_OF_ROOT};
use layout::platform::{ATTRIBUTES, FLATCAR_ATTRIBUTES, SSH_KEYS};
use platform::{Guest, Machine, Metadata, Platform, Record};

use crate::files;

/// Whose keys a platform's are.
const USER: &str = "core";
/// How long each question to the platform may take: its services are there from the start, as a rule, and a unit that
/// waits for attributes should say so when they are not.
const PATIENCE: Duration = Duration::from_secs(120);

/// The platform that this machine runs on: the one that the kernel's command line names, else the one that is found.
fn platform(discs: &Machine) -> Result<Platform> {
    let line = fs::read_to_string("/proc/cmdline").context("cannot read the kernel's command line")?;
    Platform::of_machine(&line, discs).map_err(|error| advised(&error))
}

/// The discs that this machine believes, after the first boot.
fn discs() -> Result<Machine> {
    Ok(Machine::later(record(&[STATE_OF_ROOT, STATE].map(Path::new))?))
}

/// What the first boot recorded, in the first of the folders of state that there is; None by a release that kept none.
fn record(states: &[&Path]) -> Result<Option<Record>> {
    let Some(state) = states.iter().find(|state| state.is_dir()) else { return Ok(None) };
    let path = state.join(Path::new(PLATFORM).file_name().unwrap_or_default());
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        text => text.with_context(|| format!("cannot read {}", path.display()))?,
    };
    let parsed = Record::parse(&text);
    let bad = || format!("{} names no platform; try: remove it, and read docs/platforms.md", path.display());
    parsed.with_context(bad).map(Some)
}

/// Asks the platform, and writes what it says for those that want to know.
pub fn write() -> Result<()> {
    let discs = discs()?;
    let platform = platform(&discs)?;
    if let Some(remark) = discs.remark(platform) {
        eprintln!("{remark}");
    }
    let metadata = ask(discs, |guest| platform.metadata(guest))?;
    for remark in &metadata.remarks {
        eprintln!("{remark}");
    }
    for (path, text, mode) in documents(platform, &metadata) {
        let folder = path.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        sys::file::replace(&path, text.as_bytes(), mode)?;
    }
    if platform.has_metadata() {
        files::set_keys(Path::new("/"), USER, &metadata.ssh_keys, SSH_KEYS)
            .with_context(|| format!("cannot give user {USER} the platform's SSH keys"))?;
    }
    println!(
        "platform {}: {} attributes, {} SSH keys",
        platform.id(),
        metadata.attributes.len(),
        metadata.ssh_keys.len()
    );
    Ok(())
}

/// Tells the platform that this machine is up, where it wants to know.
pub fn check_in() -> Result<()> {
    let discs = discs()?;
    let platform = platform(&discs)?;
    if ask(discs, |guest| platform.check_in(guest))? {
        println!("platform {}: told that this machine is up", platform.id());
    }
    Ok(())
}

fn ask<T>(discs: Machine, question: impl FnOnce(&mut Guest<'_>) -> platform::Result<T>) -> Result<T> {
    let mut say = |words: &str| eprintln!("{words}");
    let mut guest = Guest { patience: Some(PATIENCE), discs: Box::new(discs), ..Guest::new(&mut say) };
    question(&mut guest).map_err(|error| advised(&error))
}

fn advised(error: &platform::Error) -> anyhow::Error {
    anyhow!("{error}; try: {}", error.advice())
}

/// The files that others read, with their modes.
fn documents(platform: Platform, metadata: &Metadata) -> Vec<(PathBuf, String, u32)> {
    let line = |name: String, value: &str| format!("{name}={}\n", quoted(value));
    let attributes = metadata.attributes.iter();
    let afterburn =
        attributes.clone().map(|(name, value)| line(format!("AFTERBURN_{name}"), value)).collect();
    let flatcar = attributes.map(|(name, value)| line(flatcar_name(name), value)).collect();
    let json = serde_json::json!({
        "platform": platform.id(),
        "hostname": metadata.hostname,
        "ntp_servers": metadata.time_servers,
    });
    vec![
        (ATTRIBUTES.into(), afterburn, 0o644),
        (FLATCAR_ATTRIBUTES.into(), flatcar, 0o644),
        (layout::path::METADATA.into(), format!("{json}\n"), 0o644),
    ]
}

/// An attribute's name as Container Linux had it, and Flatcar has.
fn flatcar_name(name: &str) -> String {
    let name = match name.split_once('_') {
        Some(("AWS", rest)) => format!("EC2_{rest}"),
        Some(("GCP", rest)) => format!("GCE_{rest}"),
        _ => name.to_owned(),
    };
    format!("COREOS_{name}")
}

/// A value as `EnvironmentFile=` reads it back.
fn quoted(value: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:,@+=%".contains(&byte);
    if value.bytes().all(is_plain) {
        return value.to_owned();
    }
    let mut text = String::from("\"");
    for character in value.chars() {
        if "\"\\`$".contains(character) {
            text.push('\\');
        }
        text.push(character);
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_have_afterburns_names_and_flatcars() {
        let metadata = Metadata {
            hostname: Some("ip-10-0-0-5".to_owned()),
            attributes: [("AWS_HOSTNAME", "ip-10-0-0-5"), ("AWS_TAG", "a \"b\" $c")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            time_servers: vec!["169.254.169.123".to_owned()],
            ..Metadata::default()
        };
        let texts: Vec<String> =
            documents(Platform::Aws, &metadata).into_iter().map(|(_, text, _)| text).collect();
        assert_eq!(
            texts,
            [
                "AFTERBURN_AWS_HOSTNAME=ip-10-0-0-5\nAFTERBURN_AWS_TAG=\"a \\\"b\\\" \\$c\"\n",
                "COREOS_EC2_HOSTNAME=ip-10-0-0-5\nCOREOS_EC2_TAG=\"a \\\"b\\\" \\$c\"\n",
                "{\"hostname\":\"ip-10-0-0-5\",\"ntp_servers\":[\"169.254.169.123\"],\"platform\":\"aws\"}\n",
            ]
        );
        let read = unit::text::environment::parse(&texts[0]);
        assert_eq!(read[1], ("AFTERBURN_AWS_TAG".to_owned(), "a \"b\" $c".to_owned()));
    }

    #[test]
    fn the_record_is_that_of_root() {
        let folder = tempfile::tempdir().unwrap();
        let [root, var] = ["root", "var"].map(|name| folder.path().join(name));
        let states = [root.as_path(), var.as_path()];
        let platform = || record(&states).unwrap().map(|record| record.platform);
        assert_eq!(platform(), None);
        fs::create_dir(&var).unwrap();
        fs::write(var.join("platform"), "platform=nocloud\n").unwrap();
        assert_eq!(platform(), Some(Platform::NoCloud));
        // Where ROOT's state is there, nothing else is asked.
        fs::create_dir(&root).unwrap();
        assert_eq!(platform(), None);
        fs::write(root.join("platform"), "platform=metal\n").unwrap();
        assert_eq!(platform(), Some(Platform::Metal));
        // A damaged record is not as good as none.
        fs::write(root.join("platform"), "").unwrap();
        assert!(record(&states).unwrap_err().to_string().contains("names no platform"));
    }

    #[test]
    fn names_of_other_platforms_stay() {
        for (name, expected) in [
            ("GCP_IP_LOCAL_0", "COREOS_GCE_IP_LOCAL_0"),
            ("AZURE_IPV4_DYNAMIC", "COREOS_AZURE_IPV4_DYNAMIC"),
            ("DIGITALOCEAN_REGION", "COREOS_DIGITALOCEAN_REGION"),
        ] {
            assert_eq!(flatcar_name(name), expected);
        }
    }
}
