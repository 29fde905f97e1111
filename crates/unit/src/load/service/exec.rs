//! Settings of systemd.exec(5).

use crate::load::setter::{Outcome, Setter, text};
use crate::service::config::{
    DirectoryKind, EnvironmentFile, ExecContext, FileMode, Resource, Stream, WorkingDirectory,
};
use crate::text::expand::is_name;
use crate::text::value;

const LIMITS: [(&str, Resource); 15] = [
    ("LimitAS", Resource::As),
    ("LimitCORE", Resource::Core),
    ("LimitCPU", Resource::Cpu),
    ("LimitDATA", Resource::Data),
    ("LimitFSIZE", Resource::Fsize),
    ("LimitMEMLOCK", Resource::Memlock),
    ("LimitMSGQUEUE", Resource::Msgqueue),
    ("LimitNICE", Resource::Nice),
    ("LimitNOFILE", Resource::Nofile),
    ("LimitNPROC", Resource::Nproc),
    ("LimitRSS", Resource::Rss),
    ("LimitRTPRIO", Resource::Rtprio),
    ("LimitRTTIME", Resource::Rttime),
    ("LimitSIGPENDING", Resource::Sigpending),
    ("LimitSTACK", Resource::Stack),
];

/// Scheduling policies (sched(7)).
const POLICIES: [(&str, u32); 5] = [("other", 0), ("fifo", 1), ("rr", 2), ("batch", 3), ("idle", 5)];
/// Classes of ioprio_set(2).
const IO_CLASSES: [(&str, u32); 4] = [("none", 0), ("realtime", 1), ("best-effort", 2), ("idle", 3)];
const IO_BEST_EFFORT: u32 = 2;
const IO_PRIORITY: u32 = 4;
/// Execution domains of personality(2).
const PERSONALITY_64: u32 = 0;
const PERSONALITY_32: u32 = 8;

const DIRECTORIES: [(&str, DirectoryKind); 5] = [
    ("RuntimeDirectory", DirectoryKind::Runtime),
    ("StateDirectory", DirectoryKind::State),
    ("CacheDirectory", DirectoryKind::Cache),
    ("LogsDirectory", DirectoryKind::Logs),
    ("ConfigurationDirectory", DirectoryKind::Configuration),
];

/// Applies one directive; false where it is none of these.
pub(super) fn assign(exec: &mut ExecContext, setter: &Setter, key: &str) -> Outcome<bool> {
    if let Some((_, resource)) = LIMITS.iter().find(|(name, _)| *name == key) {
        exec.limits.retain(|(set, _, _)| set != resource);
        if !setter.value.is_empty() {
            let (soft, hard) = value::limit(setter.value).map_err(text)?;
            exec.limits.push((*resource, soft, hard));
        }
        return Ok(true);
    }
    if directories(exec, setter, key)? {
        return Ok(true);
    }
    let flag = || value::boolean(setter.value).map_err(text);
    let number = |least: i32, most: i32| match setter.value.parse::<i32>() {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        _ => Err(format!("expected a number from {least} to {most}")),
    };
    match key {
        "Environment" => setter.list(&mut exec.environment, variable)?,
        "UnsetEnvironment" => setter.list(&mut exec.unset_environment, Ok)?,
        "EnvironmentFile" => {
            if setter.value.is_empty() {
                exec.environment_files.clear();
            } else {
                let (optional, path) = optional_path(&setter.expanded()?)?;
                exec.environment_files.push(EnvironmentFile { path, optional });
            }
        }
        "WorkingDirectory" => exec.working_directory = working_directory(setter)?,
        "User" => setter.option(&mut exec.user)?,
        "Group" => setter.option(&mut exec.group)?,
        "SupplementaryGroups" => setter.list(&mut exec.supplementary_groups, Ok)?,
        "DynamicUser" => exec.dynamic_user = flag()?,
        "LoadCredential" | "ImportCredential" | "SetCredential" => {
            super::credentials::assign(&mut exec.credentials, setter, key)?;
        }
        "UMask" => exec.umask = value::mode(setter.value).map_err(text)?,
        "OOMScoreAdjust" => exec.oom_score_adjust = Some(number(-1000, 1000)?),
        "Nice" => exec.nice = Some(number(-20, 19)?),
        "IgnoreSIGPIPE" => exec.ignore_sigpipe = flag()?,
        "NoNewPrivileges" => exec.no_new_privileges = flag()?,
        "PassEnvironment" => setter.list(&mut exec.pass_environment, Ok)?,
        "CPUAffinity" => {
            if setter.value.is_empty() {
                exec.cpu_affinity.clear();
            }
            exec.cpu_affinity.extend(value::cpus(setter.value).map_err(text)?);
        }
        "CPUSchedulingPolicy" => exec.scheduling_policy = Some(setter.choice(&POLICIES)?),
        "CPUSchedulingPriority" => exec.scheduling_priority = number(0, 99)?.unsigned_abs(),
        "CPUSchedulingResetOnFork" => exec.scheduling_reset_on_fork = flag()?,
        "IOSchedulingClass" => {
            let class = setter.choice(&IO_CLASSES)?;
            exec.io_priority = Some((class, exec.io_priority.map_or(IO_PRIORITY, |(_, priority)| priority)));
        }
        "IOSchedulingPriority" => {
            let priority = number(0, 7)?.unsigned_abs();
            exec.io_priority = Some((exec.io_priority.map_or(IO_BEST_EFFORT, |(class, _)| class), priority));
        }
        "TimerSlackNSec" => {
            // A number alone is nanoseconds here.
            exec.timer_slack = match setter.value.parse() {
                Ok(nanos) => Some(std::time::Duration::from_nanos(nanos)),
                Err(_) => value::time_span(setter.value).map_err(text)?.finite(),
            };
        }
        "Personality" => {
            exec.personality = Some(setter.choice(&[("x86-64", PERSONALITY_64), ("x86", PERSONALITY_32)])?);
        }
        "StandardInput" => exec.stdin = input(setter)?,
        "StandardOutput" => exec.stdout = output(setter)?,
        "StandardError" => exec.stderr = output(setter)?,
        "TTYPath" => exec.tty_path = optional_path(&setter.expanded()?)?.1,
        _ => return Ok(false),
    }
    Ok(true)
}

fn directories(exec: &mut ExecContext, setter: &Setter, key: &str) -> Outcome<bool> {
    if key == "RuntimeDirectoryPreserve" {
        exec.runtime_preserve = setter.choice(&[("no", false), ("yes", true), ("restart", true)])?;
        return Ok(true);
    }
    let (name, is_mode) = match key.strip_suffix("Mode") {
        Some(name) => (name, true),
        None => (key, false),
    };
    let Some((_, kind)) = DIRECTORIES.iter().find(|(known, _)| *known == name) else {
        return Ok(false);
    };
    let at = match exec.directories.iter().position(|(known, _)| known == kind) {
        Some(at) => at,
        None => {
            exec.directories.push((*kind, Default::default()));
            exec.directories.len() - 1
        }
    };
    let directories = &mut exec.directories[at].1;
    if is_mode {
        directories.mode = value::mode(setter.value).map_err(text)?;
    } else {
        setter.list(&mut directories.paths, |path| {
            let path = path.trim_end_matches('/').to_owned();
            let ok = !path.starts_with('/') && path.split('/').all(|part| !matches!(part, "" | "." | ".."));
            if ok { Ok(path) } else { Err(format!("{path:?} must be a relative path without dots")) }
        })?;
    }
    Ok(true)
}

fn variable(word: String) -> Outcome<(String, String)> {
    match word.split_once('=') {
        Some((name, value)) if is_name(name) => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("{word:?} is not an assignment to a variable")),
    }
}

/// Reads an absolute path that a `-` may mark as optional.
fn optional_path(value: &str) -> Outcome<(bool, String)> {
    let (optional, path) = match value.strip_prefix('-') {
        Some(path) => (true, path),
        None => (false, value),
    };
    if !path.starts_with('/') {
        return Err(format!("{path:?} must be an absolute path"));
    }
    Ok((optional, path.to_owned()))
}

fn working_directory(setter: &Setter) -> Outcome<Option<WorkingDirectory>> {
    let value = setter.expanded()?;
    if value.is_empty() {
        return Ok(None);
    }
    if value.trim_start_matches('-') == "~" {
        return Ok(Some(WorkingDirectory { path: None, optional: value.starts_with('-') }));
    }
    let (optional, path) = optional_path(&value)?;
    Ok(Some(WorkingDirectory { path: Some(path), optional }))
}

fn input(setter: &Setter) -> Outcome<Stream> {
    let value = setter.expanded()?;
    match value.as_str() {
        "null" => Ok(Stream::Null),
        "tty" | "tty-force" => Ok(Stream::Tty),
        "socket" => Ok(Stream::Socket),
        _ => match value.strip_prefix("file:") {
            Some(path) if path.starts_with('/') => Ok(Stream::File(path.to_owned(), FileMode::Keep)),
            _ => Err("expected null, tty, tty-force, socket or file:PATH".to_owned()),
        },
    }
}

fn output(setter: &Setter) -> Outcome<Stream> {
    let value = setter.expanded()?;
    match value.as_str() {
        "null" => return Ok(Stream::Null),
        "tty" => return Ok(Stream::Tty),
        "inherit" => return Ok(Stream::Inherit),
        "socket" => return Ok(Stream::Socket),
        // The console shows failures; what services say goes to the log in any case.
        "journal" | "journal+console" | "kmsg" | "kmsg+console" | "syslog" | "syslog+console" => {
            return Ok(Stream::Journal);
        }
        _ => {}
    }
    for (prefix, mode) in
        [("file:", FileMode::Keep), ("append:", FileMode::Append), ("truncate:", FileMode::Truncate)]
    {
        if let Some(path) = value.strip_prefix(prefix).filter(|p| p.starts_with('/')) {
            return Ok(Stream::File(path.to_owned(), mode));
        }
    }
    Err("expected journal, null, tty, inherit, socket, file:PATH, append:PATH or truncate:PATH".to_owned())
}
