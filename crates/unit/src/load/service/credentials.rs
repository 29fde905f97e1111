//! Credentials of systemd.exec(5), and users that are made for a service.

use crate::load::setter::{Outcome, Setter, text};
use crate::name::UnitName;
use crate::service::config::{Credential, CredentialSource, ExecContext};
use crate::service::dynamic;
use crate::service::sandbox::{PrivateTmp, ProtectHome, ProtectSystem};
use crate::text::words;

/// Names of files have so many bytes at most.
const ID_MAX: usize = 255;

/// Adds credentials; an empty value takes out all of the same directive.
pub(super) fn assign(credentials: &mut Vec<Credential>, setter: &Setter, key: &str) -> Outcome {
    let is_of_key = |source: &CredentialSource| match source {
        CredentialSource::Path(_) | CredentialSource::Store(_) => key == "LoadCredential",
        CredentialSource::Pattern(_) => key == "ImportCredential",
        CredentialSource::Text(_) => key == "SetCredential",
    };
    if setter.value.is_empty() {
        credentials.retain(|credential| !is_of_key(&credential.source));
        return Ok(());
    }
    let (name, rest) = match setter.value.split_once(':') {
        Some((name, rest)) => (name, Some(rest)),
        None => (setter.value, None),
    };
    let name = setter.expand(name)?;
    let credential = match (key, rest) {
        ("SetCredential", Some(value)) if !value.is_empty() => {
            // Its escapes are those of C; quotes, white space and percent signs are its own.
            let source = CredentialSource::Text(words::unescape(value).map_err(text)?);
            Credential { id: checked(&name)?, source }
        }
        ("SetCredential", _) => return Err("expected ID:VALUE".to_owned()),
        ("LoadCredential", Some(path)) if path.starts_with('/') => {
            Credential { id: checked(&name)?, source: CredentialSource::Path(setter.expand(path)?) }
        }
        ("LoadCredential", Some(other)) => {
            let source = CredentialSource::Store(checked(&setter.expand(other)?)?);
            Credential { id: checked(&name)?, source }
        }
        ("LoadCredential", None) => {
            Credential { id: checked(&name)?, source: CredentialSource::Store(checked(&name)?) }
        }
        (_, renamed) => pattern(&name, renamed)?,
    };
    credentials.push(credential);
    Ok(())
}

/// `ImportCredential=`: only its last character may be a `*`.
fn pattern(name: &str, renamed: Option<&str>) -> Outcome<Credential> {
    let beginning = name.strip_suffix('*').unwrap_or(name);
    if beginning.contains(['*', '?', '[']) {
        return Err(format!("{name:?}: a pattern ends in its only *"));
    }
    if !beginning.is_empty() {
        checked(beginning)?;
    }
    let id = match renamed {
        Some(renamed) => checked(renamed)?,
        None => beginning.to_owned(),
    };
    Ok(Credential { id, source: CredentialSource::Pattern(name.to_owned()) })
}

/// A name that a file in a folder of its own can have.
fn checked(id: &str) -> Outcome<String> {
    let fits = !id.is_empty()
        && id.len() <= ID_MAX
        && !matches!(id, "." | "..")
        && id.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'/' | b':'));
    if fits { Ok(id.to_owned()) } else { Err(format!("{id:?} cannot be the name of a credential")) }
}

/// Sets what a user implies that is gone with its service: nothing of it may stay behind.
pub(in crate::load) fn imply_dynamic_user(exec: &mut ExecContext, unit: &UnitName) {
    if !exec.dynamic_user {
        return;
    }
    if exec.user.is_none() {
        exec.user = Some(dynamic::user_name(unit));
    }
    exec.no_new_privileges = true;
    let sandbox = &mut exec.sandbox;
    sandbox.restrict_suid_sgid = true;
    sandbox.remove_ipc = true;
    sandbox.protect_system = ProtectSystem::Strict;
    if sandbox.protect_home == ProtectHome::No {
        sandbox.protect_home = ProtectHome::ReadOnly;
    }
    if sandbox.private_tmp == PrivateTmp::No {
        sandbox.private_tmp = PrivateTmp::Disconnected;
    }
}
