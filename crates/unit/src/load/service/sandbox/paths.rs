//! Paths, what is shown at them, and devices.

use crate::load::setter::{Outcome, Setter};
use crate::service::sandbox::{Bind, DeviceName, DeviceRule, Rule, Sandbox};

pub(super) fn absolute(path: &str) -> Outcome {
    match path.starts_with('/') {
        true => Ok(()),
        false => Err(format!("{path:?} must be an absolute path")),
    }
}

/// Takes `-` (it may be missing) and `+` (of the root folder that is not built) off a path.
fn marks(word: &str) -> (bool, &str) {
    let (optional, path) = match word.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, word),
    };
    (optional, path.strip_prefix('+').unwrap_or(path))
}

/// A path without doubled or trailing slashes.
fn normal(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    format!("/{}", parts.join("/"))
}

/// Adds a rule for each path; an empty value takes out those to the same effect.
pub(super) fn paths<T: PartialEq + Copy>(rules: &mut Vec<Rule<T>>, setter: &Setter, effect: T) -> Outcome {
    if setter.value.is_empty() {
        rules.retain(|rule| rule.effect != effect);
        return Ok(());
    }
    for word in setter.words()? {
        let (optional, path) = marks(&word);
        absolute(path)?;
        rules.push(Rule { path: normal(path), effect, optional });
    }
    Ok(())
}

pub(super) fn device_allow(sandbox: &mut Sandbox, setter: &Setter) -> Outcome {
    if setter.value.is_empty() {
        sandbox.devices.clear();
        return Ok(());
    }
    let words = setter.words()?;
    let (name, access) = match words.as_slice() {
        [name] => (name, "rwm"),
        [name, access] => (name, access.as_str()),
        _ => return Err("expected a device, and r, w, m or some of them".to_owned()),
    };
    let mut bits = 0;
    for letter in access.chars() {
        bits |= match letter {
            'm' => 1,
            'r' => 2,
            'w' => 4,
            _ => return Err(format!("{access:?} is not made of r, w and m")),
        };
    }
    let which = match (name.strip_prefix("char-"), name.strip_prefix("block-")) {
        (Some(name), _) => DeviceName::Char(name.to_owned()),
        (_, Some(name)) => DeviceName::Block(name.to_owned()),
        _ if name.starts_with('/') => DeviceName::Path(name.clone()),
        _ => return Err(format!("{name:?} is neither a path nor char-NAME nor block-NAME")),
    };
    sandbox.devices.push(DeviceRule { which, access: bits });
    Ok(())
}

pub(super) fn binds(sandbox: &mut Sandbox, setter: &Setter, read_only: bool) -> Outcome {
    if setter.value.is_empty() {
        sandbox.binds.clear();
        return Ok(());
    }
    for word in setter.words()? {
        let (optional, rest) = marks(&word);
        let mut parts = rest.split(':');
        let source = parts.next().unwrap_or_default();
        let target = parts.next().filter(|target| !target.is_empty()).unwrap_or(source);
        absolute(source)?;
        absolute(target)?;
        let recursive = match parts.next() {
            None | Some("" | "rbind") => true,
            Some("norbind") => false,
            Some(other) => return Err(format!("{other:?} is neither rbind nor norbind")),
        };
        sandbox.binds.push(Bind {
            source: normal(source),
            target: normal(target),
            read_only,
            optional,
            recursive,
        });
    }
    Ok(())
}
