//! One config of many: what a config's `ignition.config` names is fetched and merged, or takes its place.

use ignition::Severity;
use ignition::config::{Config, Ignition, Resource};

use crate::failure::Failure;

/// How deep configs may name configs, and how many there may be: a server that names itself would never end.
const DEEPEST: usize = 16;
const MOST: usize = 256;

/// Where configs come from, and what is said of them.
pub trait World {
    /// What a resource names, checked. `path` is where the config names it.
    ///
    /// # Errors
    /// It cannot be had.
    fn fetch(&mut self, path: &str, resource: &Resource) -> Result<Vec<u8>, Failure>;

    /// Takes over what a config says of how to fetch: time-outs, proxies, certificate authorities.
    ///
    /// # Errors
    /// An authority cannot be had.
    fn configure(&mut self, ignition: &Ignition) -> Result<(), Failure>;

    /// Says what was done.
    fn note(&mut self, text: String);

    /// Says what a person should know.
    fn warn(&mut self, text: String);
}

/// The config that the text stands for, with all that it names. `name` says which config this is.
///
/// # Errors
/// One of the configs cannot be had, or must not be used.
pub fn render(world: &mut impl World, text: &[u8], name: &str) -> Result<Config, Failure> {
    Rendering { world, count: 0 }.render(text, name, 0)
}

struct Rendering<'a, W> {
    world: &'a mut W,
    count: usize,
}

impl<W: World> Rendering<'_, W> {
    fn render(&mut self, text: &[u8], name: &str, depth: usize) -> Result<Config, Failure> {
        self.count += 1;
        if depth > DEEPEST || self.count > MOST {
            let cause =
                format!("{name} is one config too many: at most {MOST}, {DEEPEST} deep, may name each other");
            return Err(Failure::new("$.ignition.config", cause, "look whether a config names itself"));
        }
        let config = self.read(text, name)?;
        self.world.configure(&config.ignition)?;
        let Some(others) = &config.ignition.config else { return Ok(config) };
        if let Some(resource) = others.replace.as_ref().filter(|resource| resource.source.is_some()) {
            return self.other(resource, "$.ignition.config.replace", depth);
        }
        let mut merged = config.clone();
        for (i, resource) in others.merge.iter().flatten().enumerate().filter(|(_, r)| r.source.is_some()) {
            let child = self.other(resource, &format!("$.ignition.config.merge.{i}"), depth)?;
            merged = ignition::merge(&merged, &child);
            self.world.configure(&merged.ignition)?;
        }
        Ok(merged)
    }

    fn other(&mut self, resource: &Resource, path: &str, depth: usize) -> Result<Config, Failure> {
        let text = self.world.fetch(path, resource)?;
        let source = fetch::shown(resource.source.as_deref().unwrap_or_default());
        self.render(&text, &format!("{source} (named by {path})"), depth + 1)
    }

    fn read(&mut self, text: &[u8], name: &str) -> Result<Config, Failure> {
        let parsed = ignition::parse(text);
        let mut faults = Vec::new();
        for entry in &parsed.report.entries {
            let line = format!("{name}, line {}, column {}: {}", entry.line, entry.column, entry.message);
            match entry.severity {
                Severity::Error => faults.push((entry.path.clone(), line)),
                Severity::Warning | Severity::Info => self.world.warn(format!("{}: {line}", entry.path)),
            }
        }
        let more = faults.len().saturating_sub(1);
        let more = if more > 0 { format!(" (and {more} more)") } else { String::new() };
        match (faults.into_iter().next(), parsed.config) {
            (None, Some(config)) => Ok(config),
            (fault, _) => {
                let (path, cause) = fault.unwrap_or_else(|| ("$".to_owned(), format!("{name} is no config")));
                let next = "check it with `cargo xtask ignition validate`, which shows all faults";
                Err(Failure::new(path, cause + &more, next))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[derive(Default)]
    struct Texts {
        texts: BTreeMap<&'static str, String>,
        fetched: Vec<String>,
        told: Vec<String>,
        timeouts: Vec<Option<i64>>,
    }

    impl World for Texts {
        fn fetch(&mut self, path: &str, resource: &Resource) -> Result<Vec<u8>, Failure> {
            let source = resource.source.clone().unwrap_or_default();
            self.fetched.push(source.clone());
            let text = self.texts.get(source.as_str()).ok_or_else(|| Failure::new(path, "404", "look"))?;
            Ok(text.clone().into_bytes())
        }

        fn configure(&mut self, ignition: &Ignition) -> Result<(), Failure> {
            self.timeouts.push(ignition.timeouts.as_ref().and_then(|t| t.http_total));
            Ok(())
        }

        fn note(&mut self, text: String) {
            self.told.push(text);
        }

        fn warn(&mut self, text: String) {
            self.told.push(text);
        }
    }

    fn config(ignition: &str, file: &str) -> String {
        format!(
            r#"{{"ignition":{{"version":"3.4.0"{ignition}}},"storage":{{"files":[{{"path":"{file}"}}]}}}}"#
        )
    }

    fn files(config: &Config) -> Vec<&str> {
        config.storage.iter().flat_map(|s| s.files.iter().flatten()).map(|f| f.path.as_str()).collect()
    }

    fn world(texts: &[(&'static str, String)]) -> Texts {
        Texts { texts: texts.iter().cloned().collect(), ..Texts::default() }
    }

    #[test]
    fn what_is_merged_is_fetched_depth_first_and_what_replaces_stands_alone() {
        let merge = |names: &[&str]| {
            let list: Vec<_> = names.iter().map(|n| format!(r#"{{"source":"http://{n}"}}"#)).collect();
            format!(r#","config":{{"merge":[{}]}}"#, list.join(","))
        };
        let mut world = world(&[
            ("http://a", config(&merge(&["c"]), "/a")),
            ("http://b", config("", "/b")),
            ("http://c", config("", "/c")),
            ("http://r", config(&merge(&["b"]), "/r")),
        ]);
        let merged = render(&mut world, config(&merge(&["a", "b"]), "/own").as_bytes(), "it").unwrap();
        assert_eq!(files(&merged), ["/own", "/a", "/c", "/b"]);
        assert_eq!(world.fetched, ["http://a", "http://c", "http://b"]);
        world.fetched.clear();
        let replace = r#","config":{"replace":{"source":"http://r"}}"#;
        let replaced = render(&mut world, config(replace, "/own").as_bytes(), "it").unwrap();
        assert_eq!(files(&replaced), ["/r", "/b"]);
        assert_eq!(world.fetched, ["http://r", "http://b"]);
    }

    #[test]
    fn a_config_that_names_itself_comes_to_an_end() {
        let itself = config(r#","config":{"merge":[{"source":"http://me"}]}"#, "/a");
        let mut world = world(&[("http://me", itself.clone())]);
        let failure = render(&mut world, itself.as_bytes(), "it").unwrap_err();
        assert!(failure.cause.contains("too many"), "{failure}");
        let twice = r#","config":{"merge":[{"source":"http://me"},{"source":"http://me?"}]}"#;
        let mut world =
            self::world(&[("http://me", config(twice, "/a")), ("http://me?", config(twice, "/a"))]);
        assert!(render(&mut world, config(twice, "/a").as_bytes(), "it").is_err());
        assert!(world.fetched.len() <= MOST);
    }

    #[test]
    fn settings_of_fetching_count_as_soon_as_they_are_known() {
        let own = r#","timeouts":{"httpTotal":7},"config":{"merge":[{"source":"http://a"}]}"#;
        let mut world = world(&[("http://a", config(r#","timeouts":{"httpTotal":9}"#, "/a"))]);
        render(&mut world, config(own, "/own").as_bytes(), "it").unwrap();
        assert_eq!(world.timeouts, [Some(7), Some(9), Some(9)]);
    }

    #[test]
    fn a_fault_says_in_which_config_and_where() {
        let own = config(r#","config":{"merge":[{"source":"http://a"}]}"#, "/own");
        for (child, path, cause) in [
            ("{", "", "http://a/ (named by $.ignition.config.merge.0), line 1"),
            ("#cloud-config\n", "", "http://a"),
        ] {
            let mut world = world(&[("http://a", child.to_owned())]);
            let failure = render(&mut world, own.as_bytes(), "it").unwrap_err();
            assert!(failure.path.starts_with(path) && failure.cause.contains(cause), "{failure}");
        }
        let failure = render(&mut world(&[]), own.as_bytes(), "it").unwrap_err();
        assert_eq!((failure.path.as_str(), failure.cause.as_str()), ("$.ignition.config.merge.0", "404"));
    }
}
