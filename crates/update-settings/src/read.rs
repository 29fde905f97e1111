//! Reading the files.

use std::time::Duration;

use calendar::{Expression, span};
use manifest::channel::is_plain;
use unit::text::file::{self, Source};
use unit::text::value;

use crate::{Settings, Strategy};

/// Looking more often than this is a burden for a server, and no use.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(60);

impl Settings {
    /// Reads texts, a later one over an earlier. What is not known, or cannot be, is named with its file and line, and
    /// left out: what was before it counts.
    pub fn read(sources: impl IntoIterator<Item = Source>) -> (Self, Vec<String>) {
        let (mut settings, mut warnings) = (Self::default(), Vec::new());
        for source in sources {
            let (assignments, more) = file::parse(&source);
            warnings.extend(more.iter().map(ToString::to_string));
            for assignment in assignments {
                let file::Assignment { section, key, value, at } = &assignment;
                if let Err(why) = settings.set(section, key, value) {
                    warnings.push(format!("{at}: {why}"));
                }
            }
        }
        if settings.strategy == Strategy::Window && settings.windows.is_empty() {
            warnings.push(
                "Strategy=window needs a Window=: until there is one, nothing restarts by itself".to_owned(),
            );
        }
        (settings, warnings)
    }

    fn set(&mut self, section: &str, key: &str, value: &str) -> Result<(), String> {
        let of = |why: String| format!("{key}={value}: {why}");
        match (section, key) {
            ("Update", "Enabled") => self.enabled = boolean(value).map_err(of)?,
            ("Update", "Url") if value.is_empty() => self.urls.clear(),
            ("Update", "Url") => {
                let urls = value.split_whitespace().map(url).collect::<Result<Vec<_>, _>>().map_err(of)?;
                self.urls.extend(urls);
            }
            ("Update", "Channel") => self.channel = channel(value).map_err(of)?,
            ("Update", "Strategy") => self.strategy = strategy(value).map_err(of)?,
            ("Update", "Window") if value.is_empty() => self.windows.clear(),
            ("Update", "Window") => {
                self.windows.push(Expression::parse(value).map_err(|error| of(error.to_string()))?);
            }
            ("Update", "WindowLength") => {
                self.window_length = length(value, Duration::from_secs(1)).map_err(of)?
            }
            ("Update", "CheckInterval") => {
                self.check_interval = length(value, SHORTEST_INTERVAL).map_err(of)?
            }
            ("Update", "RateLimit") => self.rate_limit = rate(value).map_err(of)?,
            ("Update", "Proxy") if value.is_empty() => self.proxy = None,
            ("Update", "Proxy") => self.proxy = Some(url(value).map_err(of)?),
            ("Health", "HoldTime") => self.health.hold_time = length(value, Duration::ZERO).map_err(of)?,
            ("Health", "Deadline") => {
                self.health.deadline = span::parse(value).map_err(|error| of(error.to_string()))?;
            }
            ("Update" | "Health", _) => return Err(format!("{key}= is not known in [{section}]")),
            _ => return Err(format!("[{section}] is not a section of these settings")),
        }
        Ok(())
    }
}

fn boolean(text: &str) -> Result<bool, String> {
    value::boolean(text).map_err(|_| "it is yes or no".to_owned())
}

fn url(text: &str) -> Result<String, String> {
    if !is_url(text) {
        return Err("it is an http: or https: URL".to_owned());
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// Whether a text is a URL of http: or https: with a host.
pub fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/')) && !text.contains(char::is_control)
}

fn channel(text: &str) -> Result<String, String> {
    if text.len() <= 64 && is_plain(text) {
        Ok(text.to_owned())
    } else {
        Err("a channel's name is letters, digits, dots and dashes".to_owned())
    }
}

fn strategy(text: &str) -> Result<Strategy, String> {
    match text {
        "immediate" => Ok(Strategy::Immediate),
        "window" => Ok(Strategy::Window),
        "manual" => Ok(Strategy::Manual),
        "lock" => {
            Err("the reboot lock of a cluster is not built yet; use immediate, window or manual".to_owned())
        }
        _ => Err("it is immediate, window or manual".to_owned()),
    }
}

fn length(text: &str, least: Duration) -> Result<Duration, String> {
    match span::parse(text).map_err(|error| error.to_string())? {
        None => Err("it needs an end".to_owned()),
        Some(time) if time < least => {
            Err(format!("it is {} at least", span::span(least.as_micros() as u64, 1)))
        }
        Some(time) => Ok(time),
    }
}

fn rate(text: &str) -> Result<Option<u64>, String> {
    match text {
        "" | "infinity" => Ok(None),
        _ => match value::bytes(text) {
            Some(rate) if rate >= 1024 => Ok(Some(rate)),
            Some(_) => Err("it is 1K a second at least".to_owned()),
            None => Err("it is bytes a second, such as 500K or 4M".to_owned()),
        },
    }
}
