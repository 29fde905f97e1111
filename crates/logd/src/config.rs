//! The configuration: `journald.conf` (journald.conf(5)), as far as it is built, and `[Forward]`.

use std::fs;
use std::path::{Path, PathBuf};

use journal::Priority;
use unit::text::file::{self, Assignment, Source};
use unit::text::value;

use crate::forward::Target;
use crate::limiter::Rate;

/// The file, below each of the folders of settings.
const FILE: &str = "systemd/journald.conf";
/// Keys that are known and do nothing here.
const NOT_DONE: [&str; 9] = [
    "Seal",
    "SplitMode",
    "Audit",
    "ForwardToKMsg",
    "ForwardToWall",
    "ForwardToSocket",
    "MaxLevelKMsg",
    "MaxLevelWall",
    "MaxLevelSocket",
];

/// `Storage=`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// On the disk.
    Persistent,
    /// In memory, until the machine goes down.
    Volatile,
    /// On the disk if the folder is there.
    Auto,
    /// Nowhere; it is forwarded only.
    None,
}

/// Bounds of a journal in one of the two places.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes of all segments.
    pub max_use: Option<u64>,
    /// Bytes that stay free.
    pub keep_free: Option<u64>,
    /// Bytes of a segment.
    pub max_file_size: Option<u64>,
    /// Segments.
    pub max_files: Option<u64>,
}

/// What is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `Storage=`.
    pub storage: Storage,
    /// `Compress=`.
    pub compress: bool,
    /// `SyncIntervalSec=`, in microseconds.
    pub sync_us: u64,
    /// `RateLimitIntervalSec=`, `RateLimitBurst=`.
    pub rate: Rate,
    /// `SystemMaxUse=` and kin.
    pub system: Bounds,
    /// `RuntimeMaxUse=` and kin.
    pub runtime: Bounds,
    /// `MaxRetentionSec=`, in microseconds.
    pub retention_us: Option<u64>,
    /// `MaxFileSec=`, in microseconds.
    pub file_us: Option<u64>,
    /// `LineMax=`, in bytes.
    pub line_max: usize,
    /// `ReadKMsg=`.
    pub read_kmsg: bool,
    /// `MaxLevelStore=`.
    pub store_level: Priority,
    /// `ForwardToSyslog=` and `MaxLevelSyslog=`.
    pub syslog: Option<Priority>,
    /// `ForwardToConsole=` and `MaxLevelConsole=`.
    pub console: Option<Priority>,
    /// `TTYPath=`.
    pub tty: PathBuf,
    /// `[Forward]`: where else entries go.
    pub forward: Vec<Target>,
    /// `MaxLevel=` of `[Forward]`.
    pub forward_level: Priority,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            storage: Storage::Persistent,
            compress: true,
            sync_us: 1_000_000,
            rate: Rate::default(),
            system: Bounds::default(),
            runtime: Bounds::default(),
            retention_us: None,
            file_us: Some(30 * 24 * 3600 * 1_000_000),
            line_max: 48 << 10,
            read_kmsg: true,
            store_level: Priority::DEBUG,
            syslog: None,
            console: None,
            tty: PathBuf::from("/dev/console"),
            forward: Vec::new(),
            forward_level: Priority::DEBUG,
        }
    }
}

impl Config {
    /// Reads texts, a later one over an earlier. What is not known is named, with its file and line.
    pub fn read(sources: impl IntoIterator<Item = Source>) -> (Self, Vec<String>) {
        let (mut config, mut warnings) = (Self::default(), Vec::new());
        let mut forwarding = Forwarding::default();
        for source in sources {
            let (assignments, more) = file::parse(&source);
            warnings.extend(more.iter().map(ToString::to_string));
            for Assignment { section, key, value, at } in assignments {
                let done = match section.as_str() {
                    "Journal" => config.set(&mut forwarding, &key, &value),
                    "Forward" => config.set_forward(&key, &value),
                    other => Err(format!("section [{other}] is unknown")),
                };
                if let Err(reason) = done {
                    warnings.push(format!("{at}: {reason}"));
                }
            }
        }
        config.syslog = forwarding.syslog.then_some(forwarding.syslog_level.unwrap_or(Priority::DEBUG));
        config.console = forwarding.console.then_some(forwarding.console_level.unwrap_or(Priority::INFO));
        (config, warnings)
    }

    /// Reads the machine's files, or one file alone.
    pub fn load(only: Option<&Path>) -> (Self, Vec<String>) {
        let files = match only {
            Some(path) => vec![path.to_owned()],
            None => unit_files::settings::of_program(Path::new("/"), FILE),
        };
        let mut warnings = Vec::new();
        let mut sources = Vec::new();
        for path in files {
            match fs::read_to_string(&path) {
                Ok(text) => sources.push(Source { path: path.display().to_string().into(), text }),
                Err(error) => warnings.push(format!("cannot read {}: {error}", path.display())),
            }
        }
        let (config, more) = Self::read(sources);
        warnings.extend(more);
        (config, warnings)
    }

    fn set(&mut self, forwarding: &mut Forwarding, key: &str, value: &str) -> Result<(), String> {
        let unset = Self::default();
        let is_empty = value.is_empty();
        if let Some((bounds, key)) = match (key.strip_prefix("System"), key.strip_prefix("Runtime")) {
            (Some(key), _) => Some((&mut self.system, key)),
            (_, Some(key)) => Some((&mut self.runtime, key)),
            _ => None,
        } {
            return bounds.set(key, value);
        }
        match key {
            "Storage" => {
                self.storage = match value {
                    "" | "persistent" => Storage::Persistent,
                    "volatile" => Storage::Volatile,
                    "auto" => Storage::Auto,
                    "none" => Storage::None,
                    _ => return Err(format!("Storage= is persistent, volatile, auto or none, not {value}")),
                }
            }
            // A size is from where on systemd packs a field; here whole segments are packed.
            "Compress" => {
                self.compress = is_empty
                    || boolean(key, value).or_else(|e| size(key, value).map(|_| true).map_err(|_| e))?
            }
            "SyncIntervalSec" => self.sync_us = span(key, value)?.unwrap_or(unset.sync_us),
            "RateLimitIntervalSec" | "RateLimitInterval" => {
                self.rate.interval_us = span(key, value)?.unwrap_or(unset.rate.interval_us);
            }
            "RateLimitBurst" if is_empty => self.rate.burst = unset.rate.burst,
            "RateLimitBurst" => {
                self.rate.burst = value.parse().map_err(|_| format!("{key}= is a number, not {value}"))?;
            }
            "MaxRetentionSec" => self.retention_us = span(key, value)?.filter(|span| *span > 0),
            "MaxFileSec" if is_empty => self.file_us = unset.file_us,
            "MaxFileSec" => self.file_us = span(key, value)?.filter(|span| *span > 0),
            "LineMax" => {
                let bytes = size(key, value)?.unwrap_or(unset.line_max as u64);
                // An entry holds a line.
                self.line_max = usize::try_from(bytes).unwrap_or(usize::MAX).clamp(79, 512 << 10);
            }
            "ReadKMsg" => self.read_kmsg = is_empty || boolean(key, value)?,
            "ForwardToSyslog" => forwarding.syslog = !is_empty && boolean(key, value)?,
            "ForwardToConsole" => forwarding.console = !is_empty && boolean(key, value)?,
            "TTYPath" if value.starts_with('/') => self.tty = PathBuf::from(value),
            "TTYPath" => return Err(format!("TTYPath= is an absolute path, not {value}")),
            "MaxLevelStore" => self.store_level = level(key, value)?.unwrap_or(unset.store_level),
            "MaxLevelSyslog" => forwarding.syslog_level = level(key, value)?,
            "MaxLevelConsole" => forwarding.console_level = level(key, value)?,
            _ if NOT_DONE.contains(&key) => return Err(format!("{key}= is not built")),
            _ => return Err(format!("{key}= is unknown")),
        }
        Ok(())
    }

    fn set_forward(&mut self, key: &str, value: &str) -> Result<(), String> {
        match key {
            "Syslog" | "Http" if value.is_empty() => {
                let is_http = key == "Http";
                self.forward.retain(|target| target.is_http() != is_http);
            }
            "Syslog" => self.forward.push(Target::syslog(value)?),
            "Http" => self.forward.push(Target::http(value)?),
            "MaxLevel" => self.forward_level = level(key, value)?.unwrap_or(Priority::DEBUG),
            _ => return Err(format!("{key}= is unknown in [Forward]")),
        }
        Ok(())
    }
}

/// Forwarding on the machine, before it is known whether and how much.
#[derive(Default)]
struct Forwarding {
    syslog: bool,
    syslog_level: Option<Priority>,
    console: bool,
    console_level: Option<Priority>,
}

impl Bounds {
    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        match key {
            "MaxUse" => self.max_use = size(key, value)?,
            "KeepFree" => self.keep_free = size(key, value)?,
            "MaxFileSize" => self.max_file_size = size(key, value)?,
            "MaxFiles" if value.is_empty() => self.max_files = None,
            "MaxFiles" => {
                let number = value.parse().map_err(|_| format!("{key}= is a number, not {value}"))?;
                self.max_files = Some(number);
            }
            _ => return Err(format!("a key that ends with {key}= is unknown")),
        }
        Ok(())
    }
}

fn boolean(key: &str, value: &str) -> Result<bool, String> {
    value::boolean(value).map_err(|_| format!("{key}= is yes or no, not {value}"))
}

fn size(key: &str, value: &str) -> Result<Option<u64>, String> {
    match value {
        "" => Ok(None),
        "infinity" => Ok(Some(u64::MAX)),
        _ => {
            value::bytes(value).map(Some).ok_or_else(|| format!("{key}= is a size such as 100M, not {value}"))
        }
    }
}

/// A time span in microseconds; none where it is not set.
fn span(key: &str, value: &str) -> Result<Option<u64>, String> {
    if value.is_empty() {
        return Ok(None);
    }
    let span = calendar::span::parse(value).map_err(|error| format!("{key}=: {error}"))?;
    Ok(Some(span.map_or(u64::MAX, |span| u64::try_from(span.as_micros()).unwrap_or(u64::MAX))))
}

fn level(key: &str, value: &str) -> Result<Option<Priority>, String> {
    match value {
        "" => Ok(None),
        _ => value.parse().map(Some).map_err(|error| format!("{key}=: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Config, Vec<String>) {
        Config::read([Source { path: "j.conf".into(), text: text.to_owned() }])
    }

    #[test]
    fn keys() {
        let (config, warnings) = read(
            "[Journal]\nStorage=volatile\nCompress=no\nSyncIntervalSec=5min\nRateLimitIntervalSec=1min\n\
             RateLimitBurst=0\nSystemMaxUse=1G\nSystemKeepFree=2G\nSystemMaxFileSize=16M\nSystemMaxFiles=9\n\
             RuntimeMaxUse=8M\nMaxRetentionSec=1week\nMaxFileSec=0\nLineMax=8K\nReadKMsg=no\nMaxLevelStore=info\n\
             ForwardToSyslog=yes\nMaxLevelSyslog=err\nForwardToConsole=1\nTTYPath=/dev/tty1\n\
             [Forward]\nSyslog=tcp://logs.example:601\nHttp=http://[::1]:9428/in\nMaxLevel=notice\n",
        );
        assert_eq!(warnings, Vec::<String>::new());
        let level = |number: u8| Priority::try_from(number).unwrap();
        let expected = Config {
            storage: Storage::Volatile,
            compress: false,
            sync_us: 300_000_000,
            rate: Rate { burst: 0, interval_us: 60_000_000 },
            system: Bounds {
                max_use: Some(1 << 30),
                keep_free: Some(2 << 30),
                max_file_size: Some(16 << 20),
                max_files: Some(9),
            },
            runtime: Bounds { max_use: Some(8 << 20), ..Bounds::default() },
            retention_us: Some(7 * 24 * 3600 * 1_000_000),
            file_us: None,
            line_max: 8 << 10,
            read_kmsg: false,
            store_level: level(6),
            syslog: Some(level(3)),
            console: Some(level(6)),
            tty: "/dev/tty1".into(),
            forward: vec![
                Target::syslog("tcp://logs.example:601").unwrap(),
                Target::http("http://[::1]:9428/in").unwrap(),
            ],
            forward_level: level(5),
        };
        assert_eq!(config, expected);
    }

    #[test]
    fn an_empty_value_is_the_default() {
        let all = "Storage Compress SyncIntervalSec RateLimitIntervalSec RateLimitBurst SystemMaxUse MaxFileSec \
                   LineMax ReadKMsg MaxLevelStore ForwardToSyslog ForwardToConsole";
        let lines: Vec<String> = all.split(' ').map(|key| format!("{key}=")).collect();
        let (config, warnings) = read(&format!("[Journal]\n{}\n", lines.join("\n")));
        assert_eq!((config, warnings), (Config::default(), Vec::new()));
    }

    #[test]
    fn what_is_not_known_is_named() {
        for (line, warning) in [
            ("Storage=cloud", "Storage= is persistent, volatile, auto or none, not cloud"),
            ("Seal=yes", "Seal= is not built"),
            ("Colour=red", "Colour= is unknown"),
            ("SystemMaxUse=lots", "MaxUse= is a size such as 100M, not lots"),
            ("SystemColour=red", "a key that ends with Colour= is unknown"),
            ("RateLimitBurst=-1", "RateLimitBurst= is a number, not -1"),
            (
                "MaxLevelStore=loud",
                "MaxLevelStore=: \"loud\" is not a priority: 0 to 7, or emerg to debug, was expected",
            ),
            ("TTYPath=tty1", "TTYPath= is an absolute path, not tty1"),
            (
                "[Forward]\nHttp=https://x/",
                "Http=https://x/: https is not built: http:// to a collector or a proxy on the machine or its network is",
            ),
            ("[Forward]\nSyslog=x:514", "Syslog=x:514 does not begin with udp:// or tcp://"),
            ("[Forward]\nMail=x", "Mail= is unknown in [Forward]"),
            ("[Upload]\nURL=x", "section [Upload] is unknown"),
        ] {
            let (_, warnings) = read(&format!("[Journal]\n{line}\n"));
            assert_eq!(warnings.len(), 1, "{line}");
            assert!(warnings[0].starts_with("j.conf:") && warnings[0].ends_with(warning), "{warnings:?}");
        }
    }
}
