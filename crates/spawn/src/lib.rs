//! Layer: effects. From a service's settings to a process: its user, its folders and credentials, what it sees of the
//! system and may do there. The process itself is made by `sys::child`.

mod confine;
mod credentials;
mod directories;
mod dynamic;
mod environment_files;
mod folder;
mod removal;
mod users;

use std::collections::BTreeMap;
use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result, bail};
use rustix::fs::OFlags;
use sys::child::{Capabilities, Child, Keyring, Scheduling, Started, Step};
use sys::confine::Users;
use unit::UnitName;
use unit::service::config::{
    Command, ExecContext, ExecList, FileMode, NotifyAccess, Resource, Service, Stream,
};
use unit::service::log::LogSettings;
use unit::service::sandbox::{self, PrivateUsers};
use unit::text::expand;
use unit::text::value::Bound;

use confine::View;
use users::Identity;

pub use confine::{Common, InCommon, Joined, addresses, devices};
pub use dynamic::DynamicUsers;
pub use users::Database;

/// Where programs are looked for that are named without a path, and the PATH of services.
const SEARCH_PATH: &str = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";

/// `RLIMIT_NOFILE`.
const NOFILE: u32 = 7;
/// How many files a program may open unless it asks for more.
const FILES_EXPECTED: u64 = 1024;
/// How many it may ask for.
pub const FILES_MAX: u64 = 524_288;

/// What a process gets from PID 1 beside what its unit says.
pub struct Given<'a> {
    /// The service's unit.
    pub unit: &'a UnitName,
    /// Its control group's folder.
    pub cgroup: Option<BorrowedFd<'a>>,
    /// Where what it writes goes.
    pub output: BorrowedFd<'a>,
    /// Descriptors with their names.
    pub passed: Vec<(BorrowedFd<'a>, &'a str)>,
    /// The connection that it serves, or its one socket, where it has that as a standard stream.
    pub socket: Option<BorrowedFd<'a>>,
    /// Who is at the other end: address and port.
    pub peer: Option<&'a (String, String)>,
    /// The notification socket.
    pub notify: &'a Path,
    /// PID 1's own folder.
    pub runtime: &'a Path,
    /// What its processes share.
    pub common: &'a Common,
    /// The main process, where this is a process beside it.
    pub main: Option<i32>,
    /// Whether this is a process beside the main one.
    pub is_control: bool,
    /// Whether its credentials are made anew, rather than those that are there already.
    pub renews_credentials: bool,
    /// How the service ended, for what runs after its stop.
    pub result: Option<(&'a str, String, String)>,
}

/// Starts one command of a service.
///
/// # Errors
/// Something that its settings name is not there, or no process could be made.
pub fn start(
    service: &Service,
    command: &Command,
    given: &Given,
    dynamic: &mut DynamicUsers,
) -> Result<Started> {
    let exec = &service.exec;
    let users = Database::read(Path::new("/"));
    let owner = owner(given.unit, exec, &users, dynamic)?;
    // They are the service's, whoever runs this command.
    directories::make(Path::new("/"), exec, owner.as_ref())?;
    if !exec.credentials.is_empty() && (given.renews_credentials || !credentials::are_there(given.unit)) {
        credentials::make(given.unit, &exec.credentials, owner.as_ref())?;
    }
    let identity = owner.filter(|_| !command.privileged);
    let variables = variables(service, given, identity.as_ref())?;
    let arguments = match command.literal {
        true => command.argv.clone(),
        false => expand::arguments(&command.argv, &variables).0,
    };
    let streams = Streams::open(exec)?;
    if given.socket.is_none() && uses_socket(exec) && !given.is_control {
        bail!("a standard stream is to be the socket, and there is none: start it by its socket");
    }
    let confined = !command.unconfined;
    let view = View::plan(exec, given.common, given.runtime).filter(|_| confined);
    if let Some(view) = &view {
        view.prepare().context("cannot prepare its view of the file system")?;
    }
    let enter = view.as_ref().map(|view| move || view.enter());
    let filters = if confined { confine::filters(exec)? } else { Vec::new() };
    let null = null()?;
    let child = Child {
        programs: programs(&command.path)?,
        arguments: c_strings(arguments)?,
        environment: c_strings(variables.iter().map(|(name, value)| format!("{name}={value}")))?,
        cgroup: given.cgroup,
        stdio: streams.in_order(
            &exec.stdin,
            &exec.stderr,
            &exec.stdout,
            null.as_fd(),
            given.output,
            given.socket,
        ),
        passed: given.passed.iter().map(|(fd, _)| *fd).collect(),
        terminal: streams.is_terminal,
        uid: identity.as_ref().map(|identity| identity.uid),
        gid: identity.as_ref().map(|identity| identity.gid),
        groups: identity.as_ref().map(|identity| identity.groups.clone()).unwrap_or_default(),
        umask: exec.umask,
        limits: limits(exec),
        oom_score_adjust: exec.oom_score_adjust,
        nice: exec.nice,
        directory: directory(exec, identity.as_ref())?,
        ignore_sigpipe: exec.ignore_sigpipe,
        no_new_privileges: exec.no_new_privileges,
        namespaces: enter.as_ref().map(|enter| enter as Step),
        private_users: known_users(exec, identity.as_ref()).filter(|_| confined),
        private_pids: confined && exec.sandbox.private_pids,
        keyring: match exec.sandbox.keyring {
            sandbox::Keyring::Inherit => Keyring::Inherit,
            sandbox::Keyring::Private => Keyring::Own,
            sandbox::Keyring::Shared => Keyring::Linked,
        },
        capabilities: match confined {
            true => Capabilities {
                bounding: exec.sandbox.bounding_set(),
                ambient: exec.sandbox.ambient,
                secure_bits: exec.sandbox.secure_bits,
            },
            false => Capabilities { bounding: None, ambient: 0, secure_bits: 0 },
        },
        scheduling: Scheduling {
            policy: exec
                .scheduling_policy
                .map(|policy| (policy, exec.scheduling_priority, exec.scheduling_reset_on_fork)),
            io_priority: exec.io_priority,
            affinity: exec.cpu_affinity.iter().copied().collect(),
            timer_slack: exec.timer_slack.map(|slack| slack.as_nanos() as u64),
        },
        personality: exec.personality,
        filters,
    };
    Ok(child.start()?)
}

/// The users that a service with users of its own knows.
fn known_users(exec: &ExecContext, identity: Option<&Identity>) -> Option<Users> {
    match exec.sandbox.private_users {
        PrivateUsers::No => None,
        PrivateUsers::Own => {
            Some(identity.map_or(Users::RootAnd(0, 0), |identity| Users::RootAnd(identity.uid, identity.gid)))
        }
        PrivateUsers::Identity => Some(Users::Ordinary),
    }
}

/// Whom a service runs as; none where its unit does not say.
fn owner(
    unit: &UnitName,
    exec: &ExecContext,
    users: &Database,
    dynamic: &mut DynamicUsers,
) -> Result<Option<Identity>> {
    let asks = exec.user.is_some() || exec.group.is_some() || !exec.supplementary_groups.is_empty();
    if !asks {
        return Ok(None);
    }
    let name = exec.user.as_deref().unwrap_or("0");
    let mut identity = match exec.dynamic_user {
        true => dynamic.of(unit, name, users).context("DynamicUser=")?,
        false => users.user(name).context("User=")?,
    };
    if let Some(group) = &exec.group {
        identity.gid = users.group(group).context("Group=")?;
    }
    for group in &exec.supplementary_groups {
        identity.groups.push(users.group(group).context("SupplementaryGroups=")?);
    }
    identity.groups.push(identity.gid);
    identity.groups.sort_unstable();
    identity.groups.dedup();
    Ok(Some(identity))
}

/// Removes what its processes left: in memory, where its unit asks for that, and folders.
pub fn clean_up(unit: &UnitName, exec: &ExecContext, dynamic: &mut DynamicUsers) {
    directories::remove(Path::new("/"), exec);
    if !exec.credentials.is_empty() {
        credentials::remove(unit);
    }
    if exec.sandbox.remove_ipc
        && let Ok(Some(identity)) = owner(unit, exec, &Database::read(Path::new("/")), dynamic)
    {
        confine::remove_objects(identity.uid);
    }
    dynamic.release(unit);
}

fn variables(
    service: &Service,
    given: &Given,
    identity: Option<&Identity>,
) -> Result<BTreeMap<String, String>> {
    let exec = &service.exec;
    let mut variables = BTreeMap::new();
    let mut set = |name: &str, value: String| drop(variables.insert(name.to_owned(), value));
    set("PATH", SEARCH_PATH.to_owned());
    set("LANG", "C.UTF-8".to_owned());
    if let Ok(id) = sys::random::name_16() {
        set("INVOCATION_ID", id.iter().map(|byte| format!("{byte:02x}")).collect());
    }
    if let Some(identity) = identity {
        set("USER", identity.name.clone());
        set("LOGNAME", identity.name.clone());
        set("HOME", identity.home.clone());
        set("SHELL", identity.shell.clone());
    }
    if exec.stdin == Stream::Tty {
        set("TERM", "linux".to_owned());
        if identity.is_none() {
            set("HOME", "/root".to_owned());
        }
    }
    if service.notify_access != NotifyAccess::None {
        set("NOTIFY_SOCKET", given.notify.display().to_string());
    }
    if !exec.credentials.is_empty() {
        set("CREDENTIALS_DIRECTORY", credentials::folder(given.unit).display().to_string());
    }
    if let Some(interval) = service.watchdog.finite().filter(|_| !given.is_control) {
        set("WATCHDOG_USEC", interval.as_micros().to_string());
    }
    if let Some(main) = given.main {
        set("MAINPID", main.to_string());
    }
    if let Some((result, code, status)) = &given.result {
        set("SERVICE_RESULT", (*result).to_owned());
        set("EXIT_CODE", code.clone());
        set("EXIT_STATUS", status.clone());
    }
    if let Some((address, port)) = given.peer {
        set("REMOTE_ADDR", address.clone());
        set("REMOTE_PORT", port.clone());
    }
    if !given.passed.is_empty() {
        let names: Vec<&str> = given.passed.iter().map(|(_, name)| *name).collect();
        set("LISTEN_FDS", names.len().to_string());
        set("LISTEN_FDNAMES", names.join(":"));
    }
    for (kind, directories) in exec.directories.iter().filter(|(_, set)| !set.paths.is_empty()) {
        let paths = directories.paths.iter().map(|path| format!("{}/{path}", kind.base()));
        set(kind.variable(), paths.collect::<Vec<_>>().join(":"));
    }
    let passed = exec.pass_environment.iter();
    variables.extend(passed.filter_map(|name| Some((name.clone(), std::env::var(name).ok()?))));
    variables.extend(exec.environment.iter().cloned());
    variables.extend(environment_files::read(&exec.environment_files)?);
    for word in &exec.unset_environment {
        match word.split_once('=') {
            Some((name, value)) if variables.get(name).is_some_and(|set| set == value) => {
                variables.remove(name);
            }
            Some(_) => {}
            None => drop(variables.remove(word)),
        }
    }
    Ok(variables)
}

/// The paths to try for a program.
fn programs(path: &str) -> Result<Vec<CString>> {
    if path.starts_with('/') {
        return c_strings([path.to_owned()]);
    }
    c_strings(SEARCH_PATH.split(':').map(|folder| format!("{folder}/{path}")))
}

fn c_strings(strings: impl IntoIterator<Item = String>) -> Result<Vec<CString>> {
    strings
        .into_iter()
        .map(|string| CString::new(string).context("a NUL byte in an argument or the environment"))
        .collect()
}

fn directory(exec: &ExecContext, identity: Option<&Identity>) -> Result<(CString, bool)> {
    let (path, optional) = match &exec.working_directory {
        None => ("/", false),
        Some(directory) => {
            let home = || identity.map_or("/root", |identity| identity.home.as_str());
            (directory.path.as_deref().unwrap_or_else(home), directory.optional)
        }
    };
    Ok((CString::new(path).context("WorkingDirectory=")?, optional))
}

fn limits(exec: &ExecContext) -> Vec<(u32, u64, u64)> {
    let mut limits: Vec<_> = exec.limits.iter().map(limit).collect();
    // PID 1 may open more files than programs expect: select(2) ends at 1024.
    if !exec.limits.iter().any(|(resource, _, _)| *resource == Resource::Nofile) {
        let hard = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum;
        let hard = hard.unwrap_or(FILES_MAX);
        limits.push((NOFILE, FILES_EXPECTED.min(hard), hard));
    }
    limits
}

fn limit((resource, soft, hard): &(Resource, Bound<u64>, Bound<u64>)) -> (u32, u64, u64) {
    // The numbers of x86-64 (asm-generic/resource.h).
    let number = match resource {
        Resource::Cpu => 0,
        Resource::Fsize => 1,
        Resource::Data => 2,
        Resource::Stack => 3,
        Resource::Core => 4,
        Resource::Rss => 5,
        Resource::Nproc => 6,
        Resource::Nofile => NOFILE,
        Resource::Memlock => 8,
        Resource::As => 9,
        Resource::Sigpending => 11,
        Resource::Msgqueue => 12,
        Resource::Nice => 13,
        Resource::Rtprio => 14,
        Resource::Rttime => 15,
    };
    // A bare "infinity" of open files would be 2^30, over which some programs loop
    // (containerd#7566).
    let most = if *resource == Resource::Nofile { FILES_MAX } else { u64::MAX };
    let value = |bound: &Bound<u64>| match bound {
        Bound::Finite(value) => *value,
        Bound::Infinite => most,
    };
    (number, value(soft), value(hard))
}

/// The settings of its log: its output stands under the name of its program, if it says nothing.
pub fn log_settings(service: &Service) -> LogSettings {
    let mut settings = service.exec.log.clone();
    if settings.identifier.is_none() {
        let command = service.commands.list(ExecList::Start).first();
        settings.identifier = command.and_then(|command| command.path.rsplit('/').next()).map(str::to_owned);
    }
    settings
}

/// Whether a standard stream is the connection or socket that the service was started for.
pub fn uses_socket(exec: &ExecContext) -> bool {
    [&exec.stdin, &exec.stdout, &exec.stderr].contains(&&Stream::Socket)
}

fn null() -> Result<File> {
    let open = OpenOptions::new().read(true).write(true).open("/dev/null");
    open.context("cannot open /dev/null")
}

/// The standard streams that are neither null nor the log.
struct Streams {
    input: Option<OwnedFd>,
    output: Option<OwnedFd>,
    error: Option<OwnedFd>,
    is_terminal: bool,
}

impl Streams {
    fn open(exec: &ExecContext) -> Result<Streams> {
        let mut streams = Streams { input: None, output: None, error: None, is_terminal: false };
        let uses_terminal = [&exec.stdin, &exec.stdout, &exec.stderr].contains(&&Stream::Tty);
        let terminal = match uses_terminal {
            true => Some(open_terminal(Path::new(&exec.tty_path))?),
            false => None,
        };
        let open = |stream: &Stream, is_input: bool| -> Result<Option<OwnedFd>> {
            match stream {
                Stream::Tty => {
                    let terminal = terminal.as_ref().context("the terminal is not open")?;
                    Ok(Some(terminal.try_clone().context("cannot copy the terminal's descriptor")?.into()))
                }
                Stream::File(path, mode) => Ok(Some(open_file(path, *mode, is_input)?)),
                Stream::Null | Stream::Journal | Stream::Inherit | Stream::Socket => Ok(None),
            }
        };
        streams.input = open(&exec.stdin, true)?;
        streams.output = open(&exec.stdout, false)?;
        streams.error = open(&exec.stderr, false)?;
        let is_terminal = terminal.is_some_and(|terminal| std::io::IsTerminal::is_terminal(&terminal));
        streams.is_terminal = exec.stdin == Stream::Tty && is_terminal;
        Ok(streams)
    }

    fn in_order<'a>(
        &'a self,
        stdin: &Stream,
        stderr: &Stream,
        stdout: &Stream,
        null: BorrowedFd<'a>,
        log: BorrowedFd<'a>,
        socket: Option<BorrowedFd<'a>>,
    ) -> [BorrowedFd<'a>; 3] {
        let input = self.input.as_ref().map_or(null, OwnedFd::as_fd);
        let input = socket.filter(|_| *stdin == Stream::Socket).unwrap_or(input);
        let pick = |stream: &Stream, file: &'a Option<OwnedFd>, inherited| match stream {
            Stream::Null => null,
            Stream::Inherit => inherited,
            Stream::Journal => log,
            Stream::Socket => socket.unwrap_or(null),
            Stream::Tty | Stream::File(..) => file.as_ref().map_or(null, OwnedFd::as_fd),
        };
        let output = pick(stdout, &self.output, input);
        let error = pick(stderr, &self.error, output);
        [input, output, error]
    }
}

/// Opens a terminal, or a port that is used as one, without waiting for a carrier.
fn open_terminal(path: &Path) -> Result<File> {
    let doing = || format!("cannot open {}", path.display());
    let flags = OFlags::NOCTTY | OFlags::NONBLOCK;
    let file = OpenOptions::new().read(true).write(true).custom_flags(flags.bits() as i32).open(path);
    let file = file.with_context(doing)?;
    // The program itself is to wait when it reads.
    let flags = rustix::fs::fcntl_getfl(&file).with_context(doing)?;
    rustix::fs::fcntl_setfl(&file, flags - OFlags::NONBLOCK).with_context(doing)?;
    Ok(file)
}

fn open_file(path: &str, mode: FileMode, is_input: bool) -> Result<OwnedFd> {
    let mut options = OpenOptions::new();
    match (is_input, mode) {
        (true, _) => options.read(true),
        (false, FileMode::Keep) => options.write(true).create(true).truncate(false),
        (false, FileMode::Append) => options.append(true).create(true),
        (false, FileMode::Truncate) => options.write(true).create(true).truncate(true),
    };
    // A FIFO without reader must not hold PID 1.
    let options = options.custom_flags(OFlags::NONBLOCK.bits() as i32 | OFlags::NOCTTY.bits() as i32);
    let file = options.open(path).with_context(|| format!("cannot open {path}"))?;
    if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
        bail!("{path} is a folder");
    }
    let flags = rustix::fs::fcntl_getfl(&file).with_context(|| format!("cannot open {path}"))?;
    rustix::fs::fcntl_setfl(&file, flags - OFlags::NONBLOCK)
        .with_context(|| format!("cannot open {path}"))?;
    Ok(file.into())
}
