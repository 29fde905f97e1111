//! What a config asks for that Berth does not have. Such a config is valid, but provisioning by it is refused.

use layout::args::words;

use crate::config::{Config, Resource};
use crate::report::Severity;
use crate::rules::{Finding, list};
use crate::url::Url;

/// Looks for what is missing.
pub fn check(config: &Config) -> Vec<Finding> {
    let mut found = Vec::new();
    for (at, resource) in resources(config) {
        let scheme = resource.source.as_deref().and_then(|source| Some(Url::parse(source).ok()?.scheme));
        if let Some(scheme) = scheme.filter(|scheme| matches!(&**scheme, "s3" | "arn" | "gs")) {
            let message = format!("Berth has no client of {scheme}:; name it by https, signed if need be");
            found.push(finding(format!("{at}.source"), message));
        }
    }
    found.extend(arguments(config));
    let Some(storage) = &config.storage else { return found };
    if !list(&storage.luks).is_empty() {
        let message = "Berth has no LUKS (neither cryptsetup nor clevis): leave encrypted volumes away";
        found.push(finding("$.storage.luks".to_owned(), message.to_owned()));
    }
    for (index, filesystem) in list(&storage.filesystems).iter().enumerate() {
        if filesystem.format.as_deref() == Some("btrfs") {
            let message = "Berth makes no btrfs: use ext4 or xfs";
            found.push(finding(format!("$.storage.filesystems.{index}.format"), message.to_owned()));
        }
    }
    found
}

/// Kernel arguments that are both wanted and unwanted. Ignition compares texts, but a text may have several arguments, and
/// what is done is done to each: the machine would start again without end.
fn arguments(config: &Config) -> Vec<Finding> {
    let Some(arguments) = &config.kernel_arguments else { return vec![] };
    let mut found = Vec::new();
    for (index, gone) in list(&arguments.should_not_exist).iter().enumerate() {
        for (other, there) in list(&arguments.should_exist).iter().enumerate() {
            // The same text twice is an error by Ignition's rules.
            let both = words(gone).filter(|word| gone != there && words(there).any(|wanted| wanted == *word));
            found.extend(both.map(|(name, value)| {
                let word = value.map_or(name.clone(), |value| format!("{name}={value}"));
                let message = format!(
                    "the kernel argument {word} is in shouldNotExist.{index} ({gone:?}) and in shouldExist.{other} \
                     ({there:?}): take it out of one of them"
                );
                finding(format!("$.kernelArguments.shouldNotExist.{index}"), message)
            }));
        }
    }
    found
}

fn finding(path: String, message: String) -> Finding {
    Finding { severity: Severity::Info, path, message }
}

/// All that a config has fetched, and where it says so.
fn resources(config: &Config) -> Vec<(String, &Resource)> {
    let mut all: Vec<(String, &Resource)> = Vec::new();
    if let Some(configs) = &config.ignition.config {
        all.extend(numbered("$.ignition.config.merge", list(&configs.merge)));
        all.extend(configs.replace.iter().map(|replace| ("$.ignition.config.replace".to_owned(), replace)));
    }
    if let Some(tls) = config.ignition.security.as_ref().and_then(|security| security.tls.as_ref()) {
        let at = "$.ignition.security.tls.certificateAuthorities";
        all.extend(numbered(at, list(&tls.certificate_authorities)));
    }
    let files = config.storage.as_ref().map(|storage| list(&storage.files)).unwrap_or_default();
    for (index, file) in files.iter().enumerate() {
        let at = format!("$.storage.files.{index}");
        all.extend(file.contents.iter().map(|contents| (format!("{at}.contents"), contents)));
        all.extend(numbered(&format!("{at}.append"), list(&file.append)));
    }
    all
}

fn numbered<'a>(at: &str, list: &'a [Resource]) -> impl Iterator<Item = (String, &'a Resource)> {
    list.iter().enumerate().map(move |(index, item)| (format!("{at}.{index}"), item))
}
