//! From what a spec says to what it means.

use crate::error::nearest;
use crate::raw::{RawDisk, RawUpdate};
use crate::{Error, RawSpec, Size, Source};
use manifest::Version;
use std::collections::{BTreeMap, BTreeSet};

/// The names that a spec may use: what is in the checkout.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    /// The directories of images/components.
    pub components: Vec<String>,
    /// The fragments of kernel-config/optional.
    pub kernel_options: Vec<String>,
    /// The layout's partition sizes, used where the spec names none.
    pub sizes: DiskSizes,
}

/// The sizes of the partitions in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DiskSizes {
    /// The EFI system partition.
    pub esp: u64,
    /// Each of the two /usr slots.
    pub usr: u64,
    /// Each slot's hash tree.
    pub usr_verity: u64,
    /// ROOT as shipped.
    pub root: u64,
}

/// A checked spec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSpec {
    /// The product's name.
    pub name: String,
    /// The image's version.
    pub version: Version,
    /// The channel that the image's updates come from.
    pub channel: String,
    /// Seconds since 1970 that every file of the image carries.
    pub source_date_epoch: u64,
    /// Kernel arguments baked into the image.
    pub kernel_arguments: Vec<String>,
    /// Optional fragments of the kernel's configuration, sorted.
    pub kernel_options: BTreeSet<String>,
    /// Component directories, sorted.
    pub components: BTreeSet<String>,
    /// Debian packages and the absolute paths taken from each.
    pub userland: BTreeMap<String, Vec<String>>,
    /// busybox programs with a name of their own.
    pub applets: BTreeSet<String>,
    /// Partition sizes.
    pub disk: DiskSizes,
    /// Where updates come from; nothing where the image has no repository of its own.
    pub update: Option<UpdateSource>,
    /// The oldest version that can be updated to this one in one step.
    pub minimum_version: Version,
    /// Machines that have seen a higher one do not take this image.
    pub security_epoch: u64,
    /// What it was read from.
    pub source: Source,
}

/// Where updates come from, and whose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateSource {
    /// The root of the keys that sign releases: a path, relative to the checkout.
    pub root: String,
    /// URL of the repository.
    pub url: String,
}

/// Something wrong, and the path of the value.
pub(crate) struct Problem {
    pub(crate) path: Vec<String>,
    pub(crate) message: String,
}

impl Problem {
    pub(crate) fn of(&self, source: &Source) -> Error {
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        source.error(&path, &self.message)
    }
}

pub(crate) fn problem<const N: usize>(path: [&str; N], message: impl Into<String>) -> Problem {
    Problem { path: path.map(str::to_owned).to_vec(), message: message.into() }
}

const MIB: u64 = 1 << 20;

pub(crate) fn check(raw: RawSpec, catalog: &Catalog, source: Source) -> Result<ImageSpec, Error> {
    let spec = mean(raw, catalog).map_err(|problem| problem.of(&source))?;
    Ok(ImageSpec { source, ..spec })
}

fn mean(raw: RawSpec, catalog: &Catalog) -> Result<ImageSpec, Problem> {
    check_word("name", &raw.name)?;
    check_word("channel", &raw.channel)?;
    let version = Version::parse(&raw.version).map_err(|error| problem(["version"], error.to_string()))?;
    for (index, argument) in raw.kernel.arguments.iter().enumerate() {
        let at = |message: String| problem(["kernel", "arguments", &index.to_string()], message);
        if argument.is_empty() || argument.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(at(format!("`{argument}` is not one kernel argument: no spaces, an item each")));
        }
        if argument.starts_with("usrhash=") {
            return Err(at("`usrhash=` is put in by the build: leave it out".to_owned()));
        }
    }
    let kernel_options =
        check_names(&["kernel", "options"], "kernel option", raw.kernel.options, &catalog.kernel_options)?;
    let components = check_names(&["components"], "component", raw.components, &catalog.components)?;
    check_userland(&raw.userland, &["/usr/", "/etc/"])?;
    let applets = check_applets(raw.applets, &raw.userland)?;
    let (update, minimum_version) = check_update(&raw.update, &version)?;
    Ok(ImageSpec {
        name: raw.name,
        version,
        channel: raw.channel,
        source_date_epoch: raw.source_date_epoch,
        kernel_arguments: raw.kernel.arguments,
        kernel_options,
        components,
        userland: raw.userland,
        applets,
        disk: check_disk(&raw.disk, catalog.sizes)?,
        update,
        minimum_version,
        security_epoch: raw.update.security_epoch,
        source: Source::default(),
    })
}

/// The oldest of all versions.
const ANY: &str = "0.0.0";

fn check_update(raw: &RawUpdate, version: &Version) -> Result<(Option<UpdateSource>, Version), Problem> {
    let minimum = Version::parse(raw.minimum_version.as_deref().unwrap_or(ANY))
        .map_err(|error| problem(["update", "minimum-version"], error.to_string()))?;
    if minimum > *version {
        let message = format!("`{minimum}` is newer than the image, which is {version}");
        return Err(problem(["update", "minimum-version"], message));
    }
    let source = match (&raw.root, &raw.url) {
        (None, None) => None,
        (Some(root), Some(url)) => {
            // One line of a file of settings, where blanks part URLs.
            if !update_settings::is_url(url) || url.contains(char::is_whitespace) {
                let message = format!("`{url}` is not the URL of a repository: expected http:// or https://");
                return Err(problem(["update", "url"], message));
            }
            Some(UpdateSource { root: root.clone(), url: url.clone() })
        }
        (Some(_), None) => {
            return Err(problem(["update", "root"], "a root without the `url` of what it vouches for"));
        }
        (None, Some(_)) => {
            return Err(problem(
                ["update", "url"],
                "a url without the `root` of the keys that sign what is there",
            ));
        }
    };
    Ok((source, minimum))
}

/// The names in the list at `path`, each a `kind` that is known, and there once.
pub(crate) fn check_names(
    path: &[&str],
    kind: &str,
    names: Vec<String>,
    known: &[String],
) -> Result<BTreeSet<String>, Problem> {
    check_list(path, kind, names, |name| {
        let near = || nearest(name, known.iter().map(String::as_str));
        let hint = || near().map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        let is_known = known.iter().any(|known| known == name);
        (!is_known).then(|| format!("no {kind} `{name}`, expected one of {}{}", known.join(", "), hint()))
    })
}

/// The names in the list at `path`, each a `kind` of which nothing is `wrong`, and there once.
fn check_list(
    path: &[&str],
    kind: &str,
    names: Vec<String>,
    wrong: impl Fn(&str) -> Option<String>,
) -> Result<BTreeSet<String>, Problem> {
    let mut found = BTreeSet::new();
    for (index, name) in names.into_iter().enumerate() {
        let is_twice = || found.contains(&name).then(|| format!("{kind} `{name}` is named twice"));
        if let Some(message) = wrong(&name).or_else(is_twice) {
            let index = index.to_string();
            let path = path.iter().copied().chain([index.as_str()]).map(str::to_owned).collect();
            return Err(Problem { path, message });
        }
        found.insert(name);
    }
    Ok(found)
}

/// That each path taken from a package is absolute and below one of `folders`.
pub(crate) fn check_userland(
    userland: &BTreeMap<String, Vec<String>>,
    folders: &[&str],
) -> Result<(), Problem> {
    for (package, paths) in userland {
        for (index, path) in paths.iter().enumerate() {
            let below = folders.iter().any(|folder| path.starts_with(folder));
            if !below || path.split('/').any(|part| part == ".." || part == ".") {
                let index = index.to_string();
                let message = format!("`{path}` is not an absolute path below {}", folders.join(" or "));
                return Err(problem(["userland", package, &index], message));
            }
        }
    }
    Ok(())
}

/// Where Debian's packages have busybox.
const BUSYBOX: &str = "/usr/bin/busybox";

/// The programs of busybox, each the name of a file, and there once.
fn check_applets(
    names: Vec<String>,
    userland: &BTreeMap<String, Vec<String>>,
) -> Result<BTreeSet<String>, Problem> {
    if !names.is_empty() && !userland.values().flatten().any(|path| path == BUSYBOX) {
        let message =
            format!("programs of busybox, which the image has not: take {BUSYBOX} in `userland`, too");
        return Err(problem(["applets"], message));
    }
    check_list(&["applets"], "applet", names, |name| {
        let is_name =
            !name.is_empty() && !name.contains(|c: char| c == '/' || c.is_whitespace() || c.is_control());
        (!is_name).then(|| format!("`{name}` is not the name of a program of busybox, such as `ls`"))
    })
}

pub(crate) fn check_word(key: &str, value: &str) -> Result<(), Problem> {
    let fine = value.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && value.starts_with(|c: char| c.is_ascii_lowercase());
    if fine {
        return Ok(());
    }
    let message =
        format!("`{value}` is not a name: expected lower-case letters, digits and `-`, a letter first");
    Err(problem([key], message))
}

fn check_disk(raw: &RawDisk, default: DiskSizes) -> Result<DiskSizes, Problem> {
    let size = |key: &str, told: &Option<String>, default: u64, least: u64| match told {
        None => Ok(default),
        Some(text) => {
            let at = |message: String| problem(["disk", key], message);
            let Size(bytes) = text.parse().map_err(|error: crate::InvalidSize| at(error.to_string()))?;
            if bytes % MIB != 0 {
                return Err(at(format!(
                    "`{text}` is not a multiple of 1MiB, to which partitions are aligned"
                )));
            }
            if bytes < least {
                return Err(at(format!("`{text}` is too small: expected at least {}", Size(least))));
            }
            if bytes > 64 << 40 {
                return Err(at(format!("`{text}` is too large: expected at most {}", Size(64 << 40))));
            }
            Ok(bytes)
        }
    };
    let usr = size("usr", &raw.usr, default.usr, MIB)?;
    // What the hash tree of a full slot takes.
    let tree = verity::HashTree::size_for(usr).next_multiple_of(MIB);
    Ok(DiskSizes {
        // Below 33 MiB of 512-byte clusters a FAT is no FAT32 (fatgen103, FAT type determination).
        esp: size("esp", &raw.esp, default.esp, 64 * MIB)?,
        usr,
        usr_verity: size("usr-verity", &raw.usr_verity, default.usr_verity.max(tree), tree)?,
        root: size("root", &raw.root, default.root, 64 * MIB)?,
    })
}
