//! Getting the config of a machine: from the first of the kernel's arguments, the image and the platform that has one,
//! over what the image says of every machine.

pub mod render;

use std::fs;
use std::path::{Path, PathBuf};

use ignition::config::{Config, Resource};
use layout::args::{self, CONFIG_URL};

use crate::failure::Failure;
use render::{World, render};

/// What a machine is to be, and who says so.
#[derive(Debug, Default)]
pub struct Acquired {
    /// All configs together.
    pub config: Config,
    /// Whether one of them is the machine's own, and not only what the image says of every machine.
    pub is_own: bool,
}

/// The config of the machine. `embedded` is the image's folder of configs, `command_line` the kernel's arguments,
/// `platform` the platform's name; `ask_platform` is called where neither has a config.
///
/// # Errors
/// A config cannot be had, or must not be used.
pub fn acquire(
    world: &mut impl World,
    embedded: &Path,
    command_line: &str,
    platform: &str,
    ask_platform: impl FnOnce(&mut dyn FnMut(String)) -> Result<Option<Vec<u8>>, Failure>,
) -> Result<Acquired, Failure> {
    let mut config: Option<Config> = None;
    for folder in [embedded.join("base.d"), embedded.join("base.platform.d").join(platform)] {
        for path in configs(&folder)? {
            let base = render(world, &read(&path)?, &path.display().to_string())?;
            config = Some(over(config, base));
        }
    }
    let own = own(world, embedded, command_line, platform, ask_platform)?;
    let is_own = own.is_some();
    if let Some((text, name)) = own {
        world.note(format!("the config is from {name}"));
        config = Some(over(config, render(world, &text, &name)?));
    } else {
        world.note(format!("no config: the platform is {platform}, and gives none"));
    }
    let config = config.unwrap_or_default();
    for faults in [ignition::validate(&config), ignition::missing(&config)] {
        let fault = faults.entries.into_iter().find(|entry| entry.severity == ignition::Severity::Error);
        if let Some(fault) = fault {
            let cause = format!("{} (in the config that all configs together make)", fault.message);
            let next = "check the configs with `cargo xtask ignition validate`, and together with `merge`";
            return Err(Failure::new(fault.path, cause, next));
        }
    }
    Ok(Acquired { config, is_own })
}

fn over(parent: Option<Config>, child: Config) -> Config {
    match parent {
        Some(parent) => ignition::merge(&parent, &child),
        None => child,
    }
}

/// The machine's own config, and where it is from.
fn own(
    world: &mut impl World,
    embedded: &Path,
    command_line: &str,
    platform: &str,
    ask_platform: impl FnOnce(&mut dyn FnMut(String)) -> Result<Option<Vec<u8>>, Failure>,
) -> Result<Option<(Vec<u8>, String)>, Failure> {
    if let Some(url) = args::value(command_line, CONFIG_URL).filter(|url| !url.is_empty()) {
        let resource = Resource { source: Some(url.clone()), ..no_resource() };
        let failed = |failure: Failure| Failure { path: format!("kernel argument {CONFIG_URL}"), ..failure };
        let text = world.fetch("", &resource).map_err(failed)?;
        return Ok(Some((text, format!("{} ({CONFIG_URL})", fetch::shown(&url)))));
    }
    let user = embedded.join("user.ign");
    if user.exists() {
        return Ok(Some((read(&user)?, user.display().to_string())));
    }
    let text = ask_platform(&mut |text| world.warn(text))?;
    // Whoever sets no user data often sets empty ones.
    let text = text.filter(|text| !text.trim_ascii().is_empty());
    Ok(text.map(|text| (text, format!("the platform {platform}"))))
}

fn no_resource() -> Resource {
    Resource { compression: None, http_headers: None, source: None, verification: None }
}

fn configs(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(Vec::new()) };
    let paths = entries.flatten().map(|entry| entry.path());
    let mut paths: Vec<_> = paths.filter(|path| path.extension().is_some_and(|e| e == "ign")).collect();
    paths.sort();
    Ok(paths)
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| {
        let cause = format!("cannot read {}: {error}", path.display());
        Failure::new("", cause, "the image is damaged: boot another version of the system")
    })
}

#[cfg(test)]
mod tests {
    use ignition::config::Ignition;

    use super::*;

    #[derive(Default)]
    struct World(Vec<String>);

    impl render::World for World {
        fn fetch(&mut self, _: &str, resource: &Resource) -> Result<Vec<u8>, Failure> {
            match resource.source.as_deref() {
                Some("http://there/c") => Ok(config("/by-url").into_bytes()),
                other => Err(Failure::new("", format!("nothing at {other:?}"), "look")),
            }
        }

        fn configure(&mut self, _: &Ignition) -> Result<(), Failure> {
            Ok(())
        }

        fn note(&mut self, text: String) {
            self.0.push(text);
        }

        fn warn(&mut self, text: String) {
            self.0.push(text);
        }
    }

    fn config(file: &str) -> String {
        format!(r#"{{"ignition":{{"version":"3.0.0"}},"storage":{{"files":[{{"path":"{file}"}}]}}}}"#)
    }

    fn files(config: &Config) -> Vec<&str> {
        config.storage.iter().flat_map(|s| s.files.iter().flatten()).map(|f| f.path.as_str()).collect()
    }

    #[test]
    fn the_first_source_that_has_a_config_counts_over_what_the_image_says_of_all() {
        let image = tempfile::tempdir().unwrap();
        let get = |command_line: &str, platform: Option<&str>| {
            let mut world = World::default();
            let asked = |_: &mut dyn FnMut(String)| Ok(platform.map(|text| text.as_bytes().to_vec()));
            let config = acquire(&mut world, image.path(), command_line, "qemu", asked);
            let files = |got: Acquired| files(&got.config).into_iter().map(str::to_owned).collect::<Vec<_>>();
            (config.map(files), world.0)
        };
        assert_eq!(get("", None).0, Ok(vec![]));
        assert_eq!(get("", Some(" \n")).0, Ok(vec![]));
        let (found, told) = get("", Some(&config("/platform")));
        assert_eq!(found, Ok(vec!["/platform".to_owned()]));
        assert_eq!(told, ["the config is from the platform qemu"]);
        fs::create_dir_all(image.path().join("base.platform.d/qemu")).unwrap();
        fs::create_dir_all(image.path().join("base.d")).unwrap();
        for (name, file) in [
            ("base.d/2.ign", "/2"),
            ("base.d/1.ign", "/1"),
            ("base.platform.d/qemu/a.ign", "/q"),
            ("base.d/n", "/n"),
        ] {
            fs::write(image.path().join(name), config(file)).unwrap();
        }
        assert_eq!(get("", Some(&config("/p"))).0.unwrap(), ["/1", "/2", "/q", "/p"]);
        fs::write(image.path().join("user.ign"), config("/user")).unwrap();
        assert_eq!(get("", Some(&config("/p"))).0.unwrap(), ["/1", "/2", "/q", "/user"]);
        let there = "quiet ignition.config.url=http://there/c";
        assert_eq!(get(there, Some(&config("/p"))).0.unwrap(), ["/1", "/2", "/q", "/by-url"]);
        let failure = get("ignition.config.url=http://none/", None).0.unwrap_err();
        assert_eq!(failure.path, "kernel argument ignition.config.url");
    }
}
