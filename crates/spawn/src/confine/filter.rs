//! Filters of system calls (seccomp(2)): one a setting, each of which must let a call pass.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use litemap::LiteMap;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch,
};
use sys::child::Instruction;
use unit::service::config::ExecContext;
use unit::service::sandbox::{Denial, Filter, Sandbox, SystemCalls};
use unit::text::syscall;

const EPERM: u16 = 1;
const ENOSYS: u16 = 38;
const EAFNOSUPPORT: u16 = 97;

/// `PROT_WRITE` and `PROT_EXEC` (mmap(2)), `SHM_EXEC` (shmat(2)).
const PROT_WRITE: u64 = 2;
const PROT_EXEC: u64 = 4;
const SHM_EXEC: u64 = 0o100_000;
/// The bits of a mode that lend identity (inode(7)).
const SET_ID: [u64; 2] = [0o4000, 0o2000];
/// Flags of open(2) that make a file: `O_CREAT`, `__O_TMPFILE`.
const MAKES_FILE: [u64; 2] = [0o100, 0o20_000_000];
/// Policies that could take a processor for good (sched(7)): FIFO, RR, DEADLINE.
const REALTIME: [u64; 3] = [1, 2, 6];
/// What asks personality(2) for the present one.
const PERSONALITY_QUERY: u64 = 0xffff_ffff;

/// The calls that take a mode, and which argument it is.
const MODES: [(&str, u8); 9] = [
    ("chmod", 1),
    ("fchmod", 1),
    ("fchmodat", 2),
    ("fchmodat2", 2),
    ("mkdir", 1),
    ("mkdirat", 2),
    ("mknod", 1),
    ("mknodat", 2),
    ("creat", 1),
];

/// Rules for calls: those of a call are alternatives; without any, each such call matches.
type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// The filters of a service.
///
/// # Errors
/// A filter cannot be made: it is too long for the kernel.
pub fn filters(exec: &ExecContext) -> Result<Vec<Vec<Instruction>>> {
    let sandbox = &exec.sandbox;
    let mut filters = Vec::new();
    let mut deny = |rules: Rules, errno: u16| -> Result<()> {
        if !rules.is_empty() {
            filters.push(compile(rules, SeccompAction::Allow, SeccompAction::Errno(errno.into()))?);
        }
        Ok(())
    };
    deny(denied_groups(sandbox), EPERM)?;
    if let Some(families) = &sandbox.address_families {
        deny(denied_families(families)?, EAFNOSUPPORT)?;
    }
    if sandbox.denied_namespaces != 0 {
        deny(denied_namespaces(sandbox.denied_namespaces)?, EPERM)?;
        // Its flags are in memory, where a filter cannot look; programs fall back to clone(2).
        deny(calls(&["clone3"]), ENOSYS)?;
    }
    if sandbox.memory_deny_write_execute {
        let write_execute = PROT_WRITE | PROT_EXEC;
        let mut rules = Rules::new();
        for (name, argument, bits) in [
            ("mmap", 2, write_execute),
            ("mprotect", 2, PROT_EXEC),
            ("pkey_mprotect", 2, PROT_EXEC),
            ("shmat", 2, SHM_EXEC),
        ] {
            add(&mut rules, name, vec![has_bits(argument, bits)?])?;
        }
        deny(rules, EPERM)?;
    }
    if sandbox.restrict_suid_sgid {
        let mut rules = Rules::new();
        for bit in SET_ID {
            for (name, argument) in MODES {
                add(&mut rules, name, vec![has_bits(argument, bit)?])?;
            }
            // A file that is not made is given no mode, and the argument may be anything.
            for (name, flags) in [("open", 1), ("openat", 2)] {
                for makes in MAKES_FILE {
                    add(&mut rules, name, vec![has_bits(flags, makes)?, has_bits(flags + 1, bit)?])?;
                }
            }
        }
        deny(rules, EPERM)?;
        deny(calls(&["openat2"]), ENOSYS)?;
    }
    if sandbox.restrict_realtime {
        let mut rules = Rules::new();
        for policy in REALTIME {
            let masked = SeccompCmpOp::MaskedEq(0xff);
            add(&mut rules, "sched_setscheduler", vec![condition(1, masked, policy)?])?;
        }
        deny(rules, EPERM)?;
        deny(calls(&["sched_setattr"]), ENOSYS)?;
    }
    if sandbox.lock_personality {
        let mut rules = Rules::new();
        let own = exec.personality.unwrap_or(0);
        let other = [own.into(), PERSONALITY_QUERY].map(|value| condition(0, SeccompCmpOp::Ne, value));
        add(&mut rules, "personality", other.into_iter().collect::<Result<_>>()?)?;
        deny(rules, EPERM)?;
    }
    if let Some(system_calls) = &sandbox.system_calls {
        filters.extend(system_call_filters(system_calls, sandbox.denial.unwrap_or(Denial::Kill))?);
    }
    if let Some(calls) = &sandbox.logged_calls {
        filters.push(logging_filter(calls)?);
    }
    if sandbox.native_only && filters.is_empty() {
        // Any filter refuses calls of other architectures; this one nothing that is still in use.
        let refuse = SeccompAction::Errno(ENOSYS.into());
        filters.push(compile(calls(&["uselib"]), SeccompAction::Allow, refuse)?);
    }
    Ok(filters)
}

/// Groups of calls that settings deny.
fn denied_groups(sandbox: &Sandbox) -> Rules {
    let mut rules = Rules::new();
    for (asked, names) in [
        (sandbox.private_devices, ["@raw-io"].as_slice()),
        (sandbox.protect_kernel_modules, &["@module"]),
        (sandbox.protect_kernel_logs, &["syslog"]),
        (sandbox.protect_kernel_tunables, &["_sysctl"]),
        (sandbox.protect_clock, &["@clock"]),
        (sandbox.protect_hostname, &["sethostname", "setdomainname"]),
    ] {
        if asked {
            rules.extend(calls(names));
        }
    }
    rules
}

/// Rules that match each of some calls, which are named one by one or by their group.
fn calls(names: &[&str]) -> Rules {
    let numbers = names.iter().flat_map(|name| match name.starts_with('@') {
        true => syscall::group(name).unwrap_or_default(),
        false => syscall::number(name).into_iter().collect(),
    });
    numbers.map(|number| (i64::from(number), Vec::new())).collect()
}

fn denied_families(families: &Filter<u32>) -> Result<Rules> {
    let mut rules = Rules::new();
    match families {
        Filter::Deny(set) => {
            for family in set {
                add(&mut rules, "socket", vec![condition(0, SeccompCmpOp::Eq, u64::from(*family))?])?;
            }
        }
        Filter::Allow(set) if set.is_empty() => rules.extend(calls(&["socket"])),
        Filter::Allow(set) => {
            let other = set.iter().map(|family| condition(0, SeccompCmpOp::Ne, u64::from(*family)));
            add(&mut rules, "socket", other.collect::<Result<_>>()?)?;
        }
    }
    Ok(rules)
}

fn denied_namespaces(denied: u64) -> Result<Rules> {
    let mut rules = Rules::new();
    for bit in (0..u64::BITS).map(|shift| 1 << shift).filter(|bit| denied & bit != 0) {
        for (name, argument) in [("unshare", 0), ("clone", 0), ("setns", 1)] {
            add(&mut rules, name, vec![has_bits(argument, bit)?])?;
        }
    }
    // Without a type any namespace would do.
    add(&mut rules, "setns", vec![condition(1, SeccompCmpOp::Eq, 0)?])?;
    Ok(rules)
}

/// The filters of `SystemCallFilter=`; `denial` is for calls of which it says nothing else.
fn system_call_filters(calls: &SystemCalls, denial: Denial) -> Result<Vec<Vec<Instruction>>> {
    let mut filters = Vec::new();
    let rules = calls.named.iter().map(|number| (i64::from(number), Vec::new()));
    let mut denied: LiteMap<Denial, Rules> = LiteMap::new();
    match calls.is_allow_list {
        true => filters.push(compile(rules.collect(), action(denial), SeccompAction::Allow)?),
        false => {
            let rules: Rules = rules.filter(|(number, _)| !has_own(calls, *number)).collect();
            if !rules.is_empty() {
                denied.insert(denial, rules);
            }
        }
    }
    for (number, own) in &calls.denials {
        denied.entry(*own).or_default().insert(i64::from(*number), Vec::new());
    }
    for (denial, rules) in denied {
        filters.push(compile(rules, SeccompAction::Allow, action(denial))?);
    }
    Ok(filters)
}

/// Whether it is said of a call itself how it is denied.
fn has_own(calls: &SystemCalls, number: i64) -> bool {
    u32::try_from(number).is_ok_and(|number| calls.denials.contains_key(&number))
}

/// The filter of `SystemCallLog=`, which lets everything pass.
fn logging_filter(calls: &Filter<u32>) -> Result<Vec<Instruction>> {
    let (named, others, matching) = match calls {
        Filter::Allow(named) => (named, SeccompAction::Allow, SeccompAction::Log),
        Filter::Deny(named) => (named, SeccompAction::Log, SeccompAction::Allow),
    };
    let rules = named.iter().map(|number| (i64::from(*number), Vec::new())).collect();
    compile(rules, others, matching)
}

fn action(denial: Denial) -> SeccompAction {
    match denial {
        Denial::Kill => SeccompAction::KillProcess,
        Denial::Errno(number) => SeccompAction::Errno(number.into()),
    }
}

fn add(rules: &mut Rules, name: &str, conditions: Vec<SeccompCondition>) -> Result<()> {
    if let Some(number) = syscall::number(name) {
        let rule = SeccompRule::new(conditions).with_context(|| format!("a rule for {name}"))?;
        rules.entry(number.into()).or_default().push(rule);
    }
    Ok(())
}

fn condition(argument: u8, operator: SeccompCmpOp, value: u64) -> Result<SeccompCondition> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value).context("a condition")
}

fn has_bits(argument: u8, bits: u64) -> Result<SeccompCondition> {
    condition(argument, SeccompCmpOp::MaskedEq(bits), bits)
}

fn compile(rules: Rules, others: SeccompAction, matching: SeccompAction) -> Result<Vec<Instruction>> {
    let filter = SeccompFilter::new(rules, others, matching, TargetArch::x86_64).context("a filter")?;
    let program: BpfProgram = filter.try_into().context("a filter of system calls")?;
    Ok(program
        .into_iter()
        .map(|one| Instruction { code: one.code, jt: one.jt, jf: one.jf, k: one.k })
        .collect())
}
